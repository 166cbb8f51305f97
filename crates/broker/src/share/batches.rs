//! The batches in a range of a segment file: where each lies, and which belong to aborted transactions.
//!
//! Only headers are read, and only as many as may be acquired; the records themselves go from the page cache
//! to the socket.

use std::io;

use barnabas_network::response::FileRange;
use barnabas_protocol::records::{BATCH_OVERHEAD, BatchHeader};
use barnabas_share::{AcquiredRecords, Span};
use barnabas_storage::AbortedTxn;

/// Bytes read at a time: the headers of many small batches.
const CHUNK_BYTES: usize = 8 * 1024;

/// Whole batches at the front of a range.
#[derive(Debug, Default)]
pub struct Batches {
    /// Their offsets.
    pub spans: Vec<Span>,
    /// Those of them whose records no member is to see.
    pub aborted: Vec<Span>,
    /// Where each begins, from the range's position on, and where the last ends.
    places: Vec<usize>,
}

impl Batches {
    /// Reads the headers of a range, up to the batch that holds `last_offset`.
    ///
    /// # Errors
    /// What the system says; `InvalidData` for what is no batch.
    pub fn read(range: &FileRange, aborted: &[AbortedTxn], last_offset: i64) -> io::Result<Batches> {
        let mut batches = Batches::default();
        let mut chunk = [0; CHUNK_BYTES];
        let (mut chunk_from, mut chunk_len) = (0, 0);
        let mut place = 0;
        while place + BATCH_OVERHEAD <= range.len {
            if place < chunk_from || place + BATCH_OVERHEAD > chunk_from + chunk_len {
                chunk_from = place;
                chunk_len = CHUNK_BYTES.min(range.len - place);
                range
                    .file
                    .read_exact_at(&mut chunk[..chunk_len], range.position + place as u64)?;
            }
            let header = BatchHeader::parse(&chunk[place - chunk_from..chunk_len])
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
            let size = header.size_in_bytes();
            // The last batch of a range may be cut off.
            if place + size > range.len {
                break;
            }
            let span = Span {
                first_offset: header.base_offset,
                last_offset: header.last_offset(),
            };
            if is_aborted(&header, aborted) {
                batches.aborted.push(span);
            }
            batches.spans.push(span);
            batches.places.push(place);
            place += size;
            if span.last_offset >= last_offset {
                break;
            }
        }
        batches.places.push(place);
        Ok(batches)
    }

    /// Where a batch lies in the range, and how many bytes it has.
    pub fn place(&self, at: usize) -> (usize, usize) {
        (self.places[at], self.places[at + 1] - self.places[at])
    }

    /// The part of the range with the batches of what was acquired.
    pub fn slice(&self, range: &FileRange, acquired: &[AcquiredRecords]) -> Option<FileRange> {
        let first_offset = acquired.first()?.first_offset;
        let last_offset = acquired.last()?.last_offset;
        let first = self.spans.partition_point(|span| span.last_offset < first_offset);
        let behind = self
            .spans
            .partition_point(|span| span.first_offset <= last_offset);
        let (from, to) = (*self.places.get(first)?, *self.places.get(behind)?);
        (from < to).then(|| FileRange {
            position: range.position + from as u64,
            len: to - from,
            ..range.clone()
        })
    }
}

/// Whether the records of a batch were taken back. Markers are no records, and say nothing to a member.
fn is_aborted(header: &BatchHeader, aborted: &[AbortedTxn]) -> bool {
    let holds = |txn: &AbortedTxn| {
        txn.producer_id == header.producer_id
            && (txn.first_offset..=txn.last_offset).contains(&header.base_offset)
    };
    header.is_transactional() && !header.is_control() && aborted.iter().any(holds)
}
