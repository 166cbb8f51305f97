//! Streams groups (KIP-1071): the coordinator knows the topology of a Kafka Streams application, has its
//! internal topics made, and assigns its tasks.
//!
//! ```text
//! heartbeat ─▶ member, topology, topics changed? ─▶ group epoch + 1 ─▶ target assignment ─▶ reconcile this member
//! ```
//!
//! A task is a partition of a subtopology; it has one active owner, and standbys that follow its changelogs.
//! Epochs are those of consumer groups ([`crate::consumer`]). Besides, a task moves between members of one
//! process only when the one has closed it, since they share its state directory.
//!
//! What the log has of a group changes by replay only. Beside it a [`group::StreamsGroup`] keeps what a new
//! leader learns anew from heartbeats: how the topology fits the topics ([`configure`]), task offsets, the
//! request to shut down, the epoch of endpoint information.

pub(crate) mod assignor;
#[cfg(test)]
mod assignor_tests;
pub(crate) mod codec;
#[cfg(test)]
mod codec_tests;
pub(crate) mod configure;
pub(crate) mod copartition;
pub(crate) mod describe;
pub(crate) mod description;
pub(crate) mod endpoints;
pub(crate) mod fence;
pub(crate) mod group;
pub(crate) mod heartbeat;
pub(crate) mod identity;
pub(crate) mod member;
pub(crate) mod offsets;
pub(crate) mod reconcile;
pub(crate) mod record;
pub(crate) mod replay;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod tasks;
pub(crate) mod topology;
pub(crate) mod topology_codec;
pub(crate) mod update;
