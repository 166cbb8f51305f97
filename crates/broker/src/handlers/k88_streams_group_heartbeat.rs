//! StreamsGroupHeartbeat (KIP-1071): a member of a Kafka Streams application joins its group, goes on, or
//! leaves, and learns which tasks it has. Internal topics that the application needs are created with the
//! rights of the client.
//!
//! Versions 0–1. UNSUPPORTED_VERSION while streams.version is 0 or
//! group.coordinator.rebalance.protocols lacks the protocol. Other errors: GROUP_AUTHORIZATION_FAILED,
//! TOPIC_AUTHORIZATION_FAILED for a topic of the topology, STREAMS_INVALID_TOPOLOGY, INVALID_REQUEST,
//! GROUP_ID_NOT_FOUND, UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, FENCED_INSTANCE_ID, UNRELEASED_INSTANCE_ID,
//! GROUP_MAX_SIZE_REACHED, and the coordinator's own. What keeps a group from running is a status.
//!
//! Apache Kafka answers before it has created the topics, and says why that failed with a later heartbeat;
//! here the answer says so itself.

use std::collections::BTreeSet;

use barnabas_coordinator::{Caller, GroupRefusal, check_streams_heartbeat};
use barnabas_metadata::controller::topic_name;
use barnabas_metadata::features::STREAMS_VERSION;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_topics_request::CreatableTopic;
use barnabas_protocol::messages::streams_group_heartbeat_request::Topology;
use barnabas_protocol::messages::streams_group_heartbeat_response::Status;
use barnabas_protocol::messages::{StrBytes, StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse};
use barnabas_security::{AclOperation, Rights};

use crate::broker::Broker;
use crate::request::RequestContext;
use crate::topic_creation::create_internal_topics;

/// The status of a group whose internal topics are missing.
const MISSING_INTERNAL_TOPICS: i8 = 3;

/// Answers when what the heartbeat led to is committed.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: StreamsGroupHeartbeatRequest,
) -> StreamsGroupHeartbeatResponse {
    if !broker.has_groups(STREAMS_VERSION) {
        return refused(ErrorCode::UnsupportedVersion.into());
    }
    let rights = broker.rights(context);
    if !rights.on_group(AclOperation::Read, &request.group_id) {
        return refused(ErrorCode::GroupAuthorizationFailed.into());
    }
    if let Some(topology) = &request.topology
        && let Err(refusal) = check_topics(topology, rights)
    {
        return refused(refusal);
    }
    // Apache Kafka judges a request before it looks for the coordinator.
    if let Err(refusal) = check_streams_heartbeat(&request) {
        return refused(refusal);
    }
    let client_host = context.connection.java_address();
    let caller = Caller {
        api_version: context.api_version,
        client_id: &context.client_id,
        client_host: &client_host,
    };
    let answered = broker.groups().request(&request.group_id, |core, now| {
        Ok(match core.streams_heartbeat(&request, caller, now) {
            Ok(outcome) => (outcome.records, Ok(outcome.reply)),
            Err(refusal) => (Vec::new(), Err(refusal)),
        })
    });
    match answered.await {
        Ok(Ok(mut reply)) => {
            create_missing(broker, context, reply.missing_topics, &mut reply.response).await;
            reply.response
        }
        Ok(Err(refusal)) => refused(refusal),
        Err(error) => refused(error.into()),
    }
}

/// Whether the client may use these topics, and they may be called so.
fn check_topics(topology: &Topology, rights: Rights<'_>) -> Result<(), GroupRefusal> {
    let mut names = BTreeSet::new();
    for subtopology in &topology.subtopologies {
        names.extend(
            subtopology
                .source_topics
                .iter()
                .chain(&subtopology.repartition_sink_topics)
                .map(|name| name.as_str()),
        );
        let internal = subtopology
            .repartition_source_topics
            .iter()
            .chain(&subtopology.state_changelog_topics);
        names.extend(internal.map(|topic| topic.name.as_str()));
    }
    let refuse = |code, message: String| {
        Err(GroupRefusal {
            code,
            message: Some(message),
        })
    };
    let those = |is_meant: &dyn Fn(&str) -> bool| -> Vec<&str> {
        names.iter().copied().filter(|name| is_meant(name)).collect()
    };
    let prohibited = those(&topic_name::is_internal);
    if !prohibited.is_empty() {
        let message = format!(
            "Use of Kafka internal topics {} in a Kafka Streams topology is prohibited.",
            prohibited.join(",")
        );
        return refuse(ErrorCode::StreamsInvalidTopology, message);
    }
    let invalid = those(&|name| topic_name::validate(name).is_err());
    if !invalid.is_empty() {
        let message = format!("Topic names {} are not valid topic names.", invalid.join(","));
        return refuse(ErrorCode::StreamsInvalidTopology, message);
    }
    if !rights.are_unlimited()
        && !names
            .iter()
            .all(|name| rights.on_topic(AclOperation::Describe, name))
    {
        return Err(ErrorCode::TopicAuthorizationFailed.into());
    }
    Ok(())
}

/// Creates the topics, if the client may; if not, or if it fails, the status says so.
async fn create_missing(
    broker: &Broker,
    context: &RequestContext,
    topics: Vec<CreatableTopic>,
    response: &mut StreamsGroupHeartbeatResponse,
) {
    if topics.is_empty() {
        return;
    }
    let rights = broker.rights(context);
    let may_all = rights.on_cluster(AclOperation::Create);
    let is_forbidden =
        |topic: &&CreatableTopic| !may_all && !rights.on_topic(AclOperation::Create, &topic.name);
    let forbidden: Vec<&str> = topics
        .iter()
        .filter(is_forbidden)
        .map(|topic| topic.name.as_str())
        .collect();
    if !forbidden.is_empty() {
        return say_of_topics(
            response,
            &format!("Unauthorized to CREATE on topics {}.", forbidden.join(",")),
        );
    }
    let failed = create_internal_topics(broker, context, topics).await;
    if !failed.is_empty() {
        let each: Vec<String> = failed
            .iter()
            .map(|(name, reason)| format!("{name} ({reason})"))
            .collect();
        say_of_topics(response, &format!("Creation failed: {}.", each.join(", ")));
    }
}

fn say_of_topics(response: &mut StreamsGroupHeartbeatResponse, words: &str) {
    let statuses = response.status.get_or_insert_default();
    match statuses
        .iter_mut()
        .find(|status| status.status_code == MISSING_INTERNAL_TOPICS)
    {
        Some(status) => {
            let said = format!("{}; {words}", status.status_detail.as_str());
            status.status_detail = StrBytes::from_string(said);
        }
        None => statuses.push(
            Status::default()
                .with_status_code(MISSING_INTERNAL_TOPICS)
                .with_status_detail(StrBytes::from_string(words.to_owned())),
        ),
    }
}

fn refused(refusal: GroupRefusal) -> StreamsGroupHeartbeatResponse {
    StreamsGroupHeartbeatResponse::default()
        .with_error_code(refusal.code.code())
        .with_error_message(refusal.message.map(StrBytes::from_string))
        .with_status(Some(Vec::new()))
}
