//! One partition's log: what the broker holds for each of its replicas.
//!
//! A log is externally synchronised (the broker keeps it behind the partition's short lock); every method is
//! synchronous and quick. A log nobody uses is a name and a few numbers: it has no descriptor, no buffer and,
//! before its first append, no folder. The first use that needs them opens its files.

mod append;
mod cleaning;
mod flush;
pub(crate) mod load;
mod lookup;
mod moving;
mod open;
mod opening;
mod read;
mod recent_aborts;
mod recovery;
mod removal;
mod retention;
mod snapshots;
mod swap;
mod told_epochs;
mod transactions;
mod truncate;
mod types;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};

use uuid::Uuid;

use self::open::OpenLog;
use crate::checkpoint::EpochEntry;
use crate::disk::Folder;
use crate::error::Result;
use crate::layout;
use crate::log_config::LogConfig;
use crate::open_files::OpenFiles;
use crate::producer_state::{ProducerEntry, ProducerState};

pub use cleaning::CleaningHold;
pub use flush::LogFlush;
pub use moving::{Missing, MissingBytes};
use removal::OldestSegment;
pub(crate) use removal::largest_timestamp;
pub use removal::{RemovedSegments, RetentionCheck, RetentionVerdict};
pub use swap::ReplacedSegments;
pub use types::{
    AbortedTxn, AppendInfo, AppendOrigin, EpochEndOffset, FetchSlice, ReadBound, TimestampOffset,
};
pub(crate) use types::{LogOffsets, LogSummary};

/// One partition's log.
#[derive(Debug)]
pub struct Log {
    log_dir: Arc<Folder>,
    files: Arc<OpenFiles>,
    topic: Arc<str>,
    partition: i32,
    topic_id: Uuid,
    config: Arc<LogConfig>,
    state: State,
    log_start_offset: i64,
    log_end_offset: i64,
    recovery_point: i64,
    lost_from: Option<i64>,
    size_bytes: u64,
    checkpointed_high_watermark: i64,
    first_unstable_offset: Option<i64>,
    /// The log is known to be replicated up to here: what its producers are told that are read anew.
    replicated_until: i64,
    /// The producers of a log that is closed, where a snapshot would tell less of them: it has the last batch
    /// of each only, and a producer may send any of its last five again.
    resting_producers: Option<Box<ProducerState>>,
    /// A leader epoch of which no record has been written, and so perhaps no file tells.
    unwritten_epoch: Option<EpochEntry>,
    /// When the oldest record that isn't flushed was appended, ms.
    unflushed_since_ms: Option<i64>,
    /// The newest flush that has begun covers all before this offset.
    flush_begun: i64,
    /// Written to since it was last synced as a whole.
    changed: bool,
    /// Flushes that have begun and will make the folder's names durable.
    names_in_flight: u32,
    /// Cuts so far: a flush that began before one says nothing of what was written after it.
    truncations: u32,
    /// Opened or looked into since [`Log::release_if_idle`] last asked.
    used: bool,
    /// Taken off `segment.ms`.
    roll_jitter_ms: i64,
    /// The log is a copy on its way from another log directory: the unique part of its folder's name.
    future: Option<Uuid>,
    /// What the last retention check saw, if it left all as it was.
    oldest_segment: Option<OldestSegment>,
    /// Alive while files of removed segments still have their names.
    removing: Weak<()>,
    /// Alive while the log is being cleaned; see [`CleaningHold`].
    cleaning: Weak<AtomicBool>,
}

#[derive(Debug)]
enum State {
    /// Nothing was ever written: no folder.
    Absent,
    /// The folder's files are as a pause in order leaves them.
    Closed,
    /// The files are in use.
    Open(Box<OpenLog>),
    /// The disk has failed; nothing is known for certain.
    Offline,
}

/// Where a log lies and whose it is.
#[derive(Clone, Debug)]
pub(crate) struct LogIdentity {
    pub log_dir: Arc<Folder>,
    pub files: Arc<OpenFiles>,
    pub topic: Arc<str>,
    pub partition: i32,
    pub topic_id: Uuid,
}

