//! FindCoordinator: the broker that coordinates a group, a transactional id or a share partition.
//!
//! Versions 0–6; one key, or several from version 4 on. The topic a coordinator keeps its state in is created
//! when it isn't there. Kafka then answers COORDINATOR_NOT_AVAILABLE once; here the answer waits for the
//! topic. Errors: COORDINATOR_NOT_AVAILABLE; GROUP_, TRANSACTIONAL_ID_ and, for share partitions,
//! CLUSTER_AUTHORIZATION_FAILED; INVALID_REQUEST for a key type that does not exist, or a share key that is
//! none.

use std::ops::RangeInclusive;

use barnabas_coordinator::partition_for;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::find_coordinator_response::Coordinator;
use barnabas_protocol::messages::{BrokerId, FindCoordinatorRequest, FindCoordinatorResponse, StrBytes};
use barnabas_security::{AclOperation, Rights};
use barnabas_storage::kafka_uuid;

use crate::broker::Broker;
use crate::coordinator::internal_topics;
use crate::request::{RequestContext, endpoint};
use barnabas_controller::authorization;
use barnabas_metadata::internal_topics::{CONSUMER_OFFSETS, SHARE_GROUP_STATE, TRANSACTION_STATE};

/// From this version on a request may name several keys (KIP-699).
const KEYS_SINCE: i16 = 4;
/// Groups, transactional ids and share partitions.
const KEY_TYPES: RangeInclusive<i8> = 0..=2;
/// From this version on there are share groups.
const SHARE_SINCE: i16 = 6;

/// Where a coordinator can be reached.
struct Node {
    id: i32,
    host: String,
    port: i32,
}

/// Answers for every key.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    if context.api_version < KEYS_SINCE {
        let found = find(broker, context, request.key_type, &request.key).await;
        let (node, error) = parts(found);
        return FindCoordinatorResponse::default()
            .with_error_code(error.code())
            .with_error_message(Some(message(error)))
            .with_node_id(BrokerId(node.id))
            .with_host(StrBytes::from_string(node.host))
            .with_port(node.port);
    }
    let mut coordinators = Vec::with_capacity(request.coordinator_keys.len());
    for key in request.coordinator_keys {
        let found = find(broker, context, request.key_type, &key).await;
        let (node, error) = parts(found);
        // Apache Kafka says why only where the request fails as a whole.
        let as_a_whole =
            !KEY_TYPES.contains(&request.key_type) || error == ErrorCode::ClusterAuthorizationFailed;
        let why = if as_a_whole {
            message(error)
        } else {
            StrBytes::default()
        };
        let coordinator = Coordinator::default()
            .with_key(key)
            .with_error_code(error.code())
            .with_error_message(Some(why))
            .with_node_id(BrokerId(node.id))
            .with_host(StrBytes::from_string(node.host))
            .with_port(node.port);
        coordinators.push(coordinator);
    }
    FindCoordinatorResponse::default().with_coordinators(coordinators)
}

async fn find(broker: &Broker, context: &RequestContext, key_type: i8, key: &str) -> Result<Node, ErrorCode> {
    authorize(broker.rights(context), key_type, key, context.api_version)?;
    let topic = match key_type {
        0 => CONSUMER_OFFSETS,
        1 => TRANSACTION_STATE,
        2 if context.api_version >= SHARE_SINCE && is_share_partition(key) => SHARE_GROUP_STATE,
        _ => return Err(ErrorCode::InvalidRequest),
    };
    internal_topics::ensure(broker, topic).await?;
    let image = broker.image();
    let partitions = image
        .topics
        .by_name(topic)
        .map_or(0, |topic| topic.partitions.len());
    let partition = partition_for(key, i32::try_from(partitions).unwrap_or(i32::MAX));
    let state = image
        .topics
        .partition(topic, partition)
        .ok_or(ErrorCode::CoordinatorNotAvailable)?;
    let leader = image
        .alive_broker(state.leader)
        .ok_or(ErrorCode::CoordinatorNotAvailable)?;
    let (host, port) =
        endpoint(&context.connection, broker.node_id, leader).ok_or(ErrorCode::CoordinatorNotAvailable)?;
    Ok(Node {
        id: state.leader,
        host: host.to_owned(),
        port: i32::from(port),
    })
}

/// Whether the client may know.
fn authorize(rights: Rights<'_>, key_type: i8, key: &str, version: i16) -> Result<(), ErrorCode> {
    let (allowed, error) = match key_type {
        0 => (
            rights.on_group(AclOperation::Describe, key),
            ErrorCode::GroupAuthorizationFailed,
        ),
        1 => (
            rights.on_transactional_id(AclOperation::Describe, key),
            ErrorCode::TransactionalIdAuthorizationFailed,
        ),
        2 if version >= SHARE_SINCE => (
            rights.on_cluster(AclOperation::ClusterAction),
            ErrorCode::ClusterAuthorizationFailed,
        ),
        _ => return Ok(()),
    };
    if allowed { Ok(()) } else { Err(error) }
}

/// Whether a key is `group:topic id:partition`.
fn is_share_partition(key: &str) -> bool {
    let mut parts = key.rsplitn(3, ':');
    let partition = parts
        .next()
        .is_some_and(|partition| partition.parse::<i32>().is_ok());
    let topic_id = parts
        .next()
        .is_some_and(|topic_id| kafka_uuid::decode(topic_id).is_some());
    partition && topic_id && parts.next().is_some_and(|group| !group.trim().is_empty())
}

fn parts(found: Result<Node, ErrorCode>) -> (Node, ErrorCode) {
    match found {
        Ok(node) => (node, ErrorCode::None),
        Err(error) => (
            Node {
                id: -1,
                host: String::new(),
                port: -1,
            },
            error,
        ),
    }
}

/// The text that Kafka's clients print; it is the same for each error whatever its cause.
fn message(error: ErrorCode) -> StrBytes {
    StrBytes::from_static_str(match error {
        ErrorCode::None => "NONE",
        ErrorCode::InvalidRequest => {
            "This most likely occurs because of a request being malformed by the client library or the message was sent to \
             an incompatible broker. See the broker logs for more details."
        }
        ErrorCode::CoordinatorNotAvailable => "The coordinator is not available.",
        refused => authorization::message(refused),
    })
}
