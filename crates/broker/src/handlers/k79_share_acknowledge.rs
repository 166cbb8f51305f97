//! ShareAcknowledge (KIP-932): a member of a share group says what became of the records that it holds.
//!
//! Versions 1–2; renewals (KIP-1222) from 2 on. UNSUPPORTED_VERSION while share.version is 0. Errors of the
//! whole: INVALID_REQUEST, GROUP_AUTHORIZATION_FAILED, SHARE_SESSION_NOT_FOUND, INVALID_SHARE_SESSION_EPOCH.
//! Of a partition: TOPIC_AUTHORIZATION_FAILED, UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, INVALID_REQUEST,
//! INVALID_RECORD_STATE, NOT_LEADER_OR_FOLLOWER, and what the share coordinator says. Answered when all is
//! written.

use std::sync::Arc;

use barnabas_network::response::{Outcome, Reply};
use barnabas_network::rpc::{decode, encode};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::share_acknowledge_response::{
    LeaderIdAndEpoch, NodeEndpoint, PartitionData, ShareAcknowledgeTopicResponse,
};
use barnabas_protocol::messages::{ShareAcknowledgeRequest, ShareAcknowledgeResponse, StrBytes};
use uuid::Uuid;

use crate::broker::Broker;
use crate::leader_hints;
use crate::request::RequestContext;
use crate::share::acknowledge::{self, Acknowledged, AcknowledgementBatch, Acknowledgements};
use crate::share::request::{Refused, check_member};
use crate::share::sessions::{FINAL_EPOCH, PartitionKey, SessionKey};

/// First version that knows renewals, and tells how long locks are.
const RENEW_SINCE: i16 = 2;

/// Takes the acknowledgements in at once; their answer follows.
pub fn start(broker: &Arc<Broker>, context: RequestContext, body: &mut [u8]) -> Outcome {
    let Some(request) = decode::<ShareAcknowledgeRequest>(&context, body) else {
        return Outcome::Ready(Reply::Close);
    };
    let key = match open(broker, &context, &request) {
        Ok(key) => key,
        Err(refused) => return Outcome::Ready(encode(&context, &failed(&refused))),
    };
    let settings = broker.share_settings(&key.group);
    let all = Acknowledgements {
        group: key.group.clone(),
        member: key.member.clone(),
        is_renew: request.is_renew_ack,
        partitions: asked(&request),
    };
    let acknowledged = acknowledge::take_in(broker, &context, all, &settings);
    if request.share_session_epoch == FINAL_EPOCH {
        let _ = broker.shares().close(broker, &key);
    }
    let lock_ms = match context.api_version {
        RENEW_SINCE.. => settings.group.record_lock_duration_ms,
        _ => 0,
    };
    if acknowledged.is_settled() {
        return Outcome::Ready(answer(broker, &context, acknowledged.ready(), lock_ms));
    }
    let broker = broker.clone();
    Outcome::Staged(Box::pin(finish(broker, context, acknowledged, lock_ms)))
}

async fn finish(
    broker: Arc<Broker>,
    context: RequestContext,
    acknowledged: Acknowledged,
    lock_ms: i32,
) -> Reply {
    answer(&broker, &context, acknowledged.settled().await, lock_ms)
}

fn open(
    broker: &Broker,
    context: &RequestContext,
    request: &ShareAcknowledgeRequest,
) -> Result<SessionKey, Refused> {
    let key = check_member(
        broker,
        context,
        request.group_id.as_ref().map(|id| &***id),
        request.member_id.as_deref(),
    )?;
    let mut sessions = broker.shares().sessions();
    sessions.acknowledge(&key, request.share_session_epoch)?;
    Ok(key)
}

fn asked(request: &ShareAcknowledgeRequest) -> Vec<(PartitionKey, Vec<AcknowledgementBatch>)> {
    let topics = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| {
            let batches = partition.acknowledgement_batches.iter();
            let batches = batches.map(|batch| AcknowledgementBatch {
                first_offset: batch.first_offset,
                last_offset: batch.last_offset,
                types: batch.acknowledge_types.clone(),
            });
            ((topic.topic_id, partition.partition_index), batches.collect())
        })
    });
    topics.collect()
}

fn failed(refused: &Refused) -> ShareAcknowledgeResponse {
    ShareAcknowledgeResponse::default()
        .with_error_code(refused.error.code())
        .with_error_message(refused.message.clone().map(StrBytes::from_string))
}

fn answer(
    broker: &Broker,
    context: &RequestContext,
    outcomes: Vec<(PartitionKey, acknowledge::Outcome)>,
    lock_ms: i32,
) -> Reply {
    let elsewhere = outcomes
        .iter()
        .filter(|(_, outcome)| leader_hints::is_elsewhere(outcome.error));
    let elsewhere: Vec<PartitionKey> = elsewhere.map(|(key, _)| *key).collect();
    let (leaders, endpoints) = leader_hints::of_ids(broker, context, &elsewhere);
    let mut topics: Vec<(Uuid, Vec<PartitionData>)> = Vec::new();
    for (key, outcome) in outcomes {
        let (topic_id, index) = key;
        let mut partition = PartitionData::default()
            .with_partition_index(index)
            .with_error_code(outcome.error.code())
            .with_error_message(outcome.message.map(StrBytes::from_string));
        if let Some((_, leader)) = leaders.iter().find(|(known, _)| *known == key) {
            let leader = LeaderIdAndEpoch::default()
                .with_leader_id(leader.leader_id)
                .with_leader_epoch(leader.leader_epoch);
            partition = partition.with_current_leader(leader);
        }
        match topics.last_mut() {
            Some((last, partitions)) if *last == topic_id => partitions.push(partition),
            _ => topics.push((topic_id, vec![partition])),
        }
    }
    let topics = topics.into_iter().map(|(topic_id, partitions)| {
        ShareAcknowledgeTopicResponse::default()
            .with_topic_id(topic_id)
            .with_partitions(partitions)
    });
    let endpoints = endpoints.into_iter().map(|endpoint| {
        NodeEndpoint::default()
            .with_node_id(endpoint.node_id.into())
            .with_host(StrBytes::from_string(endpoint.host))
            .with_port(endpoint.port)
            .with_rack(endpoint.rack.map(StrBytes::from_string))
    });
    let response = ShareAcknowledgeResponse::default()
        .with_error_code(ErrorCode::None.code())
        .with_acquisition_lock_timeout_ms(lock_ms)
        .with_responses(topics.collect())
        .with_node_endpoints(endpoints.collect());
    encode(context, &response)
}
