//! The records that dead letters are of, read where they were.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::letter::Letter;
use crate::client::fetch::{FetchSettings, Fetcher};
use crate::client::leaders::{TopicPartition, topics_of};
use crate::client::offsets::EARLIEST;
use crate::client::records::Fetched;
use crate::client::{Cluster, KafkaError};

/// How far two records are apart at most that are read in one go.
const FAR: i64 = 2_000;
const PATIENCE: Duration = Duration::from_secs(1);
/// How often nothing may come before a record counts as gone: it is below the start or was compacted away.
const TRIES: u32 = 10;

/// Those of the records that are still there, by topic, partition and offset.
///
/// # Errors
/// A partition can't be read.
pub fn read(
    cluster: &Cluster,
    letters: &[Letter],
) -> Result<BTreeMap<(String, i32, i64), Fetched>, KafkaError> {
    let mut wanted: BTreeMap<TopicPartition, BTreeSet<i64>> = BTreeMap::new();
    for letter in letters {
        let at = (letter.topic.clone(), letter.partition);
        wanted.entry(at).or_default().insert(letter.offset);
    }
    // One whose topic is gone is not waited for.
    let known = cluster.leaders(&topics_of(wanted.keys()), false)?;
    wanted.retain(|at, _| known.contains_key(at));
    let mut found = BTreeMap::new();
    for (at, offsets) in wanted {
        read_partition(cluster, &at, offsets, &mut found)?;
    }
    Ok(found)
}

fn read_partition(
    cluster: &Cluster,
    at: &TopicPartition,
    mut wanted: BTreeSet<i64>,
    found: &mut BTreeMap<(String, i32, i64), Fetched>,
) -> Result<(), KafkaError> {
    let of_end = BTreeMap::from([(at.clone(), crate::client::offsets::LATEST)]);
    let end = match cluster.list_offsets(&of_end, false)?.remove(at) {
        Some(Ok(end)) => end.offset,
        _ => return Ok(()),
    };
    let settings = FetchSettings {
        reset: Some(EARLIEST),
        ..FetchSettings::default()
    };
    let mut fetcher = Fetcher::new(cluster, settings);
    let mut position = i64::MIN;
    let mut misses = 0;
    while let Some(first) = wanted.first().copied().filter(|first| *first < end) {
        if !(position..position.saturating_add(FAR)).contains(&first) {
            if misses >= TRIES {
                return Ok(());
            }
            fetcher.assign(BTreeMap::from([(at.clone(), first)]))?;
            position = first;
        }
        let records = fetcher.poll(PATIENCE)?;
        let next = fetcher.positions().get(at).copied().unwrap_or(position);
        misses = if next == position && records.is_empty() {
            misses + 1
        } else {
            0
        };
        if misses >= TRIES {
            return Ok(());
        }
        for record in records {
            if wanted.remove(&record.offset) {
                found.insert((at.0.clone(), at.1, record.offset), record);
            }
        }
        // What lies before and did not come is gone.
        position = position.max(next);
        wanted = wanted.split_off(&position);
    }
    Ok(())
}
