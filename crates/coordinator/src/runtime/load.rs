//! Reading a shard's state back from the log of its partition.
//!
//! A record of an unknown type, of a version from the future or with unreadable bytes says nothing to this
//! coordinator. It is passed over with a warning and stays in the log, and compaction keeps it: whoever wrote
//! it may come back. Apache Kafka does so with unknown types and gives a partition with any other such record
//! up; here it takes nothing else away.

use std::collections::BTreeMap;
use std::io;

use barnabas_protocol::records::compression::{Compression, decompress};
use barnabas_protocol::records::{Batch, BatchHeader, RecordsError, batches};

use super::partition_log::PartitionLog;
use crate::error::CoordinatorError;

/// How much is read at a time.
const CHUNK_BYTES: u32 = 1 << 20;
/// No batch of a coordinator's may decompress to more.
const DECOMPRESSED_BYTES_MAX: usize = 256 << 20;

/// Why a shard could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The log can't be read.
    #[error("the log cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A batch is unsound.
    #[error("a batch at offset {offset} is unsound")]
    Batch {
        /// Where.
        offset: i64,
        /// In what way.
        source: RecordsError,
    },
}

/// What was passed over, by the reason: how often, and the offset of the first.
#[derive(Default)]
struct PassedOver(BTreeMap<String, (u64, i64)>);

impl PassedOver {
    fn note(&mut self, offset: i64, reason: &dyn std::fmt::Display) {
        let (count, _) = self.0.entry(reason.to_string()).or_insert((0, offset));
        *count += 1;
    }

    fn tell(&self, log: &impl PartitionLog) {
        for (reason, (count, first_offset)) in &self.0 {
            tracing::warn!(log = %log.name(), count, first_offset,
                "passed over what a coordinator can't read, which stays in the log: {reason}");
        }
    }
}

/// Shows every record of the log that has a key to `load`, in order: its batch, key and value. What `load`
/// refuses, and what can't be read at all, is passed over. Returns the offset after the last one.
///
/// # Errors
/// The log can't be read.
pub(super) fn read_log(
    log: &impl PartitionLog,
    mut load: impl FnMut(&BatchHeader, &[u8], Option<&[u8]>) -> Result<(), CoordinatorError>,
) -> Result<i64, LoadError> {
    let (mut next_offset, end_offset) = log.offsets();
    let mut passed_over = PassedOver::default();
    while next_offset < end_offset {
        let bytes = log.read(next_offset, CHUNK_BYTES)?;
        let before = next_offset;
        for batch in batches(&bytes) {
            let batch = batch.map_err(|source| LoadError::Batch {
                offset: next_offset,
                source,
            })?;
            read_batch(&batch, &mut load, &mut passed_over);
            next_offset = batch.header.next_offset();
        }
        if next_offset == before {
            // Nothing more can be read: what follows was truncated meanwhile.
            break;
        }
    }
    passed_over.tell(log);
    Ok(next_offset)
}

fn read_batch(
    batch: &Batch<'_>,
    load: &mut impl FnMut(&BatchHeader, &[u8], Option<&[u8]>) -> Result<(), CoordinatorError>,
    passed_over: &mut PassedOver,
) {
    let base_offset = batch.header.base_offset;
    let mut decompressed = Vec::new();
    let payload = match batch.header.compression() {
        Ok(Compression::None) => batch.payload(),
        Ok(codec) => {
            let done = decompress(codec, batch.payload(), DECOMPRESSED_BYTES_MAX, &mut decompressed);
            if let Err(error) = done {
                return passed_over.note(base_offset, &error);
            }
            &decompressed
        }
        Err(error) => return passed_over.note(base_offset, &error),
    };
    for record in batch.records_in(payload) {
        let record = match record {
            Ok(record) => record,
            // Where the next one would begin is not known.
            Err(error) => return passed_over.note(base_offset, &error),
        };
        // A record without a key is nobody's.
        let Some(key) = record.key else { continue };
        if let Err(error) = load(&batch.header, key, record.value) {
            passed_over.note(base_offset + i64::from(record.offset_delta), &error);
        }
    }
}
