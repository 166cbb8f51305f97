//! The records of `__consumer_offsets`, `__transaction_state` and `__share_group_state`, in Apache Kafka's
//! format.
//!
//! ```text
//! key:   record type i16 │ the key struct, version 0
//! value: version i16     │ the value struct in that version (no value at all is a tombstone)
//! ```
//!
//! The coordinators write and replay these; Apache Kafka's tools read them.

use bytes::{BufMut, Bytes, BytesMut};

use crate::malformed::{Malformed, Unencodable};
use crate::messages::{Decodable, Encodable, Message};
use crate::reader::Reader;

pub use crate::generated::consumer_group_current_member_assignment_key::ConsumerGroupCurrentMemberAssignmentKey;
pub use crate::generated::consumer_group_current_member_assignment_value::{
    self as consumer_group_current_member_assignment_value, ConsumerGroupCurrentMemberAssignmentValue,
};
pub use crate::generated::consumer_group_member_metadata_key::ConsumerGroupMemberMetadataKey;
pub use crate::generated::consumer_group_member_metadata_value::{
    self as consumer_group_member_metadata_value, ConsumerGroupMemberMetadataValue,
};
pub use crate::generated::consumer_group_metadata_key::ConsumerGroupMetadataKey;
pub use crate::generated::consumer_group_metadata_value::ConsumerGroupMetadataValue;
pub use crate::generated::consumer_group_partition_metadata_key::ConsumerGroupPartitionMetadataKey;
pub use crate::generated::consumer_group_partition_metadata_value::ConsumerGroupPartitionMetadataValue;
pub use crate::generated::consumer_group_regular_expression_key::ConsumerGroupRegularExpressionKey;
pub use crate::generated::consumer_group_regular_expression_value::ConsumerGroupRegularExpressionValue;
pub use crate::generated::consumer_group_target_assignment_member_key::ConsumerGroupTargetAssignmentMemberKey;
pub use crate::generated::consumer_group_target_assignment_member_value::{
    self as consumer_group_target_assignment_member_value, ConsumerGroupTargetAssignmentMemberValue,
};
pub use crate::generated::consumer_group_target_assignment_metadata_key::ConsumerGroupTargetAssignmentMetadataKey;
pub use crate::generated::consumer_group_target_assignment_metadata_value::ConsumerGroupTargetAssignmentMetadataValue;
pub use crate::generated::group_metadata_key::GroupMetadataKey;
pub use crate::generated::group_metadata_value::{GroupMetadataValue, MemberMetadata};
pub use crate::generated::offset_commit_key::OffsetCommitKey;
pub use crate::generated::offset_commit_value::OffsetCommitValue;
pub use crate::generated::share_group_current_member_assignment_key::ShareGroupCurrentMemberAssignmentKey;
pub use crate::generated::share_group_current_member_assignment_value::{
    self as share_group_current_member_assignment_value, ShareGroupCurrentMemberAssignmentValue,
};
pub use crate::generated::share_group_member_metadata_key::ShareGroupMemberMetadataKey;
pub use crate::generated::share_group_member_metadata_value::ShareGroupMemberMetadataValue;
pub use crate::generated::share_group_metadata_key::ShareGroupMetadataKey;
pub use crate::generated::share_group_metadata_value::ShareGroupMetadataValue;
pub use crate::generated::share_group_state_partition_metadata_key::ShareGroupStatePartitionMetadataKey;
pub use crate::generated::share_group_state_partition_metadata_value::{
    self as share_group_state_partition_metadata_value, ShareGroupStatePartitionMetadataValue,
};
pub use crate::generated::share_group_target_assignment_member_key::ShareGroupTargetAssignmentMemberKey;
pub use crate::generated::share_group_target_assignment_member_value::{
    self as share_group_target_assignment_member_value, ShareGroupTargetAssignmentMemberValue,
};
pub use crate::generated::share_group_target_assignment_metadata_key::ShareGroupTargetAssignmentMetadataKey;
pub use crate::generated::share_group_target_assignment_metadata_value::ShareGroupTargetAssignmentMetadataValue;
pub use crate::generated::share_snapshot_key::ShareSnapshotKey;
pub use crate::generated::share_snapshot_value::{self as share_snapshot_value, ShareSnapshotValue};
pub use crate::generated::share_update_key::ShareUpdateKey;
pub use crate::generated::share_update_value::{self as share_update_value, ShareUpdateValue};
pub use crate::generated::streams_group_current_member_assignment_key::StreamsGroupCurrentMemberAssignmentKey;
pub use crate::generated::streams_group_current_member_assignment_value::{
    self as streams_group_current_member_assignment_value, StreamsGroupCurrentMemberAssignmentValue,
};
pub use crate::generated::streams_group_member_metadata_key::StreamsGroupMemberMetadataKey;
pub use crate::generated::streams_group_member_metadata_value::{
    self as streams_group_member_metadata_value, StreamsGroupMemberMetadataValue,
};
pub use crate::generated::streams_group_metadata_key::StreamsGroupMetadataKey;
pub use crate::generated::streams_group_metadata_value::{
    self as streams_group_metadata_value, StreamsGroupMetadataValue,
};
pub use crate::generated::streams_group_target_assignment_member_key::StreamsGroupTargetAssignmentMemberKey;
pub use crate::generated::streams_group_target_assignment_member_value::{
    self as streams_group_target_assignment_member_value, StreamsGroupTargetAssignmentMemberValue,
};
pub use crate::generated::streams_group_target_assignment_metadata_key::StreamsGroupTargetAssignmentMetadataKey;
pub use crate::generated::streams_group_target_assignment_metadata_value::{
    self as streams_group_target_assignment_metadata_value, StreamsGroupTargetAssignmentMetadataValue,
};
pub use crate::generated::streams_group_topology_key::StreamsGroupTopologyKey;
pub use crate::generated::streams_group_topology_value::{
    self as streams_group_topology_value, StreamsGroupTopologyValue,
};
pub use crate::generated::transaction_log_key::TransactionLogKey;
pub use crate::generated::transaction_log_value::{
    PartitionsSchema as TransactionPartitions, TransactionLogValue,
};

