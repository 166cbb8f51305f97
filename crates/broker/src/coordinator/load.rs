//! Reading a shard's state back from the log of its partition.

use std::io;

use barnabas_coordinator::CoordinatorError;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::compression::{Compression, decompress};
use barnabas_protocol::records::{Batch, BatchHeader, InvalidRecord, RecordsError, batches};

use barnabas_replica::partition::Partition;

/// How much is read at a time.
const CHUNK_BYTES: u32 = 1 << 20;
/// No batch of a coordinator's may decompress to more.
const DECOMPRESSED_BYTES_MAX: usize = 256 << 20;

/// Why a shard could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The log can't be read.
    #[error("the log cannot be read: {0}")]
    Log(ErrorCode),
    /// The log's file can't be read.
    #[error("the log cannot be read")]
    Io(#[from] io::Error),
    /// A batch is unsound.
    #[error("a batch at offset {offset} is unsound")]
    Batch {
        /// Where.
        offset: i64,
        /// In what way.
        source: RecordsError,
    },
    /// A record is unsound.
    #[error("a record after offset {offset} is unsound")]
    Record {
        /// Offset of its batch.
        offset: i64,
        /// In what way.
        source: InvalidRecord,
    },
    /// A record's key or value is not what its type says.
    #[error(transparent)]
    Content(#[from] CoordinatorError),
}

/// Shows every record of the log that has a key to `load`, in order: its batch, key and value. Returns the offset after the last one.
///
/// # Errors
/// The log can't be read, or holds what no coordinator writes.
pub fn read_log(
    partition: &Partition,
    mut load: impl FnMut(&BatchHeader, &[u8], Option<&[u8]>) -> Result<(), CoordinatorError>,
) -> Result<i64, LoadError> {
    let (mut next_offset, end_offset) = partition.offsets();
    while next_offset < end_offset {
        let slice = partition.read(next_offset, CHUNK_BYTES).map_err(LoadError::Log)?;
        let bytes = slice.to_vec()?;
        let before = next_offset;
        for batch in batches(&bytes) {
            let batch = batch.map_err(|source| LoadError::Batch {
                offset: next_offset,
                source,
            })?;
            read_batch(&batch, &mut load)?;
            next_offset = batch.header.next_offset();
        }
        if next_offset == before {
            // Nothing more can be read: what follows was truncated meanwhile.
            break;
        }
    }
    Ok(next_offset)
}

fn read_batch(
    batch: &Batch<'_>,
    load: &mut impl FnMut(&BatchHeader, &[u8], Option<&[u8]>) -> Result<(), CoordinatorError>,
) -> Result<(), LoadError> {
    let offset = batch.header.base_offset;
    let unsound = |source| LoadError::Batch { offset, source };
    let codec = batch.header.compression().map_err(unsound)?;
    let mut decompressed = Vec::new();
    let payload = if codec == Compression::None {
        batch.payload()
    } else {
        decompress(codec, batch.payload(), DECOMPRESSED_BYTES_MAX, &mut decompressed).map_err(unsound)?;
        &decompressed
    };
    for record in batch.records_in(payload) {
        let record = record.map_err(|source| LoadError::Record { offset, source })?;
        // A record without a key is nobody's.
        let Some(key) = record.key else { continue };
        load(&batch.header, key, record.value)?;
    }
    Ok(())
}
