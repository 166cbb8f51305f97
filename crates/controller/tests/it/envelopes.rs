//! Clients' requests that brokers pass on: who is authorised, whose quota is used, and what is refused.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use barnabas_metadata::channel::Enveloped;
use barnabas_protocol::api::ApiKey;
use barnabas_protocol::codec;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::header::{decode_response_header, encode_request_header};
use barnabas_protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use barnabas_protocol::messages::create_topics_request::CreatableTopic;
use barnabas_protocol::messages::{
    AlterClientQuotasRequest, ApiVersionsRequest, CreateTopicsRequest, CreateTopicsResponse, EnvelopeRequest,
    ListPartitionReassignmentsRequest, Request, StrBytes, TopicName,
};
use barnabas_protocol::principal_data::PrincipalData;
use barnabas_security::{AclOperation, Action, Authorizer, Requester, ResourceType};
use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

use crate::lives::live_broker;
use crate::support::{Cluster, LONG, Node, ask};

/// The newest version of CreateTopics, whose clients know of quotas.
const VERSION: i16 = 7;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn topics(name: &str, partitions: i32) -> CreateTopicsRequest {
    let topic = CreatableTopic::default()
        .with_name(TopicName(text(name)))
        .with_num_partitions(partitions)
        .with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_timeout_ms(20_000);
    request.with_topics(vec![topic])
}

fn request_data(version: i16, request: &impl Request) -> Bytes {
    let mut data = BytesMut::new();
    let key = ApiKey::from_key(request_key(request)).unwrap();
    encode_request_header((key, version), 7, "tests", &mut data).unwrap();
    request.encode(&mut data, version).unwrap();
    data.freeze()
}

fn request_key<R: Request>(_: &R) -> i16 {
    R::KEY
}

/// What a broker passes on of `user` at 10.0.0.9.
fn envelope(user: &str, version: i16, request: &impl Request) -> EnvelopeRequest {
    let principal = PrincipalData {
        principal_type: "User",
        name: user,
        token_authenticated: false,
    };
    EnvelopeRequest::default()
        .with_request_data(request_data(version, request))
        .with_request_principal(Some(principal.encode().unwrap()))
        .with_client_host_address(Bytes::from_static(&[10, 0, 0, 9]))
}

fn decoded(response: Bytes) -> CreateTopicsResponse {
    let (correlation_id, size) = decode_response_header(&response, true).unwrap();
    assert_eq!(correlation_id, 7);
    codec::decode_response::<CreateTopicsRequest>(VERSION, response.slice(size..)).unwrap()
}

/// Has a node pass a request on; answers the topic's error and the pause.
fn created(node: &Node, user: &str, name: &str, partitions: i32) -> (ErrorCode, i32) {
    let envelope = envelope(user, VERSION, &topics(name, partitions));
    match node.wait(node.client.channel().envelope(envelope, LONG)).unwrap() {
        Enveloped::Answered(response) => {
            let response = decoded(response);
            let code = ErrorCode::from_code(response.topics[0].error_code).unwrap();
            (code, response.throttle_time_ms)
        }
        Enveloped::Here => panic!("the active controller is another one"),
    }
}

#[test]
fn the_active_controller_answers_and_others_name_it() {
    let cluster = Cluster::start();
    let leader = cluster.active();
    let follower = &cluster.nodes[&cluster.another(leader)];
    live_broker(follower, 1, 9092);
    assert_eq!(created(follower, "alice", "a", 1), (ErrorCode::None, 0));
    // It has taken effect at who passed it on.
    assert!(follower.handle.image().topics.by_name("a").is_some());
    let envelope = envelope("alice", VERSION, &topics("b", 1));
    let elsewhere = ask(&cluster, cluster.another(leader), &envelope);
    assert_eq!(elsewhere.error_code, ErrorCode::NotController.code());
    let leader = &cluster.nodes[&leader];
    let here = leader.wait(leader.client.channel().envelope(envelope, LONG));
    assert_eq!(here.unwrap(), Enveloped::Here);
    assert!(leader.client.is_here() && !follower.client.is_here());
}

#[test]
fn a_quota_of_changes_is_one_for_the_whole_cluster() {
    let cluster = Cluster::start();
    let leader = cluster.active();
    let followers: Vec<&Node> = cluster
        .nodes
        .iter()
        .filter(|(id, _)| **id != leader)
        .map(|(_, node)| node)
        .collect();
    live_broker(followers[0], 1, 9092);
    let user = EntityData::default()
        .with_entity_type(text("user"))
        .with_entity_name(Some(text("alice")));
    let op = OpData::default()
        .with_key(text("controller_mutation_rate"))
        .with_value(0.5);
    let entry = EntryData::default().with_entity(vec![user]).with_ops(vec![op]);
    let quota = AlterClientQuotasRequest::default().with_entries(vec![entry]);
    assert_eq!(ask(&cluster, leader, &quota).entries[0].error_code, 0);
    // Five and a half may come at once, and what they are exceeded by is owed.
    assert_eq!(created(followers[0], "alice", "first", 4).0, ErrorCode::None);
    assert_eq!(created(followers[1], "alice", "second", 4).0, ErrorCode::None);
    for node in followers {
        let (error, pause_ms) = created(node, "alice", "third", 1);
        assert_eq!(error, ErrorCode::ThrottlingQuotaExceeded);
        assert!((1..=6000).contains(&pause_ms), "{pause_ms}");
        // Nobody else's is used up.
        let name = format!("of-bob-{pause_ms}");
        assert_eq!(created(node, "bob", &name, 4), (ErrorCode::None, 0));
    }
}

