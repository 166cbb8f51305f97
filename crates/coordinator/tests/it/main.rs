//! Tests of the group coordinator as its shell sees it: requests and time in, records and answers out.

#![allow(clippy::unwrap_used)]

mod clock;
mod cluster;
mod consumer;
mod consumer_simulation;
mod failover;
mod fixture;
mod join;
mod memory_log;
mod offsets;
mod rebalance;
mod runtime;
mod simulation;
mod static_members;
mod streams;
mod streams_members;
mod streams_simulation;
mod streams_topology;
mod transactions;
