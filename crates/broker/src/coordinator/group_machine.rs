//! The group coordinator's machine: the groups of a partition, and the requests that are parked with them.

use std::collections::HashMap;

use barnabas_coordinator::{
    CoordinatorError, Effect, EncodedRecord, GroupConfig, GroupRecord, GroupShard, Reply, Token,
};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::BatchHeader;
use tokio::sync::oneshot;

use super::machine::Machine;
use super::shard::{Answered, Shard};

/// A shard's groups, and who waits for them.
pub struct GroupMachine {
    /// The groups.
    pub core: GroupShard,
    parked: HashMap<Token, oneshot::Sender<Answered<Reply>>>,
    next_token: u64,
}

impl GroupMachine {
    fn park(&mut self) -> (Token, oneshot::Receiver<Answered<Reply>>) {
        let token = Token(self.next_token);
        self.next_token += 1;
        let (sender, receiver) = oneshot::channel();
        self.parked.insert(token, sender);
        (token, receiver)
    }
}

impl Shard<GroupMachine> {
    /// Lets `act` give the state machine a request that may be parked. Its answer comes through the channel, which closes
    /// should the shard go away without one.
    ///
    /// # Errors
    /// COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR.
    pub(super) fn park(
        &self,
        now_ms: i64,
        act: impl FnOnce(&mut GroupShard, Token) -> Vec<GroupRecord>,
    ) -> Result<oneshot::Receiver<Answered<Reply>>, ErrorCode> {
        self.submit(now_ms, |machine| {
            let (token, receiver) = machine.park();
            (act(&mut machine.core, token), receiver)
        })
    }
}

impl Machine for GroupMachine {
    type Record = GroupRecord;
    type Setup = GroupConfig;

    const NAME: &'static str = "group";

    fn new(config: &GroupConfig, _leader_epoch: i32) -> Self {
        GroupMachine {
            core: GroupShard::new(*config),
            parked: HashMap::new(),
            next_token: 0,
        }
    }

    fn encode(record: &GroupRecord) -> Result<EncodedRecord, CoordinatorError> {
        record.encode()
    }

    fn replay(&mut self, record: GroupRecord, now_ms: i64) {
        self.core.replay(record, now_ms);
    }

    fn load(
        &mut self,
        batch: &BatchHeader,
        key: &[u8],
        value: Option<&[u8]>,
        now_ms: i64,
    ) -> Result<(), CoordinatorError> {
        if batch.is_control() {
            return Ok(());
        }
        if let Some(record) = GroupRecord::decode(key, value)? {
            self.core.replay(record, now_ms);
        }
        Ok(())
    }

    fn finish_loading(&mut self, now_ms: i64) -> Vec<GroupRecord> {
        self.core.finish_loading(now_ms)
    }

    fn next_deadline(&self) -> Option<i64> {
        self.core.next_deadline()
    }

    fn on_timer(&mut self, now_ms: i64) -> Vec<GroupRecord> {
        self.core.on_timer(now_ms)
    }

    fn append_failed(&mut self, records: &[GroupRecord], error: ErrorCode, now_ms: i64) {
        // A group that fell empty by the failure is known to be so without a record.
        self.core.append_failed(records, error, now_ms);
    }

    fn deliver(&mut self, end_offset: i64) {
        for Effect::Respond { token, reply } in self.core.take_effects() {
            if let Some(sender) = self.parked.remove(&token) {
                // A connection that is gone does not wait any more.
                let _ = sender.send(Answered {
                    value: reply,
                    end_offset,
                });
            }
        }
    }

    fn unload(&mut self) {
        self.core.unload();
    }
}
