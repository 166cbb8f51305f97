//! Requests and answers of the Kafka protocol, as the dispatchers of all listeners read and write them.

use std::rc::Rc;

use barnabas_protocol::api::ApiKey;
use barnabas_protocol::codec;
use barnabas_protocol::header::encode_response_header;
use barnabas_protocol::messages::{Encodable, Request};
use barnabas_security::KafkaPrincipal;
use bytes::Bytes;

use crate::ConnectionContext;
use crate::response::{Outcome, Reply, frame_buffer};

/// First capacity of a response's buffer: most fit.
const RESPONSE_BYTES: usize = 512;

/// What a handler knows of the request that it answers.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// The connection's part.
    pub connection: Rc<ConnectionContext>,
    /// Who the client was when the request began.
    pub principal: Rc<KafkaPrincipal>,
    /// Which API is called.
    pub api_key: ApiKey,
    /// In which version.
    pub api_version: i16,
    /// Echoed in the response header.
    pub correlation_id: i32,
    /// What the client calls itself; empty when it doesn't.
    pub client_id: Rc<str>,
}

/// Reads a body and goes on with it; one that can't be read closes the connection.
pub fn read<T: Request>(
    context: RequestContext,
    body: &[u8],
    go_on: impl FnOnce(RequestContext, T) -> Outcome,
) -> Outcome {
    match decode(&context, body) {
        Some(request) => go_on(context, request),
        None => Outcome::Ready(Reply::Close),
    }
}

/// Answers at once.
pub fn ready<T: Encodable>(context: &RequestContext, response: &T) -> Outcome {
    Outcome::Ready(encode(context, response))
}

/// Decodes a body, copied so that what outlives the request doesn't pin the connection's buffer.
pub fn decode<T: Request>(context: &RequestContext, body: &[u8]) -> Option<T> {
    let decoded = codec::decode_request(context.api_version, Bytes::copy_from_slice(body));
    decoded
        .inspect_err(|error| {
            let api = context.api_key.name();
            tracing::debug!(api, version = context.api_version, %error, "malformed request");
        })
        .ok()
}

/// Encodes a response frame. A response that can't be encoded is a fault of the node: the connection is
/// closed, so that the client sees an error and not silence.
pub fn encode<T: Encodable>(context: &RequestContext, response: &T) -> Reply {
    let mut buffer = frame_buffer(RESPONSE_BYTES);
    encode_response_header(
        context.api_key,
        context.api_version,
        context.correlation_id,
        &mut buffer,
    );
    match codec::encode_response(response, context.api_version, &mut buffer) {
        Ok(()) => Reply::frame(buffer),
        Err(error) => {
            tracing::error!(api = context.api_key.name(), %error, "could not encode a response");
            Reply::Close
        }
    }
}
