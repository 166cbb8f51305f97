//! A fetcher at work: sends what its core asks, and does to the partitions what comes of the answers.
//!
//! With threads of its own each fetcher has one, and on it a runtime with its connection: from the leader's
//! bytes to the logs nothing changes threads, and no append keeps anybody else waiting. A node without
//! threads of its own runs it beside the rest.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use barnabas_environment::Threads;
use barnabas_network::client::{CallError, Connector, NodeClient};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{FetchRequest, FetchResponse};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::exchange::{Asked, PartitionWork, TopicIdPartition, Work};
use super::fetcher_core::FetcherCore;
use super::messages::{self, FETCH_VERSION};
use super::own_epoch::OwnEpoch;
use super::range;
use crate::ReplicaManager;
use crate::partition::Partition;
use crate::partition::core::LeaderEpoch;
use crate::partition::follow::{Cut, FollowerPosition, LeaderState};
use crate::upkeep::checkpoints::{self, Checkpoint};

/// What the fetcher and those who steer it share.
pub struct Fetcher {
    core: Mutex<FetcherCore>,
    woken: Notify,
    /// Cancelled when it is over.
    over: CancellationToken,
}

/// What a fetcher works with.
pub struct FetcherContext {
    /// Where the partitions are.
    pub replicas: Arc<ReplicaManager>,
    /// The leader.
    pub broker_id: i32,
    /// How leaders are reached.
    pub connector: Connector,
    /// The leader's `host:port`.
    pub address: String,
    /// Under what this broker has registered.
    pub own_epoch: Arc<OwnEpoch>,
}

impl Fetcher {
    /// Starts one that follows nothing yet.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start(
        name: String,
        context: FetcherContext,
        runtime: &Handle,
        over: CancellationToken,
    ) -> io::Result<Arc<Fetcher>> {
        let backoff_max_ms = i64::from(context.replicas.config().replica_fetch_backoff_ms);
        let fetcher = Arc::new(Fetcher {
            core: Mutex::new(FetcherCore::new(backoff_max_ms)),
            woken: Notify::new(),
            over,
        });
        let shared = fetcher.clone();
        match context.replicas.threads() {
            Threads::Runtime => drop(runtime.spawn(Fetching::run(shared, context))),
            Threads::Own => {
                let own = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                let work = move || own.block_on(Fetching::run(shared, context));
                std::thread::Builder::new().name(name).spawn(work)?;
            }
        }
        Ok(fetcher)
    }

    /// Changes what is followed; [`Fetcher::wake`] lets it take effect.
    pub fn change(&self, change: impl FnOnce(&mut FetcherCore)) {
        change(&mut self.core.lock());
    }

    /// Has the fetcher look at what has changed.
    pub fn wake(&self) {
        self.woken.notify_one();
    }

    /// Whether nothing is followed.
    pub fn is_idle(&self) -> bool {
        self.core.lock().is_empty()
    }

    /// Ends it. What is on its way has no effect any more once its partitions follow somebody else.
    pub fn stop(&self) {
        self.over.cancel();
    }
}

type Answer = Result<FetchResponse, CallError>;

struct Fetching {
    fetcher: Arc<Fetcher>,
    context: FetcherContext,
    client: NodeClient,
    /// On their way, oldest first.
    in_flight: VecDeque<JoinHandle<Answer>>,
}

impl Fetching {
    async fn run(fetcher: Arc<Fetcher>, context: FetcherContext) {
        let client_id = format!("broker-{}-fetcher", context.replicas.config().node_id);
        let client = NodeClient::new(
            context.connector.clone(),
            &context.address,
            &client_id,
            &Handle::current(),
        );
        let over = fetcher.over.clone();
        let mut fetching = Fetching {
            fetcher,
            context,
            client,
            in_flight: VecDeque::new(),
        };
        tokio::select! {
            biased;
            () = over.cancelled() => {}
            () = fetching.go_on() => {}
        }
        fetching.abort();
    }

    async fn go_on(&mut self) {
        loop {
            self.place();
            self.send();
            let due_ms = self.fetcher.core.lock().next_due_ms();
            let wait_ms = due_ms.map(|due_ms| u64::try_from(due_ms - self.now_ms()).unwrap_or(0));
            let answer = tokio::select! {
                biased;
                answer = oldest(&mut self.in_flight) => Some(answer),
                () = self.fetcher.woken.notified() => None,
                () = pause(wait_ms) => None,
            };
            if let Some(answer) = answer {
                self.in_flight.pop_front();
                self.take(answer).await;
            }
        }
    }

