//! UpdateFeatures (key 57): finalizes features at other levels (KIP-584).
//!
//! Versions 0–2. Errors: CLUSTER_AUTHORIZATION_FAILED, INVALID_UPDATE_VERSION; one feature that can't be
//! updated fails all.

use barnabas_metadata::controller::{ApiError, UpdateFeatures};
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::update_features_response::UpdatableFeatureResult;
use barnabas_protocol::messages::{StrBytes, UpdateFeaturesRequest, UpdateFeaturesResponse};

use crate::admin::AdminNode;
use barnabas_network::rpc::RequestContext;

/// Last version that answers feature by feature.
const RESULTS_UNTIL: i16 = 1;

/// Has the controller update the features.
pub async fn handle(
    node: &impl AdminNode,
    context: &RequestContext,
    request: UpdateFeaturesRequest,
) -> UpdateFeaturesResponse {
    let features: Vec<StrBytes> = request
        .feature_updates
        .iter()
        .map(|update| update.feature.clone())
        .collect();
    let outcome = node.controllers().submit(UpdateFeatures(request)).await;
    match outcome.map_err(ApiError::from).and_then(|reply| reply) {
        Ok(()) => {
            // Apache Kafka names the error that isn't one.
            let none = StrBytes::from_static_str(ErrorCode::None.name());
            let each = if context.api_version <= RESULTS_UNTIL {
                features
            } else {
                Vec::new()
            };
            let result = |feature| {
                UpdatableFeatureResult::default()
                    .with_feature(feature)
                    .with_error_message(Some(none.clone()))
            };
            UpdateFeaturesResponse::default()
                .with_error_message(None)
                .with_results(each.into_iter().map(result).collect())
        }
        Err(error) => {
            let reason = error.message.unwrap_or_default();
            let message = format!(
                "The update failed for all features since the following feature had an error: {reason}"
            );
            UpdateFeaturesResponse::default()
                .with_error_code(error.code.code())
                .with_error_message(Some(StrBytes::from_string(message)))
        }
    }
}

/// The answer with an error.
pub fn refused(_: &RequestContext, _: &UpdateFeaturesRequest, error: &ApiError) -> UpdateFeaturesResponse {
    UpdateFeaturesResponse::default()
        .with_error_code(error.code.code())
        .with_error_message(error.wire_message())
}
