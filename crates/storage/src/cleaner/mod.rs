//! Log compaction: of each key the last record stays (`cleanup.policy=compact`; KIP-58, KIP-354, KIP-534).
//!
//! A cleaning reads the dirty part of a log into a map of each key's last offset, then copies the whole log
//! up to there, segment by segment, without the records that the map knows to be outdated. What can be
//! decided without files is pure: [`plan`] (which part, which log, which groups), [`offset_map`],
//! [`transactions`] and [`filter`] (what stays). The rest reads and writes files in buffers of bounded size,
//! beside the partition's lock; only a look at the log and the exchange of segments ([`crate::log`],
//! `swap.rs`) take it.
//!
//! Called by the broker's cleaner threads through [`Cleaner::clean`]; they give it the log, the time and its
//! pace.

mod cleaned_segment;
mod filter;
mod offset_map;
mod plan;
mod run;
mod source;
mod transactions;

pub use cleaned_segment::CleanedSegment;
pub use filter::{LastBatch, LastBatches};
pub use plan::{Cleanable, LogFacts, SegmentFacts, SegmentTimes};
pub use run::{Cleaned, Cleaner, CleanerSettings, CleanerShell, CleanerStats};
pub use source::FileTimes;

#[cfg(test)]
mod filter_tests;
