//! The binary `barnabas`: its command line, and a node's assembly, start and stop.

pub mod cli;
pub mod format;
pub mod nodes;
pub mod outside;
pub mod server;
pub mod signals;
