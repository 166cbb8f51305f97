//! Groups of the consumer protocol (KIP-848): the coordinator assigns, and members come to their assignments
//! one by one.
//!
//! ```text
//! heartbeat ─▶ member changed? ─▶ group epoch + 1 ─▶ target assignment ─▶ reconcile this member ─▶ answer
//! ```
//!
//! A group has three epochs: of the group (bumped when members, subscriptions or topics change), of the
//! target assignment (the group epoch that it was computed for), and of each member (the target's epoch that
//! the member has reached). A member keeps its epoch until it has revoked what is no longer its own; a
//! partition is given on only when nobody holds it.
//!
//! Everything is decided from a [`group::ConsumerGroup`] that only replay changes, so a decision that can't
//! be appended leaves no trace. The decisions are `impl` blocks of the shard in this module's files; rules
//! and messages are Apache Kafka 4.4's.

pub(crate) mod classic_member;
pub(crate) mod codec;
pub(crate) mod describe;
pub(crate) mod embedded;
pub(crate) mod fence;
pub(crate) mod group;
pub(crate) mod heartbeat;
pub(crate) mod join;
pub(crate) mod member;
pub(crate) mod metadata_hash;
pub(crate) mod migrate;
pub(crate) mod offsets;
pub(crate) mod reconcile;
pub(crate) mod record;
pub(crate) mod refusal;
pub(crate) mod regex;
pub(crate) mod replay;
pub(crate) mod target;
pub(crate) mod update;
