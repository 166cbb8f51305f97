//! The first producer id that nobody can have, found in the logs where no metadata log says it.

use std::fs;

use barnabas_inspect::segments::{SegmentReader, Step};
use barnabas_metadata::controller::PRODUCER_ID_BLOCK_SIZE;
use barnabas_protocol::records::compression::{Compression, decompress};
use barnabas_storage::StorageError;
use barnabas_storage::layout::SegmentFile;
use barnabas_storage::producer_state::snapshot;

use super::PlannedFolder;
use crate::ImportError;
use barnabas_metadata::internal_topics::TRANSACTION_STATE;

/// No batch of a coordinator's decompresses to more.
const DECOMPRESSED_BYTES_MAX: usize = 256 << 20;

/// Above every id in snapshots and batches, and with room for the rest of the block that the largest is of.
pub fn next(folders: &[PlannedFolder]) -> Result<i64, ImportError> {
    let mut largest = -1;
    for folder in folders {
        largest = largest.max(largest_of(folder)?);
    }
    let block = largest
        .max(-1)
        .saturating_add(1)
        .div_euclid(PRODUCER_ID_BLOCK_SIZE);
    Ok(block.saturating_add(1).saturating_mul(PRODUCER_ID_BLOCK_SIZE))
}

fn largest_of(folder: &PlannedFolder) -> Result<i64, ImportError> {
    let transactions = folder.partition.0 == TRANSACTION_STATE;
    let mut largest = -1;
    for name in barnabas_inspect::place::names(&folder.from)? {
        let path = folder.from.join(&name);
        match SegmentFile::parse(&name) {
            Some((SegmentFile::Snapshot, _)) => {
                let bytes = fs::read(&path).map_err(|source| StorageError::Io {
                    action: "read",
                    path: path.clone(),
                    source,
                })?;
                // One that isn't sound says nothing that the log doesn't.
                let entries = snapshot::decode(&bytes).unwrap_or_default();
                largest = entries
                    .iter()
                    .map(|entry| entry.producer_id)
                    .fold(largest, i64::max);
            }
            Some((SegmentFile::Log, _)) => {
                let mut reader = SegmentReader::open(&path)?;
                while let Some(step) = reader.step()? {
                    let Step::Batch(_, batch) = step else { continue };
                    largest = largest.max(batch.header.producer_id);
                    if transactions && !batch.header.is_control() {
                        largest = largest.max(largest_in_values(&batch));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(largest)
}

/// The ids in `TransactionLogValue`s: their first field, behind the version.
fn largest_in_values(batch: &barnabas_protocol::records::Batch<'_>) -> i64 {
    let codec = batch.header.compression().unwrap_or_default();
    let mut decompressed = Vec::new();
    let payload = if codec == Compression::None {
        batch.payload()
    } else {
        if decompress(codec, batch.payload(), DECOMPRESSED_BYTES_MAX, &mut decompressed).is_err() {
            return -1;
        }
        &decompressed
    };
    let values = batch
        .records_in(payload)
        .map_while(Result::ok)
        .filter_map(|record| record.value);
    let ids = values.filter_map(|value| value.get(2..)?.first_chunk::<8>());
    ids.map(|bytes| i64::from_be_bytes(*bytes)).max().unwrap_or(-1)
}
