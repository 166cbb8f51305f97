//! Barnabas: the storage crate.
