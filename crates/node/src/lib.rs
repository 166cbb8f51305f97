//! The binary `barnabas`: its command line, and a node's assembly, start and stop.

pub mod cli;
pub mod format;
pub mod http;
pub mod logs;
pub mod nodes;
pub mod outside;
pub mod ready;
pub mod secure;
pub mod server;
pub mod settings;
pub mod signals;
pub mod start_topics;
pub mod takeover;
