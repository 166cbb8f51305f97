//! The cluster's facts: what brokers, topics, partitions, configs and features there are, and who may change
//! them how.
//!
//! Layers, each usable without the next:
//! - [`records`] and [`image`]: every change is a [`MetadataRecord`](records::MetadataRecord); records
//!   applied in order give a [`MetadataImage`](image::MetadataImage). No IO, no clock, no randomness.
//! - [`controller`]: decides what a request changes. It reads an image and returns records and the reply; it
//!   never changes anything.
//! - [`channel`]: what a broker asks of the controllers, wherever they are.
//! - [`quorum`]: the shell. It commits records through raft, applies them, and publishes each new image. The
//!   only place that names openraft and sled.

#![forbid(unsafe_code)]

pub mod channel;
pub mod controller;
pub mod error;
pub mod features;
pub mod image;
pub mod internal_topics;
pub mod quorum;
pub mod records;

pub use channel::{ControllerChannel, ControllerClient};
pub use controller::{ApiError, ControllerRequest, Decide, DecideContext};
pub use error::MetadataError;
pub use image::{MetadataDelta, MetadataImage};
pub use quorum::{ControllerHandle, Quorum, QuorumOptions, QuorumStatus};
pub use records::MetadataRecord;
