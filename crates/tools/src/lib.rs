//! Apache Kafka's command line tools, natively: the same options, output and exit codes, for any Kafka
//! cluster. `node` calls them by the name of the link or of the subcommand.
//!
//! ```text
//! arguments ─→ a tool (one file or folder each) ─→ client: bootstrap, versions, retries ─→ network::client
//! ```

mod acls;
mod arguments;
mod broker_api_versions;
pub mod client;
mod client_metrics;
mod cluster_tool;
mod configs;
mod console;
mod console_consumer;
mod console_producer;
mod consumer_groups;
mod consumer_perf;
mod delegation_tokens;
mod delete_records;
mod dump_log;
mod failure;
mod features;
mod get_offsets;
mod groups_tool;
mod java;
mod leader_election;
mod log_dirs;
mod metadata_quorum;
mod producer_perf;
pub mod queue;
mod ready;
mod reassign_partitions;
mod server_stop;
mod share_groups;
mod streams_groups;
mod table;
mod topics;
mod transactions;
mod verifiable;
mod zookeeper;

use arguments::{Options, Word, usage};
use console::Console;
pub use failure::Failure;
use failure::Outcome;

/// The version of Kafka whose tools these are like, which `--version` prints.
pub const KAFKA_VERSION: &str = "4.4.0";

/// A tool.
pub struct Tool {
    /// Its name in Kafka's packages, without `.sh`.
    pub name: &'static str,
    /// The class behind it, which `kafka-run-class` names.
    pub class: &'static str,
    run: Run,
}

/// How a tool takes its arguments.
enum Run {
    /// As options, with or without dashes of two.
    Options(&'static [Word], fn(&Options, &mut Console) -> Outcome),
    /// As it likes.
    Words(fn(&[String], &mut Console) -> Outcome),
}

const fn tool(
    name: &'static str,
    class: &'static str,
    words: &'static [Word],
    run: fn(&Options, &mut Console) -> Outcome,
) -> Tool {
    Tool {
        name,
        class,
        run: Run::Options(words, run),
    }
}

const fn other(name: &'static str, class: &'static str, run: fn(&[String], &mut Console) -> Outcome) -> Tool {
    Tool {
        name,
        class,
        run: Run::Words(run),
    }
}

/// The tools that there are.
#[rustfmt::skip]
pub const TOOLS: &[Tool] = &[
    other("cub", "", ready::run),
    other("kafka-cluster", "org.apache.kafka.tools.ClusterTool", cluster_tool::run),
    other("kafka-features", "org.apache.kafka.tools.FeatureCommand", features::run),
    other("kafka-metadata-quorum", "org.apache.kafka.tools.MetadataQuorumCommand", metadata_quorum::run),
    other("kafka-producer-perf-test", "org.apache.kafka.tools.ProducerPerformance", producer_perf::run),
    other("kafka-run-class", "", run_class),
    other("kafka-server-stop", "", server_stop::run),
    other("kafka-transactions", "org.apache.kafka.tools.TransactionsCommand", transactions::run),
    other("kafka-verifiable-consumer", "org.apache.kafka.tools.VerifiableConsumer", verifiable::consumer::run),
    other("kafka-verifiable-producer", "org.apache.kafka.tools.VerifiableProducer", verifiable::producer::run),
    other("kafka-verifiable-share-consumer", "org.apache.kafka.tools.VerifiableShareConsumer", verifiable::share_consumer::run),
    other("queue", "", queue::run),
    other("ub", "", ready::run),
    other("zookeeper-server-start", "", zookeeper::run),
    tool("kafka-acls", "org.apache.kafka.tools.AclCommand", acls::WORDS, acls::run),
    tool("kafka-broker-api-versions", "org.apache.kafka.tools.BrokerApiVersionsCommand", broker_api_versions::WORDS, broker_api_versions::run),
    tool("kafka-client-metrics", "org.apache.kafka.tools.ClientMetricsCommand", client_metrics::WORDS, client_metrics::run),
    tool("kafka-configs", "org.apache.kafka.tools.ConfigCommand", configs::WORDS, configs::run),
    tool("kafka-console-consumer", "org.apache.kafka.tools.consumer.ConsoleConsumer", console_consumer::WORDS, console_consumer::run),
    tool("kafka-console-producer", "org.apache.kafka.tools.ConsoleProducer", console_producer::WORDS, console_producer::run),
    tool("kafka-console-share-consumer", "org.apache.kafka.tools.consumer.ConsoleShareConsumer", console_consumer::SHARE_WORDS, console_consumer::share::run),
    tool("kafka-consumer-groups", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", consumer_groups::WORDS, consumer_groups::run),
    tool("kafka-consumer-perf-test", "org.apache.kafka.tools.ConsumerPerformance", consumer_perf::WORDS, consumer_perf::run),
    tool("kafka-delegation-tokens", "org.apache.kafka.tools.DelegationTokenCommand", delegation_tokens::WORDS, delegation_tokens::run),
    tool("kafka-delete-records", "org.apache.kafka.tools.DeleteRecordsCommand", delete_records::WORDS, delete_records::run),
    tool("kafka-dump-log", "org.apache.kafka.tools.DumpLogSegments", dump_log::WORDS, dump_log::run),
    tool("kafka-get-offsets", "org.apache.kafka.tools.GetOffsetShell", get_offsets::WORDS, get_offsets::run),
    tool("kafka-groups", "org.apache.kafka.tools.GroupsCommand", groups_tool::WORDS, groups_tool::run),
    tool("kafka-leader-election", "org.apache.kafka.tools.LeaderElectionCommand", leader_election::WORDS, leader_election::run),
    tool("kafka-log-dirs", "org.apache.kafka.tools.LogDirsCommand", log_dirs::WORDS, log_dirs::run),
    tool("kafka-reassign-partitions", "org.apache.kafka.tools.reassign.ReassignPartitionsCommand", reassign_partitions::WORDS, reassign_partitions::run),
    tool("kafka-share-consumer-perf-test", "org.apache.kafka.tools.ShareConsumerPerformance", consumer_perf::share::WORDS, consumer_perf::share::run),
    tool("kafka-share-groups", "org.apache.kafka.tools.consumer.group.ShareGroupCommand", share_groups::WORDS, share_groups::run),
    tool("kafka-streams-groups", "org.apache.kafka.tools.streams.StreamsGroupCommand", streams_groups::WORDS, streams_groups::run),
    tool("kafka-topics", "org.apache.kafka.tools.TopicCommand", topics::WORDS, topics::run),
];

/// The tool that goes by this name: `kafka-topics`, `kafka-topics.sh` or, as a subcommand, `topics`.
pub fn find(name: &str) -> Option<&'static Tool> {
    let name = name.strip_suffix(".sh").unwrap_or(name);
    let named = |tool: &&Tool| tool.name == name || tool.name.strip_prefix("kafka-") == Some(name);
    TOOLS.iter().find(named)
}

/// The tool behind a class of Kafka's, of any of its versions: only the last word of the name counts.
pub fn of_class(class: &str) -> Option<&'static Tool> {
    let simple = |class: &'static str| class.rsplit('.').next();
    let wanted = class.rsplit('.').next().filter(|wanted| !wanted.is_empty());
    TOOLS.iter().find(|tool| simple(tool.class) == wanted)
}

