//! What a follower asks of a leader, what it is answered, and what has to be done then.

use barnabas_protocol::error::ErrorCode;
use bytes::Bytes;
use uuid::Uuid;

use crate::partition::core::LeaderEpoch;
use crate::partition::follow::FollowerPosition;

/// A partition by its topic's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicIdPartition {
    /// The topic.
    pub topic_id: Uuid,
    /// The partition.
    pub partition: i32,
}

/// What a Fetch says of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The epoch of the leader that is asked.
    pub leader_epoch: LeaderEpoch,
    /// Where the follower's log stands.
    pub position: FollowerPosition,
}

/// A Fetch to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The session, 0 for none.
    pub session_id: i32,
    /// Its epoch; 0 begins a session.
    pub session_epoch: i32,
    /// What is asked for, or asked for anew.
    pub partitions: Vec<(TopicIdPartition, Asked)>,
    /// What isn't any more.
    pub forgotten: Vec<TopicIdPartition>,
    /// Whether the leader should wait for records.
    pub waits: bool,
}

/// A partition's part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionAnswer {
    /// Of which.
    pub key: TopicIdPartition,
    /// What stands in the way.
    pub error: ErrorCode,
    /// The leader's high watermark.
    pub high_watermark: i64,
    /// The leader's first offset.
    pub log_start_offset: i64,
    /// Where the logs part (KIP-595).
    pub diverging: Option<(i32, i64)>,
    /// The records.
    pub records: Bytes,
}

/// What is to be done for a partition; [`FetcherCore::done`] is told how it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Take over what the answer brings.
    Append(PartitionAnswer),
    /// Cut the log off where it has left the leader's.
    Truncate((i32, i64)),
    /// Ask the leader where its log begins and ends, and go there.
    FindRange,
}

/// Work for a partition, with what was asked.
pub type PartitionWork = (TopicIdPartition, Asked, Work);
