//! Offsets committed in transactions that are not decided: they count when the transaction commits. Changed
//! by replay only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::record::CommittedOffset;

/// Group, topic and partition.
type Place = (Arc<str>, Arc<str>, i32);

/// Pending offsets, by producer.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct PendingOffsets {
    by_producer: BTreeMap<i64, BTreeMap<Place, Pending>>,
    /// Who has an offset pending at a place.
    open: BTreeMap<Place, BTreeSet<i64>>,
    /// Counts what was put, here or for good: the log's order.
    order: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pending {
    offset: CommittedOffset,
    order: u64,
    /// A later record of the log has committed another offset; it stays.
    superseded: bool,
}

impl PendingOffsets {
    /// An offset in a producer's transaction; the last one counts.
    pub(crate) fn put(
        &mut self,
        producer_id: i64,
        group: Arc<str>,
        topic: Arc<str>,
        partition: i32,
        offset: CommittedOffset,
    ) {
        self.order += 1;
        let place = (group, topic, partition);
        self.open.entry(place.clone()).or_default().insert(producer_id);
        let pending = Pending {
            offset,
            order: self.order,
            superseded: false,
        };
        self.by_producer
            .entry(producer_id)
            .or_default()
            .insert(place, pending);
    }

    /// An offset was committed without a transaction: what was pending before comes too late.
    pub(crate) fn committed(&mut self, group: &Arc<str>, topic: &Arc<str>, partition: i32) {
        if !self.open.is_empty() {
            self.order += 1;
            let order = self.order;
            self.supersede(&(group.clone(), topic.clone(), partition), order);
        }
    }

    fn supersede(&mut self, place: &Place, order: u64) {
        for producer_id in self.open.get(place).into_iter().flatten() {
            let pending = self
                .by_producer
                .get_mut(producer_id)
                .and_then(|places| places.get_mut(place));
            if let Some(pending) = pending.filter(|pending| pending.order < order) {
                pending.superseded = true;
            }
        }
    }

    /// The offset was deleted: nothing is pending there any more.
    pub(crate) fn remove(&mut self, group: &Arc<str>, topic: &Arc<str>, partition: i32) {
        if self.open.is_empty() {
            return;
        }
        let place = (group.clone(), topic.clone(), partition);
        for producer_id in self.open.remove(&place).unwrap_or_default() {
            if let Some(places) = self.by_producer.get_mut(&producer_id) {
                places.remove(&place);
                if places.is_empty() {
                    self.by_producer.remove(&producer_id);
                }
            }
        }
    }

    /// The producer's transaction has ended: what was pending, in the log's order, without what was
    /// superseded. The offsets that come to count supersede older ones of other producers.
    pub(crate) fn end(&mut self, producer_id: i64, committed: bool) -> Vec<(Place, CommittedOffset)> {
        let places = self.by_producer.remove(&producer_id).unwrap_or_default();
        for place in places.keys() {
            if let Some(producers) = self.open.get_mut(place) {
                producers.remove(&producer_id);
                if producers.is_empty() {
                    self.open.remove(place);
                }
            }
        }
        if !committed {
            return Vec::new();
        }
        let mut counting = Vec::with_capacity(places.len());
        for (place, pending) in places {
            if !pending.superseded {
                self.supersede(&place, pending.order);
                counting.push((place, pending.offset));
            }
        }
        counting
    }

    /// Whether an offset is pending there.
    pub(crate) fn is_open(&self, group: &str, topic: &str, partition: i32) -> bool {
        !self.open.is_empty() && self.open.contains_key(&(group.into(), topic.into(), partition))
    }

    /// The places of a group where offsets are pending.
    pub(crate) fn of_group(&self, group: &Arc<str>) -> impl Iterator<Item = (&Arc<str>, i32)> {
        let group = group.clone();
        let first = (group.clone(), Arc::from(""), i32::MIN);
        self.open
            .range(first..)
            .map(|(place, _)| place)
            .take_while(move |(of, _, _)| *of == group)
            .map(|(_, topic, partition)| (topic, *partition))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const NONE: [i64; 0] = [];

    fn offset(offset: i64) -> CommittedOffset {
        CommittedOffset {
            offset,
            leader_epoch: -1,
            metadata: "".into(),
            commit_timestamp_ms: 0,
            expire_timestamp_ms: None,
            topic_id: Uuid::nil(),
        }
    }

    fn put(pending: &mut PendingOffsets, producer_id: i64, at: i64) {
        pending.put(producer_id, "g".into(), "t".into(), 0, offset(at));
    }

    fn end(pending: &mut PendingOffsets, producer_id: i64, committed: bool) -> Vec<i64> {
        let ended = pending.end(producer_id, committed);
        ended.into_iter().map(|(_, offset)| offset.offset).collect()
    }

    #[test]
    fn the_last_offset_of_a_committed_transaction_counts() {
        let mut pending = PendingOffsets::default();
        put(&mut pending, 1, 5);
        put(&mut pending, 1, 6);
        assert!(pending.is_open("g", "t", 0));
        assert_eq!(end(&mut pending, 1, true), [6]);
        assert!(!pending.is_open("g", "t", 0));
        put(&mut pending, 1, 7);
        assert_eq!(end(&mut pending, 1, false), NONE);
        assert_eq!(end(&mut pending, 1, true), NONE, "it has ended");
    }

    #[test]
    fn what_stands_later_in_the_log_stays() {
        let mut pending = PendingOffsets::default();
        put(&mut pending, 1, 5);
        pending.committed(&"g".into(), &"t".into(), 0);
        assert_eq!(
            end(&mut pending, 1, true),
            NONE,
            "committed without a transaction since"
        );
        put(&mut pending, 1, 6);
        put(&mut pending, 2, 7);
        assert_eq!(end(&mut pending, 2, true), [7]);
        assert_eq!(end(&mut pending, 1, true), NONE, "the other was written later");
        put(&mut pending, 1, 8);
        put(&mut pending, 2, 9);
        assert_eq!(end(&mut pending, 1, true), [8]);
        assert_eq!(end(&mut pending, 2, true), [9]);
    }

    #[test]
    fn a_deleted_offset_is_not_pending() {
        let mut pending = PendingOffsets::default();
        put(&mut pending, 1, 5);
        assert_eq!(pending.of_group(&"g".into()).count(), 1);
        assert_eq!(pending.of_group(&"f".into()).count(), 0);
        pending.remove(&"g".into(), &"t".into(), 0);
        assert_eq!(
            pending,
            PendingOffsets {
                order: 1,
                ..PendingOffsets::default()
            }
        );
    }
}
