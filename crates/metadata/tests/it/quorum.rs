//! A quorum of one: commits, publishes, comes back.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use barnabas_metadata::controller::{
    AllocateProducerIds, BrokerHeartbeat, PRODUCER_ID_BLOCK_SIZE, RegisterBroker, registration_request,
};
use barnabas_metadata::quorum::MetadataDisk;
use barnabas_metadata::records::BrokerRegistration;
use barnabas_metadata::{MetadataDelta, MetadataError, MetadataImage, Quorum, features};
use barnabas_protocol::messages::{AllocateProducerIdsRequest, BrokerHeartbeatRequest, BrokerId};
use tokio::task::JoinSet;
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::{create, options, register, start, start_error};

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn every_decision_sees_the_one_before_and_has_taken_effect_before_its_reply() {
    let dir = tempfile::tempdir().unwrap();
    let (quorum, published) = start(dir.path()).await;
    let handle = quorum.handle();
    assert_eq!(published.lock().len(), 1, "the image at start");
    register(&handle).await.unwrap();
    for number in 0..5 {
        let name = format!("topic-{number}");
        assert_eq!(create(&handle, [name.clone()]).await.unwrap(), [true]);
        let (image, delta) = published.lock().last().unwrap().clone();
        assert_eq!(image.topics.len(), number + 1);
        assert_eq!(&*delta.topics_created[0].name, name);
        assert_eq!(delta.topics_created[0].partitions.len(), 1);
    }
    assert_eq!(create(&handle, ["topic-0".to_owned()]).await.unwrap(), [false]);
    assert_eq!(published.lock().len(), 7, "nothing to publish without records");
    let status = handle.status();
    let [own] = status.voters[..] else {
        panic!("{status:?}")
    };
    assert_eq!(
        (status.leader_id, own.node_id, own.log_end_offset),
        (1, 1, status.high_watermark)
    );
    assert!(own.last_fetch_ms > 0 && own.last_caught_up_ms == own.last_fetch_ms);
    assert!(handle.is_active());
    quorum.shutdown().await.unwrap();
    assert!(matches!(
        create(&handle, ["late".to_owned()]).await,
        Err(MetadataError::Storage(_) | MetadataError::NotController { .. } | MetadataError::ShuttingDown)
    ));
}

/// Requests that wait while an entry is synced become one entry, and each hears its own.
#[tokio::test]
async fn requests_that_wait_are_decided_together_each_for_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (quorum, published) = start(dir.path()).await;
    let handle = quorum.handle();
    let epoch = register(&handle).await.unwrap();
    let before = handle.status().high_watermark;
    let mut tasks = JoinSet::new();
    for number in 0..500 {
        let handle = handle.clone();
        tasks.spawn(async move {
            // Every name comes twice.
            let created = create(&handle, [format!("topic-{}", number / 2)]).await.unwrap();
            let ids = AllocateProducerIdsRequest::default()
                .with_broker_id(BrokerId(1))
                .with_broker_epoch(epoch);
            let reply = handle.submit(AllocateProducerIds(ids)).await.unwrap();
            (created, reply.producer_id_start.0)
        });
    }
    let replies = timeout(LONG, tasks.join_all()).await.unwrap();
    let created = replies.iter().filter(|(created, _)| created[0]).count();
    assert_eq!(created, 250);
    let mut blocks: Vec<i64> = replies
        .iter()
        .map(|(_, first)| first / PRODUCER_ID_BLOCK_SIZE)
        .collect();
    blocks.sort_unstable();
    assert_eq!(blocks, (0..500).collect::<Vec<_>>());
    let entries = handle.status().high_watermark - before;
    assert!(entries < 100, "{entries} entries for 750 changes");
    assert_eq!(published.lock().last().unwrap().0.topics.len(), 250);
    quorum.shutdown().await.unwrap();
}

/// A broker's epoch is the offset of its registration, so that registrations at the same moment get different ones.
#[tokio::test]
async fn registrations_have_offsets_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let (quorum, _) = start(dir.path()).await;
    let handle = quorum.handle();
    let all = timeout(LONG, async {
        tokio::join!(register(&handle), register(&handle), register(&handle))
    });
    let (a, b, c) = all.await.unwrap();
    let mut epochs = [a.unwrap(), b.unwrap(), c.unwrap()];
    epochs.sort_unstable();
    assert!(epochs[0] < epochs[1] && epochs[1] < epochs[2], "{epochs:?}");
    quorum.shutdown().await.unwrap();
}

