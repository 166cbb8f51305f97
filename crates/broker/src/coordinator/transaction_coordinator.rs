//! The transaction coordinator of this broker: a shard for each partition of `__transaction_state` that it
//! leads.
//!
//! A transaction's end is decided by a record. The markers follow when that is committed: at once, on the
//! thread of the request that decided, so that the producer's next transaction finds this one complete; what
//! was decided by time or by loading, or by a request that nobody waits for any more, is left to the marker
//! task ([`TransactionCoordinator::run_markers`]).

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicI16, Ordering};
use std::task::Poll;
use std::time::Duration;

use barnabas_coordinator::runtime::{Answered, Shard, Shards, TransactionMachine, TransactionSetup};
use barnabas_coordinator::{Decision, MarkerWork, Refusal, TransactionConfig, TransactionShard};
use barnabas_environment::{Environment, Threads};
use barnabas_metadata::features;
use barnabas_metadata::image::{MetadataDelta, MetadataImage};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::compression::Compression;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::led_partition::{LedPartition, led_partitions};
use super::markers;
use super::short_lived_threads;
use crate::broker::Broker;
use barnabas_config::BrokerConfig;
use barnabas_metadata::internal_topics::TRANSACTION_STATE;
use barnabas_replica::partition::registry::Partitions;

/// How long is waited before a completion is noted again that could not be appended.
const COMPLETION_RETRY: Duration = Duration::from_millis(100);

/// The transaction coordinator.
pub struct TransactionCoordinator {
    config: TransactionConfig,
    shards: Shards<TransactionMachine, LedPartition>,
    node_id: i32,
    threads: Threads,
    transaction_version: Arc<AtomicI16>,
    markers_due: Arc<Notify>,
}

impl TransactionCoordinator {
    /// A coordinator that has not seen an image yet. Its settings can't be changed at run time.
    pub fn new(config: &BrokerConfig, environment: Environment) -> Self {
        let transaction_version = Arc::new(AtomicI16::new(0));
        let markers_due = Arc::new(Notify::new());
        let own = TransactionConfig {
            transaction_max_timeout_ms: config.transaction_max_timeout_ms,
            abort_timed_out_interval_ms: config.transaction_abort_timed_out_transaction_cleanup_interval_ms,
            transactional_id_expiration_ms: config.transactional_id_expiration_ms,
            remove_expired_interval_ms: config.transaction_remove_expired_transaction_cleanup_interval_ms,
            request_timeout_ms: config.request_timeout_ms,
        };
        let setup = TransactionSetup {
            config: own,
            transaction_version: transaction_version.clone(),
            markers_due: markers_due.clone(),
        };
        TransactionCoordinator {
            config: own,
            shards: Shards::new(setup, Compression::None, environment.clock),
            node_id: config.node_id,
            threads: environment.threads,
            transaction_version,
            markers_due,
        }
    }

    /// Starts and stops shards as an image asks for. Called after the partitions have followed it.
    pub fn apply(&self, image: &MetadataImage, delta: &MetadataDelta, partitions: &Partitions) {
        if delta.features_changed {
            let level = image.features.level(features::TRANSACTION_VERSION);
            self.transaction_version.store(level, Ordering::Release);
        }
        if let Some(led) = led_partitions(image, delta, TRANSACTION_STATE, self.node_id, partitions) {
            short_lived_threads::load(self.shards.follow(led), self.threads);
        }
    }

    /// The settings, for what a request is held to before its coordinator is looked for.
    pub fn config(&self) -> &TransactionConfig {
        &self.config
    }

    /// Whether this broker coordinates a transactional id.
    pub fn coordinates(&self, transactional_id: &str) -> bool {
        self.shards.of(transactional_id).is_ok()
    }

    /// The finalized level of transaction.version.
    pub fn transaction_version(&self) -> i16 {
        self.transaction_version.load(Ordering::Acquire)
    }

