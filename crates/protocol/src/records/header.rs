//! The header of a record batch, format v2 (magic 2, KIP-98), and the fields a broker patches in place.
//!
//! ```text
//!  byte  0        8       12      16    17     21       23        27           35
//!        +--------+-------+-------+-----+------+--------+---------+------------+-----------+
//!        | base   | batch | part. | ma- | crc  | attri- | last    | base       | max       |
//!        | offset | length| leader| gic | -32c | butes  | offset  | timestamp  | timestamp |
//!        | i64    | i32   | epoch | i8  | u32  | i16    | delta   | i64 (ms)   | i64 (ms)  |
//!        |        |       | i32   | = 2 |      |        | i32     |            |           |
//!        +--------+-------+-------+-----+------+--------+---------+------------+-----------+
//!  byte  43          51         53         57        61
//!        +-----------+----------+----------+---------+------------------ ... ----+
//!        | producer  | producer | base     | records | records, compressed as a  |
//!        | id i64    | epoch i16| sequence | count   | whole when attributes say |
//!        |           |          | i32      | i32     | so                        |
//!        +-----------+----------+----------+---------+------------------ ... ----+
//!
//!  batch length counts everything behind itself (whole batch = 12 + batch length).
//!  The CRC covers attributes (byte 21) to the end: base offset and leader epoch may be patched without
//!  touching it.
//!
//!  attributes  15..7 unused | 6 delete horizon | 5 control | 4 transactional | 3 timestamp type | 2..0 codec
//! ```

use super::{Compression, RecordsError};

/// Bytes of a batch's header.
pub const BATCH_OVERHEAD: usize = 61;
/// Bytes before those that `batch_length` counts: base offset and the length itself.
pub const LOG_OVERHEAD: usize = 12;
/// Where `batch_length` lies.
pub const BATCH_LENGTH_OFFSET: usize = 8;
/// Where the magic lies, in every format Kafka has had.
pub const MAGIC_OFFSET: usize = 16;
/// The only magic Apache Kafka 4 accepts and stores.
pub const MAGIC_V2: i8 = 2;
/// `producer_id` of a batch without a producer id.
pub const NO_PRODUCER_ID: i64 = -1;
/// `producer_epoch` of a batch without a producer id.
pub const NO_PRODUCER_EPOCH: i16 = -1;
/// `base_sequence` of a batch without a producer id, or of a transaction marker.
pub const NO_SEQUENCE: i32 = -1;
/// A timestamp that nobody set.
pub const NO_TIMESTAMP: i64 = -1;
/// `partition_leader_epoch` as producers send it.
pub const NO_EPOCH: i32 = -1;

const LEADER_EPOCH_OFFSET: usize = 12;
const CRC_OFFSET: usize = 17;
pub(super) const ATTRIBUTES_OFFSET: usize = 21;
const MAX_TIMESTAMP_OFFSET: usize = 35;
/// The least `batch_length` of any magic: a v0 record's overhead.
const LEGACY_RECORD_OVERHEAD: i32 = 14;

/// Who set a batch's timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimestampType {
    /// The producer; `max_timestamp` is the largest of the batch.
    #[default]
    CreateTime,
    /// The broker on append; `max_timestamp` holds for every record of the batch.
    LogAppendTime,
}

/// The attribute bits of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes(pub i16);

impl Attributes {
    const CODEC_MASK: i16 = 0x07;
    const TIMESTAMP_TYPE: i16 = 0x08;
    const TRANSACTIONAL: i16 = 0x10;
    const CONTROL: i16 = 0x20;
    const DELETE_HORIZON: i16 = 0x40;
    /// Every bit that has a meaning; Kafka clears the others whenever it writes attributes.
    const KNOWN: i16 = 0x7f;

    /// The codec of the records; ids 5 to 7 name none.
    pub fn compression(self) -> Result<Compression, RecordsError> {
        Compression::from_id((self.0 & Self::CODEC_MASK) as u8)
    }

    /// Who set the timestamps.
    pub fn timestamp_type(self) -> TimestampType {
        if self.0 & Self::TIMESTAMP_TYPE == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// The batch belongs to a transaction (KIP-98).
    pub fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// The batch holds control records (transaction markers), which consumers never see.
    pub fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// `base_timestamp` holds the time from which the cleaner may drop tombstones (KIP-534).
    pub fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }

    /// These attributes with another codec.
    #[must_use]
    pub fn with_compression(self, codec: Compression) -> Self {
        Attributes(self.0 & !Self::CODEC_MASK | i16::from(codec.id()))
    }

    /// These attributes with another timestamp type.
    #[must_use]
    pub fn with_timestamp_type(self, timestamp_type: TimestampType) -> Self {
        self.with(
            Self::TIMESTAMP_TYPE,
            timestamp_type == TimestampType::LogAppendTime,
        )
    }

    /// These attributes with the transactional bit set or cleared.
    #[must_use]
    pub fn with_transactional(self, on: bool) -> Self {
        self.with(Self::TRANSACTIONAL, on)
    }

