//! A call of every API of share groups, about what must stay secret.

use super::requests::*;
use crate::node::Client;
use barnabas_protocol::api::ApiKey;
use barnabas_protocol::messages::*;
use uuid::Uuid;

/// Calls them and shows the answers.
pub fn call_every_api(client: &mut Client, topic_id: Uuid) -> Vec<(ApiKey, String)> {
    state(client, topic_id)
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
