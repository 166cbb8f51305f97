//! The parsers of SASL on input of any kind.
#![allow(clippy::unwrap_used, reason = "tests")]

mod random_input;
