//! The batches of a log and their records.

use std::collections::BTreeMap;
use std::path::{Path, absolute};

use barnabas_protocol::described::by_name;
use barnabas_protocol::records::{Batch, EndTxnMarker, Record, TimestampType, batches, compression};

use super::decoder::Decoder;
use super::json;
use crate::console::Console;
use crate::failure::{Failure, Outcome};

/// A batch may grow to so much when it is decompressed.
const DECOMPRESSED_MAX: usize = 1 << 30;
/// Control records of the metadata log by their type, and what Kafka says before them.
const CONTROL: [(i16, &str, &str); 5] = [
    (2, "LeaderChangeMessage", "LeaderChange:"),
    (3, "SnapshotHeaderRecord", "SnapshotHeader"),
    (4, "SnapshotFooterRecord", "SnapshotFooter"),
    (5, "KRaftVersionRecord", "KRaftVersion"),
    (6, "VotersRecord", "KRaftVoters"),
];

/// Where offsets don't follow each other, by file: the last before the gap, and the first behind it.
#[derive(Default)]
pub struct Gaps(BTreeMap<String, BTreeMap<i64, i64>>);

impl Gaps {
    /// Tells of them when all files are shown.
    pub fn tell(&self, console: &mut Console) {
        for (file, gaps) in &self.0 {
            console.error(format!("Non-consecutive offsets in {file}"));
            for (last, next) in gaps {
                console.error(format!("  {last} is followed by {next}"));
            }
        }
    }
}

/// How a log is shown.
pub struct Log<'a> {
    /// What shows keys and values, where they are shown.
    pub decoder: Option<&'a Decoder>,
    /// Whether records are shown at all.
    pub looks_into_batches: bool,
    /// Whether of records only keys and values are.
    pub skips_metadata: bool,
    /// What lacks.
    pub gaps: &'a mut Gaps,
}

impl Log<'_> {
    /// Shows a log.
    pub fn dump(&mut self, path: &Path, bytes: &[u8], is_whole: bool, console: &mut Console) -> Outcome {
        let mut position = 0;
        let mut last_offset = -1;
        for batch in batches(bytes) {
            let Ok(batch) = batch else { break };
            console.line(batch_line(&batch, position));
            if self.looks_into_batches {
                self.records(path, &batch, &mut last_offset, console)?;
            }
            position += batch.bytes.len();
        }
        let rest = bytes.len() - position;
        if rest > 0 && is_whole {
            let name = path.file_name().unwrap_or_default().display();
            console.line(format!("Found {rest} invalid bytes at the end of {name}"));
        }
        Ok(())
    }

    fn records(
        &mut self,
        path: &Path,
        batch: &Batch<'_>,
        last_offset: &mut i64,
        console: &mut Console,
    ) -> Outcome {
        let unreadable = |why: String| Failure::Said(why);
        let codec = batch
            .header
            .compression()
            .map_err(|error| unreadable(error.to_string()))?;
        let mut payload = Vec::new();
        compression::decompress(codec, batch.payload(), DECOMPRESSED_MAX, &mut payload)
            .map_err(|error| unreadable(error.to_string()))?;
        for record in batch.records_in(&payload) {
            let record = record.map_err(|error| unreadable(error.to_string()))?;
            let offset = batch
                .header
                .base_offset
                .saturating_add(i64::from(record.offset_delta));
            if *last_offset != -1 && offset != *last_offset + 1 {
                let file = absolute(path)
                    .unwrap_or_else(|_| path.to_owned())
                    .display()
                    .to_string();
                self.gaps.0.entry(file).or_default().insert(*last_offset, offset);
            }
            *last_offset = offset;
            console.line(self.record(batch, offset, &record)?);
        }
        Ok(())
    }

    fn record(&self, batch: &Batch<'_>, offset: i64, record: &Record<'_>) -> Outcome<String> {
        let mut line = String::new();
        if !self.skips_metadata {
            line = metadata(batch, offset, record);
            if batch.header.is_control() {
                line += &control(record);
            }
        }
        if let Some(decoder) = self.decoder.filter(|_| !batch.header.is_control()) {
            let mut before = if self.skips_metadata { "| " } else { " " };
            let (key, value) = decoder.decode(record, offset)?;
            for (what, shown) in [("key", key), ("payload", value)] {
                if let Some(shown) = shown {
                    line += &format!("{before}{what}: {shown}");
                    before = " ";
                }
            }
        }
        Ok(line)
    }
}

