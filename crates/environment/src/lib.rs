//! What a node takes from the outside as arguments instead of globals: time ([`Clock`]) and randomness ([`Random`]).
//!
//! Everything in a node that asks for the time or draws a number does it through the [`Environment`] that its assembly
//! was given. So a test moves the time itself, and several nodes can run in one process, in one seeded simulation.

#![forbid(unsafe_code)]

mod clock;
mod random;

pub use clock::{Clock, Now, SimulatedTime};
pub use random::Random;

/// What one node is given. Clones are cheap and share the time and the sequence of numbers.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The time.
    pub clock: Clock,
    /// Numbers and ids.
    pub random: Random,
}

impl Environment {
    /// The machine's clocks and the operating system's randomness.
    pub fn system() -> Environment {
        Environment {
            clock: Clock::system(),
            random: Random::system(),
        }
    }
}
