//! How much lies ahead of a share group (KIP-1226): the ends of its partitions, asked of their leaders.

use std::collections::BTreeMap;
use std::sync::Arc;

use barnabas_coordinator::{NO_START_OFFSET, ShareOffsetsTopic};
use barnabas_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use barnabas_protocol::messages::read_share_group_state_summary_response::PartitionResult;
use barnabas_protocol::messages::{BrokerId, ListOffsetsRequest, StrBytes, TopicName};
use barnabas_replica::partition::offsets::OffsetQuery;
use barnabas_replica::partition::{Isolation, Reader};

use crate::broker::Broker;
use crate::broker_peers::Purpose;

/// The version of ListOffsets that brokers ask each other in.
const VERSION: i16 = 7;
/// What ListOffsets calls the end of a partition.
const LATEST: i64 = -1;

/// The ends of the partitions of a topic whose lag can be told; those of leaders that don't answer are left
/// out.
pub async fn ends_of(
    broker: &Arc<Broker>,
    topic: &ShareOffsetsTopic,
    summaries: &[&PartitionResult],
) -> BTreeMap<i32, i64> {
    let image = Arc::clone(&broker.image());
    let mut ends = BTreeMap::new();
    let mut elsewhere: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for summary in summaries {
        let index = summary.partition;
        if summary.start_offset == NO_START_OFFSET || summary.delivery_complete_count < 0 {
            continue;
        }
        let Some(state) = image.topics.partition(&topic.name, index) else {
            continue;
        };
        if state.leader != broker.node_id {
            elsewhere.entry(state.leader).or_default().push(index);
            continue;
        }
        let end = broker
            .partitions()
            .by_name(&topic.name, index)
            .and_then(|partition| {
                partition.list_offset(
                    OffsetQuery::Latest,
                    Reader::Consumer(Isolation::ReadUncommitted),
                    -1,
                )
            });
        if let Ok(found) = end {
            ends.extend(found.map(|found| (index, found.offset)));
        }
    }
    for (leader, indexes) in elsewhere {
        let partition = |index: &i32| {
            ListOffsetsPartition::default()
                .with_partition_index(*index)
                .with_current_leader_epoch(-1)
                .with_timestamp(LATEST)
        };
        let asked = ListOffsetsTopic::default()
            .with_name(TopicName(StrBytes::from_string(topic.name.to_string())))
            .with_partitions(indexes.iter().map(partition).collect());
        let request = ListOffsetsRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_topics(vec![asked]);
        let peers = broker.peers();
        let Ok(answer) = peers
            .ask(&image, leader, Purpose::ShareState, VERSION, &request)
            .await
        else {
            continue;
        };
        let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
        let told = partitions.filter(|partition| partition.error_code == 0);
        ends.extend(told.map(|partition| (partition.partition_index, partition.offset)));
    }
    ends
}
