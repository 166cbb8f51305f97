//! A loaded shard: its state machine, and how far its log goes. What the log doesn't take, the state machine
//! doesn't see.

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;

use super::led_log::LedLog;
use super::load::{LoadError, read_log};
use super::machine::Machine;
use super::partition_log::PartitionLog;

/// A state machine beside the log that it was loaded from and is kept in.
pub struct Active<M> {
    /// The state machine.
    pub machine: M,
    /// After the last record appended.
    end_offset: i64,
}

impl<M: Machine> Active<M> {
    /// What the log says. [`Self::finish_loading`] makes it serve.
    ///
    /// # Errors
    /// The log can't be read.
    pub fn read(led: &LedLog<impl PartitionLog>, setup: &M::Setup, now: Now) -> Result<Self, LoadError> {
        let mut machine = M::new(setup, led.leader_epoch());
        let end_offset = read_log(led.log(), |batch, key, value| {
            machine.load(batch, key, value, now)
        })?;
        Ok(Active { machine, end_offset })
    }

    /// The whole log was read: sessions begin.
    pub fn finish_loading(&mut self, led: &LedLog<impl PartitionLog>, now: Now) {
        let records = self.machine.finish_loading(now);
        // A failure was logged, and answered to whoever waits.
        let _ = self.append(led, records, now);
    }

    /// The offset that must be committed before anybody hears of the state.
    pub fn end_offset(&self) -> i64 {
        self.end_offset
    }

    /// Something that is not made of the machine's records alone was appended up to this offset.
    pub(super) fn appended(&mut self, end_offset: i64) {
        self.end_offset = end_offset;
    }

    /// Appends records that the state machine decided, and replays them. A failure is told to those that wait
    /// for them.
    ///
    /// # Errors
    /// What a failed append means to a client; the records were not replayed.
    pub fn append(
        &mut self,
        led: &LedLog<impl PartitionLog>,
        records: Vec<M::Record>,
        now: Now,
    ) -> Result<(), ErrorCode> {
        if records.is_empty() {
            return Ok(());
        }
        let encoded = records.iter().map(|record| self.machine.encode(record));
        match led.append(encoded, now.wall_ms) {
            Ok(end_offset) => {
                self.end_offset = end_offset;
                let count = i64::try_from(records.len()).unwrap_or(0);
                self.machine.begins_at(end_offset - count);
                for record in records {
                    self.machine.replay(record, now);
                }
                Ok(())
            }
            Err(error) => {
                tracing::warn!(log = %led.log().name(), %error, "{} records were not appended", M::NAME);
                let code = error.code();
                self.machine.append_failed(&records, code, now);
                Err(code)
            }
        }
    }

    /// Does one thing that is due, if anything is.
    pub fn run_timer(&mut self, led: &LedLog<impl PartitionLog>, now: Now) -> bool {
        let deadline_ms = self.machine.next_deadline();
        if deadline_ms.is_none_or(|deadline_ms| deadline_ms > now.monotonic_ms) {
            return false;
        }
        let records = self.machine.on_timer(now);
        // A failed append was logged and answered; the timers go on.
        let _ = self.append(led, records, now);
        true
    }

    /// Hands out the answers to what was decided so far.
    pub fn deliver(&mut self) {
        self.machine.deliver(self.end_offset);
    }
}
