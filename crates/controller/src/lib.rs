//! The controller listener: what voters, brokers and tools ask of a controller, and how a node asks it.
//!
//! - [`service`] stands behind the listener: frames of the quorum, forwarded requests, and Kafka's own APIs
//!   (`dispatch` has the table of them); [`sessions`] tells by whose connection a broker lives.
//! - [`peers`] carries the quorum's frames to the other voters' listeners.
//! - [`registration`] tells the others of this controller.
//! - [`channel`] finds the active controller for a broker, here or there; [`forward`] is what it sends.
//! - [`admin`] and [`describe_quorum`] are what brokers answer too.
//! - [`ImageCredentials`] are what clients of brokers and controllers log in with by SCRAM.
//! - [`throttling`] counts what clients take of their quotas, for brokers too.
//! - [`logging`] is the process's log, whose level they may change.
//! - [`envelope`] is what all of them put on the wire.
//!
//! What a controller decides is the affair of `barnabas-metadata`; what is here translates, authorises and
//! carries.

#![forbid(unsafe_code)]

pub mod admin;
pub mod authorization;
pub mod channel;
mod controller;
mod credentials;
pub mod describe_quorum;
mod dispatch;
pub mod envelope;
pub mod forward;
mod handlers;
pub mod log_format;
pub mod logging;
pub mod peers;
mod presence;
pub mod registration;
pub mod service;
pub mod sessions;
mod takeover;
pub mod throttling;

pub use channel::{QuorumChannel, QuorumChannelOptions};
pub use credentials::ImageCredentials;
pub use peers::NodePeers;
pub use service::{ControllerService, ControllerServiceOptions};
