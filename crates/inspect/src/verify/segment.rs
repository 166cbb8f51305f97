//! One segment: its log, batch by batch, and its indexes beside it.

use std::path::Path;

use barnabas_protocol::records::BatchHeader;
use barnabas_storage::checkpoint::EpochEntry;
use barnabas_storage::layout::SegmentFile;

use super::batch;
use super::index::{OffsetIndexCheck, TimeIndexCheck};
use super::report::Report;
use super::transactions::{OpenTransactions, TxnIndexCheck};
use crate::segments::{SegmentReader, Step};
use crate::{Result, Severity};

/// What a partition's segments have in common, and how far its log has been walked.
pub struct LogWalk<'a> {
    /// The partition's folder.
    pub folder: &'a Path,
    /// The log was not closed in order: from this offset on its end may be torn.
    pub unflushed_from: Option<i64>,
    /// What `leader-epoch-checkpoint` says, rising.
    pub epochs: Vec<EpochEntry>,
    /// The log of the controller, whose control records are not transaction markers.
    pub metadata_log: bool,
    /// The offset after the last batch.
    pub next_offset: i64,
    leader_epoch: i32,
    transactions: OpenTransactions,
}

impl<'a> LogWalk<'a> {
    /// A walk that begins.
    pub fn new(
        folder: &'a Path,
        unflushed_from: Option<i64>,
        epochs: Vec<EpochEntry>,
        metadata_log: bool,
    ) -> Self {
        LogWalk {
            folder,
            unflushed_from,
            epochs,
            metadata_log,
            next_offset: 0,
            leader_epoch: -1,
            transactions: OpenTransactions::default(),
        }
    }

    /// How bad it is when the log is wrong from `offset` on.
    pub fn severity(&self, offset: i64) -> Severity {
        match self.unflushed_from {
            Some(from) if offset >= from => Severity::Warning,
            _ => Severity::Fault,
        }
    }

    /// Walks the segment at `base_offset`; `next_base` is the one that follows.
    ///
    /// # Errors
    /// `Io`.
    pub fn segment(
        &mut self,
        base_offset: i64,
        next_base: Option<i64>,
        report: &mut Report<'_>,
    ) -> Result<()> {
        let path = SegmentFile::Log.path(self.folder, base_offset);
        let side_file = |kind: SegmentFile| kind.path(self.folder, base_offset);
        let last = next_base.is_none();
        let side_severity = self.severity(next_base.unwrap_or(i64::MAX) - 1);
        let mut offsets = OffsetIndexCheck::read(
            side_file(SegmentFile::Index),
            base_offset,
            side_severity,
            last,
            report,
        )?;
        let mut times = TimeIndexCheck::read(
            side_file(SegmentFile::TimeIndex),
            base_offset,
            side_severity,
            last,
            report,
        )?;
        let txn_path = side_file(SegmentFile::TxnIndex);
        let mut aborted = TxnIndexCheck::read(txn_path, side_severity, report)?;

        if base_offset < self.next_offset {
            let what = format!("the segment before ends with offset {}", self.next_offset - 1);
            report.add(Severity::Fault, &path, None, what);
        }
        self.next_offset = self.next_offset.max(base_offset);
        let mut reader = SegmentReader::open(&path)?;
        report.summary.segments += 1;
        report.summary.bytes += reader.size_bytes();
        let len = reader.size_bytes();
        let mut reserved_from = None;
        while let Some(step) = reader.step()? {
            match step {
                Step::Batch(position, batch) => {
                    report.summary.batches += 1;
                    report.summary.records += u64::try_from(batch.header.records_count).unwrap_or(0);
                    let severity = self.severity(batch.header.base_offset);
                    match batch::faults(&batch) {
                        Ok(faults) => {
                            for what in faults {
                                report.add(severity, &path, Some(position), what);
                            }
                        }
                        Err(error) => report.add(severity, &path, Some(position), error.to_string()),
                    }
                    if batch.header.is_control() && !self.metadata_log && !batch::is_marker(&batch) {
                        let what = "a control batch without a transaction marker";
                        report.add(severity, &path, Some(position), what);
                    }
                    self.header(&path, base_offset, position, &batch.header, report);
                    offsets.batch(position, &batch.header, report);
                    times.batch(&batch.header, report);
                    let transactions = &mut self.transactions;
                    aborted.batch(transactions, &batch.header, batch.payload(), report);
                }
                Step::BadCrc(position, header, what) => {
                    report.add(self.severity(self.next_offset), &path, Some(position), what);
                    self.next_offset = self.next_offset.max(header.next_offset());
                }
                Step::Broken(position, what) => reserved_from = Some((position, what)),
            }
        }
        let end = reserved_from.as_ref().map_or(len, |(position, _)| *position);
        if let Some((position, what)) = reserved_from
            && !(last && reader.zeros_from(position)?)
        {
            let what = format!("{what}; the last {} bytes can't be read", len - position);
            report.add(self.severity(self.next_offset), &path, Some(position), what);
        }
        offsets.finish(end, report);
        times.finish(!last, report);
        aborted.finish(report);
        Ok(())
    }

    /// Offsets and leader epochs rise.
    fn header(
        &mut self,
        path: &Path,
        base_offset: i64,
        position: u64,
        header: &BatchHeader,
        report: &mut Report<'_>,
    ) {
        let mut add = |what: String| report.add(Severity::Fault, path, Some(position), what);
        if header.base_offset < self.next_offset {
            add(format!(
                "offset {} follows {}",
                header.base_offset,
                self.next_offset - 1
            ));
        }
        if header.last_offset().saturating_sub(base_offset) > i64::from(i32::MAX) {
            add(format!(
                "offset {} is too far from the segment's first for its index",
                header.last_offset()
            ));
        }
        self.next_offset = self.next_offset.max(header.next_offset());
        let epoch = header.partition_leader_epoch;
        if epoch < self.leader_epoch {
            add(format!("leader epoch {epoch} follows {}", self.leader_epoch));
        }
        self.leader_epoch = self.leader_epoch.max(epoch);
        let after = self
            .epochs
            .partition_point(|entry| entry.start_offset <= header.base_offset);
        if let Some(known) = after.checked_sub(1).map(|index| self.epochs[index])
            && epoch >= 0
            && known.epoch != epoch
        {
            add(format!(
                "the batch at offset {} is of leader epoch {epoch}, leader-epoch-checkpoint says {}",
                header.base_offset, known.epoch
            ));
        }
    }
}
