//! Which dead letters are in the log already: a broker that was killed, or has not answered, may have
//! written some.
//!
//! The last offsets of the dead letter topic's partition are read, as many as are plausible, and the headers
//! of their records compared. It happens only after such a failure, and costs nothing else.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use barnabas_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use barnabas_protocol::messages::{BrokerId, FetchRequest, ListOffsetsRequest, StrBytes, TopicName};
use barnabas_protocol::records::compression::decompress;
use barnabas_protocol::records::{Compression, Record, batches};
use barnabas_share::DeadLetter;

use super::Outgoing;
use super::batch::{GROUP, OFFSET, PARTITION, TOPIC};
use super::destination::Destination;
use crate::broker::Broker;
use crate::share::held::Held;

/// How far back is looked.
const OFFSETS_BACK: i64 = 100_000;
const READ_BYTES: u32 = 1024 * 1024;
const DECOMPRESSED_MAX: usize = 64 * 1024 * 1024;
const FETCH_VERSION: i16 = 12;
const LIST_OFFSETS_VERSION: i16 = 7;
const LATEST: i64 = -1;

/// Of these dead letters those that are in the log, by the offsets of their records.
///
/// # Errors
/// The log can't be read.
pub async fn among(
    broker: &Broker,
    destination: &Destination,
    held: &Held,
    letters: &[Outgoing],
) -> Result<BTreeSet<i64>, ErrorCode> {
    let image = broker.image().clone();
    let Some(topic) = image.topics.by_id(&held.key.topic_id) else {
        return Ok(BTreeSet::new());
    };
    let mut wanted = Wanted {
        topic: topic.name.as_bytes(),
        partition: held.key.partition.to_string(),
        group: held.key.group.as_bytes(),
        offsets: letters
            .iter()
            .flat_map(|one| one.letter.first_offset..=one.letter.last_offset)
            .collect(),
        found: BTreeSet::new(),
    };
    let end = end_of(broker, destination).await?;
    let mut next = (end - OFFSETS_BACK).max(0);
    while next < end && !wanted.offsets.is_empty() {
        let Some(bytes) = read(broker, destination, next).await? else {
            break;
        };
        match wanted.look_at(&bytes) {
            Some(behind) if behind > next => next = behind,
            _ => break,
        }
        tokio::task::yield_now().await;
    }
    Ok(wanted.found)
}

struct Wanted<'a> {
    topic: &'a [u8],
    partition: String,
    group: &'a [u8],
    offsets: BTreeSet<i64>,
    found: BTreeSet<i64>,
}

impl Wanted<'_> {
    /// Looks at batches; answers the offset behind them.
    fn look_at(&mut self, bytes: &[u8]) -> Option<i64> {
        let mut behind = None;
        for batch in batches(bytes) {
            let Ok(batch) = batch else { break };
            behind = Some(batch.header.next_offset());
            let mut decompressed = Vec::new();
            let payload = match batch.header.compression() {
                Ok(Compression::None) => batch.payload(),
                Ok(codec) => match decompress(codec, batch.payload(), DECOMPRESSED_MAX, &mut decompressed) {
                    Ok(()) => &decompressed,
                    Err(_) => continue,
                },
                Err(_) => continue,
            };
            for record in batch.records_in(payload).flatten() {
                if let Some(offset) = self
                    .offset_of(&record)
                    .filter(|offset| self.offsets.remove(offset))
                {
                    self.found.insert(offset);
                }
            }
        }
        behind
    }

    /// Of which offset a record is the dead letter, if it is of this share partition.
    fn offset_of(&self, record: &Record<'_>) -> Option<i64> {
        let mut offset = None;
        for header in record.headers() {
            let value = header.value.unwrap_or_default();
            let is_other = |own: &[u8]| {
                if own == value {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            };
            let compared = match str::from_utf8(header.key).unwrap_or_default() {
                TOPIC => is_other(self.topic),
                PARTITION => is_other(self.partition.as_bytes()),
                GROUP => is_other(self.group),
                OFFSET => {
                    offset = str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                    ControlFlow::Continue(())
                }
                _ => ControlFlow::Continue(()),
            };
            if compared.is_break() {
                return None;
            }
        }
        offset
    }
}