/// The version in which Apache Kafka 4.4 writes [`GroupMetadataValue`].
pub const GROUP_METADATA_VALUE_VERSION: i16 = 3;
/// The version in which Apache Kafka 4.4 writes [`OffsetCommitValue`]; an offset with an expiry time of its
/// own (OffsetCommit before v5) is written in version 1, the only one with that field.
pub const OFFSET_COMMIT_VALUE_VERSION: i16 = 4;
/// The version of every value of a consumer or streams group.
pub const CONSUMER_GROUP_VALUE_VERSION: i16 = 0;
/// The version of every value of a share group.
pub const SHARE_GROUP_VALUE_VERSION: i16 = 0;
/// See [`OFFSET_COMMIT_VALUE_VERSION`].
pub const OFFSET_COMMIT_VALUE_VERSION_WITH_EXPIRY: i16 = 1;

/// The version in which Apache Kafka 4.4 writes [`TransactionLogValue`], unless transaction.version is 0.
pub const TRANSACTION_LOG_VALUE_VERSION: i16 = 1;
/// See [`TRANSACTION_LOG_VALUE_VERSION`].
pub const TRANSACTION_LOG_VALUE_VERSION_WITHOUT_FLEXIBLE: i16 = 0;

const TRANSACTION_LOG: i16 = 0;

const SHARE_SNAPSHOT: i16 = 0;
const SHARE_UPDATE: i16 = 1;

