//! What a node takes from the outside as arguments instead of globals: time ([`Clock`]), randomness
//! ([`Random`]) and threads ([`Threads`]).
//!
//! Everything in a node that asks for the time, draws a number or works beside others does it through the
//! [`Environment`] that its assembly was given. So a test moves the time itself, and several nodes can run in
//! one process, in one seeded simulation.

#![forbid(unsafe_code)]

mod clock;
mod random;
mod threads;

pub use clock::{Clock, Now, SimulatedTime};
pub use random::Random;
pub use threads::Threads;

/// What one node is given. Clones are cheap and share the time and the sequence of numbers.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The time.
    pub clock: Clock,
    /// Numbers and ids.
    pub random: Random,
    /// Where slow work is done.
    pub threads: Threads,
}

impl Environment {
    /// The machine's clocks, the operating system's randomness, threads of its own.
    pub fn system() -> Environment {
        Environment {
            clock: Clock::system(),
            random: Random::system(),
            threads: Threads::Own,
        }
    }
}
