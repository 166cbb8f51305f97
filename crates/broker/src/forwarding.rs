//! Clients' requests that the active controller answers (Kafka's `ForwardingManager`).
//!
//! ```text
//! this node is the active controller ─→ its handler answers, as on a node alone
//! another one is                     ─→ the request as it came, whose it is, from where ─→ its answer
//! ```
//! So the client is authorised, and its changes are counted, once and in one place. A controller of a version
//! that opens no envelopes gets what the handler here makes of the request, as before there were any.

use std::net::IpAddr;
use std::sync::Arc;

use barnabas_controller::forward::{Forwardable, patience_of};
use barnabas_metadata::MetadataError;
use barnabas_metadata::channel::Enveloped;
use barnabas_metadata::controller::ApiError;
use barnabas_network::response::{Outcome, Reply, frame_buffer};
use barnabas_network::rpc::encode;
use barnabas_protocol::codec;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::header::{decode_response_header, encode_request_header};
use barnabas_protocol::malformed::Unencodable;
use barnabas_protocol::messages::{EnvelopeRequest, Request};
use barnabas_protocol::principal_data::PrincipalData;
use bytes::{BufMut, Bytes, BytesMut};

use crate::broker::Broker;
use crate::request::RequestContext;

/// The answer to a request that can't be decided.
type Refused<R> = fn(&RequestContext, &R, &ApiError) -> <R as Request>::Response;

/// Has a request answered whose bytes are `body`: by `here`, where this node decides.
pub fn start<R, H>(
    broker: &Arc<Broker>,
    context: RequestContext,
    (body, request): (&[u8], R),
    refused: Refused<R>,
    here: H,
) -> Outcome
where
    R: Forwardable + 'static,
    H: AsyncFnOnce(&Arc<Broker>, &RequestContext, R) -> R::Response + 'static,
{
    let body = (!broker.controller.is_here()).then(|| Bytes::copy_from_slice(body));
    let broker = broker.clone();
    Outcome::Exclusive(Box::pin(async move {
        if let Some(body) = body {
            match forward(&broker, &context, &body, request.timeout_ms()).await {
                Ok(Enveloped::Answered(response)) => return framed(&response),
                Ok(Enveloped::Here) => {}
                Err(error) => return encode(&context, &refused(&context, &request, &error)),
            }
        }
        let response = here(&broker, &context, request).await;
        encode(&context, &response)
    }))
}

/// The active controller's answer to a request of which this broker has done its part; `None` where this
/// node decides.
pub async fn forwarded<R: Forwardable>(
    broker: &Broker,
    context: &RequestContext,
    request: &R,
) -> Option<Result<R::Response, ApiError>> {
    if broker.controller.is_here() {
        return None;
    }
    let mut body = BytesMut::new();
    if let Err(error) = request.encode(&mut body, context.api_version) {
        return Some(Err(unanswerable(context, &error)));
    }
    match forward(broker, context, &body, request.timeout_ms()).await {
        Ok(Enveloped::Answered(response)) => Some(decoded::<R>(context, response)),
        Ok(Enveloped::Here) => None,
        Err(error) => Some(Err(error)),
    }
}

/// Sends a request on its way, and has the client pause as the answer says.
async fn forward(
    broker: &Broker,
    context: &RequestContext,
    body: &[u8],
    timeout_ms: i32,
) -> Result<Enveloped, ApiError> {
    let envelope = envelope(context, body).map_err(|error| unanswerable(context, &error))?;
    let channel = broker.controller.channel();
    let answer = channel.envelope(envelope, patience_of(timeout_ms)).await;
    let answer = answer.map_err(|error| match error {
        MetadataError::Storage(why) => unanswerable(context, &why),
        error => ApiError::from(error),
    })?;
    if let Enveloped::Answered(response) = &answer {
        broker.throttling().heed(context, response);
    }
    Ok(answer)
}

fn envelope(context: &RequestContext, body: &[u8]) -> Result<EnvelopeRequest, Unencodable> {
    let connection = &context.connection;
    let mut data = BytesMut::with_capacity(16 + context.client_id.len() + body.len());
    let api = (context.api_key, context.api_version);
    encode_request_header(api, context.correlation_id, &context.client_id, &mut data)?;
    data.put_slice(body);
    let principal = PrincipalData {
        principal_type: &context.principal.principal_type,
        name: &context.principal.name,
        token_authenticated: connection.came_with_token(),
    };
    let address = match connection.client_host.to_canonical() {
        IpAddr::V4(address) => Bytes::copy_from_slice(&address.octets()),
        IpAddr::V6(address) => Bytes::copy_from_slice(&address.octets()),
    };
    Ok(EnvelopeRequest::default()
        .with_request_data(data.freeze())
        .with_request_principal(Some(principal.encode()?))
        .with_client_host_address(address))
}

fn framed(response: &[u8]) -> Reply {
    let mut buffer = frame_buffer(response.len());
    buffer.put_slice(response);
    Reply::frame(buffer)
}

fn decoded<R: Request>(context: &RequestContext, mut response: Bytes) -> Result<R::Response, ApiError> {
    let (key, version) = (context.api_key, context.api_version);
    let is_tagged = key.response_header_version(version) >= 1;
    let header = decode_response_header(&response, is_tagged);
    let (_, size) = header.map_err(|error| unanswerable(context, &error))?;
    codec::decode_response::<R>(version, response.split_off(size))
        .map_err(|error| unanswerable(context, &error))
}

/// What a fault of this cluster's nodes comes to.
fn unanswerable(context: &RequestContext, error: &impl std::fmt::Display) -> ApiError {
    tracing::error!(api = context.api_key.name(), %error, "a request could not be passed on");
    ApiError::bare(ErrorCode::UnknownServerError)
}
