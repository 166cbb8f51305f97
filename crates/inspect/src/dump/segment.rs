//! The batches of a log, and their records.

use std::path::Path;

use barnabas_protocol::records::compression::{Compression, decompress};
use barnabas_protocol::records::{Batch, BatchHeader, RecordsError, TimestampType};
use serde_json::{Value, json};

use super::decode::Decoder;
use super::line::{Line, bytes};
use super::{Dump, Outcome};
use crate::segments::{SegmentReader, Step};

/// A batch that decompresses to more is shown without its records.
const DECOMPRESSED_BYTES_MAX: usize = 1 << 28;

/// Shows the log at `path`.
pub fn dump(path: &Path, file: &str, decoder: Decoder, dump: &mut Dump<'_>) -> Outcome<()> {
    let mut reader = SegmentReader::open(path)?;
    let mut reserved = None;
    while let Some(step) = reader.step()? {
        match step {
            Step::Batch(position, batch) => {
                dump.line(file, &batch_line(position, &batch.header, true))?;
                if dump.options.records
                    && let Err(error) = records(file, decoder, &batch, dump)?
                {
                    dump.wrong(file, position, &error.to_string())?;
                }
            }
            Step::BadCrc(position, header, what) => {
                dump.line(file, &batch_line(position, &header, false))?;
                dump.wrong(file, position, &what)?;
            }
            Step::Broken(position, what) => reserved = Some((position, what)),
        }
    }
    if let Some((position, what)) = reserved {
        if reader.zeros_from(position)? {
            let line = Line::new("reserved")
                .with("position", position)
                .with("bytes", reader.size_bytes() - position);
            dump.line(file, &line)?;
        } else {
            dump.wrong(file, position, &what)?;
        }
    }
    Ok(())
}

fn batch_line(position: u64, header: &BatchHeader, valid: bool) -> Line {
    let time = match header.timestamp_type() {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    };
    let codec = header
        .compression()
        .map_or_else(|error| error.to_string(), |codec| codec.name().to_owned());
    Line::new("batch")
        .with("baseOffset", header.base_offset)
        .with("lastOffset", header.last_offset())
        .with("count", header.records_count)
        .with("baseSequence", header.base_sequence)
        .with("lastSequence", header.last_sequence())
        .with("producerId", header.producer_id)
        .with("producerEpoch", header.producer_epoch)
        .with("partitionLeaderEpoch", header.partition_leader_epoch)
        .with("isTransactional", header.is_transactional())
        .with("isControl", header.is_control())
        .with_some("deleteHorizonMs", header.delete_horizon_ms())
        .with("position", position)
        .with("timestampType", time)
        .with("maxTimestamp", header.max_timestamp)
        .with("size", header.size_in_bytes())
        .with("magic", header.magic)
        .with("codec", codec)
        .with("crc", header.crc)
        .with("isValid", valid)
}

/// The inner error is of the batch.
fn records(
    file: &str,
    decoder: Decoder,
    batch: &Batch<'_>,
    dump: &mut Dump<'_>,
) -> Outcome<Result<(), RecordsError>> {
    let header = &batch.header;
    let mut decompressed = Vec::new();
    let payload = match header.compression() {
        Ok(Compression::None) => batch.payload(),
        Ok(codec) => match decompress(codec, batch.payload(), DECOMPRESSED_BYTES_MAX, &mut decompressed) {
            Ok(()) => &decompressed,
            Err(error) => return Ok(Err(error)),
        },
        Err(error) => return Ok(Err(error)),
    };
    for record in batch.records_in(payload) {
        let record = match record {
            Ok(record) => record,
            Err(error) => return Ok(Err(error.into())),
        };
        let timestamp = match header.timestamp_type() {
            TimestampType::CreateTime => header.base_timestamp.saturating_add(record.timestamp_delta),
            TimestampType::LogAppendTime => header.max_timestamp,
        };
        let size = |field: Option<&[u8]>| field.map_or(-1, |field| field.len() as i64);
        let headers: Vec<Value> = record
            .headers()
            .map(|header| json!({ "key": bytes(Some(header.key)), "value": bytes(header.value) }))
            .collect();
        let mut line = Line::new("record")
            .with(
                "offset",
                header.base_offset.saturating_add(i64::from(record.offset_delta)),
            )
            .with("timestamp", timestamp)
            .with("keySize", size(record.key))
            .with("valueSize", size(record.value))
            .with("headers", headers);
        line = if header.is_control() {
            line.with("control", decoder.control(&record, payload))
        } else if let Some(decoded) = decoder.decode(&record) {
            line.with("decoded", decoded)
        } else {
            line.with("key", bytes(record.key))
                .with("value", bytes(record.value))
        };
        dump.line(file, &line)?;
    }
    Ok(Ok(()))
}
