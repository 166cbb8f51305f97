//! `kafka-reassign-partitions`: Kafka's `ReassignPartitionsCommand`.

mod execute;
mod plan;
mod throttles;
mod verify;

use std::collections::BTreeMap;

use barnabas_protocol::error::ErrorCode;

use self::plan::{Assignment, as_json, duplicates, file, joined, propose, shown, topics};
use crate::arguments::{BOOTSTRAP_SERVER, COMMAND_CONFIG, Options, Takes, Word, connect, word};
use crate::client::leaders::topics_of;
use crate::client::reassignments::Replica;
use crate::client::{Cluster, KafkaError};
use crate::console::Console;
use crate::failure::{Failure, Outcome, said, usage};

const FILE: Takes = Takes::Value("file");
const RATE: Takes = Takes::Value("bytes/s");

/// The tool's options.
#[rustfmt::skip]
pub const WORDS: &[Word] = &[
    BOOTSTRAP_SERVER,
    COMMAND_CONFIG,
    word("bootstrap-controller", Takes::Value("host:port,..."), "Controllers to connect to, with --cancel and --list."),
    word("generate", Takes::Nothing, "Propose an assignment of --topics-to-move-json-file to --broker-list."),
    word("execute", Takes::Nothing, "Begin the reassignment in --reassignment-json-file."),
    word("verify", Takes::Nothing, "Say how far it is, and take its throttles away when it is done."),
    word("cancel", Takes::Nothing, "End it before it is done."),
    word("list", Takes::Nothing, "List all that go on."),
    word("reassignment-json-file", FILE, "{\"partitions\": [{\"topic\": \"t\", \"partition\": 0, \"replicas\": [1, 2], \
        \"log_dirs\": [\"any\", \"/d\"]}], \"version\": 1}"),
    word("topics-to-move-json-file", FILE, "{\"topics\": [{\"topic\": \"t\"}], \"version\": 1}"),
    word("broker-list", Takes::Value("id,..."), "The brokers to use."),
    word("disable-rack-aware", Takes::Nothing, "Pay no heed to racks."),
    word("throttle", RATE, "What moves between brokers, at most."),
    word("replica-alter-log-dirs-throttle", RATE, "What moves between log directories, at most."),
    word("timeout", Takes::Value("ms"), "How long moves between log directories may take to begin (10000)."),
    word("additional", Takes::Nothing, "Also while other reassignments go on."),
    word("preserve-throttles", Takes::Nothing, "Leave throttles as they are."),
    word("disallow-replication-factor-change", Takes::Nothing, "Refuse other numbers of replicas."),
];

/// Each action, the options that it needs, and those that it may have.
const ACTIONS: &[(&str, &[&str], &[&str])] = &[
    (
        "generate",
        &["broker-list", "topics-to-move-json-file"],
        &["disable-rack-aware"],
    ),
    (
        "execute",
        &["reassignment-json-file"],
        &[
            "additional",
            "disallow-replication-factor-change",
            "preserve-throttles",
            "replica-alter-log-dirs-throttle",
            "throttle",
            "timeout",
        ],
    ),
    ("verify", &["reassignment-json-file"], &["preserve-throttles"]),
    (
        "cancel",
        &["reassignment-json-file"],
        &["bootstrap-controller", "preserve-throttles", "timeout"],
    ),
    ("list", &[], &["bootstrap-controller"]),
];

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(options: &Options, console: &mut Console) -> Outcome {
    options.stop_for_help("This tool helps to move topic partitions between replicas.")?;
    let action = check(options)?;
    let done = connect(options, "command-config").and_then(|cluster| match action {
        "generate" => generate(options, &cluster, console),
        "execute" => execute::execute(options, &cluster, console),
        "verify" => verify::verify(options, &cluster, console),
        "cancel" => execute::cancel(options, &cluster, console),
        _ => list(&cluster, console),
    });
    let said = match done {
        Err(Failure::Kafka(error)) => error.to_string(),
        Err(Failure::Said(why)) => why,
        done => return done,
    };
    console.line(format!("Error: {said}"));
    Err(Failure::Exit(1))
}

fn check(options: &Options) -> Outcome<&'static str> {
    let mut given = ACTIONS.iter().filter(|(action, ..)| options.has(action));
    let (Some((action, required, permitted)), None) = (given.next(), given.next()) else {
        let actions = ACTIONS.iter().map(|(action, ..)| format!("--{action}"));
        return usage(format!(
            "Command must include exactly one action: {}",
            joined(actions, ", ")
        ));
    };
    match (
        options.has("bootstrap-server"),
        options.has("bootstrap-controller"),
    ) {
        (true, true) => {
            return usage("Please don't specify both --bootstrap-server and --bootstrap-controller");
        }
        (false, false) => return usage("Please specify either --bootstrap-server or --bootstrap-controller"),
        _ => {}
    }
    options.require(required)?;
    let is_allowed = |name: &str| {
        name == *action
            || ["bootstrap-server", "command-config"].contains(&name)
            || required.contains(&name)
            || permitted.contains(&name)
    };
    match options.names().find(|name| !is_allowed(name)) {
        Some(name) => usage(format!(
            "Option \"[{name}]\" can't be used with action \"[{action}]\""
        )),
        None => Ok(action),
    }
}

