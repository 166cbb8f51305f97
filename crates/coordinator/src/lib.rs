//! Coordinators as pure state machines: no IO, no clock, no randomness.
//!
//! A [`GroupShard`] holds the groups of one partition of `__consumer_offsets`. [`runtime`], the one part that
//! knows of a log, of waiting and of locks, drives it:
//!
//! ```text
//! records = shard.join(request, …, now)          decide: no IO
//! append(records); for r in records { shard.replay(r, now) }
//! when they are committed: perform shard.take_effects(), send the reply
//! when shard.next_deadline() has come: records = shard.on_timer(now), and so on
//! after a restart: for r in log { shard.replay(r, now) }, then shard.finish_loading(now)
//! ```
//!
//! If the append fails it calls [`GroupShard::append_failed`] instead of replaying. The rules and error codes
//! are Apache Kafka 4.4's (`GroupMetadataManager`, `OffsetMetadataManager`); a deviation is named where it
//! is.

mod assignor;
mod classic;
mod cluster;
mod codec;
mod config;
mod consumer;
mod effect;
mod error;
mod group;
mod offsets;
mod placement;
pub mod re2;
mod record;
pub mod runtime;
mod share_group;
mod share_state;
mod streams;
mod timers;
mod transaction;

pub use assignor::{Assignor, Partitions};
pub use classic::state::ClassicState;
pub use cluster::{ClusterView, ConsumerSettings, ShareSettings, StreamsSettings, Topic, VisibleTopics};
pub use codec::EncodedRecord;
pub use config::{Assignors, GroupConfig, MigrationPolicy};
pub use consumer::group::{ConsumerGroup, ConsumerGroupState};
pub use consumer::member::{
    Assigned, ClassicDetails, ConsumerMember, CurrentAssignment, MemberDetails, MemberState,
};
pub use consumer::record::{ConsumerRecord, GroupEpoch, ResolvedRegex, TargetEpoch};
pub use consumer::refusal::Refusal as GroupRefusal;
pub use effect::{Effect, Reply, Token};
pub use error::CoordinatorError;
pub use group::{Caller, GroupShard, Outcome};
pub use placement::partition_for;
pub use record::{CommittedOffset, GroupMetadata, GroupRecord, MemberMetadata};
pub use share_group::{
    ShareGroupOffsets, ShareGroupRecord, ShareHeartbeat, ShareInitialization, ShareOffsetsTopic,
};
pub use share_state::{
    NO_START_OFFSET, SharePartition, ShareSnapshot, ShareStateConfig, ShareStateRecord, ShareStateShard,
    ShareUpdate, ShareWrite, StateBatch,
};
pub use streams::group::{StreamsGroup, StreamsGroupState};
pub use streams::heartbeat::StreamsHeartbeatReply;
pub use streams::member::{StreamsAssignment, StreamsDetails, StreamsMember, UserEndpoint};
pub use streams::record::{StreamsEpoch, StreamsRecord};
pub use streams::request::check_streams_heartbeat;
pub use streams::tasks::{ActiveTasks, HeldTasks, TaskSet, Tasks};
pub use streams::topology::{CopartitionGroup, Subtopology, TopicInfo, Topology};
pub use transaction::{
    Decision, InitProducerId, MarkerWork, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, ProducerIdAndEpoch, Refusal,
    TRANSACTION_VERSION_2, TopicPartition, TransactionConfig, TransactionDescription, TransactionFilter,
    TransactionMetadata, TransactionRecord, TransactionShard, TransactionState,
};
