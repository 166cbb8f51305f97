//! The group coordinator's machine: the groups of a partition, and the requests that are parked with them.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use barnabas_coordinator::{
    CoordinatorError, Effect, EncodedRecord, GroupConfig, GroupRecord, GroupShard, Reply, Token,
};
use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::BatchHeader;
use barnabas_storage::{EndTxnMarker, ProducerSequence, VerificationGuard};
use tokio::sync::oneshot;

use super::cluster_view::ImageView;
use super::machine::Machine;
use super::shard::{Answered, Shard};
use super::write::write_in_transaction;
use barnabas_replica::partition::append::Pending;
use barnabas_replica::partition::transaction::Marker;

/// What the groups of all shards have in common.
pub struct GroupSetup {
    /// Their settings.
    pub(super) config: GroupConfig,
    /// The cluster as it is.
    pub(super) cluster: ArcSwap<ImageView>,
}

/// A shard's groups, and who waits for them.
pub struct GroupMachine {
    setup: Arc<GroupSetup>,
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
        now: Now,
        act: impl FnOnce(&mut GroupShard, Token) -> Vec<GroupRecord>,
    ) -> Result<oneshot::Receiver<Answered<Reply>>, ErrorCode> {
        self.submit(now, |machine| {
            let (token, receiver) = machine.park();
            (act(&mut machine.core, token), receiver)
        })
    }
}

impl Shard<GroupMachine> {
    /// Appends what `act` decides in a batch of a producer's transaction, which was verified; it counts when that commits.
    ///
    /// # Errors
    /// COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR, those of `act` and of a transactional append.
    pub(super) fn decide_in_transaction<R>(
        &self,
        batch: ProducerSequence,
        guard: Option<VerificationGuard>,
        now: Now,
        act: impl FnOnce(&GroupShard) -> Result<(Vec<GroupRecord>, R), ErrorCode>,
    ) -> Result<Answered<R>, ErrorCode> {
        let leader_epoch = self.leader_epoch;
        let mut answer = None;
        let end_offset = self.append_with(now, |machine, partition| {
            let (records, reply) = act(&machine.core)?;
            answer = Some(reply);
            if records.is_empty() {
                return Ok(None);
            }
            let end_offset =
                write_in_transaction(partition, leader_epoch, &records, batch, guard, now.wall_ms)
                    .map_err(|error| error.code())?;
            for record in records {
                machine.core.replay_in_transaction(batch.producer_id, record, now);
            }
            Ok(Some(end_offset))
        })?;
        let value = answer.ok_or(ErrorCode::UnknownServerError)?;
        Ok(Answered { value, end_offset })
    }

    /// Ends a producer's transaction: appends the marker, and lets its offsets count, or drops them. What tells that this is
    /// committed is `None` if it is already.
    ///
    /// # Errors
    /// COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR, those of [`barnabas_replica::partition::Partition::append_marker`].
    pub(super) fn end_transaction(&self, marker: &Marker, now: Now) -> Result<Option<Pending>, ErrorCode> {
        let mut pending = None;
        self.append_with(now, |machine, partition| {
            let appended = partition.append_marker(marker, Some(self.leader_epoch), now.wall_ms)?;
            machine
                .core
                .end_transaction(marker.producer_id, marker.end.committed);
            let end_offset = appended.end_offset();
            pending = appended.pending;
            Ok(Some(end_offset))
        })?;
        Ok(pending)
    }
}

impl Machine for GroupMachine {
    type Record = GroupRecord;
    type Setup = Arc<GroupSetup>;

    const NAME: &'static str = "group";

    fn new(setup: &Arc<GroupSetup>, _leader_epoch: i32) -> Self {
        GroupMachine {
            setup: setup.clone(),
            core: GroupShard::new(setup.config),
            parked: HashMap::new(),
            next_token: 0,
        }
    }

    fn encode(&self, record: &GroupRecord) -> Result<EncodedRecord, CoordinatorError> {
        record.encode()
    }

    fn replay(&mut self, record: GroupRecord, now: Now) {
        self.core.replay(record, now);
    }

    fn load(
        &mut self,
        batch: &BatchHeader,
        key: &[u8],
        value: Option<&[u8]>,
        now: Now,
    ) -> Result<(), CoordinatorError> {
        if batch.is_control() {
            if let Some(marker) = EndTxnMarker::decode(key, value) {
                self.core.end_transaction(batch.producer_id, marker.committed);
            }
            return Ok(());
        }
        let record = GroupRecord::decode(key, value)?;
        if batch.is_transactional() {
            self.core.replay_in_transaction(batch.producer_id, record, now);
        } else {
            self.core.replay(record, now);
        }
        Ok(())
    }

    fn finish_loading(&mut self, now: Now) -> Vec<GroupRecord> {
        // The image may have changed since the loading began.
        self.core.set_cluster(self.setup.cluster.load_full(), &[]);
        self.core.finish_loading(now)
    }

    fn next_deadline(&self) -> Option<i64> {
        self.core.next_deadline()
    }

    fn on_timer(&mut self, now: Now) -> Vec<GroupRecord> {
        self.core.on_timer(now)
    }

    fn append_failed(&mut self, records: &[GroupRecord], error: ErrorCode, now: Now) {
        // A group that fell empty by the failure is known to be so without a record.
        self.core.append_failed(records, error, now);
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