const LEGACY_OFFSET_COMMIT: i16 = 0;
const OFFSET_COMMIT: i16 = 1;
const GROUP_METADATA: i16 = 2;
const CONSUMER_GROUP_METADATA: i16 = 3;
const CONSUMER_GROUP_PARTITION_METADATA: i16 = 4;
const CONSUMER_GROUP_MEMBER_METADATA: i16 = 5;
const CONSUMER_GROUP_TARGET_ASSIGNMENT_METADATA: i16 = 6;
const CONSUMER_GROUP_TARGET_ASSIGNMENT_MEMBER: i16 = 7;
const CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT: i16 = 8;
const SHARE_GROUP_MEMBER_METADATA: i16 = 10;
const SHARE_GROUP_METADATA: i16 = 11;
const SHARE_GROUP_TARGET_ASSIGNMENT_METADATA: i16 = 12;
const SHARE_GROUP_TARGET_ASSIGNMENT_MEMBER: i16 = 13;
const SHARE_GROUP_CURRENT_MEMBER_ASSIGNMENT: i16 = 14;
const SHARE_GROUP_STATE_PARTITION_METADATA: i16 = 15;
const CONSUMER_GROUP_REGULAR_EXPRESSION: i16 = 16;
const STREAMS_GROUP_METADATA: i16 = 17;
const STREAMS_GROUP_MEMBER_METADATA: i16 = 19;
const STREAMS_GROUP_TARGET_ASSIGNMENT_METADATA: i16 = 20;
const STREAMS_GROUP_TARGET_ASSIGNMENT_MEMBER: i16 = 21;
const STREAMS_GROUP_CURRENT_MEMBER_ASSIGNMENT: i16 = 22;
const STREAMS_GROUP_TOPOLOGY: i16 = 23;

/// The key of a record in `__consumer_offsets`.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupRecordKey {
    /// A committed offset; its value is an [`OffsetCommitValue`]. Kafka's record types 0 (of old brokers)
    /// and 1.
    OffsetCommit(OffsetCommitKey),
    /// A classic group; its value is a [`GroupMetadataValue`]. Record type 2.
    GroupMetadata(GroupMetadataKey),
    /// A consumer group's epoch; its value is a [`ConsumerGroupMetadataValue`]. Record type 3.
    ConsumerGroupMetadata(ConsumerGroupMetadataKey),
    /// What Apache Kafka before 4.1 kept of a consumer group's topics; its value is a
    /// [`ConsumerGroupPartitionMetadataValue`]. Record type 4.
    ConsumerGroupPartitionMetadata(ConsumerGroupPartitionMetadataKey),
    /// A member of a consumer group; its value is a [`ConsumerGroupMemberMetadataValue`]. Record type 5.
    ConsumerGroupMemberMetadata(ConsumerGroupMemberMetadataKey),
    /// The epoch of a consumer group's target assignment; its value is a
    /// [`ConsumerGroupTargetAssignmentMetadataValue`]. Record type 6.
    ConsumerGroupTargetAssignmentMetadata(ConsumerGroupTargetAssignmentMetadataKey),
    /// What a member is to be assigned; its value is a [`ConsumerGroupTargetAssignmentMemberValue`]. Record
    /// type 7.
    ConsumerGroupTargetAssignmentMember(ConsumerGroupTargetAssignmentMemberKey),
    /// What a member is assigned; its value is a [`ConsumerGroupCurrentMemberAssignmentValue`]. Record
    /// type 8.
    ConsumerGroupCurrentMemberAssignment(ConsumerGroupCurrentMemberAssignmentKey),
    /// A member of a share group. Record type 10.
    ShareGroupMemberMetadata(ShareGroupMemberMetadataKey),
    /// A share group's epoch. Record type 11.
    ShareGroupMetadata(ShareGroupMetadataKey),
    /// The epoch of a share group's target assignment. Record type 12.
    ShareGroupTargetAssignmentMetadata(ShareGroupTargetAssignmentMetadataKey),
    /// What a member of a share group is to be assigned. Record type 13.
    ShareGroupTargetAssignmentMember(ShareGroupTargetAssignmentMemberKey),
    /// What a member of a share group is assigned. Record type 14.
    ShareGroupCurrentMemberAssignment(ShareGroupCurrentMemberAssignmentKey),
    /// The partitions of which a share group has a state. Record type 15.
    ShareGroupStatePartitionMetadata(ShareGroupStatePartitionMetadataKey),
    /// The topics that match a consumer group's regular expression; its value is a
    /// [`ConsumerGroupRegularExpressionValue`]. Record type 16.
    ConsumerGroupRegularExpression(ConsumerGroupRegularExpressionKey),
    /// The epochs of a streams group; its value is a [`StreamsGroupMetadataValue`]. Record type 17.
    StreamsGroupMetadata(StreamsGroupMetadataKey),
    /// A member of a streams group; its value is a [`StreamsGroupMemberMetadataValue`]. Record type 19.
    StreamsGroupMemberMetadata(StreamsGroupMemberMetadataKey),
    /// The epoch of a streams group's target assignment; its value is a
    /// [`StreamsGroupTargetAssignmentMetadataValue`]. Record type 20.
    StreamsGroupTargetAssignmentMetadata(StreamsGroupTargetAssignmentMetadataKey),
    /// The tasks that a member of a streams group is to have; its value is a
    /// [`StreamsGroupTargetAssignmentMemberValue`]. Record type 21.
    StreamsGroupTargetAssignmentMember(StreamsGroupTargetAssignmentMemberKey),
    /// The tasks that a member of a streams group has; its value is a
    /// [`StreamsGroupCurrentMemberAssignmentValue`]. Record type 22.
    StreamsGroupCurrentMemberAssignment(StreamsGroupCurrentMemberAssignmentKey),
    /// A streams group's topology; its value is a [`StreamsGroupTopologyValue`]. Record type 23.
    StreamsGroupTopology(StreamsGroupTopologyKey),
    /// A record type that isn't known here, to be skipped.
    Unknown(i16),
}

