//! Barnabas: the broker crate.