    /// Asks the shard that coordinates `transactional_id`, gives its answer once it is committed, and writes
    /// the markers of what it decided. `act` gets a new producer id if it asked for one.
    ///
    /// # Errors
    /// INVALID_REQUEST for an empty id, wherever its coordinator may be; NOT_COORDINATOR,
    /// COORDINATOR_LOAD_IN_PROGRESS, what a failed append means to a client; COORDINATOR_NOT_AVAILABLE if
    /// there is no producer id to be had.
    pub async fn request<R>(
        &self,
        broker: &Arc<Broker>,
        transactional_id: &str,
        act: impl Fn(&TransactionShard, Option<i64>, i64) -> Result<Decision<R>, Refusal>,
    ) -> Result<R, ErrorCode> {
        if transactional_id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        let mut new_producer_id = None;
        // The client may hang up, or the commit take too long: what is decided by then stays decided.
        let left = LeftToTask(&self.markers_due);
        loop {
            let decided = self
                .shards
                .request(transactional_id, |machine, now| {
                    match act(&machine.core, new_producer_id, now.wall_ms) {
                        Ok((records, reply)) => Ok((records, Some(reply))),
                        Err(Refusal::NeedsProducerId) => Ok((Vec::new(), None)),
                        Err(Refusal::Error(error)) => Err(error),
                    }
                })
                .await?;
            let Some(reply) = decided else {
                new_producer_id = Some(broker.next_producer_id().await?);
                continue;
            };
            self.finish(broker, &self.shards.of(transactional_id)?).await;
            left.nothing();
            return Ok(reply);
        }
    }

    /// Asks every shard of this broker.
    ///
    /// # Errors
    /// COORDINATOR_LOAD_IN_PROGRESS while one is loading.
    pub async fn request_all<R>(
        &self,
        act: impl Fn(&TransactionShard, i64) -> R,
    ) -> Result<Vec<R>, ErrorCode> {
        let mut answers = Vec::new();
        for shard in self.shards.all().iter().flatten().filter(|shard| shard.is_used()) {
            let now = self.shards.now();
            let answered = shard.decide(now, |machine| Ok((Vec::new(), act(&machine.core, now.wall_ms))));
            match answered {
                Ok(answered) => answers.push(shard.committed(answered).await?),
                Err(ErrorCode::NotCoordinator) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(answers)
    }

    /// Writes the markers that a shard has for what was decided: now, as far as nothing has to be waited for.
    async fn finish(&self, broker: &Arc<Broker>, shard: &Arc<Shard<TransactionMachine, LedPartition>>) {
        let decided = shard.with_loaded(TransactionMachine::take_work);
        for work in decided.unwrap_or_default() {
            let (broker, shard) = (broker.clone(), shard.clone());
            let mut writing = Box::pin(async move { complete(&broker, &shard, work).await });
            let done = poll_fn(|context| Poll::Ready(writing.as_mut().poll(context).is_ready())).await;
            if !done {
                tokio::spawn(writing);
            }
        }
    }

    /// Writes the markers that no request waits for, until the process stops. One task does this.
    pub async fn run_markers(&self, broker: &Arc<Broker>, stopping: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = self.markers_due.notified() => {}
                () = stopping.cancelled() => return,
            }
            for shard in self.shards.all().iter().flatten() {
                self.finish(broker, shard).await;
            }
        }
    }

    /// Does what is due in all shards, whenever it is due, until the process stops. One task does this.
    pub async fn run_timers(&self, stopping: CancellationToken) {
        tokio::select! {
            biased;
            () = stopping.cancelled() => {}
            () = self.shards.run_timers() => {}
        }
    }
}

/// Unless [`LeftToTask::nothing`] is, a request's markers are left to the marker task when it ends.
struct LeftToTask<'a>(&'a Notify);

impl LeftToTask<'_> {
    /// The request has begun to write them itself.
    fn nothing(self) {
        std::mem::forget(self);
    }
}

impl Drop for LeftToTask<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Once the decision is committed, writes a transaction's markers until all are written, and notes that it
/// is complete. Whoever loads the log next finds what this broker does not get done.
async fn complete(
    broker: &Arc<Broker>,
    shard: &Shard<TransactionMachine, LedPartition>,
    decided: Answered<MarkerWork>,
) {
    let Answered {
        value: mut work,
        end_offset,
    } = decided;
    if shard.led().committed(end_offset, None).await.is_err() {
        return;
    }
    let leads = || shard.with_loaded(|_| ()).is_some();
    if !markers::write_all(broker, &mut work, leads).await {
        return;
    }
    loop {
        let now = broker.clock.now();
        let completed = shard.decide(now, |machine| {
            let id = &work.transactional_id;
            Ok((machine.core.complete(id, work.producer, now.wall_ms), ()))
        });
        match completed {
            Ok(_) | Err(ErrorCode::NotCoordinator) => return,
            Err(error) => {
                tracing::warn!(id = &*work.transactional_id, %error, "a complete transaction was not noted");
            }
        }
        tokio::select! {
            biased;
            () = broker.stopping.cancelled() => return,
            () = tokio::time::sleep(COMPLETION_RETRY) => {}
        }
    }
}
