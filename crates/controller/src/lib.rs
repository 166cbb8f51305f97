//! The controller listener: what voters, brokers and tools ask of a controller, and how a node asks it.
//!
//! - [`service`] stands behind the listener: frames of the quorum, forwarded requests, and Kafka's own APIs.
//! - [`peers`] carries the quorum's frames to the other voters' listeners.
//! - [`envelope`] is what both put on the wire.
//!
//! What a controller decides is the affair of `barnabas-metadata`; what is here translates, authorises and
//! carries.

#![forbid(unsafe_code)]

pub mod envelope;
pub mod peers;
pub mod service;

pub use peers::NodePeers;
pub use service::{ControllerService, ControllerServiceOptions};