fn time_name(kind: TimestampType) -> &'static str {
    match kind {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    }
}

fn batch_line(batch: &Batch<'_>, position: usize) -> String {
    let header = &batch.header;
    let horizon = match header.delete_horizon_ms() {
        Some(ms) => format!("OptionalLong[{ms}]"),
        None => "OptionalLong.empty".to_owned(),
    };
    format!(
        "baseOffset: {} lastOffset: {} count: {} baseSequence: {} lastSequence: {} producerId: {} producerEpoch: {} \
         partitionLeaderEpoch: {} isTransactional: {} isControl: {} deleteHorizonMs: {horizon} position: {position} \
         {}: {} size: {} magic: {} compresscodec: {} crc: {} isvalid: {}",
        header.base_offset,
        header.last_offset(),
        header.records_count,
        header.base_sequence,
        header.last_sequence(),
        header.producer_id,
        header.producer_epoch,
        header.partition_leader_epoch,
        header.is_transactional(),
        header.is_control(),
        time_name(header.timestamp_type()),
        header.max_timestamp,
        batch.bytes.len(),
        header.magic,
        header.compression().map_or("unknown", |codec| codec.name()),
        header.crc,
        batch.verify_crc().is_ok()
    )
}

fn metadata(batch: &Batch<'_>, offset: i64, record: &Record<'_>) -> String {
    let header = &batch.header;
    let sequence = match header.base_sequence {
        ..0 => -1,
        base => base.wrapping_add(record.offset_delta) & i32::MAX,
    };
    let timestamp = match header.timestamp_type() {
        TimestampType::LogAppendTime => header.max_timestamp,
        TimestampType::CreateTime => header.base_timestamp + record.timestamp_delta,
    };
    let size = |bytes: Option<&[u8]>| bytes.map_or(-1, |bytes| bytes.len() as i64);
    let keys: Vec<_> = record
        .headers()
        .map(|header| String::from_utf8_lossy(header.key))
        .collect();
    format!(
        "| offset: {offset} {}: {timestamp} keySize: {} valueSize: {} sequence: {sequence} headerKeys: [{}]",
        time_name(header.timestamp_type()),
        size(record.key),
        size(record.value),
        keys.join(",")
    )
}

fn control(record: &Record<'_>) -> String {
    let key = record.key.unwrap_or_default();
    if let Some(marker) = EndTxnMarker::decode(key, record.value) {
        let kind = if marker.committed { "COMMIT" } else { "ABORT" };
        return format!(
            " endTxnMarker: {kind} coordinatorEpoch: {}",
            marker.coordinator_epoch
        );
    }
    let kind = key
        .get(2..4)
        .map_or(-1, |kind| i16::from_be_bytes([kind[0], kind[1]]));
    let known = CONTROL.iter().find(|known| known.0 == kind);
    known
        .and_then(|(_, name, shown)| Some(format!(" {shown} {}", quorum_record(name, record.value?)?)))
        .unwrap_or_else(|| format!(" controlType: UNKNOWN({kind})"))
}

/// A control record of the metadata log; it begins with its version.
fn quorum_record(name: &str, value: &[u8]) -> Option<String> {
    let version = i16::from_be_bytes(*value.first_chunk()?);
    let (node, _) = by_name(name)?.decode(version, value).ok()?;
    Some(json::text(&node))
}
