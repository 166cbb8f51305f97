//! The life of this broker before the controllers: it registers, says that it lives, and asks to be let go.
//! Kafka's `BrokerLifecycleManager`.
//!
//! - [`core`] decides what to send when; pure.
//! - [`shell`] sends it over the channel to the controllers, and tells who waits.
//!
//! A quorum of one whose own broker is the only one hears of it in no other way than that it is asked: there
//! is no task and no heartbeat then.

pub mod core;
pub mod shell;
#[cfg(test)]
mod shell_tests;
#[cfg(test)]
mod tests;

pub use self::core::{BrokerState, Lifecycle, LifecycleOptions};
pub use self::shell::{BrokerLifecycle, Directories};
