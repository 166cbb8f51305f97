//! Under which epoch this process has registered as a broker, as the metadata says.

use std::sync::atomic::{AtomicI64, Ordering};

use barnabas_metadata::image::BrokersImage;
use uuid::Uuid;

/// See the module.
#[derive(Debug)]
pub struct OwnEpoch {
    node_id: i32,
    incarnation_id: Uuid,
    epoch: AtomicI64,
}

impl OwnEpoch {
    /// Of a process that has not registered yet.
    pub fn new(node_id: i32, incarnation_id: Uuid) -> Self {
        OwnEpoch {
            node_id,
            incarnation_id,
            epoch: AtomicI64::new(-1),
        }
    }

    /// Looks for the registration of this process; that of an earlier one under the same id is not ours.
    /// Answers whether it is another than before.
    pub fn look(&self, brokers: &BrokersImage) -> bool {
        let ours = brokers
            .get(&self.node_id)
            .filter(|broker| broker.incarnation_id == self.incarnation_id);
        let epoch = ours.map_or(-1, |broker| broker.broker_epoch);
        self.epoch.swap(epoch, Ordering::Relaxed) != epoch
    }

    /// The epoch; `None` before the registration.
    pub fn get(&self) -> Option<i64> {
        Some(self.epoch.load(Ordering::Relaxed)).filter(|epoch| *epoch >= 0)
    }
}
