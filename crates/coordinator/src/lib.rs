//! Barnabas: the coordinator crate.
