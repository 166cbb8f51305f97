//! The state batches of a share partition: runs of offsets that share a delivery state and count.
//!
//! Kafka's rule for what covers the same offset (KIP-932, persister): the greater delivery count wins, and at
//! the same count the greater delivery state. What is before the start offset is dropped, and neighbours that
//! say the same become one.

use std::collections::{BTreeMap, BinaryHeap};

/// A run of offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateBatch {
    /// Its first offset.
    pub first_offset: i64,
    /// Its last offset.
    pub last_offset: i64,
    /// 0 available, 2 acknowledged, 4 archived.
    pub delivery_state: i8,
    /// How often the records were delivered.
    pub delivery_count: i16,
}

impl StateBatch {
    /// What decides between batches that cover the same offset.
    fn rank(&self) -> (i16, i8) {
        (self.delivery_count, self.delivery_state)
    }
}

/// Adds new batches to a list that [`combine`] made: what it makes of both, but at the price of the new ones.
/// Where records wait for their time the list may be long.
pub fn merge(list: &mut Vec<StateBatch>, new: &[StateBatch], start_offset: i64) {
    list.drain(..list.partition_point(|batch| batch.last_offset < start_offset));
    if let Some(first) = list.first_mut() {
        first.first_offset = first.first_offset.max(start_offset);
    }
    let firsts = new.iter().map(|batch| batch.first_offset);
    let lasts = new.iter().map(|batch| batch.last_offset);
    let Some((first_offset, last_offset)) = firsts.min().zip(lasts.max()) else {
        return;
    };
    // Neighbours too: they may become one with what is new.
    let from = list.partition_point(|batch| batch.last_offset < first_offset.saturating_sub(1));
    let to = list.partition_point(|batch| batch.first_offset <= last_offset.saturating_add(1));
    let to = to.max(from);
    let combined = combine(&list[from..to], new, start_offset);
    list.splice(from..to, combined);
}

/// All batches of both as one sorted list without overlaps, from `start_offset` on (all of it with -1).
/// Batches that end before they begin say nothing.
pub fn combine(before: &[StateBatch], new: &[StateBatch], start_offset: i64) -> Vec<StateBatch> {
    let bound = if start_offset < 0 { i64::MIN } else { start_offset };
    let mut starting: BTreeMap<i64, Vec<&StateBatch>> = BTreeMap::new();
    for batch in before.iter().chain(new) {
        if batch.first_offset <= batch.last_offset && batch.last_offset >= bound {
            let first_offset = batch.first_offset.max(bound);
            starting.entry(first_offset).or_default().push(batch);
        }
    }
    let mut combined: Vec<StateBatch> = Vec::new();
    // The batches that have begun: (rank, last offset), the one that counts on top.
    let mut open: BinaryHeap<((i16, i8), i64)> = BinaryHeap::new();
    let mut begins = starting.into_iter().peekable();
    while let Some((mut offset, batches)) = begins.next() {
        open.extend(batches.iter().map(|batch| (batch.rank(), batch.last_offset)));
        let next = begins.peek().map(|(first_offset, _)| *first_offset);
        while let Some(&((delivery_count, delivery_state), last_offset)) = open.peek() {
            if last_offset < offset {
                open.pop();
                continue;
            }
            if next.is_some_and(|next| next <= offset) {
                break;
            }
            let last_offset = next.map_or(last_offset, |next| last_offset.min(next - 1));
            push(
                &mut combined,
                StateBatch {
                    first_offset: offset,
                    last_offset,
                    delivery_state,
                    delivery_count,
                },
            );
            let Some(after) = last_offset.checked_add(1) else {
                return combined;
            };
            offset = after;
        }
    }
    combined
}

/// Adds a batch that lies behind all others; one with them if it goes on where the last ends.
fn push(combined: &mut Vec<StateBatch>, batch: StateBatch) {
    if let Some(last) = combined.last_mut()
        && last.rank() == batch.rank()
        && last.last_offset.checked_add(1) == Some(batch.first_offset)
    {
        last.last_offset = batch.last_offset;
        return;
    }
    combined.push(batch);
}

#[cfg(test)]
mod tests {
    use super::*;

