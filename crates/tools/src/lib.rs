//! Apache Kafka's command line tools, natively: the same options, output and exit codes, for any Kafka
//! cluster. `node` calls them by the name of the link or of the subcommand.
//!
//! ```text
//! arguments ─→ a tool (one file or folder each) ─→ client: bootstrap, versions, retries ─→ network::client
//! ```

mod arguments;
mod broker_api_versions;
mod client;
mod console;
mod console_consumer;
mod console_producer;
mod failure;
mod java;
mod topics;

use arguments::{Options, Word, usage};
use console::Console;
use failure::{Failure, Outcome};

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

/// The tools that there are.
#[rustfmt::skip]
pub const TOOLS: &[Tool] = &[
    tool("kafka-broker-api-versions", "org.apache.kafka.tools.BrokerApiVersionsCommand", broker_api_versions::WORDS, broker_api_versions::run),
    tool("kafka-console-consumer", "org.apache.kafka.tools.consumer.ConsoleConsumer", console_consumer::WORDS, console_consumer::run),
    tool("kafka-console-producer", "org.apache.kafka.tools.ConsoleProducer", console_producer::WORDS, console_producer::run),
    tool("kafka-topics", "org.apache.kafka.tools.TopicCommand", topics::WORDS, topics::run),
];

/// The tool that goes by this name: `kafka-topics`, `kafka-topics.sh` or, as a subcommand, `topics`.
pub fn find(name: &str) -> Option<&'static Tool> {
    let name = name.strip_suffix(".sh").unwrap_or(name);
    let named = |tool: &&Tool| tool.name == name || tool.name.strip_prefix("kafka-") == Some(name);
    TOOLS.iter().find(named)
}

/// The tool behind a class of Kafka's.
pub fn of_class(class: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.class == class)
}

/// Runs a tool to its end, and returns its exit code.
pub fn run(tool: &Tool, arguments: &[String]) -> u8 {
    let mut console = Console::new();
    let Run::Options(words, work) = tool.run;
    let outcome = match Options::parse(words, arguments) {
        Ok(options) if options.has("version") && !options.has("help") => {
            console.line(KAFKA_VERSION);
            Ok(())
        }
        Ok(options) => work(&options, &mut console),
        Err(why) => Err(Failure::Usage(why)),
    };
    let code = match outcome {
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
    };
    console.flush();
    code
}
