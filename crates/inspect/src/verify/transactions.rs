//! The transaction index of a segment against the markers in its log.

use std::collections::HashMap;
use std::path::PathBuf;
use std::{fs, io};

use barnabas_protocol::records::BatchHeader;
use barnabas_protocol::records::EndTxnMarker;
use barnabas_storage::{AbortedTxn, StorageError, txn_index};

use super::report::Report;
use crate::{InspectError, Result, Severity};

/// Transactions that are open while the log is walked: producer id to the offset of the first record. Kept
/// from one segment to the next; as large as the number of open transactions.
#[derive(Debug, Default)]
pub struct OpenTransactions {
    first_offsets: HashMap<i64, i64>,
}

/// The entries of one `.txnindex`.
pub struct TxnIndexCheck {
    path: PathBuf,
    entries: Vec<AbortedTxn>,
    confirmed: Vec<bool>,
    severity: Severity,
}

impl TxnIndexCheck {
    /// Reads the index of the segment at `base_offset`; there is none where no transaction was aborted.
    ///
    /// # Errors
    /// `Io`.
    pub fn read(path: PathBuf, severity: Severity, report: &mut Report<'_>) -> Result<Self> {
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read.map_err(InspectError::io(&path))?,
        };
        let entries = match txn_index::decode_all(&path, &bytes) {
            Ok(entries) => entries,
            Err(StorageError::Corrupt {
                path,
                position,
                reason,
                ..
            }) => {
                report.add(severity, &path, Some(position), reason);
                Vec::new()
            }
            Err(error) => return Err(error.into()),
        };
        Ok(TxnIndexCheck {
            path,
            confirmed: vec![false; entries.len()],
            entries,
            severity,
        })
    }

    /// The log's next batch. `payload` is that of a control batch.
    pub fn batch(
        &mut self,
        open: &mut OpenTransactions,
        header: &BatchHeader,
        payload: &[u8],
        report: &mut Report<'_>,
    ) {
        if !header.is_transactional() || !header.has_producer_id() {
            return;
        }
        if !header.is_control() {
            if header.records_count > 0 {
                open.first_offsets
                    .entry(header.producer_id)
                    .or_insert(header.base_offset);
            }
            return;
        }
        let first_offset = open.first_offsets.remove(&header.producer_id);
        if EndTxnMarker::parse(payload).is_none_or(|marker| marker.committed) {
            return;
        }
        let marker_offset = header.last_offset();
        let found = self
            .entries
            .iter()
            .position(|txn| txn.last_offset == marker_offset && txn.producer_id == header.producer_id);
        match (found, first_offset) {
            (Some(index), first_offset) => {
                self.confirmed[index] = true;
                let txn = &self.entries[index];
                if first_offset.is_some_and(|first| txn.first_offset > first) {
                    let what = format!(
                        "the aborted transaction of producer {} begins at offset {}, the index says {}",
                        txn.producer_id,
                        first_offset.unwrap_or(txn.first_offset),
                        txn.first_offset
                    );
                    self.add(Some(index), what, report);
                }
                if txn.last_stable_offset > txn.last_offset + 1 {
                    let what = format!("the last stable offset {} is too large", txn.last_stable_offset);
                    self.add(Some(index), what, report);
                }
            }
            (None, Some(first_offset)) => {
                let what = format!(
                    "the aborted transaction of producer {}, offsets {first_offset} to {marker_offset}, is missing",
                    header.producer_id
                );
                self.add(None, what, report);
            }
            // The cleaner drops the records of an aborted transaction, its entry, and its marker last.
            (None, None) => {}
        }
    }

    /// The log has ended.
    pub fn finish(self, report: &mut Report<'_>) {
        for (index, txn) in self.entries.iter().enumerate() {
            if !self.confirmed[index] {
                let what = format!(
                    "no marker at offset {} ends a transaction of producer {}",
                    txn.last_offset, txn.producer_id
                );
                self.add(Some(index), what, report);
            }
        }
    }

    fn add(&self, index: Option<usize>, what: String, report: &mut Report<'_>) {
        let position = index.map(|index| (index * txn_index::ENTRY_BYTES) as u64);
        report.add(self.severity, &self.path, position, what);
    }
}
