//! A cleaning: read the dirty part into the map, then copy group by group and swap each group in.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::SystemTime;

use barnabas_protocol::records::{Batch, Compression, RawRecords, RecordsError, batches, compression};

use super::cleaned_segment::{self, Writer};
use super::filter::{Filter, LastBatches, Rules};
use super::offset_map::OffsetMap;
use super::plan::{self, Cleanable, LogFacts, SegmentFacts};
use super::source::{self, Source};
use super::transactions::Transactions;
use crate::error::{Result, StorageError};
use crate::log::{CleaningHold, Log};
use crate::txn_index;
use crate::validate::REBUILT_BYTES_MAX;
use barnabas_protocol::records::EndTxnMarker;

/// The sizes a cleaner keeps to; see `log.cleaner.*`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CleanerSettings {
    /// Its share of `log.cleaner.dedupe.buffer.size`.
    pub dedupe_buffer_bytes: usize,
    /// `log.cleaner.io.buffer.load.factor`.
    pub load_factor: f64,
    /// Its share of `log.cleaner.io.buffer.size`; a larger batch makes it grow for as long as it is worked
    /// on.
    pub io_buffer_bytes: usize,
}

/// What the cleaner needs of those who run it.
pub trait CleanerShell {
    /// Lets `act` see the log and its high watermark under the partition's lock; `None` once the log is gone.
    fn with_log<T>(&mut self, act: impl FnOnce(&mut Log, i64) -> T) -> Option<T>;
    /// Bytes were read or written. Waits where that was too fast; answers whether to go on.
    fn pace(&mut self, bytes: usize) -> ControlFlow<()>;
    /// Files that have left the log, and are to be removed after `file.delete.delay.ms`.
    fn left(&mut self, paths: Vec<PathBuf>);
}

/// What a cleaning did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CleanerStats {
    /// Bytes read into the map.
    pub indexed_bytes: u64,
    /// Bytes that were filtered.
    pub read_bytes: u64,
    /// Bytes that stayed.
    pub written_bytes: u64,
    /// Records that were looked at while filtering.
    pub read_records: u64,
    /// Records that stayed.
    pub written_records: u64,
    /// Records without a key, which had no place in the log.
    pub invalid_records: u64,
    /// How full the map was, 0 to 1.
    pub map_utilization: f64,
}

/// How a cleaning ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cleaned {
    /// The next cleaning begins here: what the checkpoint must hold.
    pub end_offset: i64,
    /// What it did.
    pub stats: CleanerStats,
}

/// One cleaner with its buffers, for as long as it has logs to clean.
#[derive(Debug)]
pub struct Cleaner {
    settings: CleanerSettings,
    filter: Filter,
    read_buffer: Vec<u8>,
    write_buffer: Vec<u8>,
    decompressed: Vec<u8>,
}

/// One cleaning of one log.
struct Round<'a, S> {
    shell: &'a mut S,
    hold: &'a CleaningHold,
    facts: &'a LogFacts,
    cleanable: &'a Cleanable,
    now_ms: i64,
    stats: CleanerStats,
}

impl Cleaner {
    /// A cleaner; buffers are allocated as they are used.
    pub fn new(settings: CleanerSettings) -> Cleaner {
        Cleaner {
            settings,
            filter: Filter::default(),
            read_buffer: Vec::new(),
            write_buffer: Vec::new(),
            decompressed: Vec::new(),
        }
    }

    /// Cleans what `cleanable` says of the log of which `facts` were true when `hold` was given. `seed` is
    /// any number that producers can't know; `now_ms` decides on tombstones.
    ///
    /// # Errors
    /// `CleaningAborted` when the log or the shell want no more of it, or its segments were removed
    /// meanwhile; what has been swapped in stays. `Corrupt` and `Io` when the log can't be cleaned.
    pub fn clean<S: CleanerShell>(
        &mut self,
        shell: &mut S,
        hold: &CleaningHold,
        facts: &LogFacts,
        cleanable: &Cleanable,
        (now_ms, seed): (i64, u64),
    ) -> Result<Cleaned> {
        let mut round = Round {
            shell,
            hold,
            facts,
            cleanable,
            now_ms,
            stats: CleanerStats::default(),
        };
        let outcome = self.clean_round(&mut round, seed);
        let stats = round.stats;
        match outcome {
            Ok(end_offset) => Ok(Cleaned { end_offset, stats }),
            // Files that can't be found or read because they have left the log are no fault of the log's.
            Err(error) if round.has_changed() => {
                tracing::debug!(%error, "a log changed under its cleaning");
                Err(hold.aborted())
            }
            Err(error) => Err(error),
        }
    }

