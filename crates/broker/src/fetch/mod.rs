//! What a Fetch needs beside the log: its session (KIP-227), and the plan of what to read.

pub mod cold;
pub mod nearby;
pub mod read;
pub mod response;
pub mod session;
pub mod session_cache;
