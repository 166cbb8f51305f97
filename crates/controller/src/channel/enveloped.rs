//! A client's request on its way to the active controller, in Kafka's Envelope (key 58).
//!
//! The answer of a controller of Barnabas has one more tagged field, which others skip: the offset of the
//! image that has to be in effect at who asked, so that the client finds there what it has changed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use barnabas_metadata::MetadataError;
use barnabas_metadata::channel::Enveloped;
use barnabas_network::client::CallError;
use barnabas_protocol::api::ApiKey;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{ApiVersionsRequest, EnvelopeRequest, EnvelopeResponse};

use super::search::{Controller, Miss};

/// The tag of the offset; Kafka's own begin with 0.
pub const OFFSET_TAG: i32 = 0x4261;
const VERSION: i16 = 0;
const API_VERSIONS_VERSION: i16 = 0;
/// An answer that is late is still taken: to give it up ends the connection, and with it the requests of
/// others.
const LATE_MAX: Duration = Duration::from_secs(5);

/// What has come of it, and the image that has to be in effect.
pub type Opened = (Enveloped, Option<i64>);
/// This node goes on by itself.
pub const HERE: Opened = (Enveloped::Here, None);

/// Has a controller open an envelope.
pub async fn ask(controller: &Controller, request: &EnvelopeRequest, left: Duration) -> Result<Opened, Miss> {
    let opens = &controller.opens_envelopes;
    if !opens.load(Ordering::Relaxed) {
        if !opens_envelopes(controller, left).await? {
            return Ok(HERE);
        }
        opens.store(true, Ordering::Relaxed);
    }
    let answer = controller.changes.call(VERSION, request, left + LATE_MAX).await;
    // Whoever listens there next may be of another version.
    let answer = answer.inspect_err(|_| opens.store(false, Ordering::Relaxed))?;
    match ErrorCode::from_code(answer.error_code) {
        Some(ErrorCode::None) => {
            let offset = offset(&answer);
            let response = answer.response_data.ok_or_else(|| failed("no response in it"))?;
            Ok((Enveloped::Answered(response), offset))
        }
        Some(ErrorCode::NotController) => Err(Miss::Elsewhere(None)),
        Some(ErrorCode::UnsupportedVersion) => Ok(HERE),
        Some(error) => Err(failed(error.name())),
        None => Err(failed("an unknown error")),
    }
}

/// Whether a controller does so: those of the first versions of Barnabas don't.
async fn opens_envelopes(controller: &Controller, left: Duration) -> Result<bool, CallError> {
    let request = ApiVersionsRequest::default();
    let served = controller
        .changes
        .call(API_VERSIONS_VERSION, &request, left + LATE_MAX);
    let served = served.await?.api_keys;
    Ok(served.iter().any(|api| api.api_key == ApiKey::Envelope.key()))
}

fn offset(answer: &EnvelopeResponse) -> Option<i64> {
    let field = answer.unknown_tagged_fields.get(&OFFSET_TAG)?;
    Some(i64::from_be_bytes(field.as_ref().try_into().ok()?))
}

fn failed(why: &str) -> Miss {
    let why = format!("the controller opens no envelope of this node: {why}");
    Miss::Failed(MetadataError::Storage(why))
}
