//! Brokers in this process that replicate over loopback, under a controller that does as it is told.

#![allow(clippy::unwrap_used)]

mod replication;
mod support;
