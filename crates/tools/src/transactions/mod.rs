//! `kafka-transactions`: Kafka's `TransactionsCommand` (KIP-664).

mod hanging;

use std::time::{SystemTime, UNIX_EPOCH};

use barnabas_protocol::error::ErrorCode;

use crate::arguments::commands::Commands;
use crate::arguments::{COMMAND_CONFIG, Options, Takes, Word, connect, word};
use crate::client::transactions::ListedFor;
use crate::client::{Cluster, KafkaError, leaders::TopicPartition};
use crate::console::Console;
use crate::failure::{Failure, Outcome, said};
use crate::{KAFKA_VERSION, table};

const NUMBER: Takes = Takes::Value("number");
const TOPIC: Word = word("topic", Takes::Value("topic"), "The topic.");
const PARTITION: Word = word("partition", NUMBER, "Its partition.");
const BROKER: Word = word("broker-id", NUMBER, "The broker to ask.");
const ID: Takes = Takes::Value("id");

const TOOL: Commands = Commands {
    tool: "kafka-transactions.sh",
    about: "Tells of transactions and their producers, and ends those that hang.",
    words: &[
        word(
            "bootstrap-server",
            Takes::Value("host:port,..."),
            "Where to connect (required).",
        ),
        COMMAND_CONFIG,
    ],
    commands: &[
        (
            "list",
            &[
                word(
                    "duration-filter",
                    NUMBER,
                    "Only those that are open for longer, in ms.",
                ),
                word(
                    "transactional-id-pattern",
                    Takes::Value("regex"),
                    "Only those whose ids match.",
                ),
            ],
        ),
        (
            "describe",
            &[word("transactional-id", ID, "The transactional id (required).")],
        ),
        ("describe-producers", &[BROKER, TOPIC, PARTITION]),
        (
            "abort",
            &[
                TOPIC,
                PARTITION,
                word(
                    "start-offset",
                    NUMBER,
                    "Where the transaction begins in the partition; or:",
                ),
                word("producer-id", NUMBER, "The producer's id."),
                word("producer-epoch", NUMBER, "The producer's epoch."),
                word("coordinator-epoch", NUMBER, "The coordinator's epoch."),
            ],
        ),
        (
            "forceTerminateTransaction",
            &[word("transactionalId", ID, "The transactional id (required).")],
        ),
        (
            "find-hanging",
            &[
                BROKER,
                TOPIC,
                PARTITION,
                word(
                    "max-transaction-timeout",
                    NUMBER,
                    "How long transactions may take, in minutes (15).",
                ),
            ],
        ),
    ],
    letters: &[],
};

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(arguments: &[String], console: &mut Console) -> Outcome {
    if arguments
        .iter()
        .any(|argument| argument == "-v" || argument == "--version")
    {
        console.line(KAFKA_VERSION);
        return Ok(());
    }
    if arguments.is_empty() {
        let help = ["--help".to_owned()];
        return TOOL.parse(&help, &mut |help| console.line(help)).map(drop);
    }
    let (command, options) = TOOL.parse(arguments, &mut |help| console.line(help))?;
    if !options.has("bootstrap-server") {
        return TOOL.refuse("argument --bootstrap-server is required");
    }
    let required: &[&str] = match command {
        "describe" => &["transactional-id"],
        "describe-producers" | "abort" => &["topic", "partition"],
        "forceTerminateTransaction" => &["transactionalId"],
        _ => &[],
    };
    if let Some(name) = required.iter().find(|name| !options.has(name)) {
        return TOOL.refuse(&format!("argument --{name} is required"));
    }
    let cluster = connect(&options, "command-config")?;
    match command {
        "list" => list(&options, &cluster, console),
        "describe" => describe(&options, &cluster, console),
        "describe-producers" => describe_producers(&options, &cluster, console),
        "abort" => abort(&options, &cluster),
        "forceTerminateTransaction" => {
            let id = options.value("transactionalId")?.unwrap_or_default();
            let what = format!("Failed to force terminate transactionalId `{id}`");
            cluster.fence_producer(id).map_err(failed(what))
        }
        _ => hanging::find(&options, &cluster, console),
    }
}

/// The end of the tool after what a cluster refuses.
fn failed(what: impl Into<String>) -> impl FnOnce(KafkaError) -> Failure {
    let what = what.into();
    move |error| {
        Failure::Said(format!(
            "{what}: {}. Enable debug logging for additional detail.",
            error.message
        ))
    }
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_millis() as i64
}

fn list(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let wanted = ListedFor {
        producers: Vec::new(),
        duration_ms: options.number("duration-filter")?.unwrap_or(-1),
        pattern: options.value("transactional-id-pattern")?.map(str::to_owned),
    };
    let listed = cluster
        .list_transactions(&wanted)
        .map_err(failed("Failed to list transactions"))?;
    let rows = listed.into_iter().map(|(broker, state)| {
        vec![
            state.transactional_id.to_string(),
            broker.to_string(),
            state.producer_id.0.to_string(),
            state.transaction_state.to_string(),
        ]
    });
    let head = ["TransactionalId", "Coordinator", "ProducerId", "TransactionState"];
    table::print(&head, &rows.collect::<Vec<_>>(), console);
    Ok(())
}

