//! Whole nodes in one process, with simulated time, randomness, disks and network: a run is one thread,
//! follows from its seed, and an hour of it takes seconds.
//!
//! [`World::run`] gives a history a [`World`]. In it [`Machine`]s run the very assembly that `main.rs`
//! starts; [`Client`]s speak to them in frames. What the history sees is its own affair; the network's trace
//! tells two runs apart.

mod client;
mod machine;
mod world;

pub use client::Client;
pub use machine::Machine;
pub use world::World;