/// Images that take effect slowly hold up neither raft nor the next decision, and what waits becomes one.
#[tokio::test]
async fn a_slow_image_holds_up_no_decision() {
    let dir = tempfile::tempdir().unwrap();
    let (go_on, wait) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel::<(usize, usize)>();
    let publish = move |image: Arc<MetadataImage>, delta: &MetadataDelta| {
        if !delta.topics_created.is_empty() {
            wait.recv().unwrap();
            tell.send((image.topics.len(), delta.topics_created.len()))
                .unwrap();
        }
    };
    let quorum = Quorum::start(
        options(MetadataDisk::open(dir.path()).unwrap(), "cluster-a"),
        publish,
    )
    .await
    .unwrap();
    let handle = quorum.handle();
    register(&handle).await.unwrap();
    let mut tasks = JoinSet::new();
    for number in 0..20 {
        let before = quorum.image().topics.len();
        let submitting = handle.clone();
        tasks.spawn(async move { create(&submitting, [format!("topic-{number}")]).await.unwrap() });
        let decided = async {
            while quorum.image().topics.len() == before {
                tokio::task::yield_now().await;
            }
        };
        timeout(LONG, decided).await.unwrap();
    }
    assert!(tasks.try_join_next().is_none(), "nothing has taken effect");
    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
    let replies = timeout(LONG, tasks.join_all()).await.unwrap();
    assert!(replies.iter().all(|created| created == &[true]));
    let first = told.recv_timeout(LONG).unwrap();
    let second = told.recv_timeout(LONG).unwrap();
    assert_eq!(first.0 + second.1, 20);
    assert_eq!(second.0, 20);
    quorum.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_restart_brings_back_the_same_image() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = 0;
    for round in 0..3 {
        let started = Instant::now();
        let (quorum, published) = start(dir.path()).await;
        println!("start {round}: {:?}", started.elapsed());
        let first = published.lock()[0].clone();
        assert_eq!(&*first.0.cluster_id, "cluster-a");
        assert_eq!(first.0.features.metadata_version(), 29);
        assert_eq!(
            (first.0.topics.len(), first.1.topics_created.len()),
            (expected, expected)
        );
        let handle = quorum.handle();
        register(&handle).await.unwrap();
        // More entries than a snapshot is taken after, one of them larger than a value may be in sled.
        for number in 0..120 {
            create(&handle, [format!("{round}-{number}")]).await.unwrap();
        }
        let many = (2000..6000).map(|number| format!("{round}-{number}"));
        assert!(
            create(&handle, many)
                .await
                .unwrap()
                .into_iter()
                .all(|created| created)
        );
        expected += 4120;
        quorum.shutdown().await.unwrap();
    }
    assert!(dir.path().join("snapshot.json").exists());
}

#[tokio::test]
async fn a_log_of_another_cluster_stops_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let (quorum, _) = start(dir.path()).await;
    quorum.shutdown().await.unwrap();
    let error = start_error(dir.path(), "cluster-b").await;
    assert!(matches!(error, MetadataError::Mismatch(_)), "{error}");
}

/// A quorum of one fences a broker on another node that falls silent, and never its own, which sends nothing.
#[tokio::test]
async fn a_silent_broker_is_fenced_when_its_session_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(MetadataDisk::open(dir.path()).unwrap(), "cluster-a");
    options.settings.broker_session_timeout_ms = 200;
    let (tell, told) = mpsc::channel();
    let publish = move |image: Arc<MetadataImage>, _: &MetadataDelta| drop(tell.send(image));
    let quorum = Quorum::start(options, publish).await.unwrap();
    let handle = quorum.handle();
    register(&handle).await.unwrap();
    let other = BrokerRegistration {
        broker_id: 2,
        log_dirs: vec![Uuid::from_u128(2000)],
        features: features::broker_features(),
        ..BrokerRegistration::default()
    };
    let request = RegisterBroker(registration_request("cluster-a", &other, -1));
    let broker_epoch = handle.submit(request).await.unwrap().broker_epoch;
    let alive = BrokerHeartbeatRequest::default()
        .with_broker_id(BrokerId(2))
        .with_broker_epoch(broker_epoch)
        .with_current_metadata_offset(broker_epoch);
    let reply = handle.submit(BrokerHeartbeat(alive)).await.unwrap();
    assert!(!reply.is_fenced);
    while told.try_recv().is_ok() {}
    let fenced = tokio::task::spawn_blocking(move || told.recv_timeout(LONG).unwrap());
    let image = fenced.await.unwrap();
    assert!(image.brokers[&2].fenced && !image.brokers[&1].fenced);
    quorum.shutdown().await.unwrap();
}