fn describe(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let id = options.value("transactional-id")?.unwrap_or_default();
    let what = format!("Failed to describe transaction state of transactional-id `{id}`");
    let (coordinator, state) = cluster.describe_transaction(id).map_err(failed(what))?;
    let start = state.transaction_start_time_ms;
    let (start, duration) = match start >= 0 {
        true => (start.to_string(), (now_ms() - start).to_string()),
        false => ("None".to_owned(), "None".to_owned()),
    };
    let topics = state.topics.iter().flat_map(|topic| {
        let partitions = topic.partitions.iter();
        partitions.map(|index| format!("{}-{index}", topic.topic.0))
    });
    let row = vec![
        coordinator.to_string(),
        id.to_owned(),
        state.producer_id.0.to_string(),
        state.producer_epoch.to_string(),
        state.transaction_state.to_string(),
        state.transaction_timeout_ms.to_string(),
        start,
        duration,
        topics.collect::<Vec<String>>().join(","),
    ];
    let head = [
        "CoordinatorId",
        "TransactionalId",
        "ProducerId",
        "ProducerEpoch",
        "TransactionState",
        "TransactionTimeoutMs",
        "CurrentTransactionStartTimeMs",
        "TransactionDurationMs",
        "TopicPartitions",
    ];
    table::print(&head, &[row], console);
    Ok(())
}

/// The partition that is named.
fn partition(options: &Options) -> Outcome<TopicPartition> {
    let topic = options.value("topic")?.unwrap_or_default().to_owned();
    Ok((topic, options.number("partition")?.unwrap_or_default()))
}

/// The leader of a partition.
fn leader(cluster: &Cluster, at: &TopicPartition) -> Result<i32, KafkaError> {
    let leaders = cluster.leaders(std::slice::from_ref(&at.0), false)?;
    let unknown = || KafkaError::of_code(ErrorCode::UnknownTopicOrPartition.code(), None);
    leaders.get(at).copied().flatten().ok_or_else(unknown)
}

fn describe_producers(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let at = partition(options)?;
    let broker: Option<i32> = options.number("broker-id")?;
    let asked = broker.map_or("leader".to_owned(), |id| format!("broker {id}"));
    let what = format!(
        "Failed to describe producers for partition {}-{} on {asked}",
        at.0, at.1
    );
    let found = broker
        .map_or_else(|| leader(cluster, &at), Ok)
        .and_then(|broker| cluster.describe_producers(broker, std::slice::from_ref(&at)))
        .map_err(failed(what))?;
    let rows = found.into_values().flatten().map(|producer| {
        let start = producer.current_txn_start_offset;
        vec![
            producer.producer_id.0.to_string(),
            producer.producer_epoch.to_string(),
            producer.coordinator_epoch.max(-1).to_string(),
            producer.last_sequence.to_string(),
            producer.last_timestamp.to_string(),
            if start >= 0 {
                start.to_string()
            } else {
                "None".to_owned()
            },
        ]
    });
    let head = [
        "ProducerId",
        "ProducerEpoch",
        "LatestCoordinatorEpoch",
        "LastSequence",
        "LastTimestamp",
        "CurrentTransactionStartOffset",
    ];
    table::print(&head, &rows.collect::<Vec<_>>(), console);
    Ok(())
}

fn abort(options: &Options, cluster: &Cluster) -> Outcome {
    let at = partition(options)?;
    let shown = format!("{}-{}", at.0, at.1);
    let start: Option<i64> = options.number("start-offset")?;
    let producer: Option<i64> = options.number("producer-id")?;
    let (leader, marker) = match (start, producer) {
        (None, None) => {
            return said(
                "The transaction to abort must be identified either with --start-offset (for brokers on 3.0 or above) \
                 or with --producer-id, --producer-epoch, and --coordinator-epoch (for older brokers)",
            );
        }
        (None, Some(producer)) => {
            let Some(epoch) = options.number("producer-epoch")? else {
                return said("Missing required argument --producer-epoch");
            };
            let Some(coordinator_epoch) = options.number("coordinator-epoch")? else {
                return said("Missing required argument --coordinator-epoch");
            };
            let leader = leader(cluster, &at).map_err(failed("Failed to abort transaction"))?;
            // A producer whose coordinator never wrote has none.
            (leader, (producer, epoch, i32::max(coordinator_epoch, 0)))
        }
        (Some(start), _) => {
            let what = format!("Failed to validate producer state for partition {shown}");
            let (leader, found) = leader(cluster, &at)
                .and_then(|leader| {
                    Ok((
                        leader,
                        cluster.describe_producers(leader, std::slice::from_ref(&at))?,
                    ))
                })
                .map_err(failed(what))?;
            let mut open = found.into_values().flatten();
            let Some(open) = open.find(|producer| producer.current_txn_start_offset == start) else {
                return said(format!(
                    "Could not find any open transactions starting at offset {start} on partition {shown}"
                ));
            };
            let epoch = i32::max(open.coordinator_epoch, 0);
            (leader, (open.producer_id.0, open.producer_epoch as i16, epoch))
        }
    };
    let what = format!("Failed to abort transaction {shown}");
    cluster
        .abort_transaction(leader, &at, marker)
        .map_err(failed(what))
}
