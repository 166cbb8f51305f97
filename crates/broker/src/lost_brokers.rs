//! Brokers that were lost without a word a moment ago, and that clients are told of still.
//!
//! Apache Kafka names a broker that died until its session is over, seconds after its clients have seen its
//! connections close; here another leads within a fraction of a second. librdkafka (2.14 and before) gives up
//! the thread of a broker that Metadata names no more, and with it whatever waited for that broker as its
//! group's coordinator: `rd_kafka_send_offsets_to_transaction()` never returns. While the broker is named it
//! looks for the coordinator anew. What depends on the broker being alive, leaders and offline replicas,
//! is told at once.

use std::collections::BTreeMap;

use barnabas_metadata::image::{MetadataDelta, MetadataImage};
use parking_lot::RwLock;

/// How long a lost broker is named: librdkafka asks again at its first attempt to connect after a second, and
/// its attempts come 0.1, 0.3, 0.7, 1.5 and 3.1 seconds after the loss, by half more or less.
const TOLD_MS: i64 = 5_000;

/// See the module.
#[derive(Debug, Default)]
pub struct LostBrokers {
    /// Until when each is told, on the monotonic clock, and in which life it was lost.
    told: RwLock<BTreeMap<i32, (i64, i64)>>,
}

impl LostBrokers {
    /// Notes who is lost by `image`. One that has left in good order, or was unregistered, is not lost.
    pub fn apply(&self, before: &MetadataImage, image: &MetadataImage, delta: &MetadataDelta, now_ms: i64) {
        if delta.brokers_changed.is_empty() {
            return;
        }
        let mut told = self.told.write();
        told.retain(|_, (until_ms, _)| *until_ms > now_ms);
        for id in &delta.brokers_changed {
            let (old, new) = (before.alive_broker(*id), image.brokers.get(id));
            match (old, new) {
                (Some(old), Some(new)) if new.fenced && !old.in_controlled_shutdown => {
                    told.insert(*id, (now_ms.saturating_add(TOLD_MS), new.broker_epoch));
                }
                (_, Some(new)) if told.get(id).is_some_and(|(_, epoch)| *epoch == new.broker_epoch) => {}
                _ => drop(told.remove(id)),
            }
        }
    }

    /// Whether this fenced broker is told of still.
    pub fn is_told(&self, broker_id: i32, now_ms: i64) -> bool {
        let told = self.told.read();
        told.get(&broker_id)
            .is_some_and(|(until_ms, _)| *until_ms > now_ms)
    }
}

#[cfg(test)]
mod tests {
    use barnabas_metadata::records::{BrokerRegistration, BrokerRegistrationChange, MetadataRecord};

    use super::*;

    fn registered(broker_epoch: i64) -> MetadataRecord {
        MetadataRecord::RegisterBroker(BrokerRegistration {
            broker_id: 2,
            broker_epoch,
            ..BrokerRegistration::default()
        })
    }

    fn changed(fenced: Option<bool>, in_controlled_shutdown: Option<bool>) -> MetadataRecord {
        MetadataRecord::BrokerRegistrationChange(BrokerRegistrationChange {
            broker_id: 2,
            broker_epoch: 7,
            fenced,
            in_controlled_shutdown,
            ..BrokerRegistrationChange::default()
        })
    }

    /// Whether broker 2 is told of at `at_ms`, when these became so one after the other at 1 s, 2 s, 3 s…
    fn is_told(steps: &[MetadataRecord], at_ms: i64) -> bool {
        let lost = LostBrokers::default();
        let mut image = MetadataImage::empty();
        for (now_ms, (offset, record)) in (1_000..).step_by(1_000).zip((1..).zip(steps)) {
            let (next, delta) = image.apply(std::slice::from_ref(record), offset, 1);
            lost.apply(&image, &next, &delta, now_ms);
            image = next;
        }
        lost.is_told(2, at_ms)
    }

    #[test]
    fn who_was_lost_is_told_for_a_while() {
        let dies = [registered(7), changed(Some(true), None)];
        assert!(is_told(&dies, 2_000) && is_told(&dies, 6_999));
        assert!(!is_told(&dies, 7_000));
    }

    #[test]
    fn who_left_in_good_order_or_is_alive_is_not_lost() {
        let leaves = [
            registered(7),
            changed(None, Some(true)),
            changed(Some(true), None),
        ];
        assert!(!is_told(&leaves, 3_000));
        let returns = [registered(7), changed(Some(true), None), registered(8)];
        assert!(!is_told(&returns, 3_000));
        let goes_on = [
            registered(7),
            changed(Some(true), None),
            changed(None, Some(true)),
        ];
        assert!(is_told(&goes_on, 3_000));
    }
}
