//! ApiVersions (KIP-511): the APIs and features of this broker.
//!
//! Versions 0–5. A version that is not served is answered in version 0 with UNSUPPORTED_VERSION and the
//! versions of ApiVersions itself, so that the client can choose another. Errors: UNSUPPORTED_VERSION,
//! INVALID_REQUEST for a client software name or version that is not made of letters, digits, dots and
//! dashes, and for a cluster without a node or a node without a cluster, REBOOTSTRAP_REQUIRED for a client
//! that names a cluster and a node and looks for another than this (KIP-1242).

use std::sync::Arc;

use barnabas_protocol::api::ApiKey;
use barnabas_protocol::codec;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::java_order::{hash_map_order, java_hash, sized_hash_map_order};
use barnabas_protocol::messages::api_versions_response::{
    ApiVersion, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use barnabas_protocol::messages::{ApiVersionsRequest, StrBytes};
use bytes::Bytes;

use crate::broker::Broker;
use crate::dispatch::{APIS, is_offered};
use crate::request::RequestContext;
use barnabas_metadata::features;
use barnabas_network::response::{Outcome, Reply};
use barnabas_network::rpc::encode;

/// First version in which the client names its software.
const CLIENT_SOFTWARE_SINCE: i16 = 3;

/// The node id of a client that looks for none.
const NO_NODE: i32 = -1;

/// First version whose clients understand a feature that may be switched off.
const MIN_LEVEL_0_SINCE: i16 = 4;

/// Answers at once.
pub fn start(broker: &Arc<Broker>, mut context: RequestContext, body: &mut [u8]) -> Outcome {
    if !ApiKey::ApiVersions.supports(context.api_version) {
        context.api_version = 0;
        return Outcome::Ready(encode(
            &context,
            &error(
                ErrorCode::UnsupportedVersion,
                vec![api_version(ApiKey::ApiVersions)],
            ),
        ));
    }
    let body = Bytes::copy_from_slice(body);
    let Ok(request) = codec::decode_request::<ApiVersionsRequest>(context.api_version, body) else {
        return Outcome::Ready(Reply::Close);
    };
    let named = [&request.client_software_name, &request.client_software_version];
    let is_named =
        context.api_version < CLIENT_SOFTWARE_SINCE || named.into_iter().all(|name| is_software_name(name));
    if is_named && context.api_version >= CLIENT_SOFTWARE_SINCE {
        let (name, version) = (&request.client_software_name, &request.client_software_version);
        context.connection.note_client_software(name, version);
    }
    let names_half = request.cluster_id.is_some() != (request.node_id != NO_NODE);
    if !is_named || names_half {
        return Outcome::Ready(encode(&context, &error(ErrorCode::InvalidRequest, Vec::new())));
    }
    let is_expected = |cluster_id: &StrBytes| {
        **cluster_id == *broker.image().cluster_id && request.node_id == broker.config().node_id
    };
    if !request.cluster_id.as_ref().is_none_or(is_expected) {
        return Outcome::Ready(encode(
            &context,
            &error(ErrorCode::RebootstrapRequired, Vec::new()),
        ));
    }
    Outcome::Ready(encode(&context, &table(broker, context.api_version)))
}

fn table(broker: &Broker, version: i16) -> ApiVersionsResponse {
    // Clients before version 4 stumble over a least level of 0; Apache Kafka keeps such features from them.
    let least = if version < MIN_LEVEL_0_SINCE { 1 } else { 0 };
    let mut shown: Vec<_> = features::FEATURES
        .iter()
        .filter(|feature| feature.min >= least)
        .collect();
    hash_map_order(&mut shown, |feature| java_hash(feature.name));
    let supported = shown.into_iter().map(|feature| {
        SupportedFeatureKey::default()
            .with_name(StrBytes::from_static_str(feature.name))
            .with_min_version(feature.min)
            .with_max_version(feature.max)
    });
    let image = broker.image();
    let mut levels: Vec<_> = image.features.levels.iter().collect();
    // Apache Kafka puts metadata.version into its map when all others are there.
    levels.sort_by_key(|(name, _)| *name == features::METADATA_VERSION);
    sized_hash_map_order(&mut levels, 0, |(name, _)| java_hash(name));
    let finalized = levels.into_iter().map(|(name, &level)| {
        FinalizedFeatureKey::default()
            .with_name(StrBytes::from_string(name.clone()))
            .with_min_version_level(level)
            .with_max_version_level(level)
    });
    ApiVersionsResponse::default()
        .with_api_keys(api_versions(broker))
        .with_supported_features(supported.collect())
        .with_finalized_features_epoch(image.offset)
        .with_finalized_features(finalized.collect())
}

fn error(error: ErrorCode, api_keys: Vec<ApiVersion>) -> ApiVersionsResponse {
    ApiVersionsResponse::default()
        .with_error_code(error.code())
        .with_api_keys(api_keys)
}

fn api_versions(broker: &Broker) -> Vec<ApiVersion> {
    let offered = APIS.iter().filter(|api| is_offered(broker, api.key));
    offered.map(|api| api_version(api.key)).collect()
}

fn api_version(key: ApiKey) -> ApiVersion {
    // librdkafka before 2.11 refuses a broker that does not serve Produce from 0; 3 is the least one can use.
    let min = if key == ApiKey::Produce {
        0
    } else {
        key.min_version()
    };
    ApiVersion::default()
        .with_api_key(key.key())
        .with_min_version(min)
        .with_max_version(key.max_version())
}

/// Letters and digits, with dots and dashes between them.
fn is_software_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    let outer = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    name.bytes().all(inner) && outer(name.as_bytes().first()) && outer(name.as_bytes().last())
}
