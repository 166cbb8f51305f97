//! Beginning reassignments, and ending them before they are done.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::plan::{Plan, as_json, file, joined, shown};
use super::{current_of, dirs, throttles};
use crate::arguments::Options;
use crate::client::Cluster;
use crate::client::leaders::TopicPartition;
use crate::client::reassignments::Replica;
use crate::console::Console;
use crate::failure::{Outcome, said};

/// How often a move is tried again: a replica may be there only once its reassignment has begun.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

fn s(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// `--execute`.
///
/// # Errors
/// The plan can't be executed; the cluster's.
pub fn execute(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let plan = Plan::parse(&file(
        options.value("reassignment-json-file")?.unwrap_or_default(),
    )?)?;
    plan.check()?;
    let ongoing = cluster.reassignments()?;
    if !ongoing.is_empty() && !options.has("additional") {
        return said(
            "Cannot execute because there is an existing partition assignment.  Use --additional to override this and \
             create a new partition assignment in addition to the existing one. The --additional flag can also be used \
             to change the throttle by resubmitting the current reassignment.",
        );
    }
    let wanted = plan.assignment();
    let known = cluster.brokers("describeCluster")?;
    let brokers: BTreeSet<i32> = wanted.values().flatten().copied().collect();
    if let Some(unknown) = brokers.iter().find(|id| known.get(**id).is_none()) {
        return said(format!("Unknown broker id {unknown}"));
    }
    let current = current_of(cluster, &wanted)?;
    console.line(format!(
        "Current partition replica assignment\n\n{}\n\nSave this to use as the --reassignment-json-file option during \
         rollback",
        as_json(&current, &dirs(cluster, &current)?)
    ));
    let rate = options.number::<i64>("throttle")?.filter(|rate| *rate >= 0);
    let dirs_rate = options
        .number::<i64>("replica-alter-log-dirs-throttle")?
        .filter(|rate| *rate >= 0);
    if rate.is_some() || dirs_rate.is_some() {
        console.line(
            "Warning: You must run --verify periodically, until the reassignment completes, to ensure the throttle is \
             removed.",
        );
    }
    if let Some(rate) = rate {
        throttles::between_brokers(cluster, &current, &wanted, &ongoing, rate, console)?;
    }
    if let Some(rate) = dirs_rate {
        let moving = plan.dirs.keys().map(|(_, broker)| *broker).collect();
        throttles::between_dirs(cluster, moving, rate, console)?;
    }
    let request = wanted
        .iter()
        .map(|(at, replicas)| (at.clone(), Some(replicas.clone())));
    let failed = cluster.reassign(
        &request.collect(),
        !options.has("disallow-replication-factor-change"),
    )?;
    if !failed.is_empty() {
        let failed = failed
            .iter()
            .map(|(at, error)| format!("{}: {}", shown(at), error.message));
        return said(format!(
            "Error reassigning partition(s):\n{}",
            joined(failed, "\n")
        ));
    }
    console.line(format!(
        "Successfully started partition reassignment{} for {}",
        s(wanted.len()),
        joined(wanted.keys().map(shown), ",")
    ));
    let patience = options.number::<u64>("timeout")?.unwrap_or(10_000);
    move_dirs(cluster, plan.dirs, Duration::from_millis(patience), console)
}

/// Has replicas moved to other log directories, as soon as they are there.
fn move_dirs(
    cluster: &Cluster,
    mut pending: BTreeMap<Replica, String>,
    patience: Duration,
    console: &mut Console,
) -> Outcome {
    let until = Instant::now() + patience;
    loop {
        pending.retain(|replica, dir| match cluster.move_replica(replica, dir) {
            Ok(()) => {
                let ((topic, index), broker) = replica;
                console.line(format!(
                    "Successfully started moving log directory to {dir} for replica {topic}-{index} with broker {broker} "
                ));
                false
            }
            Err(error) => {
                console.error(format!("Failed to alter dir for {}-{}: {}", replica.0.0, replica.0.1, error.message));
                true
            }
        });
        if pending.is_empty() {
            return Ok(());
        }
        if Instant::now() >= until {
            let names = pending
                .keys()
                .map(|((topic, index), broker)| format!("{topic}-{index}-{broker}"));
            return said(format!(
                "Timed out before log directory move{} could be started for: {}",
                s(pending.len()),
                joined(names, ",")
            ));
        }
        cluster.pause(LOOK_AGAIN);
    }
}

/// `--cancel`.
///
/// # Errors
/// The plan makes no sense; the cluster's.
pub fn cancel(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let plan = Plan::parse(&file(
        options.value("reassignment-json-file")?.unwrap_or_default(),
    )?)?;
    plan.check()?;
    let ongoing = cluster.reassignments()?;
    let wanted = plan.assignment();
    let active: BTreeMap<TopicPartition, Option<Vec<i32>>> = wanted
        .keys()
        .filter(|at| ongoing.contains_key(*at))
        .map(|at| (at.clone(), None))
        .collect();
    if active.is_empty() {
        console.line("None of the specified partition reassignments are active.");
    } else {
        let failed = cluster.reassign(&active, true)?;
        if !failed.is_empty() {
            let shown = failed
                .iter()
                .map(|(at, error)| format!("{}: {}", shown(at), error.message));
            return said(format!(
                "Error cancelling partition reassignment{} for:\n{}",
                s(failed.len()),
                joined(shown, "\n")
            ));
        }
        console.line(format!(
            "Successfully cancelled partition reassignment{} for: {}",
            s(active.len()),
            joined(active.keys().map(shown), ",")
        ));
    }
    let mut moving = BTreeMap::new();
    for (replica, dir) in &plan.dirs {
        let dirs = cluster
            .replica_dirs(replica.1)?
            .remove(&replica.0)
            .unwrap_or_default();
        if let (Some(current), Some(future)) = (dirs.current, dirs.future)
            && future == *dir
        {
            moving.insert(replica.clone(), current);
        }
    }
    if moving.is_empty() {
        console.text("None of the specified partition moves are active.");
    } else {
        let patience = options.number::<u64>("timeout")?.unwrap_or(10_000);
        move_dirs(cluster, moving, Duration::from_millis(patience), console)?;
    }
    if options.has("preserve-throttles") {
        return Ok(());
    }
    throttles::clear(cluster, &plan.partitions, console)
}