impl GroupRecordKey {
    /// Decodes a record's key.
    pub fn decode(key: &[u8]) -> Result<GroupRecordKey, Malformed> {
        let (record_type, mut rest) = split_version(key)?;
        match record_type {
            LEGACY_OFFSET_COMMIT | OFFSET_COMMIT => {
                decode_struct(&mut rest, 0).map(GroupRecordKey::OffsetCommit)
            }
            GROUP_METADATA => decode_struct(&mut rest, 0).map(GroupRecordKey::GroupMetadata),
            CONSUMER_GROUP_METADATA => decode_struct(&mut rest, 0).map(GroupRecordKey::ConsumerGroupMetadata),
            CONSUMER_GROUP_PARTITION_METADATA => {
                decode_struct(&mut rest, 0).map(GroupRecordKey::ConsumerGroupPartitionMetadata)
            }
            CONSUMER_GROUP_MEMBER_METADATA => {
                decode_struct(&mut rest, 0).map(GroupRecordKey::ConsumerGroupMemberMetadata)
            }
            CONSUMER_GROUP_TARGET_ASSIGNMENT_METADATA => {
                decode_struct(&mut rest, 0).map(GroupRecordKey::ConsumerGroupTargetAssignmentMetadata)
            }
            CONSUMER_GROUP_TARGET_ASSIGNMENT_MEMBER => {
                decode_struct(&mut rest, 0).map(GroupRecordKey::ConsumerGroupTargetAssignmentMember)
            }
            CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT => {
                decode_struct(&mut rest, 0).map(GroupRecordKey::ConsumerGroupCurrentMemberAssignment)
            }
            SHARE_GROUP_MEMBER_METADATA => {
                decode_struct(&mut rest, 0).map(GroupRecordKey::ShareGroupMemberMetadata)
            }
            SHARE_GROUP_METADATA => decode_struct(&mut rest, 0).map(GroupRecordKey::ShareGroupMetadata),
            SHARE_GROUP_TARGET_ASSIGNMENT_METADATA => {
                decode_struct(&mut rest, 0).map(GroupRecordKey::ShareGroupTargetAssignmentMetadata)
            }
            SHARE_GROUP_TARGET_ASSIGNMENT_MEMBER => {
                decode_struct(&mut rest, 0).map(GroupRecordKey::ShareGroupTargetAssignmentMember)
            }
            SHARE_GROUP_CURRENT_MEMBER_ASSIGNMENT => {
                decode_struct(&mut rest, 0).map(GroupRecordKey::ShareGroupCurrentMemberAssignment)
            }
            SHARE_GROUP_STATE_PARTITION_METADATA => {
                decode_struct(&mut rest, 0).map(GroupRecordKey::ShareGroupStatePartitionMetadata)
            }
            CONSUMER_GROUP_REGULAR_EXPRESSION => {
                decode_struct(&mut rest, 0).map(GroupRecordKey::ConsumerGroupRegularExpression)
            }
            STREAMS_GROUP_METADATA => decode_struct(&mut rest, 0).map(GroupRecordKey::StreamsGroupMetadata),
            STREAMS_GROUP_MEMBER_METADATA => {
                decode_struct(&mut rest, 0).map(GroupRecordKey::StreamsGroupMemberMetadata)
            }
            STREAMS_GROUP_TARGET_ASSIGNMENT_METADATA => {
                decode_struct(&mut rest, 0).map(GroupRecordKey::StreamsGroupTargetAssignmentMetadata)
            }
            STREAMS_GROUP_TARGET_ASSIGNMENT_MEMBER => {
                decode_struct(&mut rest, 0).map(GroupRecordKey::StreamsGroupTargetAssignmentMember)
            }
            STREAMS_GROUP_CURRENT_MEMBER_ASSIGNMENT => {
                decode_struct(&mut rest, 0).map(GroupRecordKey::StreamsGroupCurrentMemberAssignment)
            }
            STREAMS_GROUP_TOPOLOGY => decode_struct(&mut rest, 0).map(GroupRecordKey::StreamsGroupTopology),
            other => Ok(GroupRecordKey::Unknown(other)),
        }
    }
}