    /// These attributes with the control bit set or cleared.
    #[must_use]
    pub fn with_control(self, on: bool) -> Self {
        self.with(Self::CONTROL, on)
    }

    /// These attributes with the delete horizon bit set or cleared.
    #[must_use]
    pub fn with_delete_horizon(self, on: bool) -> Self {
        self.with(Self::DELETE_HORIZON, on)
    }

    fn with(self, bit: i16, on: bool) -> Self {
        Attributes(if on { self.0 | bit } else { self.0 & !bit })
    }
}

/// All fields of a batch's header, in wire order.
///
/// Parsing proves only that the frame is sound (size and magic); the CRC and the records are the caller's to
/// check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Bytes behind this field; see [`BatchHeader::size_in_bytes`].
    pub batch_length: i32,
    /// Epoch of the leader that appended the batch; -1 from producers.
    pub partition_leader_epoch: i32,
    /// 2.
    pub magic: i8,
    /// CRC-32C as stored.
    pub crc: u32,
    /// Codec, timestamp type and flags.
    pub attributes: Attributes,
    /// Offset of the last record less the base offset; kept when compaction drops that record.
    pub last_offset_delta: i32,
    /// Timestamp (ms) that record deltas count from, or the delete horizon.
    pub base_timestamp: i64,
    /// Largest timestamp (ms) of the batch, or its append time.
    pub max_timestamp: i64,
    /// -1 without idempotence.
    pub producer_id: i64,
    /// -1 without idempotence.
    pub producer_epoch: i16,
    /// Sequence number of the first record; -1 without idempotence.
    pub base_sequence: i32,
    /// Records in the batch.
    pub records_count: i32,
}

impl BatchHeader {
    /// Reads the header at the front of `bytes`, which may hold less than the whole batch.
    ///
    /// # Errors
    /// `Truncated` under 61 bytes (under 17 when the magic is not 2), `SizeBelowMinimum`,
    /// `SizeBelowOverhead`, `LegacyMagic`, `UnknownMagic`.
    pub fn parse(bytes: &[u8]) -> Result<BatchHeader, RecordsError> {
        let truncated = |needed| RecordsError::Truncated {
            needed,
            available: bytes.len(),
        };
        let batch_length =
            i32::from_be_bytes(field(bytes, BATCH_LENGTH_OFFSET).ok_or(truncated(LOG_OVERHEAD))?);
        if batch_length < LEGACY_RECORD_OVERHEAD {
            return Err(RecordsError::SizeBelowMinimum { size: batch_length });
        }
        let [magic] = field(bytes, MAGIC_OFFSET).ok_or(truncated(MAGIC_OFFSET + 1))?;
        let magic = magic as i8;
        let size = LOG_OVERHEAD + batch_length as usize;
        match magic {
            MAGIC_V2 => {}
            0 | 1 => return Err(RecordsError::LegacyMagic { magic, size }),
            _ => return Err(RecordsError::UnknownMagic(magic)),
        }
        if size < BATCH_OVERHEAD {
            return Err(RecordsError::SizeBelowOverhead { size });
        }
        let header: &[u8; BATCH_OVERHEAD] = bytes.first_chunk().ok_or(truncated(BATCH_OVERHEAD))?;
        Ok(Self::from_array(header))
    }

    fn from_array(h: &[u8; BATCH_OVERHEAD]) -> BatchHeader {
        let i16_at = |at: usize| i16::from_be_bytes([h[at], h[at + 1]]);
        let i32_at = |at: usize| i32::from_be_bytes([h[at], h[at + 1], h[at + 2], h[at + 3]]);
        let i64_at = |at: usize| (i64::from(i32_at(at)) << 32) | i64::from(i32_at(at + 4) as u32);
        BatchHeader {
            base_offset: i64_at(0),
            batch_length: i32_at(BATCH_LENGTH_OFFSET),
            partition_leader_epoch: i32_at(LEADER_EPOCH_OFFSET),
            magic: h[MAGIC_OFFSET] as i8,
            crc: i32_at(CRC_OFFSET) as u32,
            attributes: Attributes(i16_at(ATTRIBUTES_OFFSET)),
            last_offset_delta: i32_at(23),
            base_timestamp: i64_at(27),
            max_timestamp: i64_at(MAX_TIMESTAMP_OFFSET),
            producer_id: i64_at(43),
            producer_epoch: i16_at(51),
            base_sequence: i32_at(53),
            records_count: i32_at(57),
        }
    }

