//! What the shell sends when something outside happens, over a channel that writes it down.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use barnabas_environment::Clock;
use barnabas_metadata::channel::Answer;
use barnabas_metadata::controller::{ControllerReply, ControllerRequest};
use barnabas_metadata::{ControllerChannel, MetadataError};
use barnabas_protocol::messages::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, AlterPartitionRequest, AlterPartitionResponse,
    AssignReplicasToDirsRequest, AssignReplicasToDirsResponse, BrokerHeartbeatRequest,
    BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse,
};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{BrokerLifecycle, Directories, Lifecycle, LifecycleOptions};

const LONG: Duration = Duration::from_secs(30);
const HOUR_MS: i64 = 3_600_000;

/// Answers what a lifecycle asks, and tells of every heartbeat.
struct Controllers {
    told: mpsc::UnboundedSender<BrokerHeartbeatRequest>,
    lost: Arc<Notify>,
}

fn ready<T: Send + 'static>(answer: Result<T, MetadataError>) -> Answer<T> {
    Box::pin(std::future::ready(answer))
}

impl ControllerChannel for Controllers {
    fn register(&self, _: BrokerRegistrationRequest) -> Answer<BrokerRegistrationResponse> {
        ready(Ok(BrokerRegistrationResponse::default().with_broker_epoch(10)))
    }

    fn heartbeat(&self, request: BrokerHeartbeatRequest) -> Answer<BrokerHeartbeatResponse> {
        let sent = self.told.send(request);
        let answer = BrokerHeartbeatResponse::default()
            .with_is_caught_up(true)
            .with_is_fenced(false);
        ready(sent.map(|()| answer).map_err(|_| MetadataError::ShuttingDown))
    }

    fn connection_lost(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.lost.notified())
    }

    fn alter_partition(&self, _: AlterPartitionRequest) -> Answer<AlterPartitionResponse> {
        ready(Err(MetadataError::ShuttingDown))
    }

    fn assign_replicas_to_dirs(
        &self,
        _: AssignReplicasToDirsRequest,
    ) -> Answer<AssignReplicasToDirsResponse> {
        ready(Err(MetadataError::ShuttingDown))
    }

    fn allocate_producer_ids(&self, _: AllocateProducerIdsRequest) -> Answer<AllocateProducerIdsResponse> {
        ready(Err(MetadataError::ShuttingDown))
    }

    fn forward(&self, _: ControllerRequest) -> Answer<ControllerReply> {
        ready(Err(MetadataError::ShuttingDown))
    }
}

/// A broker that is unfenced and sends no heartbeat of itself for an hour.
struct Running {
    lifecycle: BrokerLifecycle,
    heartbeats: mpsc::UnboundedReceiver<BrokerHeartbeatRequest>,
    lost: Arc<Notify>,
    stopping: CancellationToken,
}

impl Running {
    async fn start(directories: Directories) -> Running {
        let (told, mut heartbeats) = mpsc::unbounded_channel();
        let lost = Arc::new(Notify::new());
        let options = LifecycleOptions {
            heartbeat_interval_ms: HOUR_MS,
            registration_timeout_ms: HOUR_MS,
            shutdown_timeout_ms: 1000,
            controlled_shutdown: true,
            shutdown_silence_ms: 1000,
            alone: false,
        };
        let clock = Clock::system();
        let core = Lifecycle::new(
            BrokerRegistrationRequest::default(),
            options,
            clock.monotonic_ms(),
        );
        let channel = Controllers {
            told,
            lost: lost.clone(),
        };
        let lifecycle = BrokerLifecycle::new(core, Arc::new(channel), clock, directories);
        lifecycle.register().await.unwrap();
        let stopping = CancellationToken::new();
        lifecycle.spawn(stopping.clone());
        lifecycle.ready();
        timeout(LONG, lifecycle.running()).await.unwrap().unwrap();
        while let Ok(earlier) = heartbeats.try_recv() {
            assert!(earlier.offline_log_dirs.is_empty());
        }
        Running {
            lifecycle,
            heartbeats,
            lost,
            stopping,
        }
    }

    async fn next(&mut self) -> BrokerHeartbeatRequest {
        timeout(LONG, self.heartbeats.recv()).await.unwrap().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

#[tokio::test]
async fn a_failed_directory_is_told_before_the_next_heartbeat_is_due() {
    let failed = Arc::new(AtomicBool::new(false));
    let (directory, looked) = (Uuid::from_u128(500), failed.clone());
    let directories = move || {
        let offline = looked.load(Ordering::SeqCst).then_some(directory);
        (offline.into_iter().collect(), Vec::new())
    };
    let mut broker = Running::start(Box::new(directories)).await;
    failed.store(true, Ordering::SeqCst);
    broker.lifecycle.directories_changed();
    loop {
        let offline = broker.next().await.offline_log_dirs;
        if !offline.is_empty() {
            assert_eq!(offline, [directory]);
            return;
        }
    }
}

#[tokio::test]
async fn a_lost_connection_is_made_anew_before_the_next_heartbeat_is_due() {
    let mut broker = Running::start(Box::new(Default::default)).await;
    for _ in 0..3 {
        broker.lost.notify_one();
        broker.next().await;
    }
}
