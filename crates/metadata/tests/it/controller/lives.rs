//! Brokers register, are heard, fenced and let go, and what follows for partitions: (request, reply and
//! image).

use barnabas_metadata::controller::{
    BrokerHeartbeat, FenceBroker, RegisterBroker, Tick, registration_request,
};
use barnabas_metadata::features;
use barnabas_metadata::image::PartitionImage;
use barnabas_metadata::records::{BrokerRegistration, MetadataRecord, NO_LEADER, PartitionRecord};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{
    BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerId, BrokerRegistrationRequest,
    BrokerRegistrationResponse,
};
use uuid::Uuid;

use super::fixture::{Cluster, SESSION_MS, text};

pub const TOPIC: Uuid = Uuid::from_u128(9);

/// Brokers 1 to 3 that serve, eligible leader replicas with min.insync.replicas 2, and a topic `a` with these
/// partitions: replicas, ISR and leader.
pub fn cluster(partitions: &[(&[i32], &[i32], i32)]) -> Cluster {
    let mut cluster = Cluster::of(&[(1, None), (2, None), (3, None)]);
    cluster.apply(&features::bootstrap_records(2, true));
    cluster.apply(&[MetadataRecord::Topic {
        name: "a".into(),
        topic_id: TOPIC,
    }]);
    for (partition_id, (replicas, isr, leader)) in (0..).zip(partitions) {
        cluster.apply(&[MetadataRecord::Partition(PartitionRecord {
            topic_id: TOPIC,
            partition_id,
            replicas: replicas.to_vec(),
            isr: isr.to_vec(),
            leader: *leader,
            leader_epoch: 4,
            partition_epoch: 6,
            directories: replicas
                .iter()
                .map(|id| Uuid::from_u128(1000 + *id as u128))
                .collect(),
            ..PartitionRecord::default()
        })]);
    }
    cluster
}

pub fn partition(cluster: &Cluster, index: i32) -> &PartitionImage {
    cluster.image.topics.partition("a", index).unwrap()
}

/// Leader, ISR, eligible leader replicas, last known ones, and the leader's epoch.
pub fn state(cluster: &Cluster, index: i32) -> (i32, Vec<i32>, Vec<i32>, Vec<i32>, i32) {
    let partition = partition(cluster, index).clone();
    let elr = partition.eligible_leader_replicas;
    (
        partition.leader,
        partition.isr,
        elr,
        partition.last_known_elr,
        partition.leader_epoch,
    )
}

pub fn registration(broker_id: i32, incarnation: u128, previous_epoch: i64) -> BrokerRegistrationRequest {
    let broker = BrokerRegistration {
        broker_id,
        incarnation_id: Uuid::from_u128(incarnation),
        features: features::broker_features(),
        log_dirs: vec![Uuid::from_u128(1000 + broker_id as u128)],
        ..BrokerRegistration::default()
    };
    registration_request("", &broker, previous_epoch)
}

pub fn register(cluster: &mut Cluster, request: BrokerRegistrationRequest) -> BrokerRegistrationResponse {
    cluster.submit(RegisterBroker(request))
}

pub fn beat(cluster: &Cluster, broker_id: i32) -> BrokerHeartbeatRequest {
    BrokerHeartbeatRequest::default()
        .with_broker_id(BrokerId(broker_id))
        .with_broker_epoch(cluster.image.brokers[&broker_id].broker_epoch)
        .with_current_metadata_offset(cluster.image.offset)
}

pub fn heard(cluster: &mut Cluster, broker_id: i32) -> BrokerHeartbeatResponse {
    let request = beat(cluster, broker_id);
    cluster.submit(BrokerHeartbeat(request))
}

pub fn fence(cluster: &mut Cluster, broker_id: i32) -> bool {
    let broker_epoch = cluster.image.brokers[&broker_id].broker_epoch;
    cluster.submit(FenceBroker {
        broker_id,
        broker_epoch,
    })
}

#[test]
fn a_registration_is_refused_in_kafkas_order() {
    let mut cluster = cluster(&[]);
    let other_cluster = registration(4, 7, -1).with_cluster_id(text("elsewhere"));
    let live = registration(1, 7, -1).with_log_dirs(vec![]);
    let no_dirs = registration(4, 7, -1).with_log_dirs(vec![]);
    let reserved = registration(4, 7, -1).with_log_dirs(vec![Uuid::from_u128(2)]);
    let twice = registration(4, 7, -1).with_log_dirs(vec![Uuid::from_u128(1004); 2]);
    let of_another = registration(4, 7, -1).with_log_dirs(vec![Uuid::from_u128(1001)]);
    let mut too_old = registration(4, 7, -1);
    too_old
        .features
        .retain(|feature| &*feature.name != "group.version");
    for (request, code) in [
        (other_cluster, ErrorCode::InconsistentClusterId),
        (live, ErrorCode::DuplicateBrokerRegistration),
        (no_dirs, ErrorCode::InvalidRegistration),
        (reserved, ErrorCode::InvalidRegistration),
        (twice, ErrorCode::InvalidRegistration),
        (of_another, ErrorCode::InvalidRegistration),
        (too_old, ErrorCode::UnsupportedVersion),
    ] {
        let before = cluster.image.clone();
        let reply = register(&mut cluster, request);
        assert_eq!((reply.error_code, reply.broker_epoch), (code.code(), -1));
        assert_eq!(cluster.image.brokers, before.brokers);
    }
}

