//! UnregisterBroker (key 64): forgets a broker that won't come back.
//!
//! Version 0. Errors: BROKER_ID_NOT_REGISTERED. A broker that is running registers again at once, as Apache Kafka's does.

use barnabas_metadata::controller::{ApiError, UnregisterBroker};
use barnabas_protocol::messages::{UnregisterBrokerRequest, UnregisterBrokerResponse};

use crate::broker::Broker;
use crate::request::RequestContext;

/// Has the controller forget the broker.
pub async fn handle(
    broker: &Broker,
    _: &RequestContext,
    request: UnregisterBrokerRequest,
) -> UnregisterBrokerResponse {
    let outcome = broker
        .controller
        .submit(UnregisterBroker {
            broker_id: request.broker_id.0,
        })
        .await;
    match outcome.map_err(ApiError::from).and_then(|reply| reply) {
        Ok(()) => UnregisterBrokerResponse::default(),
        Err(error) => UnregisterBrokerResponse::default()
            .with_error_code(error.code.code())
            .with_error_message(error.wire_message()),
    }
}
