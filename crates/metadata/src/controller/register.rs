//! BrokerRegistration (key 62): a broker starts, or says again what it is. Kafka's
//! `ClusterControlManager.registerBroker`.

use std::collections::BTreeSet;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::broker_registration_request::{Feature, Listener};
use barnabas_protocol::messages::{
    BrokerId, BrokerRegistrationRequest, BrokerRegistrationResponse, StrBytes,
};
use serde::{Deserialize, Serialize};

use super::fence;
use super::partition_change::is_reserved;
use super::{ApiError, Decide, DecideContext, Decision, wire};
use crate::features::{KRAFT_VERSION, METADATA_VERSION};
use crate::image::MetadataImage;
use crate::records::{BrokerEndpoint, BrokerFeature, BrokerRegistration, MetadataRecord};

/// The metadata.version from which on brokers must say which log directories they have.
const DIRECTORIES_METADATA_VERSION: i16 = 17;

/// Registers a broker. The reply has its epoch. It is fenced until a heartbeat says that it has replayed the
/// metadata up to here; only the broker of a quorum of one serves at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegisterBroker(#[serde(with = "wire::request")] pub BrokerRegistrationRequest);

impl Decide for RegisterBroker {
    type Reply = BrokerRegistrationResponse;

    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        let broker_id = self.0.broker_id.0;
        match register(&self.0, image, ctx) {
            Ok((records, broker_epoch)) => {
                ctx.heartbeats
                    .heard(broker_id, broker_epoch, -1, ctx.now_monotonic_ms);
                Decision {
                    records,
                    reply: BrokerRegistrationResponse::default().with_broker_epoch(broker_epoch),
                }
            }
            Err(error) => {
                let message = error.message.as_deref().unwrap_or_default();
                tracing::info!(
                    broker_id,
                    code = error.code.name(),
                    message,
                    "a registration is refused"
                );
                Decision {
                    records: Vec::new(),
                    reply: BrokerRegistrationResponse::default()
                        .with_error_code(error.code.code())
                        .with_broker_epoch(-1),
                }
            }
        }
    }
}

/// The records, and the epoch that the broker has by them.
fn register(
    request: &BrokerRegistrationRequest,
    image: &MetadataImage,
    ctx: &DecideContext<'_>,
) -> Result<(Vec<MetadataRecord>, i64), ApiError> {
    if *request.cluster_id != *image.cluster_id {
        let message = format!(
            "Expected cluster ID {}, but got cluster ID {}",
            image.cluster_id, &*request.cluster_id
        );
        return Err(ApiError::new(ErrorCode::InconsistentClusterId, message));
    }
    let broker_id = request.broker_id.0;
    // Whoever asks the only voter for itself has its log directory, so nobody else lives under this id.
    let own = ctx.alone && broker_id == ctx.settings.node_id;
    let existing = image.brokers.get(&broker_id);
    let same = existing.filter(|known| known.incarnation_id == request.incarnation_id);
    if let (Some(known), None, false) = (existing, same, own)
        && !known.fenced
        && ctx.heartbeats.has_session(known, ctx.now_monotonic_ms)
        && !returns(request, known, ctx)
    {
        return Err(ApiError::new(
            ErrorCode::DuplicateBrokerRegistration,
            "Another broker is registered with that broker id.",
        ));
    }
    check_directories(request, image)?;
    check_features(request, image)?;

    let mut registration = registration(request);
    if let Some(known) = same {
        registration.broker_epoch = known.broker_epoch;
        registration.fenced = known.fenced;
        registration.in_controlled_shutdown = known.in_controlled_shutdown;
        registration
            .cordoned_log_dirs
            .clone_from(&known.cordoned_log_dirs);
        let broker_epoch = known.broker_epoch;
        return Ok((vec![MetadataRecord::RegisterBroker(registration)], broker_epoch));
    }
    let broker_epoch = ctx.next_offset;
    registration.broker_epoch = broker_epoch;
    registration.fenced = !own;
    let others = image.brokers.keys().any(|id| *id != broker_id);
    let mut records = Vec::new();
    if others || !own {
        let clean = existing.is_some_and(|known| known.broker_epoch == request.previous_broker_epoch);
        records = fence::stopped(image, ctx, broker_id, clean);
    }
    records.push(MetadataRecord::RegisterBroker(registration));
    if own {
        let mut image = image.clone();
        image.replay(&records);
        records.extend(fence::leaders_by(&image, ctx, broker_id, true));
    }
    Ok((records, broker_epoch))
}

