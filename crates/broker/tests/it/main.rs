//! Tests that look at the whole workspace and at the broker from outside.

mod architecture;
mod compatibility;
mod process;
mod workspace;
