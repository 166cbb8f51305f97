//! Barnabas: the metadata crate.
