//! What the shell sends when something outside happens, over a channel that writes it down.

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
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{BrokerLifecycle, Lifecycle, LifecycleOptions};

const LONG: Duration = Duration::from_secs(30);
const HOUR_MS: i64 = 3_600_000;

/// Answers what a lifecycle asks, and tells of every heartbeat.
struct Controllers(mpsc::UnboundedSender<BrokerHeartbeatRequest>);

fn ready<T: Send + 'static>(answer: Result<T, MetadataError>) -> Answer<T> {
    Box::pin(std::future::ready(answer))
}

impl ControllerChannel for Controllers {
    fn register(&self, _: BrokerRegistrationRequest) -> Answer<BrokerRegistrationResponse> {
        ready(Ok(BrokerRegistrationResponse::default().with_broker_epoch(10)))
    }

    fn heartbeat(&self, request: BrokerHeartbeatRequest) -> Answer<BrokerHeartbeatResponse> {
        let sent = self.0.send(request);
        let answer = BrokerHeartbeatResponse::default()
            .with_is_caught_up(true)
            .with_is_fenced(false);
        ready(sent.map(|()| answer).map_err(|_| MetadataError::ShuttingDown))
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

#[tokio::test]
async fn a_failed_directory_is_told_before_the_next_heartbeat_is_due() {
    let (told, mut heartbeats) = mpsc::unbounded_channel();
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
    let failed = Arc::new(AtomicBool::new(false));
    let (directory, looked) = (Uuid::from_u128(500), failed.clone());
    let directories = move || {
        let offline = looked.load(Ordering::SeqCst).then_some(directory);
        (offline.into_iter().collect(), Vec::new())
    };
    let lifecycle = BrokerLifecycle::new(core, Arc::new(Controllers(told)), clock, Box::new(directories));
    lifecycle.register().await.unwrap();
    let stopping = CancellationToken::new();
    lifecycle.spawn(stopping.clone());
    lifecycle.ready();
    timeout(LONG, lifecycle.running()).await.unwrap().unwrap();
    while let Ok(earlier) = heartbeats.try_recv() {
        assert!(earlier.offline_log_dirs.is_empty());
    }

    failed.store(true, Ordering::SeqCst);
    lifecycle.directories_changed();
    let offline = async {
        loop {
            let heartbeat = heartbeats.recv().await.unwrap();
            if !heartbeat.offline_log_dirs.is_empty() {
                return heartbeat.offline_log_dirs;
            }
        }
    };
    assert_eq!(timeout(LONG, offline).await.unwrap(), [directory]);
    stopping.cancel();
}