/// The replicas of all partitions of topics.
fn current(cluster: &Cluster, topics: &[String]) -> Outcome<Assignment> {
    let described = cluster.metadata("describeTopics", Some(topics), false)?;
    let mut found = Assignment::new();
    for topic in &described.topics {
        let name = topic
            .name
            .as_ref()
            .map(|name| name.to_string())
            .unwrap_or_default();
        if topic.error_code == ErrorCode::UnknownTopicOrPartition.code() {
            let said = format!("Topic {name} not found.");
            return Err(KafkaError::of_code(topic.error_code, Some(&said)).into());
        }
        KafkaError::check(topic.error_code, None)?;
        for partition in &topic.partitions {
            let replicas = partition.replica_nodes.iter().map(|broker| broker.0).collect();
            found.insert((name.clone(), partition.partition_index), replicas);
        }
    }
    Ok(found)
}

/// In which log directory each replica of an assignment lies; brokers that don't answer are left out.
fn dirs(cluster: &Cluster, assignment: &Assignment) -> Outcome<BTreeMap<Replica, String>> {
    let known = cluster.brokers("describeCluster")?;
    let mut found = BTreeMap::new();
    for broker in &known.list {
        if !assignment.values().any(|replicas| replicas.contains(&broker.id)) {
            continue;
        }
        for (at, dirs) in cluster.replica_dirs(broker.id)? {
            if let Some(dir) = dirs.current {
                found.insert((at, broker.id), dir);
            }
        }
    }
    Ok(found)
}

fn generate(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let topics = {
        let text = file(options.value("topics-to-move-json-file")?.unwrap_or_default())?;
        let ids: Result<Vec<i32>, Failure> = options
            .value("broker-list")?
            .unwrap_or_default()
            .split(',')
            .map(|id| {
                id.parse()
                    .map_err(|_| Failure::Said(format!("For input string: \"{id}\"")))
            })
            .collect();
        let ids = ids?;
        let twice = duplicates(&ids);
        if !twice.is_empty() {
            return said(format!(
                "Broker list contains duplicate entries: [{}]",
                joined(&twice, ", ")
            ));
        }
        (topics(&text)?, ids)
    };
    let (topics, ids) = topics;
    let current = current(cluster, &topics)?;
    let known = cluster.brokers("describeCluster")?;
    let is_rack_aware = !options.has("disable-rack-aware");
    let usable = known.list.iter().filter(|broker| ids.contains(&broker.id));
    let usable: Vec<(i32, Option<String>)> = usable
        .map(|broker| (broker.id, broker.rack.clone().filter(|_| is_rack_aware)))
        .collect();
    let with_rack = usable.iter().filter(|(_, rack)| rack.is_some()).count();
    if with_rack > 0 && with_rack < usable.len() {
        return said(
            "Not all brokers have rack information. Add --disable-rack-aware in command line to make replica \
             assignment without rack information.",
        );
    }
    let proposed = propose(&current, &usable)?;
    console.line(format!(
        "Current partition replica assignment\n{}\n",
        as_json(&current, &dirs(cluster, &current)?)
    ));
    console.line(format!(
        "Proposed partition reassignment configuration\n{}",
        as_json(&proposed, &BTreeMap::new())
    ));
    Ok(())
}

fn list(cluster: &Cluster, console: &mut Console) -> Outcome {
    let ongoing = cluster.reassignments()?;
    if ongoing.is_empty() {
        console.line("No partition reassignments found.");
        return Ok(());
    }
    console.line("Current partition reassignments:");
    for (at, reassignment) in &ongoing {
        let also = |what: &str, ids: &[i32]| match ids {
            [] => String::new(),
            ids => format!("  {what}: {}.", joined(ids, ",")),
        };
        console.line(format!(
            "{}: replicas: {}.{}{}",
            shown(at),
            joined(&reassignment.replicas, ","),
            also("adding", &reassignment.adding),
            also("removing", &reassignment.removing)
        ));
    }
    Ok(())
}

/// The replicas now of the partitions that are asked for.
fn current_of(cluster: &Cluster, wanted: &Assignment) -> Outcome<Assignment> {
    let all = current(cluster, &topics_of(wanted.keys()))?;
    let missing: Vec<String> = wanted
        .keys()
        .filter(|at| !all.contains_key(*at))
        .map(shown)
        .collect();
    if !missing.is_empty() {
        return said(format!("Unable to find partition: {}", missing.join(", ")));
    }
    Ok(all
        .into_iter()
        .filter(|(at, _)| wanted.contains_key(at))
        .collect())
}
