//! Which brokers get the replicas of new partitions: striped over racks and brokers, as Kafka's
//! `StripedReplicaPlacer` does it.
//!
//! Leaders go round the racks, and within a rack round its unfenced brokers; the further replicas of a
//! partition go round the racks from there, so that no rack has two before every rack has one. When every
//! broker has led once, the lists are shuffled, so that the same brokers don't always follow each other.

use std::collections::BTreeMap;

use barnabas_protocol::error::ErrorCode;

use super::{ApiError, Random};
use crate::image::BrokersImage;

/// Places `partitions` partitions of `replication_factor` replicas each, the leader first.
pub fn place(
    brokers: &BrokersImage,
    partitions: i32,
    replication_factor: i16,
    random: &mut dyn Random,
) -> Result<Vec<Vec<i32>>, ApiError> {
    let invalid = |message: String| Err(ApiError::new(ErrorCode::InvalidReplicationFactor, message));
    let mut racks = Racks::new(brokers, random);
    if replication_factor <= 0 {
        return invalid(format!(
            "Invalid replication factor {replication_factor}: the replication factor must be positive."
        ));
    }
    if racks.unfenced == 0 {
        return invalid(
            "All brokers are currently fenced, or have all their log directories cordoned.".to_owned(),
        );
    }
    let replicas = replication_factor as usize;
    if replicas > brokers.len() {
        return invalid(format!(
            "The target replication factor of {replicas} cannot be reached because only {} broker(s) are registered or \
             some brokers have all their log directories cordoned.",
            brokers.len()
        ));
    }
    Ok((0..partitions).map(|_| racks.place(replicas, random)).collect())
}

struct Racks {
    racks: Vec<Rack>,
    unfenced: usize,
    epoch: usize,
    offset: usize,
}

#[derive(Default)]
struct Rack {
    unfenced: Stripe,
    fenced: Stripe,
}

/// Brokers that take turns. Within one epoch each is given once; the next epoch begins one broker further.
#[derive(Default)]
struct Stripe {
    brokers: Vec<i32>,
    index: usize,
    offset: usize,
    epoch: usize,
}

impl Racks {
    fn new(brokers: &BrokersImage, random: &mut dyn Random) -> Self {
        let mut by_name: BTreeMap<Option<&str>, Rack> = BTreeMap::new();
        for broker in brokers.values() {
            let rack = by_name.entry(broker.rack.as_deref()).or_default();
            let stripe = if broker.fenced {
                &mut rack.fenced
            } else {
                &mut rack.unfenced
            };
            stripe.brokers.push(broker.broker_id);
        }
        let mut racks: Vec<Rack> = by_name.into_values().collect();
        for rack in &mut racks {
            rack.unfenced.offset = random.below(rack.unfenced.brokers.len());
            rack.fenced.offset = random.below(rack.fenced.brokers.len());
        }
        let unfenced = racks.iter().map(|rack| rack.unfenced.brokers.len()).sum();
        let offset = random.below(racks.len());
        Self {
            racks,
            unfenced,
            epoch: 0,
            offset,
        }
    }

    /// One partition's replicas. There are at least `replicas` brokers, and one of them isn't fenced.
    fn place(&mut self, replicas: usize, random: &mut dyn Random) -> Vec<i32> {
        if self.epoch == self.unfenced && self.unfenced > 1 {
            self.shuffle(random);
            self.epoch = 0;
        }
        let count = self.racks.len();
        self.offset %= count;
        let mut placed = Vec::with_capacity(replicas);
        let mut leader_rack = None;
        for step in 0..count {
            let rack = (self.offset + step) % count;
            if let Some(broker) = self.racks[rack].unfenced.next(self.epoch) {
                placed.push(broker);
                leader_rack = Some(rack);
                break;
            }
        }
        // The leader's rack has had its turn in the first round.
        let mut rack = self.offset;
        while placed.len() < replicas {
            if leader_rack == Some(rack) {
                leader_rack = None;
            } else if let Some(broker) = self.racks[rack].next(self.epoch) {
                placed.push(broker);
            }
            rack = (rack + 1) % count;
        }
        self.epoch += 1;
        self.offset += 1;
        placed
    }

    fn shuffle(&mut self, random: &mut dyn Random) {
        shuffle(&mut self.racks, random);
        for rack in &mut self.racks {
            shuffle(&mut rack.unfenced.brokers, random);
            shuffle(&mut rack.fenced.brokers, random);
        }
    }
}

impl Rack {
    fn next(&mut self, epoch: usize) -> Option<i32> {
        self.unfenced.next(epoch).or_else(|| self.fenced.next(epoch))
    }
}

impl Stripe {
    fn next(&mut self, epoch: usize) -> Option<i32> {
        let count = self.brokers.len();
        if self.epoch != epoch {
            self.epoch = epoch;
            self.index = 0;
            self.offset = (self.offset + 1) % count.max(1);
        }
        if self.index >= count {
            return None;
        }
        self.index += 1;
        Some(self.brokers[(self.index - 1 + self.offset) % count])
    }
}

fn shuffle<T>(items: &mut [T], random: &mut dyn Random) {
    for last in (1..items.len()).rev() {
        items.swap(last, random.below(last + 1));
    }
}
