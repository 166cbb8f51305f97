//! `kafka-topics`: Kafka's `TopicCommand`.

mod change;
mod describe;

use regex::Regex;

use crate::arguments::{
    BOOTSTRAP_SERVER, COMMAND_CONFIG, Options, Takes, Word, key_values, properties_file, word,
};
use crate::client::topics::TopicListing;
use crate::client::{Cluster, KafkaError};
use crate::console::Console;
use crate::failure::{Failure, Outcome, said, usage};

const TOPIC: Takes = Takes::Value("topic");
const NUMBER: Takes = Takes::Value("number");

/// The tool's options.
#[rustfmt::skip]
pub const WORDS: &[Word] = &[
    BOOTSTRAP_SERVER,
    COMMAND_CONFIG,
    word("list", Takes::Nothing, "List the topics."),
    word("create", Takes::Nothing, "Create a topic."),
    word("delete", Takes::Nothing, "Delete topics."),
    word("alter", Takes::Nothing, "Give a topic more partitions. (Its settings: kafka-configs.)"),
    word("describe", Takes::Nothing, "Show topics with their partitions."),
    word("topic", TOPIC, "The topic; but for --create also a regular expression."),
    word("topic-id", Takes::Value("id"), "The id of the topic to describe."),
    word("config", Takes::Value("name=value"), "With --create: a setting of the topic; may be repeated."),
    word("delete-config", Takes::Value("name"), "Without effect since Kafka 4.0."),
    word("partitions", NUMBER, "How many partitions; by default the cluster's default."),
    word("replication-factor", NUMBER, "How many replicas of each; by default the cluster's default."),
    word("replica-assignment", Takes::Value("1:2,2:3,..."), "The brokers of each partition."),
    word("under-replicated-partitions", Takes::Nothing, "Describe only partitions that lack replicas in sync."),
    word("unavailable-partitions", Takes::Nothing, "Describe only partitions without a leader."),
    word("under-min-isr-partitions", Takes::Nothing, "Describe only those with fewer in sync than required."),
    word("at-min-isr-partitions", Takes::Nothing, "Describe only those with just as many in sync as required."),
    word("topics-with-overrides", Takes::Nothing, "Describe only topics with settings of their own."),
    word("if-exists", Takes::Nothing, "Don't mind a topic that there is not."),
    word("if-not-exists", Takes::Nothing, "Don't mind a topic that there is already."),
    word("exclude-internal", Takes::Nothing, "Pass over the cluster's own topics."),
    word("partition-size-limit-per-response", NUMBER, "So many partitions are asked for at once."),
];

const ACTIONS: &[&str] = &["create", "list", "alter", "describe", "delete"];
const REPORTS: &[&str] = &[
    "under-replicated-partitions",
    "under-min-isr-partitions",
    "at-min-isr-partitions",
    "unavailable-partitions",
];

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(options: &Options, console: &mut Console) -> Outcome {
    check(options, console)?;
    let cluster = connect(options)?;
    let done = if options.has("create") {
        change::create(options, &cluster, console)
    } else if options.has("alter") {
        change::alter(options, &cluster)
    } else if options.has("list") {
        list(options, &cluster, console)
    } else if options.has("describe") {
        describe::describe(options, &cluster, console)
    } else {
        change::delete(options, &cluster)
    };
    done.map_err(|failure| {
        console.line(format!(
            "Error while executing topic command : {}",
            failure.message()
        ));
        if let Failure::Kafka(error) = failure {
            console.error(error.to_string());
        }
        Failure::Exit(1)
    })
}

fn connect(options: &Options) -> Outcome<Cluster> {
    let mut properties = match options.value("command-config")? {
        Some(path) => properties_file(path)?,
        None => key_values(&[]),
    };
    if let Some(servers) = options.value("bootstrap-server")? {
        properties.insert("bootstrap.servers".to_owned(), servers.to_owned());
    }
    Ok(Cluster::new(&properties)?)
}

