//! UnregisterBroker (key 64): forgets a broker that won't come back.
//!
//! Version 0. Errors: CLUSTER_AUTHORIZATION_FAILED, BROKER_ID_NOT_REGISTERED. Deviation: a broker that is
//! told to forget itself registers again at once; Apache Kafka's serves nobody any more until it is
//! restarted.

use barnabas_metadata::controller::{ApiError, RegisterBroker, UnregisterBroker, registration_request};
use barnabas_protocol::messages::{UnregisterBrokerRequest, UnregisterBrokerResponse};

use crate::broker::Broker;
use crate::request::RequestContext;
use barnabas_controller::admin::AdminNode;
use barnabas_controller::admin::config_changes::answered;

/// Has the controller forget the broker.
pub async fn handle(
    broker: &Broker,
    context: &RequestContext,
    request: UnregisterBrokerRequest,
) -> UnregisterBrokerResponse {
    match unregister(broker, context, &request).await {
        Ok(()) => UnregisterBrokerResponse::default().with_error_message(None),
        Err(error) => refused(context, &request, &error),
    }
}

/// The answer with an error.
pub fn refused(
    _: &RequestContext,
    _: &UnregisterBrokerRequest,
    error: &ApiError,
) -> UnregisterBrokerResponse {
    UnregisterBrokerResponse::default()
        .with_error_code(error.code.code())
        .with_error_message(error.wire_message())
}

async fn unregister(
    broker: &Broker,
    context: &RequestContext,
    request: &UnregisterBrokerRequest,
) -> Result<(), ApiError> {
    let broker_id = request.broker_id.0;
    let own = broker.image().brokers.get(&broker.node_id).cloned();
    let cluster_id = broker.image().cluster_id.clone();
    match broker.forwarded(context, request).await {
        Some(answer) => {
            let answer = answer?;
            answered(answer.error_code, answer.error_message.as_deref())?;
        }
        None => broker.controller.submit(UnregisterBroker { broker_id }).await??,
    }
    if let (Some(own), true) = (own, broker_id == broker.node_id) {
        let again = registration_request(&cluster_id, &own, own.broker_epoch);
        broker.controller.submit(RegisterBroker(again)).await?;
    }
    Ok(())
}
