//! The classic group protocol: members elect a leader, the leader assigns (JoinGroup, SyncGroup, Heartbeat,
//! LeaveGroup).
//!
//! [`group`] keeps a group's members and counters consistent and knows nothing of records, timers or time;
//! the request modules ([`join`], [`sync`], [`membership`]) and [`rebalance`] are `impl GroupShard` blocks
//! that drive it.

pub(crate) mod group;
pub(crate) mod join;
pub(crate) mod member;
pub(crate) mod membership;
mod rebalance;
mod replay;
pub(crate) mod state;
mod static_member;
pub(crate) mod subscription;
mod sync;
