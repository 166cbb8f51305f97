//! One ShareFetch over its partitions: acquires what there is, or waits for it.

use std::sync::Arc;

use barnabas_network::response::FileRange;
use barnabas_protocol::error::ErrorCode;
use barnabas_replica::partition::waiters::{FetchWatch, Interest};
use tokio::sync::Notify;

use super::ShareSettings;
use super::acquire::{Asking, Found, Step, Target, Wanted};
use super::held::ShareKey;
use super::sessions::PartitionKey;
use super::settings;
use crate::broker::Broker;
use crate::fetch::cold::ColdRanges;

/// A fetch on its way.
pub struct ShareFetch {
    asking: Asking,
    targets: Vec<Target>,
    watch: Arc<FetchWatch>,
    found: Vec<(PartitionKey, Found)>,
    /// Records that have to be read back before they are acquired.
    cold: Vec<FileRange>,
}

impl ShareFetch {
    /// Fetches from `partitions`, which are in the image, in this order.
    pub fn new(
        broker: &Arc<Broker>,
        group: &Arc<str>,
        wanted: Wanted,
        settings: ShareSettings,
        partitions: &[PartitionKey],
    ) -> Self {
        let watch = FetchWatch::new();
        let mut fetch = ShareFetch {
            asking: Asking {
                broker: broker.clone(),
                wanted,
                settings,
                changed: Arc::new(Notify::new()),
            },
            targets: Vec::with_capacity(partitions.len()),
            watch: watch.clone(),
            found: Vec::new(),
            cold: Vec::new(),
        };
        let is_empty = fetch.asking.wanted.max_records == 0 || fetch.asking.wanted.max_bytes == 0;
        for key in partitions.iter().filter(|_| !is_empty) {
            let leader_epoch = match led(broker, *key) {
                Ok(leader_epoch) => leader_epoch,
                Err(error) => {
                    fetch.found.push((*key, Found::failed(error)));
                    continue;
                }
            };
            let (topic_id, partition) = *key;
            let share_key = ShareKey {
                group: group.clone(),
                topic_id,
                partition,
            };
            let slot = u32::try_from(fetch.targets.len()).unwrap_or(u32::MAX);
            fetch.targets.push(Target {
                key: *key,
                held: broker
                    .shares()
                    .partitions
                    .get_or_load(broker, &share_key, leader_epoch),
                partition: broker.partitions().by_id(&topic_id, partition),
                interest: Interest::new(&watch, slot),
                delay_ms: settings::delay_ms(broker, &topic_id),
            });
        }
        fetch
    }

    /// Acquires what there is; false if it should be waited for more.
    pub fn attempt(&mut self) -> bool {
        if self.targets.is_empty() {
            return true;
        }
        if self.asking.wanted.min_bytes > 1 && self.available_bytes() < self.asking.wanted.min_bytes {
            return self.has_found();
        }
        self.acquire(false);
        self.has_found() || self.waits_for_nothing()
    }

    /// Whether an answer without records will do (`min_bytes` is 0), and a partition could have had some.
    fn waits_for_nothing(&self) -> bool {
        let is_active = || self.targets.iter().any(Target::is_active);
        self.asking.wanted.min_bytes == 0 && self.cold.is_empty() && is_active()
    }

    /// Whether records have to be read back first.
    pub fn is_cold(&self) -> bool {
        !self.cold.is_empty()
    }

    /// What was found. As with Apache Kafka a partition is among it too that has no records now, if any are
    /// wanted.
    pub fn into_found(mut self) -> Vec<(PartitionKey, Found)> {
        if self.asking.wanted.max_records == 0 || self.asking.wanted.max_bytes == 0 {
            return self.found;
        }
        let found = &self.found;
        let is_found = |key: PartitionKey| found.iter().any(|(known, _)| *known == key);
        let targets = self.targets.iter();
        let empty = targets.filter(|target| !is_found(target.key) && target.is_active());
        let empty: Vec<_> = empty.map(|target| (target.key, Found::default())).collect();
        self.found.extend(empty);
        self.found
    }

