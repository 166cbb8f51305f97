//! How far a reassignment is.

use super::plan::{Plan, file, joined, shown};
use super::{current, throttles};
use crate::arguments::Options;
use crate::client::Cluster;
use crate::client::leaders::{TopicPartition, topics_of};
use crate::client::reassignments::{Replica, ReplicaDirs};
use crate::console::Console;
use crate::failure::Outcome;

/// `--verify`.
///
/// # Errors
/// The plan makes no sense; the cluster's.
pub fn verify(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let plan = Plan::parse(&file(
        options.value("reassignment-json-file")?.unwrap_or_default(),
    )?)?;
    let mut goes_on = partitions(&plan, cluster, console)?;
    goes_on |= moves(&plan, cluster, console)?;
    if goes_on || options.has("preserve-throttles") {
        return Ok(());
    }
    throttles::clear(cluster, &plan.partitions, console)
}

fn partitions(plan: &Plan, cluster: &Cluster, console: &mut Console) -> Outcome<bool> {
    let ongoing = cluster.reassignments()?;
    let wanted = plan.assignment();
    console.line("Status of partition reassignment:");
    let mut goes_on = !ongoing.is_empty();
    for (at, replicas) in &wanted {
        if ongoing.contains_key(at) {
            goes_on = true;
            console.line(format!(
                "Reassignment of partition {} is still in progress.",
                shown(at)
            ));
            continue;
        }
        // A topic that is gone has no replicas.
        let now = current(cluster, &topics_of([at])).unwrap_or_default();
        let now = now.get(at).cloned().unwrap_or_default();
        console.line(if now == *replicas {
            format!("Reassignment of partition {} is completed.", shown(at))
        } else {
            format!(
                "There is no active reassignment of partition {}, but replica set is {} rather than {}.",
                shown(at),
                joined(&now, ","),
                joined(replicas, ",")
            )
        });
    }
    Ok(goes_on)
}

fn moves(plan: &Plan, cluster: &Cluster, console: &mut Console) -> Outcome<bool> {
    let mut goes_on = false;
    let mut lines = Vec::new();
    for (replica, target) in &plan.dirs {
        let dirs = cluster.replica_dirs(replica.1)?.remove(&replica.0);
        let (line, moves) = state(replica, target, dirs.as_ref());
        goes_on |= moves;
        lines.push(line);
    }
    console.line(lines.join("\n"));
    Ok(goes_on)
}

/// How far a move is, and whether it goes on.
fn state(((topic, index), broker): &Replica, target: &str, dirs: Option<&ReplicaDirs>) -> (String, bool) {
    let at: TopicPartition = (topic.clone(), *index);
    let replica = format!("{}-{broker}", shown(&at));
    match dirs.map(|dirs| (dirs.current.as_deref(), dirs.future.as_deref())) {
        Some((_, Some(future))) if future == target => (
            format!("Reassignment of replica {replica} is still in progress."),
            true,
        ),
        Some((_, Some(future))) => (
            format!(
                "Partition {} on broker {broker} is being moved to log dir {future} instead of {target}.",
                shown(&at)
            ),
            false,
        ),
        Some((Some(current), None)) if current == target => (
            format!("Reassignment of replica {replica} completed successfully."),
            false,
        ),
        Some((Some(current), None)) => (
            format!(
                "Partition {} on broker {broker} is not being moved from log dir {current} to {target}.",
                shown(&at)
            ),
            false,
        ),
        _ => (
            format!(
                "Partition {} cannot be found in any live log directory on broker {broker}.",
                shown(&at)
            ),
            false,
        ),
    }
}