#[test]
fn what_is_no_request_to_pass_on_is_refused() {
    let cluster = Cluster::start();
    let leader = cluster.active();
    let good = envelope("alice", VERSION, &topics("a", 1));
    let data = |data: Bytes| good.clone().with_request_data(data);
    let of_brokers = ListPartitionReassignmentsRequest::default().with_timeout_ms(1000);
    let cases = [
        (
            "no principal",
            good.clone().with_request_principal(None),
            ErrorCode::PrincipalDeserializationFailure,
        ),
        (
            "another principal's form",
            good.clone()
                .with_request_principal(Some(Bytes::from_static(b"\0\x09User"))),
            ErrorCode::PrincipalDeserializationFailure,
        ),
        (
            "no address",
            good.clone()
                .with_client_host_address(Bytes::from_static(&[10, 0, 0])),
            ErrorCode::InvalidRequest,
        ),
        ("no request", data(Bytes::new()), ErrorCode::UnsupportedVersion),
        (
            "a request that ends too early",
            data(good.request_data.slice(..20)),
            ErrorCode::UnsupportedVersion,
        ),
        (
            "a request that lies about its lengths",
            data(Bytes::from_static(&[
                0, 19, 0, 7, 0, 0, 0, 7, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f,
            ])),
            ErrorCode::UnsupportedVersion,
        ),
        (
            "a version that isn't known",
            data(Bytes::from_static(&[0, 19, 0, 99, 0, 0, 0, 7, 0, 0, 0])),
            ErrorCode::UnsupportedVersion,
        ),
        (
            "what everybody answers",
            data(request_data(3, &ApiVersionsRequest::default())),
            ErrorCode::InvalidRequest,
        ),
        (
            "an envelope",
            data(request_data(0, &good)),
            ErrorCode::InvalidRequest,
        ),
        (
            "what may be passed on",
            data(request_data(0, &of_brokers)),
            ErrorCode::None,
        ),
    ];
    for (what, asked, expected) in cases {
        let answer = ask(&cluster, leader, &asked);
        assert_eq!(ErrorCode::from_code(answer.error_code), Some(expected), "{what}");
        assert_eq!(
            answer.response_data.is_some(),
            expected == ErrorCode::None,
            "{what}"
        );
    }
}

/// Who asks, from where, by which API, for what.
type Asked = (String, IpAddr, &'static str, AclOperation);

/// Lets members of the cluster say who asks, and alice do all.
#[derive(Default)]
struct Doorkeeper {
    asked: Mutex<Vec<Asked>>,
    /// Whether nobody is a member.
    is_closed: AtomicBool,
}

impl Authorizer for Doorkeeper {
    fn authorize(&self, requester: Requester<'_>, action: Action<'_>) -> bool {
        let principal = requester.principal.name.clone();
        let is_member =
            action.operation == AclOperation::ClusterAction && !self.is_closed.load(Ordering::Relaxed);
        let allowed = is_member || principal == "alice";
        self.asked
            .lock()
            .push((principal, requester.host, requester.request, action.operation));
        allowed
    }

    fn authorize_by_resource_type(&self, _: Requester<'_>, _: AclOperation, _: ResourceType) -> bool {
        false
    }

    fn allows_all(&self) -> bool {
        false
    }
}

#[test]
fn the_client_is_authorised_and_not_who_passes_its_request_on() {
    let doorkeeper = Arc::new(Doorkeeper::default());
    let cluster = Cluster::authorized_by(doorkeeper.clone());
    let leader = cluster.active();
    let follower = &cluster.nodes[&cluster.another(leader)];
    live_broker(follower, 1, 9092);
    assert_eq!(created(follower, "alice", "a", 1).0, ErrorCode::None);
    doorkeeper.asked.lock().clear();
    assert_eq!(
        created(follower, "mallory", "b", 1).0,
        ErrorCode::TopicAuthorizationFailed
    );
    let asked = std::mem::take(&mut *doorkeeper.asked.lock());
    let of_mallory: Vec<&Asked> = asked.iter().filter(|(name, ..)| name == "mallory").collect();
    let host = IpAddr::from([10, 0, 0, 9]);
    let create = ("mallory".to_owned(), host, "CreateTopics", AclOperation::Create);
    // Of the cluster, then of the topic.
    assert_eq!(of_mallory, [&create, &create]);
    let envelopes: Vec<&Asked> = asked.iter().filter(|(_, _, api, _)| *api == "Envelope").collect();
    assert!(
        envelopes.iter().all(|(name, host, _, operation)| {
            name == "ANONYMOUS" && *host == Ipv4Addr::LOCALHOST && *operation == AclOperation::ClusterAction
        }),
        "{envelopes:?}"
    );
}

#[test]
fn nobody_but_a_member_of_the_cluster_says_who_asks() {
    let doorkeeper = Arc::new(Doorkeeper::default());
    let cluster = Cluster::authorized_by(doorkeeper.clone());
    let leader = cluster.active();
    doorkeeper.is_closed.store(true, Ordering::Relaxed);
    let answer = ask(&cluster, leader, &envelope("alice", VERSION, &topics("a", 1)));
    assert_eq!(
        ErrorCode::from_code(answer.error_code),
        Some(ErrorCode::ClusterAuthorizationFailed)
    );
    assert_eq!(answer.response_data, None);
    assert!(cluster.nodes[&leader].handle.image().topics.is_empty());
}
