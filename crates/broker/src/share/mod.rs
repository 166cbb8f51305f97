//! Share groups (KIP-932) on this broker: where the state of their partitions is kept.

pub mod persister;
