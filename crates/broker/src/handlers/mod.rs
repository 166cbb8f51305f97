//! One file for each API, sorted by its key. A handler translates, authorises and delegates; the logic lives in the
//! core that owns it.

pub mod k00_produce;
pub mod k01_fetch;
pub mod k02_list_offsets;
pub mod k18_api_versions;
pub mod k22_init_producer_id;
pub mod k23_offset_for_leader_epoch;
pub mod k61_describe_producers;
