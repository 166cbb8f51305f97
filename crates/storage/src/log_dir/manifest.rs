//! `.barnabas-manifest`: what a clean start needs to know of every log, in one file. Ours, and a cache:
//! without it the folders are read.
//!
//! ```text
//!  magic "BNBM" | version u32 = 1 | crc-32c u32 of all behind | count u32 | row*
//!  row: topic id 16 bytes | partition i32 | log start offset i64 | log end offset i64 | recovery point i64
//!       | high watermark i64 | first unstable offset i64, -1 for none | size u64 | name length u16 | topic name
//! ```

use std::sync::Arc;

use uuid::Uuid;

use crate::log::{LogOffsets, LogSummary};

/// Its name in the log directory.
pub const FILE_NAME: &str = ".barnabas-manifest";

const MAGIC: &[u8; 4] = b"BNBM";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 12;

/// One log of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestRow {
    pub topic: Arc<str>,
    pub topic_id: Uuid,
    pub partition: i32,
    pub offsets: LogOffsets,
}

/// The file's bytes: a row for each log that has a folder.
pub fn encode(logs: &[LogSummary]) -> Vec<u8> {
    let logs = logs.iter().filter(|log| log.has_folder);
    let mut bytes = [MAGIC.as_slice(), &VERSION.to_be_bytes(), &[0; 4]].concat();
    bytes.extend_from_slice(&(logs.clone().count() as u32).to_be_bytes());
    for log in logs {
        bytes.extend_from_slice(log.topic_id.as_bytes());
        bytes.extend_from_slice(&log.partition.to_be_bytes());
        let offsets = &log.offsets;
        for offset in [
            offsets.log_start_offset,
            offsets.log_end_offset,
            offsets.recovery_point,
            offsets.high_watermark,
            offsets.first_unstable_offset.unwrap_or(-1),
        ] {
            bytes.extend_from_slice(&offset.to_be_bytes());
        }
        bytes.extend_from_slice(&offsets.size_bytes.to_be_bytes());
        bytes.extend_from_slice(&(log.topic.len() as u16).to_be_bytes());
        bytes.extend_from_slice(log.topic.as_bytes());
    }
    let crc = crc32c::crc32c(&bytes[HEADER_BYTES..]);
    bytes[8..HEADER_BYTES].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// Reads the file; `None` for anything but a whole one of this version.
pub fn decode(bytes: &[u8]) -> Option<Vec<ManifestRow>> {
    let (header, body) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let known = [
        MAGIC.as_slice(),
        &VERSION.to_be_bytes(),
        &crc32c::crc32c(body).to_be_bytes(),
    ]
    .concat();
    if *header != *known {
        return None;
    }
    let mut cursor = Cursor(body);
    let count = u32::from_be_bytes(cursor.take()?);
    let mut rows = Vec::new();
    let mut topic: Arc<str> = "".into();
    for _ in 0..count {
        rows.push(row(&mut cursor, &mut topic)?);
    }
    cursor.0.is_empty().then_some(rows)
}

fn row(cursor: &mut Cursor<'_>, last_topic: &mut Arc<str>) -> Option<ManifestRow> {
    let topic_id = Uuid::from_bytes(cursor.take()?);
    let partition = i32::from_be_bytes(cursor.take()?);
    let mut offset = || cursor.take().map(i64::from_be_bytes);
    let offsets = LogOffsets {
        log_start_offset: offset()?,
        log_end_offset: offset()?,
        recovery_point: offset()?,
        high_watermark: offset()?,
        first_unstable_offset: Some(offset()?).filter(|&offset| offset >= 0),
        size_bytes: u64::from_be_bytes(cursor.take()?),
    };
    let len = usize::from(u16::from_be_bytes(cursor.take()?));
    let (name, rest) = cursor.0.split_at_checked(len)?;
    cursor.0 = rest;
    let name = std::str::from_utf8(name).ok()?;
    if **last_topic != *name {
        // Partitions of one topic share its name.
        *last_topic = name.into();
    }
    Some(ManifestRow {
        topic: last_topic.clone(),
        topic_id,
        partition,
        offsets,
    })
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(partition: i32, has_folder: bool) -> LogSummary {
        let offsets = LogOffsets {
            log_start_offset: 1,
            log_end_offset: 20,
            recovery_point: 10,
            high_watermark: 15,
            first_unstable_offset: (partition == 1).then_some(12),
            size_bytes: 4096,
        };
        LogSummary {
            topic: "orders".into(),
            topic_id: Uuid::from_u128(8),
            partition,
            offsets,
            has_folder,
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let logs = [summary(0, true), summary(1, true), summary(2, false)];
        let rows = decode(&encode(&logs)).unwrap();
        assert_eq!(rows.len(), 2, "a log without a folder isn't there");
        for (row, log) in rows.iter().zip(&logs) {
            assert_eq!((&row.topic, row.partition), (&log.topic, log.partition));
            assert_eq!((&row.offsets, row.topic_id), (&log.offsets, log.topic_id));
        }
    }

    #[test]
    fn anything_but_a_whole_manifest_is_ignored() {
        let bytes = encode(&[summary(0, true)]);
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 4;
            assert_eq!(decode(&flipped), None, "flipped at {at}");
            assert_eq!(decode(&bytes[..at]), None, "cut at {at}");
        }
    }
}