    /// Waits until there is enough, or the time is over.
    pub async fn wait(mut self) -> Vec<(PartitionKey, Found)> {
        let broker = self.asking.broker.clone();
        let over = tokio::time::sleep(self.asking.wanted.max_wait);
        let stopped = broker.stopping.cancelled();
        let isolation = self.asking.settings.isolation;
        let (watch, changed) = (self.watch.clone(), self.asking.changed.clone());
        tokio::pin!(over, stopped);
        let mut is_over = false;
        while !is_over {
            if !self.cold.is_empty() {
                let cold: Vec<FileRange> = std::mem::take(&mut self.cold);
                if let Some(cold) = ColdRanges::among(cold.iter().enumerate()) {
                    // What can't be read is told by who reads it next.
                    let _ = cold.load().await;
                }
                self.acquire(true);
                if self.has_found() {
                    return self.into_found();
                }
            }
            let missing = i64::try_from(self.asking.wanted.min_bytes.max(1)).unwrap_or(i64::MAX);
            if watch.arm(missing, isolation) {
                tokio::select! {
                    biased;
                    () = &mut over => is_over = true,
                    () = &mut stopped => is_over = true,
                    () = watch.woken() => {}
                    () = changed.notified() => {}
                }
            }
            watch.disarm();
            for slot in watch.take_changed() {
                if let Some(target) = self.targets.get(slot as usize) {
                    target.interest.noticed();
                }
            }
            let has_enough = if is_over {
                self.acquire(true);
                true
            } else {
                self.attempt()
            };
            if has_enough {
                break;
            }
        }
        self.into_found()
    }

    fn has_found(&self) -> bool {
        !self.found.is_empty()
    }

    /// How many bytes could be acquired.
    fn available_bytes(&mut self) -> usize {
        let mut bytes = 0;
        for at in 0..self.targets.len() {
            match self.targets[at].step(&self.asking, None, true) {
                Step::Bytes(more) => bytes += more,
                // It ends the wait.
                Step::Found(found) => {
                    let key = self.targets[at].key;
                    self.found.push((key, found));
                }
                Step::Nothing | Step::Cold(_) => {}
            }
        }
        bytes
    }

    fn acquire(&mut self, may_be_cold: bool) {
        let mut records_left = i64::from(self.asking.wanted.max_records);
        let count = i32::try_from(self.targets.len()).unwrap_or(i32::MAX).max(1);
        // As in Apache Kafka each may give as much as any other.
        let each = (self.asking.wanted.max_bytes / count).max(1);
        for at in 0..self.targets.len() {
            if records_left <= 0 {
                break;
            }
            let key = self.targets[at].key;
            if self
                .found
                .iter()
                .any(|(known, found)| *known == key && found.error != ErrorCode::None)
            {
                continue;
            }
            match self.targets[at].step(&self.asking, Some((each, records_left)), may_be_cold) {
                Step::Nothing | Step::Bytes(_) => {}
                Step::Cold(range) => self.cold.push(range),
                Step::Found(found) => {
                    let records = found.acquired.iter();
                    records_left -= records
                        .map(|records| records.last_offset - records.first_offset + 1)
                        .sum::<i64>();
                    self.found.push((key, found));
                }
            }
        }
    }
}

/// The epoch in which this broker leads a partition.
fn led(broker: &Broker, (topic_id, partition): PartitionKey) -> Result<i32, ErrorCode> {
    let image = broker.image();
    let topic = image.topics.by_id(&topic_id).ok_or(ErrorCode::UnknownTopicId)?;
    let partition = topic
        .partition(partition)
        .ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if partition.leader == broker.node_id {
        Ok(partition.leader_epoch)
    } else {
        Err(ErrorCode::NotLeaderOrFollower)
    }
}