    fn clean_round<S: CleanerShell>(&mut self, round: &mut Round<'_, S>, seed: u64) -> Result<i64> {
        let last_batches = round.flush()?;
        let offsets = self.index(round, seed)?;
        round.stats.map_utilization = offsets.utilization();
        let end_offset = offsets.latest_offset() + 1;
        let sizes = round
            .facts
            .below(end_offset)
            .iter()
            .map(|segment| source::sizes(round.hold.folder(), segment))
            .collect::<Result<Vec<_>>>()?;
        let config = &round.facts.config;
        let mut transactions = Transactions::default();
        for group in plan::group(&sizes, config, round.cleanable.first_uncleanable_offset) {
            self.copy_group(round, &group, (&offsets, &last_batches), &mut transactions)?;
        }
        Ok(end_offset)
    }

    /// Reads the dirty part into a map, as far as the map goes.
    fn index<S: CleanerShell>(&mut self, round: &mut Round<'_, S>, seed: u64) -> Result<OffsetMap> {
        let (start, end) = (
            round.cleanable.first_dirty_offset,
            round.cleanable.first_uncleanable_offset,
        );
        let keys_max = u64::try_from(end - start).unwrap_or(0);
        let CleanerSettings {
            dedupe_buffer_bytes,
            load_factor,
            ..
        } = self.settings;
        let mut offsets = OffsetMap::new(dedupe_buffer_bytes, load_factor, keys_max, seed);
        let mut transactions = Transactions::default();
        transactions.expect(round.aborted_transactions(start, end)?);
        let dirty = round.facts.between(start, end);
        for (place, segment) in dirty.iter().enumerate() {
            let mut source = Source::open(round.hold.folder(), segment, start)?;
            loop {
                let size = source.read(&mut self.read_buffer, self.settings.io_buffer_bytes)?;
                if size == 0 {
                    break;
                }
                round.pace(size)?;
                round.stats.indexed_bytes += size as u64;
                for batch in batches(&self.read_buffer[..size]) {
                    let full = batch
                        .and_then(|batch| {
                            index_batch(
                                &batch,
                                start,
                                &mut transactions,
                                &mut offsets,
                                &mut self.decompressed,
                            )
                        })
                        .map_err(|error| source.corrupt(&error.to_string()))?;
                    if full {
                        return Ok(offsets);
                    }
                }
                self.shrink();
            }
            // The segment may end in a gap.
            let next = dirty.get(place + 1).map_or(end, |next| next.base_offset);
            offsets.cover(next - 1);
        }
        Ok(offsets)
    }

    /// Copies what stays of a group into one segment, and swaps it in.
    fn copy_group<S: CleanerShell>(
        &mut self,
        round: &mut Round<'_, S>,
        group: &[SegmentFacts],
        known: (&OffsetMap, &LastBatches),
        transactions: &mut Transactions,
    ) -> Result<()> {
        let Some(base_offset) = group.first().map(|segment| segment.base_offset) else {
            return Ok(());
        };
        let mut writer = Writer::create(round.hold.folder(), base_offset)?;
        let mut modified = SystemTime::UNIX_EPOCH;
        let mut copied = Ok(());
        for segment in group {
            copied = self
                .copy_segment(round, segment, known, transactions, &mut writer)
                .map(|time| modified = time);
            if copied.is_err() {
                break;
            }
        }
        let swapped = copied
            .and_then(|()| writer.finish(modified))
            .and_then(|cleaned| {
                let hold = round.hold;
                let replaced = round.with_log(|log, _| log.swap_in(hold, group, &cleaned))??;
                replaced.ok_or_else(|| round.hold.aborted())
            })
            .and_then(|replaced| replaced.finish());
        match swapped {
            Ok(left) => {
                round.shell.left(left);
                Ok(())
            }
            Err(error) => {
                // A log that failed in the middle of the swap is offline; its files must stay for recovery.
                if !round.is_offline()
                    && let Err(error) = cleaned_segment::discard(round.hold.folder(), base_offset)
                {
                    tracing::warn!(%error, "a cleaned segment that is not used could not be removed");
                }
                Err(error)
            }
        }
    }

    /// Answers when the segment was last written to.
    fn copy_segment<S: CleanerShell>(
        &mut self,
        round: &mut Round<'_, S>,
        segment: &SegmentFacts,
        (offsets, last_batches): (&OffsetMap, &LastBatches),
        transactions: &mut Transactions,
        writer: &mut Writer,
    ) -> Result<SystemTime> {
        let config = &round.facts.config;
        let end = round.next_base_offset(segment);
        transactions.expect(round.aborted_transactions(segment.base_offset, end)?);
        let rules = Rules {
            offsets,
            last_batches,
            round_end: round.cleanable.first_uncleanable_offset,
            now_ms: round.now_ms,
            delete_retention_ms: config.delete_retention_ms,
        };
        let mut source = Source::open(round.hold.folder(), segment, segment.base_offset)?;
        loop {
            let size = source.read(&mut self.read_buffer, self.settings.io_buffer_bytes)?;
            if size == 0 {
                return source.modified();
            }
            round.pace(size)?;
            self.write_buffer.clear();
            for batch in batches(&self.read_buffer[..size]) {
                let filtered = batch
                    .and_then(|batch| {
                        self.filter
                            .filter(&batch, &rules, transactions, &mut self.write_buffer)
                    })
                    .map_err(|error| source.corrupt(&error.to_string()))?;
                round.stats.read_records += filtered.records_read;
                round.stats.written_records += filtered.records_kept;
                round.stats.invalid_records += filtered.records_invalid;
                if let Some(aborted) = filtered.aborted {
                    writer.note_aborted(aborted);
                }
            }
            writer.append(&self.write_buffer, config)?;
            round.stats.read_bytes += size as u64;
            round.stats.written_bytes += self.write_buffer.len() as u64;
            round.pace(self.write_buffer.len())?;
            self.shrink();
        }
    }

