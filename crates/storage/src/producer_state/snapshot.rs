//! The `.snapshot` file of a segment: the producers as they were when the segment began (Kafka's format,
//! version 1).
//!
//! ```text
//!  version i16 = 1 | crc-32c u32 of all behind | count i32 | entry*
//!  entry: producer id i64 | epoch i16 | last sequence i32 | last offset i64 | offset delta i32 | timestamp i64
//!         | coordinator epoch i32 | first offset of the open transaction i64, -1 for none
//! ```

use super::entry::{BatchMetadata, ProducerEntry};

const VERSION: i16 = 1;
const HEADER_BYTES: usize = 6;
const ENTRY_BYTES: usize = 46;

/// Where an entry begins in the file, bytes.
pub fn position(index: usize) -> u64 {
    (HEADER_BYTES + 4 + index * ENTRY_BYTES) as u64
}

/// The snapshot's bytes.
pub fn encode<'a>(entries: impl ExactSizeIterator<Item = &'a ProducerEntry>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + 4 + entries.len() * ENTRY_BYTES);
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&(entries.len() as i32).to_be_bytes());
    for entry in entries {
        let none = BatchMetadata {
            last_sequence: -1,
            last_offset: -1,
            offset_delta: 0,
            timestamp: -1,
        };
        let last = entry.batches().last().copied().unwrap_or(none);
        bytes.extend_from_slice(&entry.producer_id.to_be_bytes());
        bytes.extend_from_slice(&entry.producer_epoch.to_be_bytes());
        bytes.extend_from_slice(&last.last_sequence.to_be_bytes());
        bytes.extend_from_slice(&last.last_offset.to_be_bytes());
        bytes.extend_from_slice(&last.offset_delta.to_be_bytes());
        bytes.extend_from_slice(&entry.last_timestamp.to_be_bytes());
        bytes.extend_from_slice(&entry.coordinator_epoch.to_be_bytes());
        bytes.extend_from_slice(&entry.current_txn_first_offset.unwrap_or(-1).to_be_bytes());
    }
    let crc = crc32c::crc32c(&bytes[HEADER_BYTES..]);
    bytes[2..HEADER_BYTES].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// Reads a snapshot.
///
/// # Errors
/// What is wrong with it, and where.
pub fn decode(bytes: &[u8]) -> Result<Vec<ProducerEntry>, (u64, String)> {
    let field_missing = || (bytes.len() as u64, "the snapshot is cut off".to_owned());
    let (header, body) = bytes
        .split_first_chunk::<HEADER_BYTES>()
        .ok_or_else(field_missing)?;
    let version = i16::from_be_bytes([header[0], header[1]]);
    if version != VERSION {
        return Err((0, format!("unknown snapshot version {version}")));
    }
    let stored = u32::from_be_bytes([header[2], header[3], header[4], header[5]]);
    let computed = crc32c::crc32c(body);
    if stored != computed {
        return Err((2, format!("the CRC is {computed}, the file says {stored}")));
    }
    let (count, rows) = body.split_first_chunk::<4>().ok_or_else(field_missing)?;
    let count = i32::from_be_bytes(*count);
    let (rows, rest) = rows.as_chunks::<ENTRY_BYTES>();
    if usize::try_from(count) != Ok(rows.len()) || !rest.is_empty() {
        return Err((
            HEADER_BYTES as u64,
            format!("{count} entries are announced, {} are there", rows.len()),
        ));
    }
    Ok(rows.iter().map(decode_entry).collect())
}

fn decode_entry(row: &[u8; ENTRY_BYTES]) -> ProducerEntry {
    let i16_at = |at: usize| i16::from_be_bytes([row[at], row[at + 1]]);
    let i32_at = |at: usize| i32::from_be_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
    let i64_at = |at: usize| (i64::from(i32_at(at)) << 32) | i64::from(i32_at(at + 4) as u32);
    let mut entry = ProducerEntry::new(i64_at(0));
    let (last_offset, timestamp) = (i64_at(14), i64_at(26));
    entry.set_epoch(i16_at(8));
    if last_offset >= 0 {
        let batch = BatchMetadata {
            last_sequence: i32_at(10),
            last_offset,
            offset_delta: i32_at(22),
            timestamp,
        };
        entry.add_batch(i16_at(8), batch);
    }
    entry.last_timestamp = timestamp;
    entry.coordinator_epoch = i32_at(34);
    entry.current_txn_first_offset = Some(i64_at(38)).filter(|&offset| offset >= 0);
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<ProducerEntry> {
        let mut a = ProducerEntry::new(4000);
        a.add_batch(
            3,
            BatchMetadata {
                last_sequence: 11,
                last_offset: 111,
                offset_delta: 4,
                timestamp: 99,
            },
        );
        a.coordinator_epoch = 2;
        a.current_txn_first_offset = Some(107);
        let mut b = ProducerEntry::new(5);
        b.set_epoch(1);
        vec![a, b]
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = encode(entries().iter());
        assert_eq!(bytes.len(), 10 + 2 * 46);
        assert_eq!(decode(&bytes), Ok(entries()));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = encode(entries().iter());
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(decode(&flipped).is_err(), "flipped at {at}");
            assert!(decode(&bytes[..at]).is_err(), "cut at {at}");
        }
    }
}
