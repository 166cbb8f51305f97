//! Assignments: as they are written in files, and proposed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::client::leaders::TopicPartition;
use crate::client::reassignments::Replica;
use crate::failure::{Failure, Outcome, said};

/// The log directory that is any.
const ANY: &str = "any";

/// The replicas of each partition.
pub type Assignment = BTreeMap<TopicPartition, Vec<i32>>;

/// What a file asks for, in its order: replicas, and log directories for some of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The replicas of each partition.
    pub partitions: Vec<(TopicPartition, Vec<i32>)>,
    /// Where replicas are to lie.
    pub dirs: BTreeMap<Replica, String>,
}

/// A partition's name.
pub fn shown((topic, index): &TopicPartition) -> String {
    format!("{topic}-{index}")
}

/// Numbers, or whatever it is, with commas between them.
pub fn joined<T: ToString>(items: impl IntoIterator<Item = T>, between: &str) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(between)
}

/// A file of the tool.
///
/// # Errors
/// It can't be read.
pub fn file(path: &str) -> Outcome<String> {
    crate::arguments::text_file(path).map_err(|_| Failure::Said(format!("Unable to read file {path}")))
}

fn versioned(json: &Value) -> Outcome {
    match json.get("version").map_or(Some(1), Value::as_i64) {
        Some(1) => Ok(()),
        Some(version) => said(format!("Not supported version field value {version}")),
        None => said("Not supported version field value"),
    }
}

/// The topics of `--topics-to-move-json-file`.
///
/// # Errors
/// It is no such file.
pub fn topics(text: &str) -> Outcome<Vec<String>> {
    let Ok(json) = serde_json::from_str::<Value>(text) else {
        return said("The input string is not a valid JSON");
    };
    versioned(&json)?;
    let listed = json.get("topics").and_then(Value::as_array).into_iter().flatten();
    let topics: Option<Vec<String>> = listed
        .map(|entry| Some(entry.get("topic")?.as_str()?.to_owned()))
        .collect();
    let Some(topics) = topics else {
        return said("topics are expected, each {\"topic\": NAME}");
    };
    let twice = duplicates(&topics);
    if !twice.is_empty() {
        return said(format!(
            "List of topics to reassign contains duplicate entries: [{}]",
            twice.join(", ")
        ));
    }
    Ok(topics)
}

/// What there is several times, once each.
pub fn duplicates<T: Clone + Ord>(items: &[T]) -> Vec<T> {
    let mut counts: BTreeMap<&T, usize> = BTreeMap::new();
    for item in items {
        *counts.entry(item).or_default() += 1;
    }
    let twice = counts.into_iter().filter(|(_, count)| *count > 1);
    twice.map(|(item, _)| item.clone()).collect()
}

impl Plan {
    /// Reads `--reassignment-json-file`.
    ///
    /// # Errors
    /// It is no such file.
    pub fn parse(text: &str) -> Outcome<Plan> {
        let json: Value = serde_json::from_str(text).map_err(|error| Failure::Said(error.to_string()))?;
        versioned(&json)?;
        let mut plan = Plan::default();
        for entry in json
            .get("partitions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let wrong = || Failure::Said(format!("topic, partition and replicas are expected: {entry}"));
            let topic = entry.get("topic").and_then(Value::as_str).ok_or_else(wrong)?;
            let index = entry.get("partition").and_then(Value::as_i64).ok_or_else(wrong)?;
            let replicas = entry
                .get("replicas")
                .and_then(Value::as_array)
                .ok_or_else(wrong)?;
            let replicas: Option<Vec<i32>> = replicas
                .iter()
                .map(|id| id.as_i64().and_then(|id| i32::try_from(id).ok()))
                .collect();
            let replicas = replicas.ok_or_else(wrong)?;
            let at = (topic.to_owned(), i32::try_from(index).map_err(|_| wrong())?);
            if let Some(dirs) = entry.get("log_dirs").and_then(Value::as_array) {
                if dirs.len() != replicas.len() {
                    return said(format!(
                        "Size of replicas list [{}] is different from size of log dirs list [{}] for partition {}",
                        joined(&replicas, ", "),
                        joined(dirs.iter().map(|dir| dir.as_str().unwrap_or_default()), ", "),
                        shown(&at)
                    ));
                }
                for (broker, dir) in replicas.iter().zip(dirs) {
                    match dir.as_str().ok_or_else(wrong)? {
                        ANY => {}
                        dir => drop(plan.dirs.insert((at.clone(), *broker), dir.to_owned())),
                    }
                }
            }
            plan.partitions.push((at, replicas));
        }
        Ok(plan)
    }

    /// Refuses what can't be executed.
    ///
    /// # Errors
    /// What that is.
    pub fn check(&self) -> Outcome {
        if self.partitions.is_empty() {
            return said("Partition reassignment list cannot be empty");
        }
        if self.partitions.iter().any(|(_, replicas)| replicas.is_empty()) {
            return said("Partition replica list cannot be empty");
        }
        let partitions: Vec<TopicPartition> = self.partitions.iter().map(|(at, _)| at.clone()).collect();
        let twice = duplicates(&partitions);
        if !twice.is_empty() {
            return said(format!(
                "Partition reassignment contains duplicate topic partitions: {}",
                joined(twice.iter().map(shown), ",")
            ));
        }
        let several = self.partitions.iter().filter_map(|(at, replicas)| {
            let twice = duplicates(replicas);
            let said = format!(
                "{} contains multiple entries for {}",
                shown(at),
                joined(&twice, ",")
            );
            (!twice.is_empty()).then_some(said)
        });
        let several: Vec<String> = several.collect();
        if !several.is_empty() {
            return said(format!(
                "Partition replica lists may not contain duplicate entries: {}",
                several.join(". ")
            ));
        }
        Ok(())
    }

