//! What the active controller does by itself as time goes by: fences brokers that are silent, lets others
//! lead, gives partitions back to their preferred leaders. Kafka's `PeriodicTaskControlManager` and the
//! tasks of its `QuorumController`.

use super::partition_change::{Election, Moved, PartitionChange, TopicRules};
use super::{Decide, DecideContext, Decision, delegation_tokens, fence};
use crate::image::MetadataImage;
use crate::records::MetadataRecord;

/// Partitions are given back to so many preferred leaders at a time.
const REBALANCED_MAX: usize = 1000;

/// Looks who is silent, and at what else is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tick {
    /// Whether preferred leaders, and leaders that unclean election allows, are due.
    pub elections: bool,
    /// Whether delegation tokens that have expired are due to be removed.
    pub tokens: bool,
}

impl Decide for Tick {
    /// Whether partitions that wanted another leader were left over.
    type Reply = bool;

    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<bool> {
        let mut image = image.clone();
        let mut records = Vec::new();
        for broker_id in ctx.heartbeats.expired(&image, ctx.now_monotonic_ms) {
            let Some(broker) = image.brokers.get(&broker_id).cloned() else {
                continue;
            };
            tracing::warn!(
                broker_id,
                "fencing a broker that was not heard for its session's time"
            );
            ctx.heartbeats.forget(broker_id);
            let fenced = fence::fenced(&image, ctx, &broker);
            image.replay(&fenced);
            records.extend(fenced);
        }
        let mut left_over = false;
        if self.elections {
            left_over = elections(&image, ctx, &mut records);
        }
        if self.tokens {
            records.extend(delegation_tokens::expired(&image, ctx.now_ms));
        }
        Decision {
            records,
            reply: left_over,
        }
    }
}

/// Elections that nobody asked for. Says whether some were left over.
fn elections(image: &MetadataImage, ctx: &DecideContext<'_>, records: &mut Vec<MetadataRecord>) -> bool {
    let rebalance = ctx.settings.leader_rebalance_interval_ms.is_some();
    let (rules, node_id) = fence::rules(ctx);
    let mut elected = 0;
    for topic in image.topics.iter() {
        let mut of_topic = None;
        for (partition_id, partition) in (0..).zip(&topic.partitions) {
            let leaderless = !partition.has_leader();
            if !leaderless && (!rebalance || partition.has_preferred_leader()) {
                continue;
            }
            let rules = *of_topic.get_or_insert_with(|| TopicRules::of(topic, image, rules, node_id));
            let mut change = PartitionChange::new(image, partition, rules, Moved::default());
            if !leaderless {
                change.election = Election::Preferred;
            }
            if let Some(record) = change.build(topic.id, partition_id) {
                if elected == REBALANCED_MAX {
                    return true;
                }
                elected += 1;
                records.push(record);
            }
        }
    }
    false
}