impl Log {
    /// A log without records or folder.
    pub(crate) fn absent(identity: LogIdentity, config: Arc<LogConfig>) -> Log {
        let LogIdentity {
            log_dir,
            files,
            topic,
            partition,
            topic_id,
        } = identity;
        let mut log = Log {
            log_dir,
            files,
            topic,
            partition,
            topic_id,
            config,
            state: State::Absent,
            log_start_offset: 0,
            log_end_offset: 0,
            recovery_point: 0,
            lost_from: None,
            size_bytes: 0,
            checkpointed_high_watermark: 0,
            first_unstable_offset: None,
            replicated_until: 0,
            resting_producers: None,
            unwritten_epoch: None,
            unflushed_since_ms: None,
            flush_begun: 0,
            changed: false,
            names_in_flight: 0,
            truncations: 0,
            used: false,
            roll_jitter_ms: 0,
            future: None,
            oldest_segment: None,
            removing: Weak::new(),
            cleaning: Weak::new(),
        };
        log.choose_jitter();
        log
    }

    /// A log whose folder is as a pause in order leaves it.
    pub(crate) fn closed(identity: LogIdentity, config: Arc<LogConfig>, offsets: &LogOffsets) -> Log {
        Log {
            state: State::Closed,
            log_start_offset: offsets.log_start_offset,
            log_end_offset: offsets.log_end_offset,
            recovery_point: offsets.recovery_point.min(offsets.log_end_offset),
            size_bytes: offsets.size_bytes,
            checkpointed_high_watermark: offsets.high_watermark,
            first_unstable_offset: offsets.first_unstable_offset,
            replicated_until: offsets.high_watermark,
            ..Log::absent(identity, config)
        }
    }

    /// The topic's name.
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// The partition's number.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// The topic's id.
    pub fn topic_id(&self) -> Uuid {
        self.topic_id
    }

    /// The settings in effect.
    pub fn config(&self) -> &Arc<LogConfig> {
        &self.config
    }

    /// Takes over changed settings; the next append acts upon them.
    pub fn set_config(&mut self, config: Arc<LogConfig>) {
        self.config = config;
        self.choose_jitter();
    }

    /// Offset of the first record that may be read.
    pub fn log_start_offset(&self) -> i64 {
        self.log_start_offset
    }

    /// Offset that the next record will get.
    pub fn log_end_offset(&self) -> i64 {
        self.log_end_offset
    }

    /// All before this offset is known to be on disk.
    pub fn recovery_point(&self) -> i64 {
        self.recovery_point
    }

    /// From where on offsets are missing that a power cut may have taken out of the middle, though a later
    /// segment has outlived it; `None` once the log was cut there. Compaction leaves such gaps too.
    pub fn lost_from(&self) -> Option<i64> {
        self.lost_from
    }

    /// The high watermark that the last checkpoint held; 0 for a new log.
    pub fn checkpointed_high_watermark(&self) -> i64 {
        self.checkpointed_high_watermark
    }

    /// Size of all segments in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The offset before which every transaction is decided and replicated (KIP-98): at most
    /// `high_watermark`, at least the log's start.
    pub fn last_stable_offset(&self, high_watermark: i64) -> i64 {
        self.first_unstable_offset.map_or(high_watermark, |offset| {
            offset.max(self.log_start_offset).min(high_watermark)
        })
    }

    /// The producers that have written lately (DescribeProducers).
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn active_producers(&mut self) -> Result<Vec<ProducerEntry>> {
        let producers = self
            .open()?
            .map(|open| open.producers.entries().cloned().collect());
        Ok(producers.unwrap_or_default())
    }

    /// Forgets producers that have been idle for `producer.id.expiration.ms`.
    pub fn remove_expired_producers(&mut self, now_ms: i64) {
        let producers = match &mut self.state {
            State::Open(open) => Some(&mut open.producers),
            _ => self.resting_producers.as_deref_mut(),
        };
        if let Some(producers) = producers {
            producers.remove_expired(now_ms, self.config.producer_id_expiration_ms);
        }
    }

