//! The load generator and the floor programs of scripts/bench.
//!
//! One thread drives any number of connections with frames that were built beforehand and looks at no more of
//! an answer than it must, so that the server and not this program is what a measurement shows. Callers: the
//! binary `barnabas-bench`, and the tests.

pub mod admin;
pub mod answers;
pub mod batch;
pub mod engine;
pub mod error;
pub mod floor;
pub mod frames;
pub mod latency;
pub mod link;
pub mod load;
pub mod options;
mod pacer;
pub mod process;
pub mod roles;
pub mod schedule;
pub mod shared;
pub mod touch;