fn check(options: &Options, console: &mut Console) -> Outcome {
    options.stop_for_help("Creates, deletes, describes and changes topics.")?;
    if ACTIONS.iter().filter(|action| options.has(action)).count() != 1 {
        return usage(
            "Command must include exactly one action: --list, --describe, --create, --alter or --delete",
        );
    }
    if options.has("delete-config") {
        console.error("delete-config has no effect since Kafka 4.0");
    }
    if !options.has("bootstrap-server") {
        return said("--bootstrap-server must be specified");
    }
    if options.has("describe") && options.has("if-exists") {
        if !options.has("topic") && !options.has("topic-id") {
            return usage("--topic or --topic-id is required to describe a topic");
        }
        if options.has("topic") && options.has("topic-id") {
            console.line(
                "Only topic id will be used when both --topic and --topic-id are specified and topicId is not \
                 Uuid.ZERO_UUID",
            );
        }
    }
    if !options.has("list") && !options.has("describe") {
        options.require(&["topic"])?;
    }
    if options.has("alter") {
        if options.has("config") {
            return usage(
                "Option combination \"[bootstrap-server, config]\" can't be used with option \"[alter]\" (the \
                 kafka-configs tool alters settings of topics)",
            );
        }
        options.require(&["partitions"])?;
    }
    let only_with = |name: &str, actions: &[&str], also: &[&str]| {
        let mut others: Vec<&str> = ACTIONS
            .iter()
            .copied()
            .filter(|action| !actions.contains(action))
            .collect();
        others.extend(also);
        options.exclude(name, &others)
    };
    only_with("config", &["alter", "create"], &[])?;
    only_with("partitions", &["alter", "create"], &[])?;
    only_with("replication-factor", &["create"], &[])?;
    only_with("replica-assignment", &["alter", "create"], &[])?;
    if options.has("create") {
        options.exclude("replica-assignment", &["partitions", "replication-factor"])?;
    }
    for report in REPORTS {
        only_with(report, &["describe"], &["topics-with-overrides"])?;
    }
    only_with("topics-with-overrides", &["describe"], REPORTS)?;
    only_with("if-exists", &["alter", "delete", "describe"], &[])?;
    only_with("if-not-exists", &["create"], &[])?;
    only_with("exclude-internal", &["list", "describe"], &[])
}

fn list(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    console.line(matching(options, cluster)?.join("\n"));
    Ok(())
}

/// The names of the topics that `--topic` and `--exclude-internal` mean.
fn matching(options: &Options, cluster: &Cluster) -> Outcome<Vec<String>> {
    let exclude_internal = options.has("exclude-internal");
    let pattern = options.value("topic")?.map(include_list).transpose()?;
    let topics = cluster.list_topics()?.into_iter();
    let topics = topics.filter(|topic: &TopicListing| {
        !(exclude_internal && (topic.is_internal || is_internal(&topic.name)))
    });
    let names = topics.map(|topic| topic.name);
    Ok(match pattern {
        Some(pattern) => names.filter(|name| pattern.is_match(name)).collect(),
        None => names.collect(),
    })
}

/// Whether a topic belongs to the cluster, by its name.
pub fn is_internal(name: &str) -> bool {
    matches!(
        name,
        "__consumer_offsets" | "__transaction_state" | "__share_group_state"
    )
}

/// The names that a list of regular expressions means: Kafka's `IncludeList`.
///
/// # Errors
/// It is no regular expression.
pub fn include_list(raw: &str) -> Outcome<Regex> {
    let list = raw.trim().replace(',', "|").replace(' ', "");
    let list = list.trim_matches(['"', '\'']);
    let invalid = |_| Failure::Kafka(KafkaError::plain(format!("{list} is an invalid regex.")));
    Regex::new(&format!("^(?:{list})$")).map_err(invalid)
}

/// Refuses to go on without the topic that was named.
fn ensure_exists(options: &Options, found: &[String]) -> Outcome {
    match options.value("topic")? {
        Some(topic) if !topic.is_empty() && found.is_empty() && !options.has("if-exists") => {
            said(format!("Topic '{topic}' does not exist as expected"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched_as_a_whole() {
        for (list, name, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a,b", "b", true),
            ("'a.*'", "abc", true),
            ("a|bc", "b", false),
        ] {
            assert_eq!(
                include_list(list).unwrap().is_match(name),
                expected,
                "{list} {name}"
            );
        }
        assert_eq!(include_list("[").unwrap_err().message(), "[ is an invalid regex.");
    }
}