    /// Tells the log how far it is replicated, which may move the last stable offset.
    pub fn high_watermark_updated(&mut self, high_watermark: i64) {
        self.replicated_until = high_watermark;
        if self.first_unstable_offset.is_none() {
            return;
        }
        // After a recovery the log is closed: only its producers know which transactions are decided.
        match self.open() {
            Ok(Some(open)) => {
                open.producers.high_watermark_updated(high_watermark);
                self.first_unstable_offset = open.producers.first_unstable_offset();
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "the last stable offset stays where it is"),
        }
    }

    /// Writes what lives in memory only (index entries, producers), gives up descriptors and buffers. The
    /// next use opens the files again.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn release(&mut self) -> Result<()> {
        if let State::Open(open) = &mut self.state {
            self.changed |= open.epochs_unsynced;
            open.save(&self.config, self.log_end_offset)?;
            let newest = open.epochs.entries().last();
            self.unwritten_epoch = newest
                .filter(|entry| entry.start_offset >= self.log_end_offset)
                .copied();
            let producers = std::mem::take(&mut open.producers);
            self.resting_producers = producers.exceed_a_snapshot().then(|| Box::new(producers));
            self.state = State::Closed;
        }
        Ok(())
    }

    /// Releases the log if it hasn't been used since the last call. To be called every few minutes.
    ///
    /// # Errors
    /// KAFKA_STORAGE_ERROR.
    pub fn release_if_idle(&mut self) -> Result<()> {
        let used = std::mem::take(&mut self.used);
        // Only an open log follows how its transactions are replicated, and knows which files aren't its own
        // any more.
        if used
            || self.first_unstable_offset.is_some()
            || self.removing.strong_count() > 0
            || self.is_being_cleaned()
        {
            Ok(())
        } else {
            self.release()
        }
    }

    /// What a later start needs to know of a log that has been flushed and released.
    ///
    /// # Errors
    /// `Offline`: nothing certain is known.
    pub(crate) fn summary(&self, high_watermark: i64) -> Result<LogSummary> {
        if matches!(self.state, State::Offline) {
            return Err(self.offline());
        }
        Ok(LogSummary {
            topic: self.topic.clone(),
            topic_id: self.topic_id,
            partition: self.partition,
            offsets: LogOffsets {
                log_start_offset: self.log_start_offset,
                log_end_offset: self.log_end_offset,
                recovery_point: self.recovery_point,
                high_watermark,
                first_unstable_offset: self.first_unstable_offset,
                size_bytes: self.size_bytes,
            },
            has_folder: self.has_folder(),
        })
    }

    /// Whether its files are in order as far as is known.
    pub(crate) fn is_online(&self) -> bool {
        !matches!(self.state, State::Offline)
    }

    /// Whether anything was ever written.
    pub(crate) fn has_folder(&self) -> bool {
        !matches!(self.state, State::Absent)
    }

    /// The folder's path, whether there is one or not.
    pub fn folder(&self) -> Folder {
        let name = match self.future {
            None => layout::folder_name(&self.topic, self.partition),
            Some(unique) => {
                layout::suffixed_folder_name(&self.topic, self.partition, unique, layout::FUTURE_SUFFIX)
            }
        };
        Folder::new(self.log_dir.disk(), self.log_dir.join(name))
    }

    /// Spreads the logs' rolls over `segment.jitter.ms`; which share a log gets only has to differ from its
    /// neighbours'.
    fn choose_jitter(&mut self) {
        let range = self.config.segment_jitter_ms.min(self.config.segment_ms).max(0);
        let mixed =
            self.topic_id.as_u64_pair().0 ^ (self.partition as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.roll_jitter_ms = if range == 0 {
            0
        } else {
            (mixed % range as u64) as i64
        };
    }
}
