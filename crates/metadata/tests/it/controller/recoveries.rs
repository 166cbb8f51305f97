//! Who leads after an unclean stop, by an election that nobody asked for, and when directories fail: (request,
//! reply and image).

use barnabas_metadata::controller::{AssignReplicasToDirs, BrokerHeartbeat, Tick};
use barnabas_metadata::records::{
    BrokerRegistrationChange, ConfigResource, LeaderRecoveryState, MetadataRecord, NO_LEADER,
};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::assign_replicas_to_dirs_request::{DirectoryData, PartitionData, TopicData};
use barnabas_protocol::messages::{AssignReplicasToDirsRequest, BrokerId};
use uuid::Uuid;

use super::lives::{TOPIC, beat, cluster, fence, heard, partition, register, registration, state};

#[test]
fn after_an_unclean_stop_nobody_trusts_what_is_on_the_disk() {
    let mut cluster = cluster(&[(&[1, 2, 3], &[1, 2], 1), (&[1], &[1], 1)]);
    fence(&mut cluster, 1);
    fence(&mut cluster, 2);
    assert_eq!(state(&cluster, 0), (NO_LEADER, vec![], vec![1, 2], vec![2], 6));
    // Broker 1 was killed: it is out of the eligible ones and leads nothing when it is back.
    register(&mut cluster, registration(1, 7, -1));
    heard(&mut cluster, 1);
    assert_eq!(state(&cluster, 0), (NO_LEADER, vec![], vec![2], vec![2], 6));
    // Alone with its last known leadership it may lead, and has to say when it has recovered.
    assert_eq!(state(&cluster, 1), (1, vec![1], vec![], vec![], 6));
    let recovering = partition(&cluster, 1).leader_recovery_state;
    assert_eq!(recovering, LeaderRecoveryState::Recovering);
    // Broker 2 was killed too: nobody is eligible, the last leader comes back alone.
    register(&mut cluster, registration(2, 7, -1));
    assert_eq!(state(&cluster, 0), (NO_LEADER, vec![], vec![], vec![2], 6));
    heard(&mut cluster, 2);
    assert_eq!(state(&cluster, 0), (2, vec![2], vec![], vec![], 7));
    assert_eq!(
        partition(&cluster, 0).leader_recovery_state,
        LeaderRecoveryState::Recovering
    );
}

#[test]
fn unclean_election_takes_whom_it_gets_where_the_topic_allows_it() {
    let allow = MetadataRecord::Config {
        resource: ConfigResource::topic("a"),
        name: "unclean.leader.election.enable".into(),
        value: Some("true".into()),
    };
    let mut cluster = cluster(&[(&[1, 3], &[1], 1)]);
    fence(&mut cluster, 1);
    assert_eq!(state(&cluster, 0), (NO_LEADER, vec![], vec![1], vec![1], 5));
    cluster.submit(Tick {
        elections: true,
        ..Tick::default()
    });
    assert_eq!(state(&cluster, 0).0, NO_LEADER, "not allowed");
    cluster.apply(&[allow]);
    cluster.submit(Tick {
        elections: true,
        ..Tick::default()
    });
    assert_eq!(state(&cluster, 0), (3, vec![3], vec![], vec![], 6));
}

#[test]
fn preferred_leaders_get_their_partitions_back() {
    let mut cluster = cluster(&[(&[1, 2], &[1, 2], 2), (&[1, 2], &[2], 2), (&[2, 1], &[1, 2], 2)]);
    cluster.submit(Tick {
        elections: true,
        ..Tick::default()
    });
    let leaders: Vec<(i32, i32)> = (0..3)
        .map(|index| {
            (
                partition(&cluster, index).leader,
                partition(&cluster, index).leader_epoch,
            )
        })
        .collect();
    assert_eq!(leaders, [(1, 5), (2, 4), (2, 4)]);
}

#[test]
fn a_failed_directory_moves_what_lay_in_it() {
    let mut cluster = cluster(&[(&[1, 2], &[1, 2], 1), (&[1, 2], &[1, 2], 1)]);
    let (first, second) = (Uuid::from_u128(1001), Uuid::from_u128(2001));
    let change = BrokerRegistrationChange {
        broker_id: 1,
        broker_epoch: 1,
        log_dirs: Some(vec![first, second]),
        ..BrokerRegistrationChange::default()
    };
    cluster.apply(&[MetadataRecord::BrokerRegistrationChange(change)]);
    let assigned = |partitions: &[i32], directory: Uuid, epoch: i64| {
        let partitions = partitions
            .iter()
            .map(|index| PartitionData::default().with_partition_index(*index));
        let topic = TopicData::default()
            .with_topic_id(TOPIC)
            .with_partitions(partitions.collect());
        let directory = DirectoryData::default()
            .with_id(directory)
            .with_topics(vec![topic]);
        let request = AssignReplicasToDirsRequest::default()
            .with_broker_id(BrokerId(1))
            .with_broker_epoch(epoch)
            .with_directories(vec![directory]);
        AssignReplicasToDirs(request)
    };
    let stale = cluster.submit(assigned(&[1], second, 0));
    assert_eq!(stale.error_code, ErrorCode::StaleBrokerEpoch.code());
    let reply = cluster.submit(assigned(&[1, 7], second, 1));
    let codes: Vec<i16> = reply.directories[0].topics[0]
        .partitions
        .iter()
        .map(|partition| partition.error_code)
        .collect();
    assert_eq!(codes, [0, ErrorCode::UnknownTopicOrPartition.code()]);
    assert_eq!(
        partition(&cluster, 1).directories,
        [second, Uuid::from_u128(1002)]
    );

    let failed = beat(&cluster, 1).with_offline_log_dirs(vec![second]);
    assert!(!cluster.submit(BrokerHeartbeat(failed)).is_fenced);
    assert_eq!(cluster.image.brokers[&1].log_dirs, [first]);
    assert_eq!(state(&cluster, 0).0, 1);
    assert_eq!(state(&cluster, 1), (2, vec![2], vec![1], vec![], 5));
    // What turns out to lie there later moves too.
    cluster.submit(assigned(&[0], second, 1));
    assert_eq!(state(&cluster, 0), (2, vec![2], vec![1], vec![], 5));
}