    /// Gives back what one large batch took.
    fn shrink(&mut self) {
        let most = self.settings.io_buffer_bytes.max(64 << 10) * 2;
        for buffer in [
            &mut self.read_buffer,
            &mut self.write_buffer,
            &mut self.decompressed,
        ] {
            if buffer.capacity() > most {
                *buffer = Vec::new();
            }
        }
        self.filter.shrink(most);
    }
}

impl<S: CleanerShell> Round<'_, S> {
    fn with_log<T>(&mut self, act: impl FnOnce(&mut Log, i64) -> T) -> Result<T> {
        self.hold.check()?;
        self.shell.with_log(act).ok_or_else(|| self.hold.aborted())
    }

    /// Has the log on disk as it is now; answers the last batches of its producers. A power cut must not take
    /// what outdated a record, decided its transaction or continued its producer after the record has gone.
    fn flush(&mut self) -> Result<LastBatches> {
        let (last_batches, flush) = self.with_log(|log, _| (log.last_batches(), log.begin_flush()))?;
        if let Some(flush) = flush? {
            let outcome = flush.run();
            // Even where the cleaning is no longer wanted.
            let flushed = self.shell.with_log(|log, _| log.flushed(&flush, outcome));
            flushed.unwrap_or_else(|| Err(self.hold.aborted()))?;
        }
        Ok(last_batches)
    }

    fn pace(&mut self, bytes: usize) -> Result<()> {
        self.hold.check()?;
        match self.shell.pace(bytes) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(self.hold.aborted()),
        }
    }

    fn aborted_transactions(&mut self, from: i64, to: i64) -> Result<Vec<crate::AbortedTxn>> {
        let active = self.facts.active_base_offset();
        let facts = self.facts;
        source::aborted_transactions(facts, from, to, |base_offset| {
            let folder = self.hold.folder();
            if base_offset == active {
                self.with_log(|_, _| txn_index::read(folder, base_offset))?
            } else {
                txn_index::read(folder, base_offset)
            }
        })
    }

    fn next_base_offset(&self, segment: &SegmentFacts) -> i64 {
        self.facts
            .between(segment.base_offset, i64::MAX)
            .get(1)
            .map_or(i64::MAX, |next| next.base_offset)
    }

    /// Whether the log is gone, or wants no cleaning any more, or has lost segments.
    fn has_changed(&mut self) -> bool {
        let oldest = self.facts.segments.first().map(|segment| segment.base_offset);
        let now = self.shell.with_log(|log, high_watermark| {
            let facts = log.cleaning_facts(high_watermark).ok().flatten();
            facts.and_then(|facts| facts.segments.first().map(|segment| segment.base_offset))
        });
        self.hold.check().is_err() || now.is_none_or(|now| now.is_some() && now != oldest)
    }

    fn is_offline(&mut self) -> bool {
        let facts = self
            .shell
            .with_log(|log, high_watermark| log.cleaning_facts(high_watermark));
        matches!(facts, Some(Err(StorageError::Offline { .. })))
    }
}

/// Puts the keys of a batch into the map; answers whether the map is full.
fn index_batch(
    batch: &Batch<'_>,
    start: i64,
    transactions: &mut Transactions,
    offsets: &mut OffsetMap,
    decompressed: &mut Vec<u8>,
) -> std::result::Result<bool, RecordsError> {
    let header = &batch.header;
    if header.is_control() {
        transactions.on_control(header, EndTxnMarker::parse(batch.payload()));
    } else if !transactions.on_data(header) && header.last_offset() >= start {
        batch.verify_crc()?;
        let codec = header.compression()?;
        let payload = if codec == Compression::None {
            batch.payload()
        } else {
            decompressed.clear();
            compression::decompress(codec, batch.payload(), REBUILT_BYTES_MAX, decompressed)?;
            decompressed
        };
        for record in RawRecords::new(payload, header.records_count)? {
            let record = record?;
            let offset = header.base_offset.wrapping_add(i64::from(record.offset_delta));
            if let Some(key) = record.key.filter(|_| offset >= start)
                && !offsets.put(key, offset)
            {
                return Ok(true);
            }
        }
    }
    if header.last_offset() >= start {
        offsets.cover(header.last_offset());
    }
    Ok(false)
}