/// Whether a broker was started again before this controller heard of its last process: that one has died
/// with the last controller, for its log directories serve one process at a time.
fn returns(request: &BrokerRegistrationRequest, known: &BrokerRegistration, ctx: &DecideContext<'_>) -> bool {
    let mut its_own = request.log_dirs.iter().filter(|id| !is_reserved(id));
    ctx.heartbeats.is_assumed(known) && its_own.any(|id| known.log_dirs.contains(id))
}

fn check_directories(request: &BrokerRegistrationRequest, image: &MetadataImage) -> Result<(), ApiError> {
    let invalid = |message: String| Err(ApiError::new(ErrorCode::InvalidRegistration, message));
    if image.features.metadata_version() < DIRECTORIES_METADATA_VERSION {
        return Ok(());
    }
    let given = &request.log_dirs;
    if given.is_empty() {
        return invalid("No directories specified in request".to_owned());
    }
    if given.iter().any(is_reserved) {
        return invalid("Reserved directory ID in request".to_owned());
    }
    if given.iter().collect::<BTreeSet<_>>().len() < given.len() {
        return invalid("Duplicate directory ID in request".to_owned());
    }
    for other in image.brokers.values() {
        let taken = given.iter().find(|id| other.log_dirs.contains(id));
        if let Some(taken) = taken
            && other.broker_id != request.broker_id.0
        {
            let message = format!(
                "Broker {} is already registered with directory {taken}",
                other.broker_id
            );
            return invalid(message);
        }
    }
    Ok(())
}

/// What is finalized the broker must be able to run.
fn check_features(request: &BrokerRegistrationRequest, image: &MetadataImage) -> Result<(), ApiError> {
    for (name, level) in &image.features.levels {
        let feature = request.features.iter().find(|feature| *feature.name == **name);
        let (min, max) = match feature {
            Some(feature) => (feature.min_supported_version, feature.max_supported_version),
            // As old as can be, or not asked of brokers.
            None if name == METADATA_VERSION || name == KRAFT_VERSION => continue,
            None => (0, 0),
        };
        if !(min..=max).contains(level) {
            let message = format!(
                "Unable to register because the broker does not support finalized version {level} of {name}. The \
                 broker wants a version between {min} and {max}, inclusive."
            );
            return Err(ApiError::new(ErrorCode::UnsupportedVersion, message));
        }
    }
    Ok(())
}

fn registration(request: &BrokerRegistrationRequest) -> BrokerRegistration {
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
    BrokerRegistration {
        broker_id: request.broker_id.0,
        incarnation_id: request.incarnation_id,
        endpoints: request.listeners.iter().map(endpoint).collect(),
        features: request.features.iter().map(feature).collect(),
        rack: request.rack.as_ref().map(ToString::to_string),
        log_dirs: request.log_dirs.clone(),
        ..BrokerRegistration::default()
    }
}

/// The request by which a broker registers as what it is; `previous_broker_epoch` is of its last clean stop,
/// -1 where there was none.
pub fn registration_request(
    cluster_id: &str,
    broker: &BrokerRegistration,
    previous_broker_epoch: i64,
) -> BrokerRegistrationRequest {
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
    BrokerRegistrationRequest::default()
        .with_broker_id(BrokerId(broker.broker_id))
        .with_cluster_id(text(cluster_id))
        .with_incarnation_id(broker.incarnation_id)
        .with_listeners(broker.endpoints.iter().map(listener).collect())
        .with_features(broker.features.iter().map(feature).collect())
        .with_rack(broker.rack.as_deref().map(text))
        .with_log_dirs(broker.log_dirs.clone())
        .with_previous_broker_epoch(previous_broker_epoch)
}

/// The epoch that a broker was registered under.
///
/// # Errors
/// The registration was refused.
pub fn registered_epoch(reply: &BrokerRegistrationResponse) -> Result<i64, ApiError> {
    match ErrorCode::from_code(reply.error_code) {
        Some(ErrorCode::None) => Ok(reply.broker_epoch),
        code => Err(ApiError::bare(code.unwrap_or(ErrorCode::UnknownServerError))),
    }
}