/// Gives a key struct its record type.
macro_rules! record_keys {
    ($($key:ident: $record_type:ident,)*) => {$(
        impl $key {
            /// The record key's bytes.
            pub fn to_record_key(&self) -> Result<Bytes, Unencodable> {
                encode_versioned(self, $record_type, 0)
            }
        }
    )*};
}

record_keys! {
    OffsetCommitKey: OFFSET_COMMIT,
    GroupMetadataKey: GROUP_METADATA,
    ConsumerGroupMetadataKey: CONSUMER_GROUP_METADATA,
    ConsumerGroupPartitionMetadataKey: CONSUMER_GROUP_PARTITION_METADATA,
    ConsumerGroupMemberMetadataKey: CONSUMER_GROUP_MEMBER_METADATA,
    ConsumerGroupTargetAssignmentMetadataKey: CONSUMER_GROUP_TARGET_ASSIGNMENT_METADATA,
    ConsumerGroupTargetAssignmentMemberKey: CONSUMER_GROUP_TARGET_ASSIGNMENT_MEMBER,
    ConsumerGroupCurrentMemberAssignmentKey: CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT,
    ConsumerGroupRegularExpressionKey: CONSUMER_GROUP_REGULAR_EXPRESSION,
    StreamsGroupMetadataKey: STREAMS_GROUP_METADATA,
    StreamsGroupMemberMetadataKey: STREAMS_GROUP_MEMBER_METADATA,
    StreamsGroupTargetAssignmentMetadataKey: STREAMS_GROUP_TARGET_ASSIGNMENT_METADATA,
    StreamsGroupTargetAssignmentMemberKey: STREAMS_GROUP_TARGET_ASSIGNMENT_MEMBER,
    StreamsGroupCurrentMemberAssignmentKey: STREAMS_GROUP_CURRENT_MEMBER_ASSIGNMENT,
    StreamsGroupTopologyKey: STREAMS_GROUP_TOPOLOGY,
    ShareGroupMemberMetadataKey: SHARE_GROUP_MEMBER_METADATA,
    ShareGroupMetadataKey: SHARE_GROUP_METADATA,
    ShareGroupTargetAssignmentMetadataKey: SHARE_GROUP_TARGET_ASSIGNMENT_METADATA,
    ShareGroupTargetAssignmentMemberKey: SHARE_GROUP_TARGET_ASSIGNMENT_MEMBER,
    ShareGroupCurrentMemberAssignmentKey: SHARE_GROUP_CURRENT_MEMBER_ASSIGNMENT,
    ShareGroupStatePartitionMetadataKey: SHARE_GROUP_STATE_PARTITION_METADATA,
    ShareSnapshotKey: SHARE_SNAPSHOT,
    ShareUpdateKey: SHARE_UPDATE,
}

