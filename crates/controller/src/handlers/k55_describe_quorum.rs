//! DescribeQuorum (key 55) at a controller's listener: the active controller knows how far the voters are.
//!
//! Versions 0–2. CLUSTER_AUTHORIZATION_FAILED; NOT_LEADER_OR_FOLLOWER of the partition where this is not the
//! active controller; for more see [`describe_quorum`].

use barnabas_metadata::controller::ApiError;
use barnabas_network::rpc::RequestContext;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::describe_quorum_response::Listener;
use barnabas_protocol::messages::{DescribeQuorumRequest, DescribeQuorumResponse, StrBytes};
use barnabas_security::AclOperation;

use crate::controller::Controller;
use crate::describe_quorum::{self, Described};

/// Answers with how the quorum stands.
pub fn handle(
    controller: &Controller,
    context: &RequestContext,
    request: DescribeQuorumRequest,
) -> DescribeQuorumResponse {
    let version = context.api_version;
    if !controller.rights(context).on_cluster(AclOperation::Describe) {
        let message = "Cluster authorization failed.";
        let error = ApiError::new(ErrorCode::ClusterAuthorizationFailed, message);
        return describe_quorum::refused(version, &error);
    }
    let Some(topic) = describe_quorum::asked_topic(&request) else {
        return describe_quorum::unknown(&request, version);
    };
    if !controller.handle.is_active() {
        let message = StrBytes::from_static_str("This node is not the active controller.");
        return describe_quorum::failed(&request, version, ErrorCode::NotLeaderOrFollower, message);
    }
    let described = Described {
        status: &controller.handle.status(),
        image: &controller.handle.image(),
        listener: &|voter| listener(controller, &context.connection.listener.name, voter),
    };
    describe_quorum::answer(version, topic, &described)
}

fn listener(controller: &Controller, name: &str, voter: i32) -> Option<Listener> {
    let (host, port) = controller.endpoint(voter)?;
    let answer = Listener::default()
        .with_name(StrBytes::from_string(name.to_owned()))
        .with_host(StrBytes::from_string(host))
        .with_port(port);
    Some(answer)
}