#[test]
fn a_broker_registers_fenced_and_serves_once_it_has_caught_up() {
    let mut cluster = cluster(&[]);
    let epoch = register(&mut cluster, registration(4, 7, -1)).broker_epoch;
    assert_eq!(epoch, cluster.image.offset);
    assert!(cluster.image.brokers[&4].fenced);
    // The same process again: the same epoch.
    assert_eq!(register(&mut cluster, registration(4, 7, -1)).broker_epoch, epoch);
    let behind = beat(&cluster, 4).with_current_metadata_offset(epoch - 1);
    let reply = cluster.submit(BrokerHeartbeat(behind));
    assert_eq!(
        (reply.error_code, reply.is_caught_up, reply.is_fenced),
        (0, false, true)
    );
    let wants_fence = beat(&cluster, 4).with_want_fence(true);
    assert!(cluster.submit(BrokerHeartbeat(wants_fence)).is_fenced);
    let reply = heard(&mut cluster, 4);
    assert_eq!((reply.is_caught_up, reply.is_fenced), (true, false));
    assert!(!cluster.image.brokers[&4].fenced);
    let stale = beat(&cluster, 4).with_broker_epoch(epoch - 1);
    let reply = cluster.submit(BrokerHeartbeat(stale));
    assert_eq!(reply.error_code, ErrorCode::StaleBrokerEpoch.code());
    // Another process takes over once the session is over, or the broker is fenced.
    let takes_over = |cluster: &mut Cluster| register(cluster, registration(4, 8, -1)).error_code;
    assert_eq!(
        takes_over(&mut cluster),
        ErrorCode::DuplicateBrokerRegistration.code()
    );
    cluster.now_ms += SESSION_MS;
    assert_eq!(takes_over(&mut cluster), 0);
}

#[test]
fn a_broker_that_died_with_the_last_controller_takes_over_from_itself_at_once() {
    let mut cluster = cluster(&[]);
    let duplicate = ErrorCode::DuplicateBrokerRegistration.code();
    let elsewhere = registration(1, 7, -1).with_log_dirs(vec![Uuid::from_u128(2001)]);
    assert_eq!(register(&mut cluster, elsewhere).error_code, duplicate);
    assert_eq!(register(&mut cluster, registration(1, 7, -1)).error_code, 0);
    assert!(cluster.image.brokers[&1].fenced);
    // One that this controller has heard lives.
    assert!(!heard(&mut cluster, 2).is_fenced);
    assert_eq!(
        register(&mut cluster, registration(2, 7, -1)).error_code,
        duplicate
    );
}

#[test]
fn a_fenced_broker_leads_nothing_and_leaves_every_isr() {
    let mut cluster = cluster(&[
        (&[1, 2, 3], &[1, 2, 3], 1),
        (&[2, 1, 3], &[1, 2], 2),
        (&[1], &[1], 1),
        (&[2, 3], &[2, 3], 2),
    ]);
    assert!(fence(&mut cluster, 1));
    assert!(!fence(&mut cluster, 1), "once");
    assert_eq!(state(&cluster, 0), (2, vec![2, 3], vec![], vec![], 5));
    assert_eq!(state(&cluster, 1), (2, vec![2], vec![1], vec![], 4));
    assert_eq!(state(&cluster, 2), (NO_LEADER, vec![], vec![1], vec![1], 5));
    assert_eq!(partition(&cluster, 3).partition_epoch, 6);
    heard(&mut cluster, 1);
    assert_eq!(state(&cluster, 2), (1, vec![1], vec![], vec![], 6));
    assert_eq!(state(&cluster, 0).0, 2);
}

#[test]
fn silence_ends_a_session_and_the_tick_says_so() {
    let mut cluster = cluster(&[(&[1, 2, 3], &[1, 2, 3], 1)]);
    cluster.now_ms = SESSION_MS - 1;
    heard(&mut cluster, 2);
    heard(&mut cluster, 3);
    cluster.submit(Tick::default());
    assert!(!cluster.image.brokers[&1].fenced);
    cluster.now_ms += 1;
    cluster.submit(Tick::default());
    let fenced: Vec<bool> = cluster
        .image
        .brokers
        .values()
        .map(|broker| broker.fenced)
        .collect();
    assert_eq!(fenced, [true, false, false]);
    assert_eq!(state(&cluster, 0), (2, vec![2, 3], vec![], vec![], 5));
}

