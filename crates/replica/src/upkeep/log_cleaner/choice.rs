//! Which log is cleaned next: of those that are due the one with the largest dirty part.

use std::io::ErrorKind;
use std::sync::Arc;

use barnabas_storage::StorageError;
use barnabas_storage::cleaner::{Cleanable, FileTimes, LogFacts};
use barnabas_storage::log::CleaningHold;

use super::cleanings::Quiet;
use crate::ReplicaManager;
use crate::partition::Partition;

/// A log that is being cleaned.
pub struct Chosen {
    pub partition: Arc<Partition>,
    pub hold: CleaningHold,
    pub facts: LogFacts,
    pub cleanable: Cleanable,
}

/// How dirty a log is.
struct Look {
    ratio: f64,
    is_due: bool,
}

/// Chooses a log, and begins its cleaning.
pub fn choose(replicas: &ReplicaManager, now_ms: i64) -> Option<Chosen> {
    let mut due: Vec<(f64, Arc<Partition>)> = Vec::new();
    let mut dirtiest = 0.0f64;
    for partition in replicas.partitions().all() {
        let Some(look) = look(replicas, &partition, now_ms) else {
            continue;
        };
        dirtiest = dirtiest.max(look.ratio);
        if look.is_due {
            due.push((look.ratio, partition));
        }
    }
    replicas.partitions().cleanings().looked(dirtiest);
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

/// How dirty a log is that may be cleaned.
fn look(replicas: &ReplicaManager, partition: &Partition, now_ms: i64) -> Option<Look> {
    let settings = partition.settings().clone();
    let cleanings = replicas.partitions().cleanings();
    let passed_by = cleanings.is_uncleanable(partition) || partition.moving().is_some();
    if !settings.log.cleanup_compact || passed_by {
        return None;
    }
    let state = state(partition)?;
    let known = cleanings.quiet(partition).filter(|quiet| {
        state.is_closed
            && (quiet.log_end_offset, quiet.log_start_offset)
                == (state.log_end_offset, state.log_start_offset)
            && Arc::ptr_eq(&quiet.settings, &settings)
    });
    if let Some(quiet) = known {
        return Some(Look {
            ratio: quiet.ratio,
            is_due: false,
        });
    }
    let (facts, cleanable) = plan(replicas, partition, now_ms)?;
    let look = Look {
        ratio: cleanable.ratio(),
        is_due: cleanable.is_due(&facts.config),
    };
    // With a lag the passing of time alone makes a log due.
    let timeless = settings.log.min_compaction_lag_ms == 0 && settings.log.max_compaction_lag_ms == i64::MAX;
    if state.is_closed && timeless && !look.is_due {
        let quiet = Quiet {
            log_end_offset: state.log_end_offset,
            log_start_offset: state.log_start_offset,
            settings,
            ratio: look.ratio,
        };
        cleanings.remember_quiet(partition, quiet);
    }
    Some(look)
}

/// What is known of a log without a look at its files.
struct LogState {
    is_closed: bool,
    log_end_offset: i64,
    log_start_offset: i64,
}

/// `None` for a log that is cleaned now.
fn state(partition: &Partition) -> Option<LogState> {
    partition.with_log(|log, _| {
        (!log.is_being_cleaned()).then(|| LogState {
            is_closed: log.is_closed(),
            log_end_offset: log.log_end_offset(),
            log_start_offset: log.log_start_offset(),
        })
    })?
}

/// What can be cleaned of a log. One that can't be looked at is marked uncleanable.
fn plan(replicas: &ReplicaManager, partition: &Partition, now_ms: i64) -> Option<(LogFacts, Cleanable)> {
    let id = partition.id();
    let cleanings = replicas.partitions().cleanings();
    match planned(replicas, partition, now_ms) {
        Ok(planned) => {
            let (facts, cleanable) = planned?;
            if cleanable.checkpoint_invalid {
                // Retention moves the start of a log that is compacted and deleted.
                if !facts.config.cleanup_delete {
                    let checkpoint = cleanings.offset(id);
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

/// What can be cleaned of a log; nothing is changed by looking. `None` for one without a folder.
///
/// # Errors
/// It can't be looked at.
pub fn planned(
    replicas: &ReplicaManager,
    partition: &Partition,
    now_ms: i64,
) -> Result<Option<(LogFacts, Cleanable)>, StorageError> {
    let checkpoint = replicas.partitions().cleanings().offset(partition.id());
    let found = partition.with_log(|log, high_watermark| {
        let facts = log.cleaning_facts(high_watermark);
        (facts, log.folder())
    });
    let Some((facts, folder)) = found else {
        return Ok(None);
    };
    let Some(facts) = facts? else { return Ok(None) };
    let mut times = FileTimes { folder: &folder };
    let cleanable = facts.cleanable(checkpoint, now_ms, &mut times)?;
    Ok(Some((facts, cleanable)))
}
