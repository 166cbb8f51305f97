//! What a member of a share group tells its coordinator, and hears from it.

use std::collections::BTreeSet;
use std::time::Duration;

use barnabas_protocol::messages::{ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse};
use tokio::time::Instant;

use super::coordinators::Heard;
use super::share_member::ShareMember;
use super::share_session::IdPartition;
use super::{KafkaError, group_id, topic_name, wire};

/// The epoch of who joins.
pub const JOINING: i32 = 0;
/// The epoch of who leaves.
pub const LEAVING: i32 = -1;

impl ShareMember<'_> {
    pub(super) fn beat(&mut self) -> Result<(), KafkaError> {
        let answered = self.heartbeat(self.epoch);
        self.next_heartbeat = Instant::now();
        match self.cluster.heard(answered, &self.group, &mut self.coordinator)? {
            Heard::Answer(answer) => {
                self.next_heartbeat += Duration::from_millis(answer.heartbeat_interval_ms.max(1) as u64);
                self.epoch = answer.member_epoch;
                if let Some(assignment) = answer.assignment {
                    let topics = assignment.topic_partitions.into_iter();
                    let partitions = topics.flat_map(|topic| {
                        let indexes = topic.partitions.into_iter();
                        indexes.map(move |index| (topic.topic_id, index))
                    });
                    self.assign(partitions.collect());
                }
            }
            Heard::Fenced => {
                self.epoch = JOINING;
                self.assign(BTreeSet::new());
            }
            Heard::Moved => {}
        }
        Ok(())
    }

    pub(super) fn assign(&mut self, partitions: BTreeSet<IdPartition>) {
        if partitions != self.assigned {
            self.leaders.retain(|at, _| partitions.contains(at));
            self.assigned = partitions;
            self.next_metadata = Some(Instant::now());
        }
    }

    pub(super) fn heartbeat(&self, epoch: i32) -> Result<ShareGroupHeartbeatResponse, KafkaError> {
        let topics = (epoch >= JOINING).then(|| vec![topic_name(&self.topic)]);
        let request = ShareGroupHeartbeatRequest::default()
            .with_group_id(group_id(&self.group))
            .with_member_id(wire(&self.member_id))
            .with_member_epoch(epoch)
            .with_subscribed_topic_names(topics);
        let answer = self
            .cluster
            .ask(self.coordinator, "shareGroupHeartbeat", &request)?;
        KafkaError::check(answer.error_code, answer.error_message.as_deref())?;
        Ok(answer)
    }
}
