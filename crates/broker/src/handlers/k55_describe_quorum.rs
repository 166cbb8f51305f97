//! DescribeQuorum (key 55): who leads the metadata quorum, and how far its voters are (KIP-595), as the
//! active controller sees it.
//!
//! Versions 0–2. Errors of the whole: CLUSTER_AUTHORIZATION_FAILED. Errors of a partition: see
//! [`describe_quorum`].

use barnabas_controller::describe_quorum::{self, Described};
use barnabas_metadata::controller::ApiError;
use barnabas_protocol::messages::describe_quorum_response::Listener;
use barnabas_protocol::messages::{DescribeQuorumRequest, DescribeQuorumResponse, StrBytes};

use crate::broker::Broker;
use crate::request::RequestContext;

/// Answers with how the quorum stands.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: DescribeQuorumRequest,
) -> DescribeQuorumResponse {
    let version = context.api_version;
    let Some(topic) = describe_quorum::asked_topic(&request) else {
        return describe_quorum::unknown(&request, version);
    };
    let status = match broker.controller.status().await {
        Ok(status) => status,
        Err(error) => return describe_quorum::refused(version, &error.into()),
    };
    let described = Described {
        status: &status,
        image: &broker.image(),
        listener: &|voter| controller_listener(broker, voter),
    };
    describe_quorum::answer(version, topic, &described)
}

/// The answer with an error.
pub fn refused(
    context: &RequestContext,
    _: &DescribeQuorumRequest,
    error: &ApiError,
) -> DescribeQuorumResponse {
    describe_quorum::refused(context.api_version, error)
}

/// Where a voter is reached: at the address that the voters' list has for it, or its own controller listener.
fn controller_listener(broker: &Broker, voter: i32) -> Option<Listener> {
    let config = broker.config();
    let name = config.controller_listener_names.first()?;
    let layers = broker.metadata.layers();
    let in_list = layers
        .given("controller.quorum.voters")
        .into_iter()
        .flat_map(|voters| voters.split(','));
    let listed = in_list.filter_map(|entry| {
        let (id, address) = entry.trim().split_once('@')?;
        (id.parse() == Ok(voter)).then_some(address)
    });
    let own = config.listeners.iter().filter_map(|listener| {
        let (of, address) = listener.split_once("://")?;
        of.eq_ignore_ascii_case(name).then_some(address)
    });
    let (host, port) = listed.chain(own).next()?.rsplit_once(':')?;
    let answer = Listener::default()
        .with_name(StrBytes::from_string(name.clone()))
        .with_host(StrBytes::from_string(host.to_owned()))
        .with_port(port.parse().ok()?);
    Some(answer)
}
