//! Who reads: consumers of both isolation levels, and one that commits offsets.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use barnabas_protocol::messages::fetch_response::PartitionData;
use barnabas_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use barnabas_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use barnabas_protocol::messages::{
    FetchRequest, GroupId, OffsetCommitRequest, OffsetFetchRequest, TopicName,
};
use barnabas_protocol::records::{EndTxnMarker, batches};
use tokio::time::sleep;

use super::client::{ClusterClient, To, text};
use super::{PARTITIONS, TOPIC};

const FETCH: i16 = 11;
const OFFSET_COMMIT: i16 = 8;
const OFFSET_FETCH: i16 = 8;

/// What a consumer was given: values by partition and offset.
pub type Read = BTreeMap<(i32, i64), String>;

/// Reads all partitions from their beginning until `done`, and then to their ends.
pub async fn consume(mut client: ClusterClient, is_committed: bool, done: Rc<Cell<bool>>) -> Read {
    let mut read = Read::new();
    let mut next: BTreeMap<i32, i64> = (0..PARTITIONS).map(|partition| (partition, 0)).collect();
    loop {
        let is_last = done.get();
        for partition in 0..PARTITIONS {
            loop {
                let from = next[&partition];
                let to = take(&mut client, is_committed, partition, from, &mut read).await;
                next.insert(partition, to);
                if !is_last || to == from {
                    break;
                }
            }
        }
        if is_last {
            return read;
        }
        sleep(Duration::from_millis(client.random.below(300))).await;
    }
}

/// Reads what there is from an offset on; answers the next.
async fn take(
    client: &mut ClusterClient,
    is_committed: bool,
    partition: i32,
    from: i64,
    read: &mut Read,
) -> i64 {
    let wanted = FetchPartition::default()
        .with_partition(partition)
        .with_fetch_offset(from)
        .with_partition_max_bytes(4_000);
    let topic = FetchTopic::default()
        .with_topic(TopicName(text(TOPIC)))
        .with_partitions(vec![wanted]);
    let request = FetchRequest::default()
        .with_max_bytes(4_000)
        .with_min_bytes(1)
        .with_max_wait_ms(100)
        .with_isolation_level(i8::from(is_committed))
        .with_session_epoch(-1)
        .with_topics(vec![topic]);
    let partition_of = |response: &barnabas_protocol::messages::FetchResponse| {
        let mut topics = response.responses.iter();
        topics.next().and_then(|topic| topic.partitions.first().cloned())
    };
    loop {
        let (response, code) = client
            .ask(To::Leader(TOPIC, partition), FETCH, &request, |response| {
                partition_of(response).map_or(response.error_code, |found| found.error_code)
            })
            .await;
        match (code, partition_of(&response)) {
            (ErrorCode::None, Some(found)) => return add(&client.who, partition, from, &found, read),
            // A new leader that has not heard yet what was committed.
            (ErrorCode::None | ErrorCode::OffsetOutOfRange, _) => sleep(Duration::from_millis(100)).await,
            (error, _) => panic!("{}: {error} at {from} of partition {partition}", client.who),
        }
    }
}

fn add(who: &str, partition: i32, from: i64, found: &PartitionData, read: &mut Read) -> i64 {
    let mut next = from;
    let mut aborted = found.aborted_transactions.clone().unwrap_or_default();
    let mut begun: BTreeSet<i64> = BTreeSet::new();
    let records = found.records.clone().unwrap_or_default();
    for batch in batches(&records) {
        // The last one may not have come whole.
        let Ok(batch) = batch else { break };
        batch.verify_crc().expect("batches are whole");
        let header = &batch.header;
        let begins = aborted.extract_if(.., |aborted| aborted.first_offset <= header.last_offset());
        begun.extend(begins.map(|aborted| aborted.producer_id.0));
        for record in batch.records_in(batch.payload()) {
            let record = record.expect("records are well-formed");
            let offset = header.base_offset + i64::from(record.offset_delta);
            if header.is_control() {
                let marker = EndTxnMarker::decode(record.key.unwrap_or_default(), record.value);
                if marker.is_some_and(|marker| !marker.committed) {
                    begun.remove(&header.producer_id);
                }
                continue;
            }
            let is_dropped = header.is_transactional() && begun.contains(&header.producer_id);
            if offset < from || is_dropped {
                continue;
            }
            let value = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
            let before = read.insert((partition, offset), value);
            assert!(before.is_none(), "{who}: offset {offset} of {partition} twice");
        }
        next = next.max(header.next_offset());
    }
    next
}

/// Commits the offsets 1, 2, … for a group, and reads what it has committed.
pub async fn commit(mut client: ClusterClient, group: String, rounds: i64) -> i64 {
    for offset in 1..=rounds {
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(0)
            .with_committed_offset(offset);
        let topic = OffsetCommitRequestTopic::default()
            .with_name(TopicName(text(TOPIC)))
            .with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(text(&group)))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(vec![topic]);
        let (_, code) = client
            .ask(To::Group(&group), OFFSET_COMMIT, &request, |response| {
                response.topics[0].partitions[0].error_code
            })
            .await;
        assert_eq!(code, ErrorCode::None, "{}: commit {offset}", client.who);
        assert_eq!(committed(&mut client, &group).await, offset, "{}", client.who);
        sleep(Duration::from_millis(client.random.below(600))).await;
    }
    rounds
}

/// The offset that a group has committed for partition 0, once no transaction is open that commits another; -1 for none.
pub async fn committed(client: &mut ClusterClient, group: &str) -> i64 {
    loop {
        let asked = OffsetFetchRequestGroup::default()
            .with_group_id(GroupId(text(group)))
            .with_topics(None);
        let request = OffsetFetchRequest::default()
            .with_groups(vec![asked])
            .with_require_stable(true);
        let (response, code) = client
            .ask(To::Group(group), OFFSET_FETCH, &request, |response| {
                response.groups[0].error_code
            })
            .await;
        assert_eq!(code, ErrorCode::None, "{}", client.who);
        let topics = response.groups[0].topics.iter();
        let found = topics.flat_map(|topic| &topic.partitions).next();
        match found {
            Some(found) if found.error_code == ErrorCode::UnstableOffsetCommit.code() => {
                sleep(Duration::from_millis(100)).await;
            }
            Some(found) => return found.committed_offset,
            None => return -1,
        }
    }
}
