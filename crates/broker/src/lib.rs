//! The broker: listeners, dispatch, handlers, partitions and coordinators, wired together.

mod acl_codes;
pub mod authorized_operations;
mod background;
mod background_thread;
pub mod broker;
pub mod checkpoints;
pub mod cli;
pub mod config_changes;
pub mod coordinator;
pub mod deletions;
pub mod dispatch;
pub mod fetch;
pub mod handlers;
pub mod import;
mod last_words;
pub mod log_cleaner;
pub mod log_dirs;
pub mod log_moves;
pub mod logging;
pub mod metadata_cache;
pub mod partition;
pub mod producer_ids;
pub mod request;
mod retention;
pub mod server;
pub mod topic_creation;
mod verification;
