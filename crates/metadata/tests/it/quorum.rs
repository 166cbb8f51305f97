//! A quorum of one: commits, publishes, comes back.

use std::time::Instant;

use barnabas_metadata::MetadataError;

use crate::support::{Commit, start, start_error, topic};

#[tokio::test]
async fn every_decision_sees_the_one_before_and_is_published_before_its_reply() {
    let dir = tempfile::tempdir().unwrap();
    let (quorum, published) = start(dir.path()).await;
    let handle = quorum.handle();
    assert_eq!(published.lock().unwrap().len(), 1, "the image at start");
    for number in 0..5 {
        let reply = handle.submit(Commit(vec![topic(number)])).await.unwrap();
        assert_eq!(reply, number as usize);
        let (image, delta) = published.lock().unwrap().last().unwrap().clone();
        assert_eq!(image.topics.len(), number as usize + 1);
        assert_eq!(&*delta.topics_created[0].name, format!("topic-{number}"));
    }
    assert_eq!(handle.submit(Commit(vec![])).await.unwrap(), 5);
    assert_eq!(
        published.lock().unwrap().len(),
        6,
        "nothing to publish without records"
    );
    let status = handle.status();
    assert_eq!(
        (status.leader_id, status.voters.as_slice()),
        (1, &[(1, status.high_watermark)][..])
    );
    quorum.shutdown().await.unwrap();
    assert!(matches!(
        handle.submit(Commit(vec![topic(9)])).await,
        Err(MetadataError::Storage(_) | MetadataError::NotController)
    ));
}

#[tokio::test]
async fn a_restart_brings_back_the_same_image() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = 0;
    for round in 0..3 {
        let started = Instant::now();
        let (quorum, published) = start(dir.path()).await;
        println!("start {round}: {:?}", started.elapsed());
        let first = published.lock().unwrap()[0].clone();
        assert_eq!(&*first.0.cluster_id, "cluster-a");
        assert_eq!(first.0.features.metadata_version(), 29);
        assert_eq!(
            (first.0.topics.len(), first.1.topics_created.len()),
            (expected, expected)
        );
        let handle = quorum.handle();
        // More entries than a snapshot is taken after, one of them larger than a value may be in sled.
        for number in 0..1200 {
            handle
                .submit(Commit(vec![topic(round * 10_000 + number)]))
                .await
                .unwrap();
        }
        handle
            .submit(Commit(
                (2000..6000)
                    .map(|number| topic(round * 10_000 + number))
                    .collect(),
            ))
            .await
            .unwrap();
        expected += 5200;
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
