//! The share partition (KIP-932): what a share group knows of the records of one partition, as a pure core.
//!
//! Between the start offset, below which the group is done, and the end offset, up to which it has looked,
//! lies the window: batches of records that are available, acquired by a member for a while, acknowledged or
//! archived. A batch stays one entry as long as its records have one fate, and falls into runs where they
//! differ. [`SharePartition`] decides who gets what ([`SharePartition::acquire`]), what comes of an
//! acknowledgement, and what has to be written so that a new leader knows it ([`Write`]). It reads no log,
//! writes nothing and knows no clock: the shell hands in what was fetched and the time, performs the writes
//! and reports what became of them. Memory is bounded by the limit of record locks and one batch of the log.
//!
//! Groups may ask for more than Apache Kafka has ([`Extensions`]). Then records are looked at before they are
//! delivered ([`SharePartition::look`]), and those that wait for their time lie beside the window.

mod acknowledge;
mod acquire;
mod batch;
mod dead_letter;
mod delivery;
mod hold;
mod in_flight;
mod key_order;
mod lock_timeout;
mod look;
mod partition;
mod record_state;
mod restore;
mod settings;
mod settled;
mod waiting;
mod waits;
mod window;
mod write;

pub use acknowledge::{Acknowledgement, Refusal};
pub use acquire::{Acquire, AcquireMode, AcquiredRecords, Span};
pub use dead_letter::{DeadLetter, DeadLetterCause};
pub use delivery::MemberId;
pub use hold::Times;
pub use in_flight::InFlight;
pub use key_order::KeyHash;
pub use lock_timeout::Expired;
pub use look::Looked;
pub use partition::SharePartition;
pub use record_state::RecordState;
pub use restore::{PersistedState, Unrestorable};
pub use settings::{Extensions, GroupSettings};
pub use write::{Completed, StateBatch, Write};

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
