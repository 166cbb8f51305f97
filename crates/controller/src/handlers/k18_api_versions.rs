//! ApiVersions (key 18): the APIs and features of this controller.
//!
//! Versions 0–5. A version that is not served is answered in version 0 with UNSUPPORTED_VERSION and the
//! versions of ApiVersions itself, so that the client can choose another.

use std::sync::Arc;

use barnabas_metadata::features;
use barnabas_network::response::{Outcome, Reply};
use barnabas_network::rpc::{RequestContext, decode, encode};
use barnabas_protocol::api::ApiKey;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::api_versions_response::{
    ApiVersion, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use barnabas_protocol::messages::{ApiVersionsRequest, StrBytes};

use crate::controller::Controller;
use crate::dispatch;

/// First version whose clients understand a feature that may be switched off.
const MIN_LEVEL_0_SINCE: i16 = 4;

/// Answers at once.
pub fn start(controller: &Arc<Controller>, mut context: RequestContext, body: &mut [u8]) -> Outcome {
    if !ApiKey::ApiVersions.supports(context.api_version) {
        context.api_version = 0;
        let response = ApiVersionsResponse::default()
            .with_error_code(ErrorCode::UnsupportedVersion.code())
            .with_api_keys(vec![api_version(ApiKey::ApiVersions)]);
        return Outcome::Ready(encode(&context, &response));
    }
    let Some(_) = decode::<ApiVersionsRequest>(&context, body) else {
        return Outcome::Ready(Reply::Close);
    };
    Outcome::Ready(encode(&context, &table(controller, context.api_version)))
}

fn table(controller: &Controller, version: i16) -> ApiVersionsResponse {
    let least = if version < MIN_LEVEL_0_SINCE { 1 } else { 0 };
    let shown = features::FEATURES.iter().filter(|feature| feature.min >= least);
    let supported = shown.map(|feature| {
        SupportedFeatureKey::default()
            .with_name(StrBytes::from_static_str(feature.name))
            .with_min_version(feature.min)
            .with_max_version(feature.max)
    });
    let image = controller.handle.image();
    let finalized = image.features.levels.iter().map(|(name, &level)| {
        FinalizedFeatureKey::default()
            .with_name(StrBytes::from_string(name.clone()))
            .with_min_version_level(level)
            .with_max_version_level(level)
    });
    ApiVersionsResponse::default()
        .with_api_keys(dispatch::keys().map(api_version).collect())
        .with_supported_features(supported.collect())
        .with_finalized_features_epoch(image.offset)
        .with_finalized_features(finalized.collect())
}

fn api_version(key: ApiKey) -> ApiVersion {
    ApiVersion::default()
        .with_api_key(key.key())
        .with_min_version(key.min_version())
        .with_max_version(key.max_version())
}
