//! How fast replicas move: rates of brokers, and which replicas of a topic they are for (KIP-73).

use std::collections::{BTreeMap, BTreeSet};

use super::plan::{Assignment, joined};
use crate::client::Cluster;
use crate::client::configs::{BROKER, ResourceType, TOPIC};
use crate::client::leaders::TopicPartition;
use crate::client::reassignments::Reassignment;
use crate::configs::{Changes, alter_resource};
use crate::console::Console;
use crate::failure::Outcome;

const LEADER_RATE: &str = "leader.replication.throttled.rate";
const FOLLOWER_RATE: &str = "follower.replication.throttled.rate";
const DIRS_RATE: &str = "replica.alter.log.dirs.io.max.bytes.per.second";
const LEADERS: &str = "leader.replication.throttled.replicas";
const FOLLOWERS: &str = "follower.replication.throttled.replicas";

/// From where to where the replicas of a partition move.
struct Move {
    sources: BTreeSet<i32>,
    targets: BTreeSet<i32>,
}

fn alter(
    cluster: &Cluster,
    kind: ResourceType,
    name: &str,
    set: &[(&str, String)],
    deleted: &[&str],
) -> Outcome {
    let set: Changes = set
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    let deleted: Vec<String> = deleted.iter().map(|name| (*name).to_owned()).collect();
    alter_resource(cluster, kind, name, &set, &deleted)
}

/// Takes all throttles of brokers and topics away.
///
/// # Errors
/// The cluster's.
pub fn clear(cluster: &Cluster, partitions: &[(TopicPartition, Vec<i32>)], console: &mut Console) -> Outcome {
    let known = cluster.brokers("describeCluster")?;
    let mut brokers: BTreeSet<i32> = known.list.iter().map(|broker| broker.id).collect();
    brokers.extend(partitions.iter().flat_map(|(_, replicas)| replicas));
    let s = |count: usize| if count == 1 { "" } else { "s" };
    console.line(format!(
        "Clearing broker-level throttles on broker{} {}",
        s(brokers.len()),
        joined(&brokers, ",")
    ));
    for broker in brokers {
        alter(
            cluster,
            BROKER,
            &broker.to_string(),
            &[],
            &[LEADER_RATE, FOLLOWER_RATE, DIRS_RATE],
        )?;
    }
    let topics: BTreeSet<&str> = partitions.iter().map(|((topic, _), _)| topic.as_str()).collect();
    console.line(format!(
        "Clearing topic-level throttles on topic{} {}",
        s(topics.len()),
        joined(&topics, ",")
    ));
    for topic in topics {
        alter(cluster, TOPIC, topic, &[], &[LEADERS, FOLLOWERS])?;
    }
    Ok(())
}

/// Limits what a reassignment moves between brokers, to so many bytes a second each.
///
/// # Errors
/// The cluster's.
pub fn between_brokers(
    cluster: &Cluster,
    current: &Assignment,
    proposed: &Assignment,
    ongoing: &BTreeMap<TopicPartition, Reassignment>,
    rate: i64,
    console: &mut Console,
) -> Outcome {
    let moves = moves(current, proposed, ongoing);
    let mut topics: BTreeMap<&str, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    let mut brokers = BTreeSet::new();
    for ((topic, index), moved) in &moves {
        let (leaders, followers) = topics.entry(topic).or_default();
        leaders.extend(moved.sources.iter().map(|broker| format!("{index}:{broker}")));
        let new = moved.targets.difference(&moved.sources);
        followers.extend(new.map(|broker| format!("{index}:{broker}")));
        brokers.extend(moved.sources.union(&moved.targets).copied());
    }
    for (topic, (leaders, followers)) in topics {
        let set = [
            (LEADERS, joined(leaders, ",")),
            (FOLLOWERS, joined(followers, ",")),
        ];
        alter(cluster, TOPIC, topic, &set, &[])?;
    }
    for broker in brokers {
        let set = [(LEADER_RATE, rate.to_string()), (FOLLOWER_RATE, rate.to_string())];
        alter(cluster, BROKER, &broker.to_string(), &set, &[])?;
    }
    console.line(format!("The inter-broker throttle limit was set to {rate} B/s"));
    Ok(())
}

fn moves(
    current: &Assignment,
    proposed: &Assignment,
    ongoing: &BTreeMap<TopicPartition, Reassignment>,
) -> BTreeMap<TopicPartition, Move> {
    let mut moves = BTreeMap::new();
    for (at, reassignment) in ongoing {
        let adding: BTreeSet<i32> = reassignment.adding.iter().copied().collect();
        let sources = reassignment
            .replicas
            .iter()
            .copied()
            .filter(|id| !adding.contains(id))
            .collect();
        moves.insert(
            at.clone(),
            Move {
                sources,
                targets: adding,
            },
        );
    }
    for (at, targets) in proposed {
        let adding = ongoing
            .get(at)
            .map_or(&[][..], |reassignment| &reassignment.adding);
        let replicas = current.get(at).into_iter().flatten().copied();
        let sources: BTreeSet<i32> = replicas.filter(|id| !adding.contains(id)).collect();
        let targets = targets
            .iter()
            .copied()
            .filter(|id| !sources.contains(id))
            .collect();
        moves.insert(at.clone(), Move { sources, targets });
    }
    moves
}

/// Limits what brokers move between their own log directories, to so many bytes a second each.
///
/// # Errors
/// The cluster's.
pub fn between_dirs(cluster: &Cluster, brokers: BTreeSet<i32>, rate: i64, console: &mut Console) -> Outcome {
    for broker in brokers {
        alter(
            cluster,
            BROKER,
            &broker.to_string(),
            &[(DIRS_RATE, rate.to_string())],
            &[],
        )?;
    }
    console.line(format!(
        "The replica-alter-dir throttle limit was set to {rate} B/s"
    ));
    Ok(())
}
