//! The `barnabas` binary.
fn main() {}
