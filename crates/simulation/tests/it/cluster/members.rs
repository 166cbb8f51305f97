//! Members of a consumer group (KIP-848) that share the partitions and commit offsets for those they have.
//! Nobody commits for a partition once another member has it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use barnabas_protocol::messages::consumer_group_heartbeat_response::Assignment;
use barnabas_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use barnabas_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use barnabas_protocol::messages::{
    ConsumerGroupHeartbeatRequest, GroupId, OffsetCommitRequest, OffsetFetchRequest, TopicName,
};
use tokio::time::sleep;
use uuid::Uuid;

use super::client::{ClusterClient, To, text};
use super::{PARTITIONS, TOPIC};

pub const GROUP: &str = "members";
const HEARTBEAT: i16 = 1;
const OFFSET_COMMIT: i16 = 9;
const OFFSET_FETCH: i16 = 9;

/// What all members know together: of each partition the offset that was last tried to commit, and the one
/// that was last acknowledged.
#[derive(Debug, Default)]
pub struct Commits {
    tried: BTreeMap<i32, i64>,
    acknowledged: BTreeMap<i32, i64>,
    /// Whose offset was acknowledged since the faults have stopped.
    late: BTreeSet<i32>,
}

struct Member {
    client: ClusterClient,
    id: String,
    epoch: i32,
    topic_id: Uuid,
    owned: BTreeSet<i32>,
    commits: Rc<RefCell<Commits>>,
}

/// A member, until each partition's offset was committed by somebody after `done`.
pub async fn member(
    client: ClusterClient,
    id: String,
    commits: Rc<RefCell<Commits>>,
    done: Rc<Cell<bool>>,
) -> usize {
    let mut member = Member {
        client,
        id,
        epoch: 0,
        topic_id: Uuid::nil(),
        owned: BTreeSet::new(),
        commits,
    };
    let mut count = 0;
    loop {
        member.heartbeat().await;
        for partition in member.owned.clone() {
            let is_late = done.get();
            if member.epoch == 0 || !member.commit(partition).await {
                break;
            }
            count += 1;
            if is_late {
                member.commits.borrow_mut().late.insert(partition);
            }
        }
        if member.commits.borrow().late.len() == PARTITIONS as usize {
            return count;
        }
        sleep(Duration::from_millis(300 + member.client.random.below(700))).await;
    }
}

impl Member {
    async fn heartbeat(&mut self) {
        let owned = TopicPartitions::default()
            .with_topic_id(self.topic_id)
            .with_partitions(self.owned.iter().copied().collect());
        let owned = if self.owned.is_empty() {
            vec![]
        } else {
            vec![owned]
        };
        // In full each time: an answer that was lost may have been the assignment.
        let request = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(GroupId(text(GROUP)))
            .with_member_id(text(&self.id))
            .with_member_epoch(self.epoch)
            .with_rebalance_timeout_ms(10_000)
            .with_subscribed_topic_names(Some(vec![TopicName(text(TOPIC))]))
            .with_topic_partitions(Some(owned));
        let (response, code) = self
            .client
            .ask(To::Group(GROUP), HEARTBEAT, &request, |response| {
                response.error_code
            })
            .await;
        match code {
            ErrorCode::None => {
                self.epoch = response.member_epoch;
                if let Some(assignment) = response.assignment {
                    self.take(&assignment);
                }
            }
            ErrorCode::FencedMemberEpoch | ErrorCode::UnknownMemberId => self.begin_anew(),
            error => panic!("{}: {error} for a heartbeat", self.client.who),
        }
    }

    fn take(&mut self, assignment: &Assignment) {
        let assigned = assignment.topic_partitions.iter();
        self.owned = assigned
            .clone()
            .flat_map(|topic| topic.partitions.clone())
            .collect();
        self.topic_id = assigned.last().map_or(self.topic_id, |topic| topic.topic_id);
    }

    fn begin_anew(&mut self) {
        self.epoch = 0;
        self.owned.clear();
    }

    /// Commits the next offset of a partition; says whether that was acknowledged.
    async fn commit(&mut self, partition: i32) -> bool {
        let offset = {
            let mut commits = self.commits.borrow_mut();
            let offset = commits.tried.entry(partition).or_default();
            *offset += 1;
            *offset
        };
        let committed = OffsetCommitRequestPartition::default()
            .with_partition_index(partition)
            .with_committed_offset(offset);
        let topic = OffsetCommitRequestTopic::default()
            .with_name(TopicName(text(TOPIC)))
            .with_partitions(vec![committed]);
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(text(GROUP)))
            .with_member_id(text(&self.id))
            .with_generation_id_or_member_epoch(self.epoch)
            .with_topics(vec![topic]);
        let (_, code) = self
            .client
            .ask(To::Group(GROUP), OFFSET_COMMIT, &request, |response| {
                response.topics[0].partitions[0].error_code
            })
            .await;
        match code {
            ErrorCode::None => {
                let mut commits = self.commits.borrow_mut();
                let before = commits.acknowledged.insert(partition, offset);
                assert!(
                    before.is_none_or(|before| before < offset),
                    "{}: {offset} of {partition} is acknowledged after {before:?}",
                    self.client.who
                );
                true
            }
            ErrorCode::StaleMemberEpoch => false,
            ErrorCode::FencedMemberEpoch | ErrorCode::UnknownMemberId => {
                self.begin_anew();
                false
            }
            error => panic!("{}: {error} for the commit of {partition}", self.client.who),
        }
    }
}

/// What was committed is what was last acknowledged, or tried since.
pub async fn judge(client: &mut ClusterClient, commits: &Commits) {
    let asked = OffsetFetchRequestGroup::default()
        .with_group_id(GroupId(text(GROUP)))
        .with_topics(None);
    let request = OffsetFetchRequest::default().with_groups(vec![asked]);
    let (response, code) = client
        .ask(To::Group(GROUP), OFFSET_FETCH, &request, |response| {
            response.groups[0].error_code
        })
        .await;
    assert_eq!(code, ErrorCode::None, "{}", client.who);
    let topics = response.groups[0].topics.iter();
    let found = topics.flat_map(|topic| &topic.partitions);
    let found: BTreeMap<i32, i64> = found
        .map(|found| (found.partition_index, found.committed_offset))
        .collect();
    for partition in 0..PARTITIONS {
        let found = found.get(&partition).copied().unwrap_or(-1);
        let least = commits.acknowledged.get(&partition).copied().unwrap_or(-1);
        let most = commits.tried.get(&partition).copied().unwrap_or(-1);
        assert!(
            (least..=most).contains(&found),
            "{}: {found} is committed for {partition}, not {least} to {most}",
            client.who
        );
    }
}