    /// Looks at the logs of partitions that are new here, and cuts off what a power cut has left incomplete.
    fn place(&self) {
        let unplaced = self.fetcher.core.lock().unplaced();
        for (key, leader_epoch) in unplaced {
            let found = self
                .partition(key)
                .and_then(|partition| match partition.lost_from(leader_epoch)? {
                    Some(cut) => {
                        let topic = &partition.id().topic;
                        tracing::warn!(%topic, partition = key.partition, ?cut, "fetching again from a gap on");
                        self.cut(&partition, leader_epoch, cut)
                    }
                    None => partition.follower_position(leader_epoch),
                });
            self.done(key, leader_epoch, found);
        }
    }

    fn send(&mut self) {
        let Some(broker_epoch) = self.context.own_epoch.get() else {
            return;
        };
        let config = self.context.replicas.config();
        while let Some(ask) = {
            let now_ms = self.now_ms();
            self.fetcher.core.lock().next_fetch(now_ms)
        } {
            let request: FetchRequest = messages::fetch_request(&ask, &config, broker_epoch);
            let patience = u64::try_from(config.replica_socket_timeout_ms).unwrap_or(0);
            let client = self.client.clone();
            self.in_flight.push_back(tokio::spawn(async move {
                client
                    .call(FETCH_VERSION, &request, Duration::from_millis(patience))
                    .await
            }));
        }
    }

