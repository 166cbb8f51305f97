//! Who watches while things go wrong: what clients see never goes back, and nobody writes over what another
//! has written in the same epoch.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use barnabas_protocol::messages::{BrokerId, ListOffsetsRequest, TopicName};
use barnabas_protocol::records::batches;
use tokio::time::sleep;
use uuid::Uuid;

use super::client::{ClusterClient, text};
use super::faults::Machines;
use super::settle;
use super::{PARTITIONS, TOPIC};

const LIST_OFFSETS: i16 = 7;
const LATEST: i64 = -1;

type Place = (Uuid, i32);

/// Asks nodes for the leaders and leaders for the ends of the log, as a client that goes by the newest epoch
/// it has seen: no node goes back to an older epoch, and no end moves back, at either isolation level.
pub async fn ends(mut client: ClusterClient, nodes: &'static [i32], done: Rc<Cell<bool>>) -> usize {
    let mut said: BTreeMap<(i32, Place), i32> = BTreeMap::new();
    let mut leaders: BTreeMap<i32, (i32, i32)> = BTreeMap::new();
    let mut ends: BTreeMap<(i32, i8), (i64, i32, i32)> = BTreeMap::new();
    let mut seen = 0;
    while !done.get() {
        sleep(Duration::from_millis(50 + client.random.below(200))).await;
        let node = nodes[client.random.below(nodes.len() as u64) as usize];
        let Ok(metadata) = client.metadata(Some(node), None).await else {
            continue;
        };
        for topic in &metadata.topics {
            for found in &topic.partitions {
                let place = (topic.topic_id, found.partition_index);
                let before = said.insert((node, place), found.leader_epoch);
                assert!(
                    before.is_none_or(|before| before <= found.leader_epoch),
                    "{}: {node} goes back from epoch {before:?} to {} of {place:?}",
                    client.who,
                    found.leader_epoch
                );
                if topic.name.as_ref().is_some_and(|name| name.0 == text(TOPIC)) {
                    let newest = leaders.entry(found.partition_index).or_insert((-1, -1));
                    *newest = (*newest).max((found.leader_epoch, found.leader_id.0));
                }
            }
        }
        let partition = client.random.below(PARTITIONS as u64) as i32;
        let level = client.random.below(2) as i8;
        let Some((epoch, leader)) = leaders.get(&partition).copied().filter(|newest| newest.1 >= 0) else {
            continue;
        };
        let Some(end) = end_of(&mut client, (leader, epoch), partition, level).await else {
            continue;
        };
        seen += 1;
        let before = ends.insert((partition, level), (end, leader, epoch));
        assert!(
            before.is_none_or(|before| before.0 <= end),
            "{}: the end of {partition} at level {level} goes back from {before:?} to {:?}",
            client.who,
            (end, leader, epoch)
        );
    }
    seen
}

async fn end_of(
    client: &mut ClusterClient,
    (leader, epoch): (i32, i32),
    partition: i32,
    level: i8,
) -> Option<i64> {
    let asked = ListOffsetsPartition::default()
        .with_partition_index(partition)
        .with_current_leader_epoch(epoch)
        .with_timestamp(LATEST);
    let topic = ListOffsetsTopic::default()
        .with_name(TopicName(text(TOPIC)))
        .with_partitions(vec![asked]);
    let request = ListOffsetsRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_isolation_level(level)
        .with_topics(vec![topic]);
    let answered = client.at(leader, LIST_OFFSETS, &request).await.ok()?;
    let found = &answered.topics.first()?.partitions.first()?;
    (found.error_code == ErrorCode::None.code()).then_some(found.offset)
}

/// Looks into the nodes: at one offset and epoch there is one batch, whoever has it, and in one epoch one
/// leader.
pub async fn logs(who: String, machines: Machines, done: Rc<Cell<bool>>) -> usize {
    let mut seen = Seen {
        who,
        ..Seen::default()
    };
    while !done.get() {
        sleep(Duration::from_millis(100)).await;
        for (node, machine) in machines.iter().enumerate() {
            let Ok(machine) = machine.try_lock() else { continue };
            let Some(broker) = machine.server().and_then(|server| server.broker()) else {
                continue;
            };
            if let Some(image) = settle::image(&machine) {
                for topic in image.topics.iter() {
                    for (index, partition) in topic.partitions.iter().enumerate() {
                        seen.leader((topic.id, index as i32), partition.leader_epoch, partition.leader);
                    }
                }
            }
            for replica in broker.partitions().all() {
                let place = (replica.id().topic_id, replica.id().partition);
                let (start, end) = replica.offsets();
                let mut next = seen
                    .next
                    .get(&(node, place))
                    .copied()
                    .unwrap_or(start)
                    .clamp(start, end);
                while next < end {
                    let Ok(read) = replica.read(next, 1 << 20) else {
                        break;
                    };
                    let Ok(read) = read.to_vec() else { break };
                    let before = next;
                    for batch in batches(&read).filter_map(Result::ok) {
                        seen.batch(place, &batch.header, node);
                        next = batch.header.next_offset();
                    }
                    if next == before {
                        break;
                    }
                }
                seen.next.insert((node, place), next);
            }
        }
    }
    seen.batches.len()
}

#[derive(Default)]
struct Seen {
    who: String,
    next: BTreeMap<(usize, Place), i64>,
    /// By offset and epoch: the checksum, and who had it first.
    batches: BTreeMap<(Place, i64, i32), (u32, usize)>,
    leaders: BTreeMap<(Place, i32), i32>,
}

impl Seen {
    fn leader(&mut self, place: Place, epoch: i32, leader: i32) {
        let first = *self.leaders.entry((place, epoch)).or_insert(leader);
        assert_eq!(first, leader, "{}: two lead {place:?} in epoch {epoch}", self.who);
    }

    fn batch(&mut self, place: Place, header: &barnabas_protocol::records::BatchHeader, node: usize) {
        let at = (place, header.base_offset, header.partition_leader_epoch);
        let (crc, first) = *self.batches.entry(at).or_insert((header.crc, node));
        assert_eq!(
            crc, header.crc,
            "{}: nodes {first} and {node} have other records at {at:?}",
            self.who
        );
    }
}