/// The key of a record in `__share_group_state`.
#[derive(Clone, Debug, PartialEq)]
pub enum ShareStateRecordKey {
    /// The whole state of a share partition; its value is a [`ShareSnapshotValue`]. Record type 0.
    Snapshot(ShareSnapshotKey),
    /// What has changed since; its value is a [`ShareUpdateValue`]. Record type 1.
    Update(ShareUpdateKey),
    /// A record type that isn't known here, to be skipped.
    Unknown(i16),
}

impl ShareStateRecordKey {
    /// Decodes a record's key.
    pub fn decode(key: &[u8]) -> Result<ShareStateRecordKey, Malformed> {
        let (record_type, mut rest) = split_version(key)?;
        match record_type {
            SHARE_SNAPSHOT => decode_struct(&mut rest, 0).map(ShareStateRecordKey::Snapshot),
            SHARE_UPDATE => decode_struct(&mut rest, 0).map(ShareStateRecordKey::Update),
            other => Ok(ShareStateRecordKey::Unknown(other)),
        }
    }
}

impl TransactionLogKey {
    /// The record key's bytes.
    pub fn to_record_key(&self) -> Result<Bytes, Unencodable> {
        encode_versioned(self, TRANSACTION_LOG, 0)
    }

    /// Decodes a record's key; the inner error is a record type that isn't known here, to be skipped.
    pub fn from_record_key(key: &[u8]) -> Result<Result<TransactionLogKey, i16>, Malformed> {
        let (record_type, mut rest) = split_version(key)?;
        if record_type != TRANSACTION_LOG {
            return Ok(Err(record_type));
        }
        decode_struct(&mut rest, 0).map(Ok)
    }
}

/// Encodes a record's value, its version in front.
pub fn encode_value<T: Encodable>(value: &T, version: i16) -> Result<Bytes, Unencodable> {
    encode_versioned(value, version, version)
}

/// Decodes a record's value in the version that stands in front of it. What it returns doesn't share
/// `value`'s memory.
pub fn decode_value<T: Decodable + Message>(value: &[u8]) -> Result<T, Malformed> {
    let (version, mut rest) = split_version(value)?;
    if version < T::VERSIONS.min || version > T::VERSIONS.max {
        return Err(Malformed::UnsupportedRecordVersion(version));
    }
    decode_struct(&mut rest, version)
}

fn split_version(bytes: &[u8]) -> Result<(i16, &[u8]), Malformed> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16()?;
    Ok((version, reader.take(reader.remaining())?))
}

fn decode_struct<T: Decodable>(bytes: &mut &[u8], version: i16) -> Result<T, Malformed> {
    T::decode(bytes, version).map_err(|_| Malformed::Undecodable)
}

fn encode_versioned<T: Encodable>(message: &T, prefix: i16, version: i16) -> Result<Bytes, Unencodable> {
    let mut buffer = BytesMut::new();
    buffer.put_i16(prefix);
    message
        .encode(&mut buffer, version)
        .map_err(|error| Unencodable(error.to_string()))?;
    Ok(buffer.freeze())
}