    /// The replicas of each partition.
    pub fn assignment(&self) -> Assignment {
        self.partitions.iter().cloned().collect()
    }
}

/// An assignment as a file has it; `dirs` says where replicas lie.
pub fn as_json(assignment: &Assignment, dirs: &BTreeMap<Replica, String>) -> String {
    let mut text = String::from("{\"version\":1,\"partitions\":[");
    for (position, (at, replicas)) in assignment.iter().enumerate() {
        let comma = if position == 0 { "" } else { "," };
        let dirs = replicas.iter().map(|broker| {
            let dir = dirs.get(&(at.clone(), *broker)).map_or(ANY, String::as_str);
            Value::from(dir)
        });
        // Writing to a string can't fail.
        let _ = write!(
            text,
            "{comma}{{\"topic\":{},\"partition\":{},\"replicas\":[{}],\"log_dirs\":[{}]}}",
            Value::from(at.0.as_str()),
            at.1,
            joined(replicas, ","),
            joined(dirs, ",")
        );
    }
    text + "]}"
}

/// Spreads the replicas of topics over brokers (id and rack): leaders over all of them in turn, the replicas
/// of a partition over as many racks as there are. Each topic keeps its number of replicas.
///
/// # Errors
/// There are fewer brokers than replicas.
pub fn propose(current: &Assignment, brokers: &[(i32, Option<String>)]) -> Outcome<Assignment> {
    let mut racks: BTreeMap<Option<&str>, Vec<i32>> = BTreeMap::new();
    for (id, rack) in brokers {
        racks.entry(rack.as_deref()).or_default().push(*id);
    }
    // One of each rack after the other, so that neighbours are of different racks.
    let longest = racks.values().map(Vec::len).max().unwrap_or_default();
    let in_turn = (0..longest).flat_map(|turn| racks.values().filter_map(move |ids| ids.get(turn)));
    let in_turn: Vec<i32> = in_turn.copied().collect();
    let mut proposed = Assignment::new();
    for (at, replicas) in current {
        if replicas.len() > in_turn.len() {
            return said(format!(
                "Unable to replicate the partition {} time(s): The target replication factor of {} cannot be reached \
                 because only {} broker(s) are registered.",
                replicas.len(),
                replicas.len(),
                in_turn.len()
            ));
        }
        let first = at.1 as usize;
        let round = first / in_turn.len();
        // The followers begin further on with each round, so that not always the same follow each other.
        let follower = |number: usize| {
            let others = in_turn.len() - 1;
            let step = 1 + (number - 1 + if replicas.len() > others { 0 } else { round }) % others;
            in_turn[(first + step) % in_turn.len()]
        };
        let ids = (0..replicas.len()).map(|number| match number {
            0 => in_turn[first % in_turn.len()],
            number => follower(number),
        });
        proposed.insert(at.clone(), ids.collect());
    }
    Ok(proposed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_and_written() {
        let text = r#"{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,2],"log_dirs":["any","/d"]}]}"#;
        let plan = Plan::parse(text).unwrap();
        assert_eq!(as_json(&plan.assignment(), &plan.dirs), text);
        let check = |text: &str| {
            Plan::parse(text)
                .and_then(|plan| plan.check())
                .unwrap_err()
                .message()
        };
        for (text, expected) in [
            (r#"{"version":2}"#, "Not supported version field value 2"),
            (
                r#"{"version":1,"partitions":[]}"#,
                "Partition reassignment list cannot be empty",
            ),
            (
                r#"{"partitions":[{"topic":"t","partition":0,"replicas":[]}]}"#,
                "Partition replica list cannot be empty",
            ),
            (
                r#"{"partitions":[{"topic":"t","partition":0,"replicas":[1,1]}]}"#,
                "Partition replica lists may not contain duplicate entries: t-0 contains multiple entries for 1",
            ),
            (
                r#"{"partitions":[{"topic":"t","partition":0,"replicas":[1],"log_dirs":[]}]}"#,
                "Size of replicas list [1] is different from size of log dirs list [] for partition t-0",
            ),
        ] {
            assert_eq!(check(text), expected);
        }
    }

    #[test]
    fn replicas_are_spread_over_brokers_and_racks() {
        let rack = |name: &str| Some(name.to_owned());
        let brokers = [(1, rack("a")), (2, rack("a")), (3, rack("b")), (4, rack("b"))];
        let current: Assignment = (0..8)
            .map(|index| (("t".to_owned(), index), vec![9, 8]))
            .collect();
        let proposed = propose(&current, &brokers).unwrap();
        let leads = |id: i32| proposed.values().filter(|replicas| replicas[0] == id).count();
        assert_eq!([1, 2, 3, 4].map(leads), [2; 4]);
        for replicas in proposed.values() {
            assert!(duplicates(replicas).is_empty(), "{replicas:?}");
        }
        let first = &proposed[&("t".to_owned(), 0)];
        assert_eq!(first, &[1, 3]);
        assert!(propose(&current, &brokers[..1]).is_err());
    }
}
