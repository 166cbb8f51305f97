//! Which log is cleaned next: of those that are due the one with the largest dirty part.

use std::io::ErrorKind;
use std::sync::Arc;

use barnabas_storage::StorageError;
use barnabas_storage::cleaner::{Cleanable, FileTimes, LogFacts};
use barnabas_storage::log::CleaningHold;

use super::cleanings::{Cleanings, Quiet};
use crate::ReplicaManager;
use crate::partition::Partition;
use crate::partition::settings::TopicSettings;

/// A log that is being cleaned.
pub struct Chosen {
    pub partition: Arc<Partition>,
    pub hold: CleaningHold,
    pub facts: LogFacts,
    pub cleanable: Cleanable,
}

/// Chooses a log, and begins its cleaning.
pub fn choose(replicas: &ReplicaManager, now_ms: i64) -> Option<Chosen> {
    let mut due: Vec<(f64, Arc<Partition>)> = replicas
        .partitions()
        .all()
        .into_iter()
        .filter_map(|partition| {
            let cleanable = look(replicas, &partition, now_ms)?.1;
            Some((cleanable.ratio(), partition))
        })
        .collect();
    due.sort_unstable_by(|(a, _), (b, _)| b.total_cmp(a));
    due.into_iter()
        .find_map(|(_, partition)| begin(replicas, partition, now_ms))
}

/// Begins the cleaning of a log, unless another cleaner was faster.
fn begin(replicas: &ReplicaManager, partition: Arc<Partition>, now_ms: i64) -> Option<Chosen> {
    let hold = match partition.with_log(|log, _| log.begin_cleaning())? {
        Ok(hold) => hold?,
        Err(error) => {
            super::uncleanable(replicas, &partition, &error);
            return None;
        }
    };
    if partition.moving().is_some() {
        return None;
    }
    // What was true before the cleaning began need not be so any more.
    let (facts, cleanable) = plan(replicas, &partition, now_ms)?;
    let is_due = cleanable.is_due(&facts.config);
    is_due.then_some(Chosen {
        partition,
        hold,
        facts,
        cleanable,
    })
}

/// What can be cleaned of a log, if it is due.
fn look(replicas: &ReplicaManager, partition: &Partition, now_ms: i64) -> Option<(LogFacts, Cleanable)> {
    let settings = partition.settings().clone();
    let cleanings = replicas.partitions().cleanings();
    let passed_by = cleanings.is_uncleanable(partition) || partition.moving().is_some();
    if !settings.log.cleanup_compact || passed_by {
        return None;
    }
    let quiet = quiet_now(cleanings, partition, &settings)?;
    let (facts, cleanable) = plan(replicas, partition, now_ms)?;
    if cleanable.is_due(&facts.config) {
        return Some((facts, cleanable));
    }
    // With a lag the passing of time alone makes a log due.
    let timeless = settings.log.min_compaction_lag_ms == 0 && settings.log.max_compaction_lag_ms == i64::MAX;
    if let Some(quiet) = quiet.filter(|_| timeless) {
        cleanings.remember_quiet(partition, quiet);
    }
    None
}

/// `None` for a log that is known to need no cleaning, or is cleaned now; else what is to be remembered of a
/// closed one if it turns out to need none.
fn quiet_now(
    cleanings: &Cleanings,
    partition: &Partition,
    settings: &Arc<TopicSettings>,
) -> Option<Option<Quiet>> {
    let (busy, closed, log_end_offset, log_start_offset) = partition.with_log(|log, _| {
        (
            log.is_being_cleaned(),
            log.is_closed(),
            log.log_end_offset(),
            log.log_start_offset(),
        )
    })?;
    if busy {
        return None;
    }
    if !closed {
        return Some(None);
    }
    let unchanged = cleanings.quiet(partition).is_some_and(|quiet| {
        (quiet.log_end_offset, quiet.log_start_offset) == (log_end_offset, log_start_offset)
            && Arc::ptr_eq(&quiet.settings, settings)
    });
    (!unchanged).then(|| {
        Some(Quiet {
            log_end_offset,
            log_start_offset,
            settings: settings.clone(),
        })
    })
}

/// What can be cleaned of a log. One that can't be looked at is marked uncleanable.
fn plan(replicas: &ReplicaManager, partition: &Partition, now_ms: i64) -> Option<(LogFacts, Cleanable)> {
    let id = partition.id();
    let cleanings = replicas.partitions().cleanings();
    let checkpoint = cleanings.offset(id);
    let (facts, folder) = partition.with_log(|log, high_watermark| {
        let facts = log.cleaning_facts(high_watermark);
        (facts, log.folder())
    })?;
    let planned = facts.and_then(|facts| {
        let Some(facts) = facts else { return Ok(None) };
        let mut times = FileTimes { folder: &folder };
        let cleanable = facts.cleanable(checkpoint, now_ms, &mut times)?;
        Ok(Some((facts, cleanable)))
    });
    match planned {
        Ok(planned) => {
            let (facts, cleanable) = planned?;
            if cleanable.checkpoint_invalid {
                // Retention moves the start of a log that is compacted and deleted.
                if !facts.config.cleanup_delete {
                    tracing::warn!(topic = %id.topic, partition = id.partition, checkpoint,
                        log_start_offset = facts.log_start_offset, log_end_offset = facts.log_end_offset,
                        "the cleaner's checkpoint is outside of the log; all of the log counts as dirty");
                }
                cleanings.cleaned(partition, cleanable.first_dirty_offset);
            }
            Some((facts, cleanable))
        }
        // Retention was faster; the next look will see what is left.
        Err(StorageError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => None,
        Err(error) => {
            super::uncleanable(replicas, partition, &error);
            None
        }
    }
}
