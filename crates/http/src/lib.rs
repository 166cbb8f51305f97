//! What a person looks at: an HTTP listener beside those of the Kafka protocol, with the node's health and
//! its metrics.
//!
//! It has a thread and a runtime of its own (`server`), which clients of the broker never wait for. What a
//! request may take is bounded: connections, the size of its head, and the time for both. `routes` says
//! what is where; [`metrics`] adds up what the network's threads have counted and looks at the rest when
//! it is asked.
//! `console` has the pages of the console and `api` what they show, as a client of the cluster.
//! [`telemetry`] keeps what clients push.

mod api;
mod body;
mod console;
mod faults;
mod health;
mod lags;
pub mod metrics;
mod node;
mod plots;
mod registry;
mod routes;
mod server;
pub mod telemetry;

pub use api::door::{Door, Way};
pub use node::{Node, Running};
pub use server::Http;