/// `kafka-run-class`: the tool whose class is named.
fn run_class(arguments: &[String], console: &mut Console) -> Outcome {
    let Some((class, arguments)) = class_of(arguments).split_first() else {
        return failure::said("USAGE: kafka-run-class classname [opts]");
    };
    let Some(tool) = of_class(class) else {
        return failure::said(format!("Error: Could not find or load main class {class}"));
    };
    match run_in(tool, arguments, console) {
        0 => Ok(()),
        code => Err(Failure::Exit(code)),
    }
}

/// The class that `kafka-run-class` is to run and its arguments, behind the script's own options.
pub fn class_of(mut arguments: &[String]) -> &[String] {
    loop {
        match arguments {
            [option, _, rest @ ..] if option == "-name" => arguments = rest,
            [option, rest @ ..] if option == "-loggc" || option == "-daemon" => arguments = rest,
            _ => return arguments,
        }
    }
}

/// Runs a tool to its end, and returns its exit code.
pub fn run(tool: &Tool, arguments: &[String]) -> u8 {
    let mut console = Console::new();
    let code = run_in(tool, arguments, &mut console);
    console.flush();
    code
}

fn run_in(tool: &Tool, arguments: &[String], console: &mut Console) -> u8 {
    let (words, outcome) = match tool.run {
        Run::Words(work) => (&[][..], work(arguments, console)),
        Run::Options(words, work) => match Options::parse(words, arguments) {
            Ok(options) if options.has("version") && !options.has("help") => {
                console.line(KAFKA_VERSION);
                (words, Ok(()))
            }
            Ok(options) => (words, work(&options, console)),
            Err(why) => (words, Err(Failure::Usage(why))),
        },
    };
    match outcome {
        Ok(()) => 0,
        Err(Failure::Exit(code)) => code,
        Err(Failure::Usage(why)) => {
            console.error(why);
            console.error(usage(words));
            1
        }
        Err(Failure::Said(why)) => {
            console.error(why);
            1
        }
        Err(Failure::Kafka(error)) => {
            console.error(&error.message);
            console.error(error.to_string());
            1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_found_by_names_and_classes() {
        for (name, expected) in [
            ("kafka-topics", Some("kafka-topics")),
            ("kafka-topics.sh", Some("kafka-topics")),
            ("topics", Some("kafka-topics")),
            ("cub", Some("cub")),
            ("kafka", None),
        ] {
            assert_eq!(find(name).map(|tool| tool.name), expected, "{name}");
        }
        for (class, expected) in [
            ("kafka.admin.TopicCommand", Some("kafka-topics")),
            ("kafka.tools.GetOffsetShell", Some("kafka-get-offsets")),
            ("kafka.Kafka", None),
            ("", None),
        ] {
            assert_eq!(of_class(class).map(|tool| tool.name), expected, "{class}");
        }
    }
}