    async fn take(&mut self, answer: Answer) {
        let now_ms = self.now_ms();
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                tracing::debug!(%error, "a leader can't be asked");
                self.note(&error, now_ms);
                self.abort();
                self.fetcher.core.lock().disconnected(now_ms);
                return;
            }
        };
        self.context.replicas.lost_leaders().found(self.context.broker_id);
        let error = ErrorCode::from_code(response.error_code).unwrap_or(ErrorCode::UnknownServerError);
        if error != ErrorCode::None {
            if self.fetcher.core.lock().refused(error, now_ms) {
                self.abort();
            }
            return;
        }
        let session_id = response.session_id;
        let answers = messages::answers(response);
        let works = self.fetcher.core.lock().answered(session_id, answers, now_ms);
        let mut lost = Vec::new();
        for work in works {
            let (key, asked, _) = work;
            match self.work(work) {
                Some(outcome) => self.done(key, asked.leader_epoch, outcome),
                None => lost.push((key, asked)),
            }
        }
        if !lost.is_empty() {
            self.find(lost).await;
        }
    }

    /// Whether the leader may be gone.
    fn note(&self, error: &CallError, now_ms: i64) {
        let refused = match error {
            CallError::Disconnected(_) => false,
            CallError::Unreachable(_, kind) => *kind == io::ErrorKind::ConnectionRefused,
            CallError::TimedOut(_) | CallError::Malformed(_) | CallError::Unencodable(_) => return,
        };
        let lost_leaders = self.context.replicas.lost_leaders();
        lost_leaders.lost(self.context.broker_id, refused, now_ms);
    }

    /// `None` if the leader has to be asked first.
    fn work(&self, (key, asked, work): PartitionWork) -> Option<Result<FollowerPosition, ErrorCode>> {
        let partition = match self.partition(key) {
            Ok(partition) => partition,
            Err(error) => return Some(Err(error)),
        };
        match work {
            Work::Append(answer) => {
                let leader = LeaderState {
                    leader_epoch: asked.leader_epoch,
                    high_watermark: answer.high_watermark,
                    log_start_offset: answer.log_start_offset,
                };
                let now_ms = self.context.replicas.clock().wall_ms();
                let fetch_offset = asked.position.end_offset;
                let appended = partition.append_as_follower(&answer.records, fetch_offset, leader, now_ms);
                if let Ok(position) = &appended {
                    let in_sync = position.end_offset >= answer.high_watermark;
                    self.throttle(
                        &partition,
                        (key, asked.leader_epoch),
                        answer.records.len(),
                        in_sync,
                    );
                }
                Some(appended)
            }
            Work::Truncate(diverging) => {
                let cut = partition.diverged_at(asked.leader_epoch, diverging);
                Some(cut.and_then(|cut| self.cut(&partition, asked.leader_epoch, cut)))
            }
            Work::FindRange => None,
        }
    }

    /// Counts what a throttled replica has taken, and leaves it alone for a while where that is enough.
    fn throttle(
        &self,
        partition: &Partition,
        (key, leader_epoch): (TopicIdPartition, LeaderEpoch),
        bytes: usize,
        in_sync: bool,
    ) {
        if !partition.is_throttled_follower() {
            return;
        }
        let quota = &self.context.replicas.partitions().shared().quotas.follower;
        let now_ms = self.now_ms();
        quota.record(bytes, now_ms);
        let pause_ms = quota.pause_ms(now_ms);
        if pause_ms > 0 && !in_sync {
            let mut core = self.fetcher.core.lock();
            core.pause(key, leader_epoch, now_ms.saturating_add(pause_ms));
        }
    }

    /// Asks the leader where its logs begin and end, and lets ours begin or end there.
    async fn find(&self, lost: Vec<(TopicIdPartition, Asked)>) {
        let mut partitions = Vec::with_capacity(lost.len());
        for (key, asked) in lost {
            match self.partition(key) {
                Ok(partition) => partitions.push((partition, asked)),
                Err(error) => self.done(key, asked.leader_epoch, Err(error)),
            }
        }
        let ranges = range::ask(&self.client, &self.context.replicas.config(), &partitions).await;
        for ((partition, asked), range) in partitions.into_iter().zip(ranges) {
            let key = TopicIdPartition {
                topic_id: partition.id().topic_id,
                partition: partition.id().partition,
            };
            let outcome = range.and_then(|range| {
                // Tried again after a while.
                let cut = range.cut(asked.position.end_offset);
                let cut = cut.ok_or(ErrorCode::OffsetOutOfRange)?;
                tracing::info!(
                    topic = %partition.id().topic,
                    partition = partition.id().partition,
                    ?range,
                    ?cut,
                    "the leader's log is elsewhere"
                );
                self.cut(&partition, asked.leader_epoch, cut)
            });
            self.done(key, asked.leader_epoch, outcome);
        }
    }

    fn cut(
        &self,
        partition: &Partition,
        leader_epoch: LeaderEpoch,
        cut: Cut,
    ) -> Result<FollowerPosition, ErrorCode> {
        loop {
            if partition.prepare_cut(leader_epoch, cut)? {
                checkpoints::write(&self.context.replicas, Checkpoint::RecoveryPoints);
            }
            if let Some(position) = partition.cut(leader_epoch, cut)? {
                return Ok(position);
            }
        }
    }

    fn done(
        &self,
        key: TopicIdPartition,
        leader_epoch: LeaderEpoch,
        outcome: Result<FollowerPosition, ErrorCode>,
    ) {
        if let Err(error) = outcome {
            tracing::debug!(?key, %leader_epoch, %error, "a follower has not come further");
        }
        let now_ms = self.now_ms();
        self.fetcher.core.lock().done(key, leader_epoch, outcome, now_ms);
    }

    fn partition(&self, key: TopicIdPartition) -> Result<Arc<Partition>, ErrorCode> {
        // Not here is as good as deleted.
        let found = self
            .context
            .replicas
            .partitions()
            .by_id(&key.topic_id, key.partition);
        found.map_err(|_| ErrorCode::UnknownTopicOrPartition)
    }

    fn now_ms(&self) -> i64 {
        self.context.replicas.clock().monotonic_ms()
    }

    fn abort(&mut self) {
        for call in self.in_flight.drain(..) {
            call.abort();
        }
    }
}

/// For ever without an end.
async fn pause(wait_ms: Option<u64>) {
    match wait_ms {
        Some(wait_ms) => tokio::time::sleep(Duration::from_millis(wait_ms)).await,
        None => std::future::pending().await,
    }
}

/// The answer to the oldest call; never without one.
async fn oldest(in_flight: &mut VecDeque<JoinHandle<Answer>>) -> Answer {
    match in_flight.front_mut() {
        Some(call) => call
            .await
            .unwrap_or_else(|_| Err(CallError::Disconnected("the leader".to_owned()))),
        None => std::future::pending().await,
    }
}
