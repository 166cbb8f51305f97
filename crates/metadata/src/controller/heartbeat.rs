//! BrokerHeartbeat (key 63): a broker is alive, and says what it wants. Kafka's
//! `ReplicationControlManager.processBrokerHeartbeat`.
//!
//! ```text
//! fenced ─→ unfenced ─→ in controlled shutdown ─→ shut down (fenced)
//!    ↑_________↓ wants to be fenced
//! ```

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::{BrokerHeartbeatRequest, BrokerHeartbeatResponse};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::fence;
use super::partition_change::{Moved, when_moved};
use super::{ApiError, Decide, DecideContext, Decision, wire};
use crate::image::MetadataImage;
use crate::records::{BrokerRegistration, BrokerRegistrationChange, MetadataRecord};

/// A broker's heartbeat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BrokerHeartbeat(#[serde(with = "wire::request")] pub BrokerHeartbeatRequest);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fenced,
    Unfenced,
    ControlledShutdown,
    ShutdownNow,
}

impl Decide for BrokerHeartbeat {
    type Reply = BrokerHeartbeatResponse;

    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        let request = self.0;
        let broker = match registered(image, request.broker_id.0, request.broker_epoch) {
            Ok(broker) => broker,
            Err(error) => {
                let reply = BrokerHeartbeatResponse::default().with_error_code(error.code.code());
                return Decision {
                    records: Vec::new(),
                    reply,
                };
            }
        };
        let (broker_id, broker_epoch) = (broker.broker_id, broker.broker_epoch);
        let offset = request.current_metadata_offset;
        ctx.heartbeats
            .heard(broker_id, broker_epoch, offset, ctx.now_monotonic_ms);
        let (current, next) = states(broker, &request, image, ctx);
        let mut records = match next {
            _ if current == next => Vec::new(),
            State::Fenced | State::ShutdownNow if broker.fenced => Vec::new(),
            State::Fenced | State::ShutdownNow => fence::fenced(image, ctx, broker),
            State::Unfenced => fence::unfenced(image, ctx, broker),
            State::ControlledShutdown => {
                ctx.heartbeats.gave_away(broker_id, ctx.next_offset);
                fence::shutting_down(image, ctx, broker)
            }
        };
        if next == State::ShutdownNow {
            ctx.heartbeats.forget(broker_id);
        }
        records.extend(directories_offline(broker, &request.offline_log_dirs, image, ctx));
        records.extend(cordoned(broker, request.cordoned_log_dirs));
        let fenced = matches!(next, State::Fenced | State::ShutdownNow);
        let reply = BrokerHeartbeatResponse::default()
            .with_is_caught_up(offset >= broker_epoch)
            .with_is_fenced(fenced)
            .with_should_shut_down(next == State::ShutdownNow);
        Decision { records, reply }
    }
}

/// The broker that is registered under an epoch.
///
/// # Errors
/// STALE_BROKER_EPOCH.
pub(super) fn registered(
    image: &MetadataImage,
    broker_id: i32,
    broker_epoch: i64,
) -> Result<&BrokerRegistration, ApiError> {
    let stale = |message: String| ApiError::new(ErrorCode::StaleBrokerEpoch, message);
    match image.brokers.get(&broker_id) {
        None => Err(stale(format!(
            "No broker registration found for broker id {broker_id}"
        ))),
        Some(broker) if broker.broker_epoch != broker_epoch => Err(stale(format!(
            "Expected broker epoch {}, but got broker epoch {broker_epoch}",
            broker.broker_epoch
        ))),
        Some(broker) => Ok(broker),
    }
}

/// Where a broker stands, and where it goes.
fn states(
    broker: &BrokerRegistration,
    request: &BrokerHeartbeatRequest,
    image: &MetadataImage,
    ctx: &DecideContext<'_>,
) -> (State, State) {
    let caught_up = request.current_metadata_offset >= broker.broker_epoch;
    if broker.fenced {
        let next = match (request.want_shut_down, request.want_fence) {
            (true, _) => State::ShutdownNow,
            (false, false) if caught_up => State::Unfenced,
            _ => State::Fenced,
        };
        return (State::Fenced, next);
    }
    if broker.in_controlled_shutdown {
        let done =
            !leads(broker.broker_id, image) && ctx.heartbeats.all_know_of_shutdown(broker.broker_id, image);
        let next = if done {
            State::ShutdownNow
        } else {
            State::ControlledShutdown
        };
        return (State::ControlledShutdown, next);
    }
    let next = match (request.want_fence, request.want_shut_down) {
        (true, true) => State::ShutdownNow,
        (true, false) => State::Fenced,
        (false, true) if leads(broker.broker_id, image) => State::ControlledShutdown,
        (false, true) => State::ShutdownNow,
        (false, false) => State::Unfenced,
    };
    (State::Unfenced, next)
}

/// Asked only of a broker that stops.
fn leads(broker_id: i32, image: &MetadataImage) -> bool {
    let partitions = image.topics.iter().flat_map(|topic| &topic.partitions);
    partitions
        .into_iter()
        .any(|partition| partition.leader == broker_id)
}

/// Directories have failed: what lay in them is led elsewhere, and leaves the ISRs.
fn directories_offline(
    broker: &BrokerRegistration,
    offline: &[Uuid],
    image: &MetadataImage,
    ctx: &DecideContext<'_>,
) -> Vec<MetadataRecord> {
    let (lost, kept): (Vec<Uuid>, Vec<Uuid>) = broker.log_dirs.iter().partition(|id| offline.contains(id));
    if lost.is_empty() {
        return Vec::new();
    }
    let broker_id = broker.broker_id;
    let moved = Moved {
        away: Some(broker_id),
        ..Moved::default()
    };
    let mut records = when_moved(image, fence::rules(ctx), moved, |partition| {
        let replica = partition.replicas.iter().position(|id| *id == broker_id);
        let directory = replica.and_then(|index| partition.directories.get(index));
        directory.is_some_and(|directory| lost.contains(directory))
            && (partition.leader == broker_id || partition.isr.contains(&broker_id))
    });
    records.push(MetadataRecord::BrokerRegistrationChange(
        BrokerRegistrationChange {
            log_dirs: Some(kept),
            ..fence::change(broker)
        },
    ));
    records
}

/// The directories that get no new partitions, where they are others than before; `None` from a broker that
/// doesn't know of them.
fn cordoned(broker: &BrokerRegistration, cordoned: Option<Vec<Uuid>>) -> Option<MetadataRecord> {
    let mut cordoned = cordoned?;
    cordoned.sort_unstable();
    cordoned.dedup();
    (cordoned != broker.cordoned_log_dirs).then(|| {
        MetadataRecord::BrokerRegistrationChange(BrokerRegistrationChange {
            cordoned_log_dirs: Some(cordoned),
            ..fence::change(broker)
        })
    })
}
