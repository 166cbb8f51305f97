//! The broker: listeners, dispatch, handlers, partitions and coordinators, wired together.

mod authorization;
pub mod broker;
pub mod config_changes;
pub mod coordinator;
pub mod dispatch;
pub mod fetch;
pub mod handlers;
mod last_words;
pub mod logging;
pub mod metadata_cache;
pub mod producer_ids;
pub mod request;
pub mod topic_creation;
mod verification;
