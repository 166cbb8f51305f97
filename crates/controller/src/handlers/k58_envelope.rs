//! Envelope (key 58, KIP-590): a client's request that a broker passes on, with who has sent it. It is
//! authorised, counted and decided as if the client had asked here.
//!
//! Version 0. Errors: CLUSTER_AUTHORIZATION_FAILED (only members of the cluster may say who asks),
//! PRINCIPAL_DESERIALIZATION_FAILURE, INVALID_REQUEST (no address, or an API that isn't passed on),
//! UNSUPPORTED_VERSION (no request that is understood here), NOT_CONTROLLER. What the request itself comes
//! to is in the response. Beside Kafka's fields the answer has the offset of the image that it rests on.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use barnabas_network::ConnectionContext;
use barnabas_network::response::{Chunk, Outcome, Reply};
use barnabas_network::rpc::{RequestContext, encode, read, ready};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::frame::SIZE_PREFIX;
use barnabas_protocol::guard;
use barnabas_protocol::header::RequestHeader;
use barnabas_protocol::messages::{EnvelopeRequest, EnvelopeResponse};
use barnabas_protocol::principal_data::PrincipalData;
use barnabas_security::{AclOperation, KafkaPrincipal};
use bytes::{Bytes, BytesMut};
use tokio::task::spawn_local;

use crate::channel::OFFSET_TAG;
use crate::controller::Controller;
use crate::dispatch;

/// Answers the request in the envelope.
pub fn start(controller: &Arc<Controller>, context: RequestContext, body: &mut [u8]) -> Outcome {
    read(context, body, |context, request| {
        open(controller, &context, request).unwrap_or_else(|error| ready(&context, &refused(error)))
    })
}

fn open(
    controller: &Arc<Controller>,
    envelope: &RequestContext,
    request: EnvelopeRequest,
) -> Result<Outcome, ErrorCode> {
    if !controller
        .rights(envelope)
        .on_cluster(AclOperation::ClusterAction)
    {
        return Err(ErrorCode::ClusterAuthorizationFailed);
    }
    let client = Rc::new(client(&envelope.connection, &request)?);
    let header = RequestHeader::decode(&request.request_data).map_err(|_| ErrorCode::UnsupportedVersion)?;
    if !header.api_key.is_forwardable() {
        return Err(ErrorCode::InvalidRequest);
    }
    let api = dispatch::served(header.api_key).ok_or(ErrorCode::InvalidRequest)?;
    if !header.api_key.supports(header.api_version) {
        return Err(ErrorCode::UnsupportedVersion);
    }
    let data = &request.request_data[header.size..];
    guard::check(header.api_key, header.api_version, data).map_err(|_| ErrorCode::UnsupportedVersion)?;
    controller.check_active().map_err(|error| error.code)?;
    let context = RequestContext {
        principal: client.principal(),
        client_id: client.client_id(header.client_id),
        connection: client,
        api_key: header.api_key,
        api_version: header.api_version,
        correlation_id: header.correlation_id,
    };
    let asked = Arc::new(controller.for_one_request());
    let mut body = BytesMut::from(data);
    let envelope = envelope.clone();
    match dispatch::run(&asked, api, context, &mut body) {
        Outcome::Ready(reply) => Ok(Outcome::Ready(answer(&asked, &envelope, reply))),
        // Those of many clients come by one connection: none waits for another's.
        Outcome::Staged(reply) | Outcome::Exclusive(reply) => {
            let answering = spawn_local(reply);
            Ok(Outcome::Staged(Box::pin(async move {
                match answering.await {
                    Ok(reply) => answer(&asked, &envelope, reply),
                    Err(_) => Reply::Close,
                }
            })))
        }
    }
}

/// Who has sent the request, and from where.
fn client(connection: &ConnectionContext, request: &EnvelopeRequest) -> Result<ConnectionContext, ErrorCode> {
    let principal = request.request_principal.as_deref().unwrap_or_default();
    let data = PrincipalData::decode(principal).map_err(|_| ErrorCode::PrincipalDeserializationFailure)?;
    let principal = KafkaPrincipal {
        principal_type: data.principal_type.to_owned(),
        name: data.name.to_owned(),
    };
    let client =
        connection.forwarding(address(&request.client_host_address).ok_or(ErrorCode::InvalidRequest)?);
    match data.token_authenticated {
        true => client.authenticated_by_token(principal),
        false => client.authenticated(principal),
    }
    Ok(client)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// The response in its envelope.
fn answer(asked: &Controller, envelope: &RequestContext, reply: Reply) -> Reply {
    let answer = match reply {
        _ if asked.client.was_elsewhere() => refused(ErrorCode::NotController),
        Reply::Frame { head, rest } => {
            let mut response = head;
            for chunk in rest {
                if let Chunk::Bytes(bytes) = chunk {
                    response.extend_from_slice(&bytes);
                }
            }
            let offset = asked.handle.published().offset();
            EnvelopeResponse::default()
                .with_response_data(Some(response.freeze().slice(SIZE_PREFIX..)))
                .with_unknown_tagged_field(OFFSET_TAG, Bytes::copy_from_slice(&offset.to_be_bytes()))
        }
        Reply::Nothing | Reply::Close => refused(ErrorCode::UnsupportedVersion),
    };
    encode(envelope, &answer)
}

fn refused(error: ErrorCode) -> EnvelopeResponse {
    EnvelopeResponse::default()
        .with_response_data(None)
        .with_error_code(error.code())
}
