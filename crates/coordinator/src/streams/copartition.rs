//! Topics that are joined must have equally many partitions. Repartition topics whose number is free follow;
//! what can't follow is an error.
//!
//! Apache Kafka holds a group whose topics are all repartition topics to the fixed numbers of the whole
//! topology; here its own count.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::configure::{Counts, Misfit};
use super::topology::{CopartitionGroup, Subtopology, Topology};

/// Sets in `counts` what copartition groups ask of repartition topics.
pub(super) fn enforce(
    topology: &Topology,
    counts: &mut Counts,
    exists: &dyn Fn(&str) -> Option<i32>,
) -> Result<(), Misfit> {
    for subtopology in topology.subtopologies.values() {
        for group in &subtopology.copartition_groups {
            enforce_group(topology, subtopology, group, counts, exists)?;
        }
    }
    Ok(())
}

fn enforce_group(
    topology: &Topology,
    subtopology: &Subtopology,
    group: &CopartitionGroup,
    counts: &mut Counts,
    exists: &dyn Fn(&str) -> Option<i32>,
) -> Result<(), Misfit> {
    let fixed = |name: &str| {
        let mut sources = topology
            .subtopologies
            .values()
            .flat_map(|other| &other.repartition_sources);
        sources.any(|source| *source.name == *name && source.partitions != 0)
    };
    let mut external: BTreeMap<&Arc<str>, i32> = BTreeMap::new();
    for index in &group.source_topics {
        let name = at(&subtopology.source_topics, *index)?;
        // A topic that one subtopology writes and another names as its source counts as what it is made as.
        if let (None, Some(count)) = (counts.get(name), exists(name)) {
            external.insert(name, count);
        }
    }
    let mut repartitioned: BTreeMap<&Arc<str>, i32> = BTreeMap::new();
    for index in &group.repartition_sources {
        let name = &at(&subtopology.repartition_sources, *index)?.name;
        if let Some(count) = counts.get(name) {
            repartitioned.insert(name, *count);
        }
    }
    let count = if external.is_empty() {
        let said: BTreeMap<_, _> = repartitioned
            .iter()
            .filter(|(name, _)| fixed(name))
            .map(|(name, count)| (*name, *count))
            .collect();
        match same(&said)? {
            Some(count) => Some(count),
            None => repartitioned.values().copied().max(),
        }
    } else {
        same(&external)?
    };
    let Some(count) = count else { return Ok(()) };
    for (name, had) in &repartitioned {
        if *had != count && fixed(name) {
            return Err(Misfit::partitions(format!(
                "Number of partitions [{had}] of repartition topic [{name}] doesn't match number of partitions [{count}] \
                 of the source topic."
            )));
        }
    }
    let follow: Vec<Arc<str>> = repartitioned.into_keys().cloned().collect();
    counts.extend(follow.into_iter().map(|name| (name, count)));
    Ok(())
}

fn at<T>(topics: &[T], index: i16) -> Result<&T, Misfit> {
    let found = usize::try_from(index).ok().and_then(|index| topics.get(index));
    found.ok_or_else(|| {
        Misfit::Topology(format!(
            "Copartition group names topic {index} of {}.",
            topics.len()
        ))
    })
}

/// The number that all have; `None` if there are none.
fn same(counts: &BTreeMap<&Arc<str>, i32>) -> Result<Option<i32>, Misfit> {
    let first = counts.values().next().copied();
    if counts.values().any(|count| Some(*count) != first) {
        let each: Vec<String> = counts
            .iter()
            .map(|(name, count)| format!("{name}={count}"))
            .collect();
        return Err(Misfit::partitions(format!(
            "Following topics do not have the same number of partitions: [{{{}}}]",
            each.join(", ")
        )));
    }
    Ok(first)
}