#[test]
fn the_broker_beside_the_last_leader_was_silent_before_a_new_one_came() {
    let mut cluster = cluster(&[(&[1, 2, 3], &[1, 2, 3], 1)]);
    cluster.heartbeats.borrow_mut().silent_since(1, -700);
    cluster.now_ms = SESSION_MS - 700;
    heard(&mut cluster, 2);
    cluster.submit(Tick::default());
    assert_eq!(state(&cluster, 0), (2, vec![2, 3], vec![], vec![], 5));
}

#[test]
fn all_that_are_silent_are_fenced_in_one_batch() {
    let mut cluster = cluster(&[(&[1, 2, 3], &[1, 2, 3], 1)]);
    cluster.now_ms = SESSION_MS;
    cluster.submit(Tick::default());
    assert!(cluster.image.brokers.values().all(|broker| broker.fenced));
    // The last to leave has everything; so may those who left when the ISR was below its minimum.
    assert_eq!(state(&cluster, 0), (NO_LEADER, vec![], vec![2, 3], vec![3], 7));
    heard(&mut cluster, 2);
    assert_eq!(state(&cluster, 0), (2, vec![2], vec![3], vec![], 8));
}

#[test]
fn a_broker_that_stops_is_let_go_when_all_know_that_others_lead() {
    let mut cluster = cluster(&[(&[1, 2, 3], &[1, 2, 3], 1), (&[1], &[1], 1)]);
    let stop = |cluster: &mut Cluster| {
        let request = beat(cluster, 1).with_want_shut_down(true);
        cluster.submit(BrokerHeartbeat(request))
    };
    let reply = stop(&mut cluster);
    assert_eq!((reply.is_fenced, reply.should_shut_down), (false, false));
    let gave_away = cluster.image.offset;
    assert!(cluster.image.brokers[&1].in_controlled_shutdown && !cluster.image.brokers[&1].fenced);
    assert_eq!(state(&cluster, 0), (2, vec![2, 3], vec![], vec![], 5));
    heard(&mut cluster, 2);
    assert!(!stop(&mut cluster).should_shut_down, "broker 3 may not know yet");
    let behind = beat(&cluster, 3).with_current_metadata_offset(gave_away - 1);
    cluster.submit(BrokerHeartbeat(behind));
    assert!(!stop(&mut cluster).should_shut_down);
    heard(&mut cluster, 3);
    let reply = stop(&mut cluster);
    assert_eq!((reply.is_fenced, reply.should_shut_down), (true, true));
    assert!(cluster.image.brokers[&1].fenced);
    // It comes back: a clean stop keeps what it was eligible for.
    assert_eq!(state(&cluster, 1), (NO_LEADER, vec![], vec![1], vec![1], 5));
    let epoch = cluster.image.brokers[&1].broker_epoch;
    assert_eq!(register(&mut cluster, registration(1, 7, epoch)).error_code, 0);
    heard(&mut cluster, 1);
    assert_eq!(state(&cluster, 1), (1, vec![1], vec![], vec![], 6));
}

#[test]
fn one_that_leads_nothing_is_let_go_at_once() {
    let mut cluster = cluster(&[(&[1, 2, 3], &[1, 2, 3], 1)]);
    let request = beat(&cluster, 3).with_want_shut_down(true);
    assert!(cluster.submit(BrokerHeartbeat(request)).should_shut_down);
    assert_eq!(partition(&cluster, 0).isr, [1, 2]);
}

#[test]
fn cordoned_directories_are_kept_and_get_nothing_new() {
    let mut cluster = cluster(&[]);
    let directory = cluster.image.brokers[&1].log_dirs[0];
    let says = beat(&cluster, 1).with_cordoned_log_dirs(Some(vec![directory]));
    cluster.submit(BrokerHeartbeat(says));
    assert_eq!(cluster.image.brokers[&1].cordoned_log_dirs, [directory]);
    let before = cluster.image.offset;
    heard(&mut cluster, 1);
    assert_eq!(
        cluster.image.brokers[&1].cordoned_log_dirs,
        [directory],
        "it did not say"
    );
    assert_eq!(cluster.image.offset, before + 1);
}

#[test]
fn the_broker_of_a_quorum_of_one_serves_at_once() {
    let mut cluster = cluster(&[(&[1], &[1], 1)]);
    for other in [2, 3] {
        let broker_epoch = 1;
        cluster.apply(&[MetadataRecord::UnregisterBroker {
            broker_id: other,
            broker_epoch,
        }]);
    }
    cluster.alone = true;
    let decision = cluster.decide(RegisterBroker(registration(1, 7, -1)));
    assert_eq!(
        decision.records.len(),
        1,
        "nothing but the registration: {:?}",
        decision.records
    );
    cluster.apply(&decision.records);
    assert!(!cluster.image.brokers[&1].fenced);
    assert_eq!(state(&cluster, 0), (1, vec![1], vec![], vec![], 4));
    // Any other is as in every cluster.
    register(&mut cluster, registration(2, 7, -1));
    assert!(cluster.image.brokers[&2].fenced);
}
