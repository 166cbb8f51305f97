//! A member of a group, by one protocol or the other.

use super::consumer_member::ConsumerMember;
use super::leaders::TopicPartition;
use super::membership::{MemberSettings, Membership, Offsets, commit};
use super::{Cluster, KafkaError};

/// See the module.
pub enum Member<'a> {
    /// By the classic protocol.
    Classic(Membership<'a>),
    /// By the consumer protocol (KIP-848).
    Consumer(&'a Cluster, ConsumerMember<'a>),
}

impl<'a> Member<'a> {
    /// Joins the group, and returns what it is to read.
    ///
    /// # Errors
    /// The group doesn't take it.
    pub fn join(
        cluster: &'a Cluster,
        group: &str,
        settings: MemberSettings,
        topics: &[String],
    ) -> Result<(Self, Vec<TopicPartition>), KafkaError> {
        if settings.by_consumer_protocol {
            let (member, assigned) = ConsumerMember::join(cluster, group, settings, topics)?;
            return Ok((Member::Consumer(cluster, member), assigned));
        }
        let (member, assigned) = Membership::join(cluster, group, settings, topics)?;
        Ok((Member::Classic(member), assigned))
    }

    /// The group's id.
    pub fn group(&self) -> &str {
        match self {
            Member::Classic(member) => member.group(),
            Member::Consumer(_, member) => &member.group,
        }
    }

    /// Takes part in a rebalance, and returns what it is to read now.
    ///
    /// # Errors
    /// The group doesn't take it.
    pub fn rejoin(&mut self, topics: &[String]) -> Result<Vec<TopicPartition>, KafkaError> {
        match self {
            Member::Classic(member) => member.rejoin(topics),
            Member::Consumer(_, member) => member.rejoin(topics),
        }
    }

    /// Says that this member lives, if it is time. True when it has to take part in a rebalance.
    ///
    /// # Errors
    /// The group has ended the membership for good.
    pub fn heartbeat(&mut self) -> Result<bool, KafkaError> {
        match self {
            Member::Classic(member) => member.heartbeat(),
            Member::Consumer(_, member) => member.heartbeat(),
        }
    }

    /// Commits the next offsets to read.
    ///
    /// # Errors
    /// They are not committed.
    pub fn commit(&self, offsets: &Offsets) -> Result<(), KafkaError> {
        match self {
            Member::Classic(member) => member.commit(offsets),
            Member::Consumer(cluster, member) => {
                let who = (member.member_id.as_str(), member.epoch, None);
                commit(cluster, &member.group, who, offsets)
            }
        }
    }

    /// Leaves the group, unless this member keeps its place by a `group.instance.id`.
    pub fn leave(self) {
        match self {
            Member::Classic(member) => member.leave(),
            Member::Consumer(_, member) => member.leave(),
        }
    }
}
