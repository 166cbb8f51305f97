//! The records of `__consumer_offsets` that a shard writes and replays.
//!
//! On disk they are Apache Kafka's: the key begins with its type, the value with its version, and a record
//! without a value is a tombstone. [`crate::codec`] turns them into bytes and back.

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use crate::consumer::record::ConsumerRecord;
use crate::share_group::ShareGroupRecord;
use crate::streams::record::StreamsRecord;

/// A record of `__consumer_offsets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupRecord {
    /// OffsetCommitKey and OffsetCommitValue: what a group committed for a partition.
    OffsetCommit {
        /// The group.
        group: Arc<str>,
        /// Name of the topic.
        topic: Arc<str>,
        /// Index of the partition.
        partition: i32,
        /// What was committed; `None` deletes it.
        value: Option<CommittedOffset>,
    },
    /// GroupMetadataKey and GroupMetadataValue: a classic group's generation.
    GroupMetadata {
        /// The group.
        group: Arc<str>,
        /// The generation; `None` deletes the group.
        value: Option<GroupMetadata>,
    },
    /// A record of a group of the consumer protocol.
    Consumer {
        /// The group.
        group: Arc<str>,
        /// What it says.
        record: ConsumerRecord,
    },
    /// A record of a group of the streams protocol.
    Streams {
        /// The group.
        group: Arc<str>,
        /// What it says.
        record: StreamsRecord,
    },
    /// A record of a share group.
    Share {
        /// The group.
        group: Arc<str>,
        /// What it says.
        record: ShareGroupRecord,
    },
}

impl GroupRecord {
    /// Records of one consumer group.
    pub(crate) fn of_consumer_group(group: &Arc<str>, records: Vec<ConsumerRecord>) -> Vec<GroupRecord> {
        let of_group = |record| GroupRecord::Consumer {
            group: group.clone(),
            record,
        };
        records.into_iter().map(of_group).collect()
    }

    /// Records of one streams group.
    pub(crate) fn of_streams_group(group: &Arc<str>, records: Vec<StreamsRecord>) -> Vec<GroupRecord> {
        let of_group = |record| GroupRecord::Streams {
            group: group.clone(),
            record,
        };
        records.into_iter().map(of_group).collect()
    }
}

/// A committed offset and what was said with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// Offset of the next record that the group will read.
    pub offset: i64,
    /// Leader epoch of the last record it read; -1 if it did not say.
    pub leader_epoch: i32,
    /// The client's own text.
    pub metadata: Box<str>,
    /// When the commit was taken.
    pub commit_timestamp_ms: i64,
    /// When it expires, if the client said so (OffsetCommit versions 2 to 4).
    pub expire_timestamp_ms: Option<i64>,
    /// Id of the topic at the time; nil in records from before Kafka kept it.
    pub topic_id: Uuid,
}

/// A generation of a classic group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMetadata {
    /// Type of the group's protocol, such as `consumer`; empty if it has none.
    pub protocol_type: Box<str>,
    /// Number of the generation.
    pub generation_id: i32,
    /// The chosen protocol.
    pub protocol_name: Option<Box<str>>,
    /// Id of the member that leads.
    pub leader: Option<Arc<str>>,
    /// When the group entered its state; `None` in old records.
    pub state_timestamp_ms: Option<i64>,
    /// The members, by id.
    pub members: Vec<MemberMetadata>,
}

/// A member in a [`GroupMetadata`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberMetadata {
    /// Its id.
    pub id: Arc<str>,
    /// Its instance id, if it is static.
    pub instance_id: Option<Arc<str>>,
    /// `client.id` it joined with.
    pub client_id: Box<str>,
    /// The address it joined from.
    pub client_host: Box<str>,
    /// Its rebalance timeout; -1 in old records, where the session timeout stands for it.
    pub rebalance_timeout_ms: i32,
    /// Its session timeout.
    pub session_timeout_ms: i32,
    /// Its metadata for the chosen protocol.
    pub subscription: Bytes,
    /// What the leader assigned to it.
    pub assignment: Bytes,
}
