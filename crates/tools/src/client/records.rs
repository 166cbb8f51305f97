//! Records out of what brokers send.

use std::collections::BTreeSet;

use barnabas_protocol::messages::fetch_response::AbortedTransaction;
use barnabas_protocol::records::{EndTxnMarker, TimestampType, batches, compression};

use super::KafkaError;

/// What batches may decompress to, all together.
pub struct Room {
    most: usize,
    left: usize,
}

impl Room {
    /// So many bytes.
    pub fn new(most: usize) -> Self {
        Room { most, left: most }
    }
}

/// A record of a partition.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its timestamp, in milliseconds since 1970.
    pub timestamp: i64,
    /// Whose timestamp that is.
    pub timestamp_type: TimestampType,
    /// The epoch of the leader that wrote it; -1 if unknown.
    pub leader_epoch: i32,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, in their order.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// How often it was delivered to a share group; none without one.
    pub deliveries: Option<i16>,
}

/// The records from `position` on in what was fetched of a partition, and the offset to go on from. Batches
/// for which there is no room left are not read; one that alone is too large is an error.
///
/// # Errors
/// The bytes are not sound.
pub fn records(
    topic: &str,
    partition: i32,
    position: i64,
    bytes: &[u8],
    aborted: Option<&[AbortedTransaction]>,
    room: &mut Room,
) -> Result<(Vec<Fetched>, i64), KafkaError> {
    let unsound = |why: String| {
        KafkaError::plain(format!(
            "Received exception when fetching the next record from {topic}-{partition}: {why}"
        ))
    };
    let mut aborted: Vec<&AbortedTransaction> = aborted.unwrap_or_default().iter().collect();
    aborted.sort_by_key(|transaction| std::cmp::Reverse(transaction.first_offset));
    // Producers whose open transaction will be aborted.
    let mut doomed: BTreeSet<i64> = BTreeSet::new();
    let mut found = Vec::new();
    let mut next = position;
    let mut payload = Vec::new();
    for batch in batches(bytes) {
        let batch = batch.map_err(|error| unsound(error.to_string()))?;
        batch.verify_crc().map_err(|error| unsound(error.to_string()))?;
        let header = batch.header;
        while let Some(transaction) = aborted.pop_if(|first| first.first_offset <= header.last_offset()) {
            doomed.insert(transaction.producer_id.0);
        }
        let codec = header.compression().map_err(|error| unsound(error.to_string()))?;
        payload.clear();
        match compression::decompress(codec, batch.payload(), room.left, &mut payload) {
            Ok(()) => room.left -= payload.len().min(room.left),
            Err(_) if room.left < room.most => {
                room.left = 0;
                break;
            }
            Err(error) => return Err(unsound(error.to_string())),
        }
        next = next.max(header.next_offset());
        if header.is_control() {
            let first = batch.records_in(&payload).next().and_then(Result::ok);
            let marker = first.and_then(|record| EndTxnMarker::decode(record.key?, record.value));
            if marker.is_some() {
                doomed.remove(&header.producer_id);
            }
            continue;
        }
        if header.is_transactional() && doomed.contains(&header.producer_id) {
            continue;
        }
        for record in batch.records_in(&payload) {
            let record = record.map_err(|error| unsound(error.to_string()))?;
            let offset = header.base_offset + i64::from(record.offset_delta);
            if offset < position {
                continue;
            }
            let timestamp = match header.timestamp_type() {
                TimestampType::LogAppendTime => header.max_timestamp,
                TimestampType::CreateTime => header.base_timestamp.wrapping_add(record.timestamp_delta),
            };
            let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
            found.push(Fetched {
                topic: topic.to_owned(),
                partition,
                offset,
                timestamp,
                timestamp_type: header.timestamp_type(),
                leader_epoch: header.partition_leader_epoch,
                key: owned(record.key),
                value: owned(record.value),
                headers: record
                    .headers()
                    .map(|header| (header.key.to_vec(), owned(header.value)))
                    .collect(),
                deliveries: None,
            });
        }
    }
    Ok((found, next))
}
