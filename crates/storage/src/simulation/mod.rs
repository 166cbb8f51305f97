//! A seeded simulation of the disk under a log: power cuts at any point, torn and reordered writes, slow
//! syncs, failing calls, flipped bits.
//!
//! The log lies on a [`SimulatedDisk`](crate::disk::simulated::SimulatedDisk), which knows what has been
//! synced and what may be lost. [`history`] drives a log at random: [`steps`] that append and take away,
//! [`cleaning`], [`moving`] from one log directory to the other. It cuts the power, opens what is left and
//! checks it against what was written ([`check`], [`compacted`], [`flips`]). A failure names its seed;
//! `BARNABAS_SIMULATION_SEEDS` says how many seeds run, from `BARNABAS_SIMULATION_FIRST` on;
//! `BARNABAS_SIMULATION_SEED` runs one alone.

mod check;
mod cleaning;
mod compacted;
mod flips;
mod found;
mod history;
mod last_stable;
mod machine;
mod model;
mod moving;
mod steps;
mod three_nodes;
mod wrong_bits;
