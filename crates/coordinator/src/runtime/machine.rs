//! What a shard drives: a coordinator's state machine, and what the shell does beside it.

use std::time::Duration;

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::BatchHeader;

use crate::codec::EncodedRecord;
use crate::error::CoordinatorError;

/// A coordinator's state machine with the shell's part of it. Called under the shard's lock.
pub trait Machine: Sized + Send + 'static {
    /// What it decides, and is replayed.
    type Record: Send;
    /// What a new one is made of.
    type Setup: Clone + Send + Sync;

    /// What is logged of it, such as `group`.
    const NAME: &'static str;

    /// How long an answer waits for what it rests on to be committed.
    fn commit_timeout(setup: &Self::Setup) -> Duration;

    /// A machine that knows nothing, of a partition that is led in `leader_epoch`.
    fn new(setup: &Self::Setup, leader_epoch: i32) -> Self;

    /// The bytes of a record. Errors: the format has no room for it.
    fn encode(&self, record: &Self::Record) -> Result<EncodedRecord, CoordinatorError>;

    /// What is replayed next lies in the log from here on.
    fn begins_at(&mut self, _base_offset: i64) {}

    /// Applies a record that the live path has appended.
    fn replay(&mut self, record: Self::Record, now: Now);

    /// Applies a record of the log while it is loaded. Errors: it is of an unknown type, or not what it
    /// claims to be; nothing was applied then, and the loading goes on.
    fn load(
        &mut self,
        batch: &BatchHeader,
        key: &[u8],
        value: Option<&[u8]>,
        now: Now,
    ) -> Result<(), CoordinatorError>;

    /// The whole log was loaded. Returns records to append.
    fn finish_loading(&mut self, now: Now) -> Vec<Self::Record>;

    /// When [`Machine::on_timer`] is due.
    fn next_deadline(&self) -> Option<i64>;

    /// Does one thing that is due. Returns records to append.
    fn on_timer(&mut self, now: Now) -> Vec<Self::Record>;

    /// The append of records failed: what waits for them is answered with `error`.
    fn append_failed(&mut self, records: &[Self::Record], error: ErrorCode, now: Now);

    /// Performs what has been decided so far; `end_offset` must be committed before anybody hears of it.
    fn deliver(&mut self, end_offset: i64);

    /// The leader epoch is over: whoever waits is told so at once.
    fn unload(&mut self);
}
