//! Barnabas: the protocol crate.
