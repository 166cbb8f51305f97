//! What becomes of partitions when a broker comes, goes or stops, and the request that fences one. Kafka's
//! `ReplicationControlManager.handleBrokerFenced` and its siblings.

use serde::{Deserialize, Serialize};

use super::partition_change::{Moved, when_moved};
use super::{Decide, DecideContext, Decision};
use crate::features::ELIGIBLE_LEADER_REPLICAS_VERSION;
use crate::image::{MetadataImage, PartitionImage};
use crate::records::{BrokerRegistration, BrokerRegistrationChange, MetadataRecord};

/// Fences a broker whose connection is gone. The reply says whether it was fenced by this; it is not where it
/// is fenced already or has registered anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceBroker {
    /// The broker.
    pub broker_id: i32,
    /// The epoch under which it was heard.
    pub broker_epoch: i64,
}

impl Decide for FenceBroker {
    type Reply = bool;

    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<bool> {
        let broker = image.brokers.get(&self.broker_id);
        let known = broker.filter(|broker| broker.broker_epoch == self.broker_epoch);
        if known.is_some() {
            ctx.heartbeats.forget(self.broker_id);
        }
        let records = match known {
            Some(broker) if !broker.fenced => fenced(image, ctx, broker),
            _ => Vec::new(),
        };
        Decision {
            reply: !records.is_empty(),
            records,
        }
    }
}

/// Fences a broker: others lead, and it leaves every ISR.
pub(super) fn fenced(
    image: &MetadataImage,
    ctx: &DecideContext<'_>,
    broker: &BrokerRegistration,
) -> Vec<MetadataRecord> {
    let mut records = away(image, ctx, broker.broker_id);
    records.push(MetadataRecord::BrokerRegistrationChange(
        BrokerRegistrationChange {
            fenced: Some(true),
            ..change(broker)
        },
    ));
    records
}

/// Unfences a broker: it leads what it can and nobody else does.
pub(super) fn unfenced(
    image: &MetadataImage,
    ctx: &DecideContext<'_>,
    broker: &BrokerRegistration,
) -> Vec<MetadataRecord> {
    let mut records = vec![MetadataRecord::BrokerRegistrationChange(
        BrokerRegistrationChange {
            fenced: Some(false),
            in_controlled_shutdown: broker.in_controlled_shutdown.then_some(false),
            ..change(broker)
        },
    )];
    records.extend(leaders_by(image, ctx, broker.broker_id, false));
    records
}

/// A broker wants to stop: others lead, it leaves every ISR, and nothing new is placed on it.
pub(super) fn shutting_down(
    image: &MetadataImage,
    ctx: &DecideContext<'_>,
    broker: &BrokerRegistration,
) -> Vec<MetadataRecord> {
    let mut records = vec![MetadataRecord::BrokerRegistrationChange(
        BrokerRegistrationChange {
            in_controlled_shutdown: Some(true),
            ..change(broker)
        },
    )];
    records.extend(away(image, ctx, broker.broker_id));
    records
}

/// An earlier incarnation of a broker has stopped. Without a clean stop its replicas may have lost what they
/// had, so that they are not eligible as leaders either.
pub(super) fn stopped(
    image: &MetadataImage,
    ctx: &DecideContext<'_>,
    broker_id: i32,
    clean: bool,
) -> Vec<MetadataRecord> {
    if clean || image.features.level(ELIGIBLE_LEADER_REPLICAS_VERSION) == 0 {
        return away(image, ctx, broker_id);
    }
    let moved = Moved {
        unclean: Some(broker_id),
        ..Moved::default()
    };
    when_moved(image, rules(ctx), moved, |partition| {
        holds(partition, broker_id) || partition.eligible_leader_replicas.contains(&broker_id)
    })
}

/// Others lead, and the broker leaves every ISR.
pub(super) fn away(image: &MetadataImage, ctx: &DecideContext<'_>, broker_id: i32) -> Vec<MetadataRecord> {
    let moved = Moved {
        away: Some(broker_id),
        ..Moved::default()
    };
    when_moved(image, rules(ctx), moved, |partition| holds(partition, broker_id))
}

/// A broker that serves again leads where nobody does.
pub(super) fn leaders_by(
    image: &MetadataImage,
    ctx: &DecideContext<'_>,
    broker_id: i32,
    any_directory: bool,
) -> Vec<MetadataRecord> {
    let moved = Moved {
        back: Some(broker_id),
        any_directory,
        ..Moved::default()
    };
    when_moved(image, rules(ctx), moved, |partition| {
        !partition.has_leader() && partition.replicas.contains(&broker_id)
    })
}

/// Whether a broker leads a partition or is in sync.
fn holds(partition: &PartitionImage, broker_id: i32) -> bool {
    partition.leader == broker_id || partition.isr.contains(&broker_id)
}

/// A change of a broker's registration, still without anything changed.
pub(super) fn change(broker: &BrokerRegistration) -> BrokerRegistrationChange {
    BrokerRegistrationChange {
        broker_id: broker.broker_id,
        broker_epoch: broker.broker_epoch,
        ..BrokerRegistrationChange::default()
    }
}

/// What settings of topics are read from.
pub(super) fn rules<'a>(ctx: &DecideContext<'a>) -> (&'a barnabas_config::ControllerRules, i32) {
    (ctx.rules, ctx.settings.node_id)
}
