//! ControllerRegistration (key 70): a controller starts, and says where it is reached and what it can run
//! (KIP-919). Kafka's `ClusterControlManager.registerController`.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::controller_registration_request::{Feature, Listener};
use barnabas_protocol::messages::{ControllerRegistrationRequest, ControllerRegistrationResponse, StrBytes};
use serde::{Deserialize, Serialize};

use super::{Decide, DecideContext, Decision, wire};
use crate::image::MetadataImage;
use crate::records::{BrokerEndpoint, BrokerFeature, ControllerRegistration, MetadataRecord};

/// The metadata.version from which on controllers register.
const METADATA_VERSION_MIN: i16 = 15;

/// Registers a controller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegisterController(#[serde(with = "wire::request")] pub ControllerRegistrationRequest);

impl Decide for RegisterController {
    type Reply = ControllerRegistrationResponse;

    /// Nothing is recorded of a controller that has said the same before.
    fn decide(self, image: &MetadataImage, _: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        let reply = ControllerRegistrationResponse::default().with_error_message(None);
        if image.features.metadata_version() < METADATA_VERSION_MIN {
            let message = "The current MetadataVersion is too old to support controller registrations.";
            return Decision {
                records: Vec::new(),
                reply: reply
                    .with_error_code(ErrorCode::UnsupportedVersion.code())
                    .with_error_message(Some(StrBytes::from_static_str(message))),
            };
        }
        let told = registration(&self.0);
        let known = image.controllers.get(&told.controller_id);
        let records = match known {
            Some(known) if **known == told => Vec::new(),
            _ => vec![MetadataRecord::RegisterController(told)],
        };
        Decision { records, reply }
    }
}

fn registration(request: &ControllerRegistrationRequest) -> ControllerRegistration {
    let endpoint = |listener: &Listener| BrokerEndpoint {
        listener: listener.name.to_string(),
        host: listener.host.to_string(),
        port: listener.port,
        security_protocol: listener.security_protocol,
    };
    let feature = |feature: &Feature| BrokerFeature {
        name: feature.name.to_string(),
        min_supported_version: feature.min_supported_version,
        max_supported_version: feature.max_supported_version,
    };
    ControllerRegistration {
        controller_id: request.controller_id,
        incarnation_id: request.incarnation_id,
        endpoints: request.listeners.iter().map(endpoint).collect(),
        features: request.features.iter().map(feature).collect(),
    }
}

/// The request by which a controller registers as what it is.
pub fn controller_registration_request(controller: &ControllerRegistration) -> ControllerRegistrationRequest {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let listener = |endpoint: &BrokerEndpoint| {
        Listener::default()
            .with_name(text(&endpoint.listener))
            .with_host(text(&endpoint.host))
            .with_port(endpoint.port)
            .with_security_protocol(endpoint.security_protocol)
    };
    let feature = |feature: &BrokerFeature| {
        Feature::default()
            .with_name(text(&feature.name))
            .with_min_supported_version(feature.min_supported_version)
            .with_max_supported_version(feature.max_supported_version)
    };
    ControllerRegistrationRequest::default()
        .with_controller_id(controller.controller_id)
        .with_incarnation_id(controller.incarnation_id)
        .with_listeners(controller.endpoints.iter().map(listener).collect())
        .with_features(controller.features.iter().map(feature).collect())
}
