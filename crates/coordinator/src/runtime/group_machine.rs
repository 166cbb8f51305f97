//! The group coordinator's machine: the groups of a partition, and the requests that are parked with them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::{BatchHeader, EndTxnMarker};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::machine::Machine;
use super::partition_log::PartitionLog;
use super::shard::{Answered, Shard};
use crate::cluster::{ClusterView, EmptyCluster};
use crate::codec::EncodedRecord;
use crate::config::GroupConfig;
use crate::effect::{Effect, Reply, Token};
use crate::error::CoordinatorError;
use crate::group::GroupShard;
use crate::record::GroupRecord;

/// What the groups of all shards have in common.
pub struct GroupSetup {
    config: GroupConfig,
    cluster: Mutex<Arc<dyn ClusterView>>,
}

impl GroupSetup {
    /// Groups with these settings, in a cluster that nobody has seen yet.
    pub fn new(config: GroupConfig) -> Self {
        GroupSetup {
            config,
            cluster: Mutex::new(Arc::new(EmptyCluster)),
        }
    }

    /// The settings.
    pub fn config(&self) -> &GroupConfig {
        &self.config
    }

    /// The cluster has changed: shards that are loaded from now on begin with this.
    pub fn set_cluster(&self, cluster: Arc<dyn ClusterView>) {
        *self.cluster.lock() = cluster;
    }

    fn cluster(&self) -> Arc<dyn ClusterView> {
        self.cluster.lock().clone()
    }
}

/// A shard's groups, and who waits for them.
pub struct GroupMachine {
    setup: Arc<GroupSetup>,
    /// The groups.
    pub core: GroupShard,
    parked: BTreeMap<Token, oneshot::Sender<Answered<Reply>>>,
    next_token: u64,
}

impl GroupMachine {
    /// A name for a request that may be parked, and where its answer comes.
    pub fn park(&mut self) -> (Token, oneshot::Receiver<Answered<Reply>>) {
        let token = Token(self.next_token);
        self.next_token += 1;
        let (sender, receiver) = oneshot::channel();
        self.parked.insert(token, sender);
        (token, receiver)
    }
}

impl<L: PartitionLog> Shard<GroupMachine, L> {
    /// Lets `act` give the state machine a request that may be parked. Its answer comes through the channel,
    /// which closes should the shard go away without one.
    ///
    /// # Errors
    /// COORDINATOR_LOAD_IN_PROGRESS, NOT_COORDINATOR.
    pub fn park(
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

impl Machine for GroupMachine {
    type Record = GroupRecord;
    type Setup = Arc<GroupSetup>;

    const NAME: &'static str = "group";

    fn commit_timeout(setup: &Arc<GroupSetup>) -> Duration {
        Duration::from_millis(u64::try_from(setup.config.offsets_commit_timeout_ms).unwrap_or(0))
    }

    fn new(setup: &Arc<GroupSetup>, _leader_epoch: i32) -> Self {
        GroupMachine {
            setup: setup.clone(),
            core: GroupShard::new(setup.config),
            parked: BTreeMap::new(),
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
        self.core.set_cluster(self.setup.cluster(), &[]);
        self.core.finish_loading(now)
    }

    fn next_deadline(&self) -> Option<i64> {
        self.core.next_deadline()
    }

    fn on_timer(&mut self, now: Now) -> Vec<GroupRecord> {
        self.core.on_timer(now)
    }

    fn append_failed(&mut self, records: &[GroupRecord], error: ErrorCode, now: Now) {
        self.core.append_failed(records, error, now);
    }

    fn deliver(&mut self, end_offset: i64) {
        for Effect::Respond { token, reply } in self.core.take_effects() {
            let sender = self.parked.remove(&token);
            debug_assert!(sender.is_some(), "{token:?} was answered twice");
            if let Some(sender) = sender {
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
        // That rests on nothing in the log.
        self.deliver(0);
    }
}
