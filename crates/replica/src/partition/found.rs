//! Logs that were found in the log directories at the start, before an image has claimed them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use barnabas_environment::Random;
use barnabas_storage::{Log, LogCheckpoint};
use uuid::Uuid;

use crate::log_dirs::DataDir;

/// A log with the folder it lies in.
pub(super) type FoundLog = (Arc<DataDir>, Log);

/// Each log once, by topic and partition.
pub(super) fn sort_out(logs: Vec<FoundLog>, random: &Random) -> HashMap<(Arc<str>, i32), FoundLog> {
    let mut found: HashMap<(Arc<str>, i32), FoundLog> = HashMap::with_capacity(logs.len());
    let mut twice = Vec::new();
    for one in logs {
        let key = (one.1.topic().clone(), one.1.partition());
        let Some(other) = found.remove(&key) else {
            found.insert(key, one);
            continue;
        };
        // A crash at the end of a move leaves the same log twice.
        let (mut kept, left) = if one.1.is_ahead_of(&other.1) {
            (one, other)
        } else {
            (other, one)
        };
        supersede(&mut kept, &left.1);
        found.insert(key, kept);
        twice.push(left);
    }
    if !twice.is_empty() {
        // Before what knows of deleted records is out of the way.
        keep_starts(&found);
    }
    for (dir, log) in twice {
        set_aside(dir, log, random.uuid(), "it lies in another log directory, too");
    }
    found
}

/// Of one log that was found twice, lets the first begin no earlier than the other.
fn supersede((dir, log): &mut FoundLog, other: &Log) {
    if let Err(error) = log.supersede(other) {
        tracing::error!(topic = %log.topic(), partition = log.partition(), %error, "deleted records may be back");
        dir.note(&error);
    }
}

/// Writes where the logs of each data folder begin.
fn keep_starts(found: &HashMap<(Arc<str>, i32), FoundLog>) {
    let mut rows: HashMap<&Path, (&Arc<DataDir>, Vec<LogCheckpoint>)> = HashMap::new();
    for (dir, log) in found.values() {
        let (_, rows) = rows.entry(dir.path()).or_insert((dir, Vec::new()));
        rows.push(LogCheckpoint::of(log, log.checkpointed_high_watermark()));
    }
    for (dir, rows) in rows.into_values() {
        let written = dir
            .storage()
            .and_then(|storage| storage.write_log_start_offsets(&rows));
        if let Err(error) = written {
            tracing::error!(%error, "a checkpoint could not be written");
            dir.note(&error);
        }
    }
}

/// Renames the folder of a log that isn't wanted; nothing of it is deleted.
pub(super) fn set_aside(dir: Arc<DataDir>, log: Log, id: Uuid, why: &str) {
    let (topic, partition) = (log.topic().clone(), log.partition());
    let renamed = dir.storage().and_then(|storage| storage.set_aside(log, id));
    match renamed {
        Ok(Some(path)) => {
            tracing::warn!(%topic, partition, path = %path.display(), "set a partition's folder aside: {why}");
        }
        Ok(None) => {}
        Err(error) => {
            tracing::error!(%topic, partition, %error, "a partition's folder could not be set aside");
            dir.note(&error);
        }
    }
}
