//! One batch: do its records keep what its header says.

use barnabas_protocol::records::EndTxnMarker;
use barnabas_protocol::records::compression::Decompressor;
use barnabas_protocol::records::{Batch, NO_TIMESTAMP, RecordsError, Skim, TimestampType};

/// Java can't hold more in one buffer, so no client can have written more.
const DECOMPRESSED_BYTES_MAX: usize = i32::MAX as usize;

/// What is wrong with a batch whose CRC is right.
///
/// # Errors
/// Why the records can't be read.
pub fn faults(batch: &Batch<'_>) -> Result<Vec<String>, RecordsError> {
    let header = &batch.header;
    let mut faults = Vec::new();
    if header.last_offset_delta < 0 {
        faults.push(format!(
            "the last offset delta {} is negative",
            header.last_offset_delta
        ));
    }
    let codec = header.compression()?;
    let decompressor = Decompressor::new(codec, batch.payload())?;
    let mut records = Skim::new(decompressor, codec, header.records_count, DECOMPRESSED_BYTES_MAX);
    let (mut last_delta, mut max_timestamp) = (-1, NO_TIMESTAMP);
    while let Some(record) = records.next_record()? {
        let offset = header.base_offset.saturating_add(i64::from(record.offset_delta));
        if record.offset_delta <= last_delta || record.offset_delta > header.last_offset_delta {
            faults.push(format!(
                "a record of offset {offset} follows one of offset {}, and the batch ends with {}",
                header.base_offset.saturating_add(i64::from(last_delta)),
                header.last_offset()
            ));
            break;
        }
        last_delta = record.offset_delta;
        max_timestamp = max_timestamp.max(header.base_timestamp.saturating_add(record.timestamp_delta));
    }
    if header.timestamp_type() == TimestampType::CreateTime
        && header.records_count > 0
        && faults.is_empty()
        && max_timestamp != header.max_timestamp
    {
        faults.push(format!(
            "the largest timestamp of the records is {max_timestamp}, the header says {}",
            header.max_timestamp
        ));
    }
    Ok(faults)
}

/// Whether a control batch with records holds a transaction marker.
pub fn is_marker(batch: &Batch<'_>) -> bool {
    batch.header.records_count == 0 || EndTxnMarker::parse(batch.payload()).is_some()
}