    type Short = (i64, i64, i8, i16);
    /// What was there, what is new, the start offset, and what comes of it.
    type Case = (&'static [Short], &'static [Short], i64, &'static [Short]);

    fn batches(short: &[Short]) -> Vec<StateBatch> {
        let batch = |&(first_offset, last_offset, delivery_state, delivery_count): &Short| StateBatch {
            first_offset,
            last_offset,
            delivery_state,
            delivery_count,
        };
        short.iter().map(batch).collect()
    }

    /// Each was asked of Apache Kafka 4.4.
    #[test]
    fn batches_are_combined_as_kafka_does() {
        let cases: &[Case] = &[
            (&[(0, 9, 0, 1)], &[(10, 19, 0, 1)], -1, &[(0, 19, 0, 1)]),
            (
                &[(0, 9, 0, 1)],
                &[(5, 14, 0, 2)],
                -1,
                &[(0, 4, 0, 1), (5, 14, 0, 2)],
            ),
            (
                &[(0, 9, 0, 2)],
                &[(5, 14, 0, 1)],
                -1,
                &[(0, 9, 0, 2), (10, 14, 0, 1)],
            ),
            (
                &[(0, 9, 2, 1)],
                &[(5, 14, 0, 2)],
                -1,
                &[(0, 4, 2, 1), (5, 14, 0, 2)],
            ),
            (
                &[(0, 9, 4, 1)],
                &[(5, 14, 2, 1)],
                -1,
                &[(0, 9, 4, 1), (10, 14, 2, 1)],
            ),
            (&[(0, 9, 2, 1)], &[(0, 9, 4, 1)], -1, &[(0, 9, 4, 1)]),
            (&[(0, 9, 0, 5)], &[(3, 4, 2, 1)], -1, &[(0, 9, 0, 5)]),
            (
                &[(0, 9, 0, 1), (20, 29, 0, 1)],
                &[(5, 25, 2, 1)],
                -1,
                &[(0, 4, 0, 1), (5, 25, 2, 1), (26, 29, 0, 1)],
            ),
            (&[(0, 9, 0, 1)], &[(0, 20, 0, 1)], 12, &[(12, 20, 0, 1)]),
            (&[(0, 9, 0, 1)], &[(3, 5, 0, 1)], 4, &[(4, 9, 0, 1)]),
            (&[], &[(0, 9, 0, 1), (0, 9, 0, 1)], -1, &[(0, 9, 0, 1)]),
            (&[], &[(10, 19, 0, 1), (0, 9, 0, 1)], -1, &[(0, 19, 0, 1)]),
            (
                &[(0, 4, 0, 1), (5, 14, 2, 1)],
                &[(7, 20, 0, 3)],
                -1,
                &[(0, 4, 0, 1), (5, 6, 2, 1), (7, 20, 0, 3)],
            ),
            (
                &[(10, 20, 0, 1)],
                &[(15, 17, 2, 2)],
                -1,
                &[(10, 14, 0, 1), (15, 17, 2, 2), (18, 20, 0, 1)],
            ),
            (&[(18, 25, 0, 1)], &[(-5, -3, 0, 1)], 18, &[(18, 25, 0, 1)]),
            // Not asked: Kafka fails on a batch that ends before it begins, and here it says nothing.
            (&[(18, 25, 0, 1)], &[(50, 40, 0, 1)], 18, &[(18, 25, 0, 1)]),
            (
                &[(0, i64::MAX, 0, 1)],
                &[(5, i64::MAX, 0, 2)],
                -1,
                &[(0, 4, 0, 1), (5, i64::MAX, 0, 2)],
            ),
            (&[], &[], -1, &[]),
        ];
        for (before, new, start_offset, expected) in cases {
            let combined = combine(&batches(before), &batches(new), *start_offset);
            assert_eq!(
                combined,
                batches(expected),
                "{before:?} and {new:?} from {start_offset}"
            );
        }
    }

    #[test]
    fn every_offset_has_what_ranks_highest() {
        // Small batches laid over each other by a fixed rule, compared offset by offset.
        let mut seed = 7_u64;
        let mut next = |below: u64| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for _ in 0..500 {
            let mut all = Vec::new();
            for _ in 0..next(8) {
                let first_offset = next(20) as i64;
                all.push(StateBatch {
                    first_offset,
                    last_offset: first_offset + next(6) as i64,
                    delivery_state: [0, 2, 4][next(3) as usize],
                    delivery_count: next(3) as i16,
                });
            }
            let start_offset = next(10) as i64 - 1;
            let combined = combine(&all, &[], start_offset);
            for offset in 0..30 {
                let covers =
                    |batch: &&StateBatch| batch.first_offset <= offset && offset <= batch.last_offset;
                let expected = all.iter().filter(covers).map(StateBatch::rank).max();
                let found: Vec<_> = combined.iter().filter(covers).map(StateBatch::rank).collect();
                let expected: Vec<_> = expected.into_iter().filter(|_| offset >= start_offset).collect();
                assert_eq!(found, expected, "offset {offset} of {all:?}");
            }
            let is_tight = |pair: &[StateBatch]| {
                pair[0].last_offset + 1 < pair[1].first_offset || pair[0].rank() != pair[1].rank()
            };
            assert!(combined.windows(2).all(is_tight), "{combined:?}");
            let (before, new) = all.split_at(all.len() / 2);
            let mut merged = combine(before, &[], -1);
            merge(&mut merged, new, start_offset);
            assert_eq!(merged, combined, "{new:?} into {before:?} from {start_offset}");
        }
    }
}
