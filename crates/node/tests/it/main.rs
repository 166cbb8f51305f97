//! Tests that look at the whole workspace and at the broker from outside.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

mod architecture;
mod authorization;
mod bad_input;
mod command_line;
mod comments;
mod compatibility;
mod connections;
mod disk_faults;
mod disks;
mod faults;
mod file_sizes;
mod format;
mod from_environment;
mod full_disk;
mod groups;
mod import;
mod internal_topics;
mod layers;
mod links;
mod metrics;
mod moves;
mod node;
mod process;
mod quotas;
mod request_memory;
mod run_time;
mod settings_in_effect;
mod shares;
mod signals;
mod space;
mod unknown_records;
mod workspace;
