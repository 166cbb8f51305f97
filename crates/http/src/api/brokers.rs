//! A broker: its settings and its log folders.

use barnabas_protocol::messages::DescribeLogDirsRequest;
use barnabas_protocol::messages::describe_log_dirs_response::DescribeLogDirsResult;
use barnabas_tools::client::configs::BROKER;
use barnabas_tools::client::{Cluster, KafkaError, To};
use serde_json::{Value, json};

use super::Asking;
use super::failure::Failure;
use super::topics::described;

/// The log folders of a broker and what lies in them.
///
/// # Errors
/// The cluster's.
pub fn log_dirs(cluster: &Cluster, broker: i32) -> Result<Vec<DescribeLogDirsResult>, KafkaError> {
    let request = DescribeLogDirsRequest::default().with_topics(None);
    let response = cluster.ask(To::Broker(broker), "describeLogDirs", &request)?;
    KafkaError::check(response.error_code, None)?;
    Ok(response.results)
}

/// `dirs`: the log folders of all brokers that live, and replicas that are on their way between folders.
pub fn folders(asking: &Asking) -> Result<Value, Failure> {
    let cluster = &asking.cluster;
    let mut brokers = Vec::new();
    for broker in &cluster.brokers("listNodes")?.list {
        let (dirs, moves) = match log_dirs(cluster, broker.id) {
            Ok(found) => (found.iter().map(dir).collect::<Vec<_>>().into(), moves(&found)),
            Err(error) => (Failure::from(error).body(), Vec::new()),
        };
        brokers.push(json!({ "id": broker.id, "dirs": dirs, "moves": moves }));
    }
    Ok(json!({ "brokers": brokers }))
}

/// Replicas that are copied to another folder, and how far these copies are behind.
fn moves(dirs: &[DescribeLogDirsResult]) -> Vec<Value> {
    let mut moves = Vec::new();
    for dir in dirs {
        for topic in &dir.topics {
            for at in topic.partitions.iter().filter(|at| at.is_future_key) {
                moves.push(json!({
                    "topic": topic.name.as_str(),
                    "partition": at.partition_index,
                    "to": dir.log_dir.as_str(),
                    "behind": at.offset_lag,
                }));
            }
        }
    }
    moves
}

/// `broker?id=1`.
pub fn one(asking: &Asking) -> Result<Value, Failure> {
    let id = asking
        .asked
        .int("id")?
        .ok_or_else(|| Failure::bad("id is missing"))?;
    let cluster = &asking.cluster;
    let known = cluster.brokers("listNodes")?;
    let broker = known
        .get(id)
        .ok_or_else(|| Failure::bad(format!("there is no broker {id}, or it does not live")))?;
    let dirs = match log_dirs(cluster, id) {
        Ok(dirs) => dirs.iter().map(dir).collect::<Vec<_>>().into(),
        Err(error) => Failure::from(error).body(),
    };
    let configs = match described(cluster, To::Broker(id), BROKER, &id.to_string()) {
        Ok(configs) => configs,
        Err(failure) => failure.body(),
    };
    Ok(json!({
        "id": id,
        "host": broker.host,
        "port": broker.port,
        "rack": broker.rack,
        "dirs": dirs,
        "configs": configs,
    }))
}

fn dir(dir: &DescribeLogDirsResult) -> Value {
    let partitions = || dir.topics.iter().flat_map(|topic| &topic.partitions);
    let mut largest: Vec<(i64, String)> = dir
        .topics
        .iter()
        .flat_map(|topic| {
            let name = topic.name.as_str();
            let of =
                |at: &barnabas_protocol::messages::describe_log_dirs_response::DescribeLogDirsPartition| {
                    (at.partition_size, format!("{name}-{}", at.partition_index))
                };
            topic.partitions.iter().map(of).collect::<Vec<_>>()
        })
        .collect();
    largest.sort_by(|a, b| b.cmp(a));
    largest.truncate(20);
    let room = |bytes: i64| (bytes >= 0).then_some(bytes);
    json!({
        "path": dir.log_dir.as_str(),
        "error": (dir.error_code != 0).then(|| KafkaError::of_code(dir.error_code, None).message),
        "total": room(dir.total_bytes),
        "usable": room(dir.usable_bytes),
        "partitions": partitions().count(),
        "bytes": partitions().map(|at| at.partition_size).sum::<i64>(),
        "largest": largest,
    })
}