    /// The header's bytes as they lie on the wire.
    pub fn to_bytes(&self) -> [u8; BATCH_OVERHEAD] {
        let mut h = [0; BATCH_OVERHEAD];
        h[0..8].copy_from_slice(&self.base_offset.to_be_bytes());
        h[8..12].copy_from_slice(&self.batch_length.to_be_bytes());
        h[12..16].copy_from_slice(&self.partition_leader_epoch.to_be_bytes());
        h[16] = self.magic as u8;
        h[17..21].copy_from_slice(&self.crc.to_be_bytes());
        h[21..23].copy_from_slice(&self.attributes.0.to_be_bytes());
        h[23..27].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        h[27..35].copy_from_slice(&self.base_timestamp.to_be_bytes());
        h[35..43].copy_from_slice(&self.max_timestamp.to_be_bytes());
        h[43..51].copy_from_slice(&self.producer_id.to_be_bytes());
        h[51..53].copy_from_slice(&self.producer_epoch.to_be_bytes());
        h[53..57].copy_from_slice(&self.base_sequence.to_be_bytes());
        h[57..61].copy_from_slice(&self.records_count.to_be_bytes());
        h
    }

    /// Whole size of the batch in bytes, header included: 12 + `batch_length`.
    pub fn size_in_bytes(&self) -> usize {
        LOG_OVERHEAD + usize::try_from(self.batch_length).unwrap_or(0)
    }

    /// Offset of the last record. Wraps like Java's addition on absurd input; a validated batch never does.
    pub fn last_offset(&self) -> i64 {
        self.base_offset.wrapping_add(i64::from(self.last_offset_delta))
    }

    /// The offset that follows this batch.
    pub fn next_offset(&self) -> i64 {
        self.last_offset().wrapping_add(1)
    }

    /// Sequence number of the last record, or -1; wraps from `i32::MAX` to 0 (KIP-98).
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence == NO_SEQUENCE {
            return NO_SEQUENCE;
        }
        let sum = i64::from(self.base_sequence) + i64::from(self.last_offset_delta);
        if sum > i64::from(i32::MAX) {
            (sum - i64::from(i32::MAX) - 1) as i32
        } else {
            sum as i32
        }
    }

    /// The batch carries a producer id (idempotent or transactional).
    pub fn has_producer_id(&self) -> bool {
        self.producer_id > NO_PRODUCER_ID
    }

    /// See [`Attributes::is_control`].
    pub fn is_control(&self) -> bool {
        self.attributes.is_control()
    }

    /// See [`Attributes::is_transactional`].
    pub fn is_transactional(&self) -> bool {
        self.attributes.is_transactional()
    }

    /// See [`Attributes::compression`].
    pub fn compression(&self) -> Result<Compression, RecordsError> {
        self.attributes.compression()
    }

    /// See [`Attributes::timestamp_type`].
    pub fn timestamp_type(&self) -> TimestampType {
        self.attributes.timestamp_type()
    }

    /// When the cleaner may drop the batch's tombstones (ms), if it has marked them (KIP-534).
    pub fn delete_horizon_ms(&self) -> Option<i64> {
        self.attributes
            .has_delete_horizon()
            .then_some(self.base_timestamp)
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied()
}

/// The CRC-32C of a whole batch's bytes: attributes to end. Zero for fewer bytes than that.
pub fn batch_crc(batch: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(batch.get(ATTRIBUTES_OFFSET..).unwrap_or_default())
}

/// Sets the base offset in place; the CRC does not cover it. Nothing happens to a slice shorter than a
/// header.
pub fn set_base_offset(batch: &mut [u8], base_offset: i64) {
    put(batch, 0, &base_offset.to_be_bytes());
}

/// Sets the leader epoch in place; the CRC does not cover it. Nothing happens to a slice shorter than a
/// header.
pub fn set_partition_leader_epoch(batch: &mut [u8], leader_epoch: i32) {
    put(batch, LEADER_EPOCH_OFFSET, &leader_epoch.to_be_bytes());
}

/// Sets timestamp type and largest timestamp (ms) of a whole batch and seals it anew; untouched when both are
/// so already.
pub fn set_max_timestamp(batch: &mut [u8], timestamp_type: TimestampType, max_timestamp: i64) {
    let (Some(attributes), Some(current)) = (
        field(batch, ATTRIBUTES_OFFSET),
        field(batch, MAX_TIMESTAMP_OFFSET),
    ) else {
        return;
    };
    let attributes = Attributes(i16::from_be_bytes(attributes));
    if attributes.timestamp_type() == timestamp_type && i64::from_be_bytes(current) == max_timestamp {
        return;
    }
    put(
        batch,
        ATTRIBUTES_OFFSET,
        &(attributes.with_timestamp_type(timestamp_type).0 & Attributes::KNOWN).to_be_bytes(),
    );
    put(batch, MAX_TIMESTAMP_OFFSET, &max_timestamp.to_be_bytes());
    seal(batch);
}

/// Computes the CRC of a whole batch and stores it in its header.
pub fn seal(batch: &mut [u8]) {
    let crc = batch_crc(batch);
    put(batch, CRC_OFFSET, &crc.to_be_bytes());
}

fn put(batch: &mut [u8], at: usize, value: &[u8]) {
    if let Some(header) = batch.first_chunk_mut::<BATCH_OVERHEAD>() {
        header[at..at + value.len()].copy_from_slice(value);
    }
}