/// Dead letters that are in the log, and those that are not, as ranges of one fate.
pub fn divided(letters: &[Outgoing], found: &BTreeSet<i64>) -> (Vec<DeadLetter>, Vec<Outgoing>) {
    let (mut over, mut left): (Vec<DeadLetter>, Vec<Outgoing>) = (Vec::new(), Vec::new());
    for one in letters {
        let mut first_offset = one.letter.first_offset;
        while first_offset <= one.letter.last_offset {
            let is_found = found.contains(&first_offset);
            let mut rest = first_offset..=one.letter.last_offset;
            let behind = rest.find(|offset| found.contains(offset) != is_found);
            let letter = DeadLetter {
                first_offset,
                last_offset: behind.map_or(one.letter.last_offset, |behind| behind - 1),
                ..one.letter
            };
            if is_found {
                over.push(letter);
            } else {
                left.push(Outgoing {
                    letter,
                    may_be_written: false,
                    ..*one
                });
            }
            first_offset = letter.last_offset + 1;
        }
    }
    (over, left)
}

/// The end of the partition's log.
async fn end_of(broker: &Broker, destination: &Destination) -> Result<i64, ErrorCode> {
    if destination.leader == broker.node_id {
        let local = broker
            .partitions()
            .by_name(&destination.topic, destination.partition)?;
        return Ok(local.offsets().1);
    }
    let partition = ListOffsetsPartition::default()
        .with_partition_index(destination.partition)
        .with_current_leader_epoch(-1)
        .with_timestamp(LATEST);
    let topic = ListOffsetsTopic::default()
        .with_name(TopicName(StrBytes::from_string(destination.topic.clone())))
        .with_partitions(vec![partition]);
    let request = ListOffsetsRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_topics(vec![topic]);
    let answer = destination.ask(broker, LIST_OFFSETS_VERSION, &request).await?;
    let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    let told = partitions.next().ok_or(ErrorCode::UnknownServerError)?;
    check(told.error_code)?;
    Ok(told.offset)
}

/// Batches from an offset on; `None` at the end.
async fn read(broker: &Broker, destination: &Destination, offset: i64) -> Result<Option<Vec<u8>>, ErrorCode> {
    if destination.leader == broker.node_id {
        let local = broker
            .partitions()
            .by_name(&destination.topic, destination.partition)?;
        let offset = offset.max(local.offsets().0);
        let bytes = local.read(offset, READ_BYTES)?.to_vec();
        let bytes = bytes.map_err(|_| ErrorCode::KafkaStorageError)?;
        return Ok((!bytes.is_empty()).then_some(bytes));
    }
    let max_bytes = i32::try_from(READ_BYTES).unwrap_or(i32::MAX);
    let partition = FetchPartition::default()
        .with_partition(destination.partition)
        .with_current_leader_epoch(-1)
        .with_fetch_offset(offset)
        .with_last_fetched_epoch(-1)
        .with_partition_max_bytes(max_bytes);
    let topic = FetchTopic::default()
        .with_topic(TopicName(StrBytes::from_string(destination.topic.clone())))
        .with_partitions(vec![partition]);
    let request = FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_bytes(max_bytes)
        .with_session_epoch(-1)
        .with_topics(vec![topic]);
    let answer = destination.ask(broker, FETCH_VERSION, &request).await?;
    check(answer.error_code)?;
    let mut partitions = answer.responses.into_iter().flat_map(|topic| topic.partitions);
    let told = partitions.next().ok_or(ErrorCode::UnknownServerError)?;
    check(told.error_code)?;
    Ok(told
        .records
        .map(|records| records.to_vec())
        .filter(|records| !records.is_empty()))
}

fn check(code: i16) -> Result<(), ErrorCode> {
    match ErrorCode::from_code(code) {
        Some(ErrorCode::None) => Ok(()),
        Some(error) => Err(error),
        None => Err(ErrorCode::UnknownServerError),
    }
}

#[cfg(test)]
mod tests {
    use barnabas_share::DeadLetterCause;

    use super::*;

    #[test]
    fn each_is_written_that_is_not_in_the_log_wherever_the_others_lie() {
        let letter = |first_offset, last_offset| DeadLetter {
            first_offset,
            last_offset,
            delivery_count: 1,
            cause: DeadLetterCause::Rejected,
        };
        let outgoing = |first, last, may_be_written| Outgoing {
            letter: letter(first, last),
            is_unknown: false,
            may_be_written,
        };
        let letters = [outgoing(3, 3, true), outgoing(5, 9, true), outgoing(12, 12, true)];
        let (over, left) = divided(&letters, &BTreeSet::from([5, 7, 8, 12]));
        assert_eq!(over, [letter(5, 5), letter(7, 8), letter(12, 12)]);
        let left: Vec<_> = left.iter().map(|one| (one.letter, one.may_be_written)).collect();
        assert_eq!(
            left,
            [
                (letter(3, 3), false),
                (letter(6, 6), false),
                (letter(9, 9), false)
            ]
        );
    }
}
