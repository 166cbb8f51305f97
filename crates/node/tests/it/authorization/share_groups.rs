//! A call of every API of share groups, about what must stay secret.

use super::requests::*;
use crate::node::Client;
use barnabas_protocol::api::ApiKey;
use barnabas_protocol::messages::*;
use uuid::Uuid;

/// Calls them and shows the answers.
pub fn call_every_api(client: &mut Client, topic_id: Uuid) -> Vec<(ApiKey, String)> {
    let mut answers = groups(client);
    answers.extend(state(client, topic_id));
    answers.extend(records(client, topic_id));
    answers
}

/// Those of whoever leads a partition.
fn records(client: &mut Client, topic_id: Uuid) -> Vec<(ApiKey, String)> {
    let fetched = share_fetch_request::FetchTopic::default()
        .with_topic_id(topic_id)
        .with_partitions(vec![share_fetch_request::FetchPartition::default()]);
    let fetch = ShareFetchRequest::default()
        .with_group_id(Some(group()))
        .with_member_id(Some(text("m")))
        .with_max_records(1)
        .with_topics(vec![fetched]);
    let settled = share_acknowledge_request::AcknowledgeTopic::default()
        .with_topic_id(topic_id)
        .with_partitions(vec![share_acknowledge_request::AcknowledgePartition::default()]);
    let acknowledge = ShareAcknowledgeRequest::default()
        .with_group_id(Some(group()))
        .with_member_id(Some(text("m")))
        .with_share_session_epoch(1)
        .with_topics(vec![settled]);
    vec![
        (ApiKey::ShareFetch, ask(client, 1, fetch)),
        (ApiKey::ShareAcknowledge, newest(client, acknowledge)),
    ]
}

/// Those of the group coordinator.
fn groups(client: &mut Client) -> Vec<(ApiKey, String)> {
    let heartbeat = ShareGroupHeartbeatRequest::default()
        .with_group_id(group())
        .with_member_id(text("m"))
        .with_subscribed_topic_names(Some(vec![topic()]));
    let described = describe_share_group_offsets_request::DescribeShareGroupOffsetsRequestGroup::default()
        .with_group_id(group())
        .with_topics(None);
    vec![
        (ApiKey::ShareGroupHeartbeat, newest(client, heartbeat)),
        (
            ApiKey::ShareGroupDescribe,
            newest(
                client,
                ShareGroupDescribeRequest::default().with_group_ids(vec![group()]),
            ),
        ),
        (
            ApiKey::DescribeShareGroupOffsets,
            newest(
                client,
                DescribeShareGroupOffsetsRequest::default().with_groups(vec![described]),
            ),
        ),
        (
            ApiKey::AlterShareGroupOffsets,
            newest(
                client,
                AlterShareGroupOffsetsRequest::default().with_group_id(group()),
            ),
        ),
        (
            ApiKey::DeleteShareGroupOffsets,
            newest(
                client,
                DeleteShareGroupOffsetsRequest::default().with_group_id(group()),
            ),
        ),
    ]
}

/// Those of the share coordinator.
fn state(client: &mut Client, topic_id: Uuid) -> Vec<(ApiKey, String)> {
    macro_rules! about_a_partition {
        ($request:ident, $module:ident, $topic:ident) => {{
            let topic = $module::$topic::default()
                .with_topic_id(topic_id)
                .with_partitions(vec![$module::PartitionData::default()]);
            let request = $request::default()
                .with_group_id(group().0.into())
                .with_topics(vec![topic]);
            newest(client, request)
        }};
    }
    vec![
        (
            ApiKey::InitializeShareGroupState,
            about_a_partition!(
                InitializeShareGroupStateRequest,
                initialize_share_group_state_request,
                InitializeStateData
            ),
        ),
        (
            ApiKey::ReadShareGroupState,
            about_a_partition!(
                ReadShareGroupStateRequest,
                read_share_group_state_request,
                ReadStateData
            ),
        ),
        (
            ApiKey::WriteShareGroupState,
            about_a_partition!(
                WriteShareGroupStateRequest,
                write_share_group_state_request,
                WriteStateData
            ),
        ),
        (
            ApiKey::DeleteShareGroupState,
            about_a_partition!(
                DeleteShareGroupStateRequest,
                delete_share_group_state_request,
                DeleteStateData
            ),
        ),
        (
            ApiKey::ReadShareGroupStateSummary,
            about_a_partition!(
                ReadShareGroupStateSummaryRequest,
                read_share_group_state_summary_request,
                ReadStateSummaryData
            ),
        ),
    ]
}
