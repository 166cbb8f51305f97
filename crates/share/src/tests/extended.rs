//! What Apache Kafka has not: retries with a backoff, times of delivery, order by key, selection.

use std::collections::BTreeMap;

use super::{Case, shown};
use crate::{Extensions, Looked, Span, Times};

const ACCEPT: &[i8] = &[1];
const RELEASE: &[i8] = &[2];

/// Times of delivery, keys and what is not selected, by offset; the wall clock is an hour ahead.
#[derive(Default)]
struct Seen {
    at: BTreeMap<i64, i64>,
    keys: BTreeMap<i64, u64>,
    unselected: Vec<i64>,
}

const HOUR_MS: i64 = 3_600_000;

fn case(batches: i64, extensions: Extensions) -> Case {
    let mut case = Case::new(batches);
    case.settings.extensions = extensions;
    case
}

fn times(case: &Case) -> Times {
    Times {
        monotonic_ms: case.now_ms,
        wall_ms: case.now_ms + HOUR_MS,
    }
}

impl Seen {
    /// A member fetches: looks at one batch after the other until there is something.
    fn fetch(&self, case: &mut Case, member: &str, max_records: i32) -> String {
        loop {
            let now = times(case);
            case.partition.prepare(&case.settings, now);
            if !case.partition.can_acquire(&case.settings) {
                return "full".to_owned();
            }
            let from = case.partition.next_fetch_offset();
            let Some(span) = case.log.iter().copied().find(|span| span.last_offset >= from) else {
                return String::new();
            };
            let looked: Vec<Looked> = if case.partition.must_look(&span) {
                self.looked(span)
            } else {
                Vec::new()
            };
            case.partition.look(from, &[span], &looked, &case.settings, now);
            let log = std::mem::replace(&mut case.log, vec![span]);
            let acquired = case.fetch(member, max_records);
            case.log = log;
            if !acquired.is_empty() || case.partition.next_fetch_offset() == from {
                return acquired;
            }
        }
    }

    fn looked(&self, span: Span) -> Vec<Looked> {
        let offsets = span.first_offset..=span.last_offset;
        let looked = offsets.map(|offset| Looked {
            offset,
            deliver_at_ms: self.at.get(&offset).copied().unwrap_or(i64::MIN),
            key: self.keys.get(&offset).copied(),
            is_selected: !self.unselected.contains(&offset),
        });
        looked.collect()
    }
}

#[test]
fn a_retry_waits_longer_each_time() {
    let backoff = Extensions {
        backoff_ms: 100,
        backoff_max_ms: 250,
        ..Extensions::default()
    };
    let mut case = case(3, backoff);
    case.settings.delivery_count_limit = 12;
    for wait_ms in [100, 200, 250, 250] {
        assert!(case.fetch("a", 10).starts_with("0-9x"));
        case.settle("a", &[(0, 9, RELEASE)]);
        // Others come meanwhile.
        assert_eq!(case.partition.next_fetch_offset(), 10);
        let due_ms = case.now_ms + wait_ms;
        assert_eq!(case.partition.next_lock_timeout_ms(), Some(due_ms));
        assert!(!case.partition.expire_locks(&case.settings, due_ms - 1).wakes);
        assert!(case.partition.expire_locks(&case.settings, due_ms).wakes);
        case.now_ms = due_ms;
    }
    assert_eq!(case.fetch("a", 10), "0-9x5");
    // A lock that ends has its record wait too; the last delivery is the last.
    assert_eq!(case.fetch("a", 10), "10-19x1");
    case.settle("a", &[(0, 9, RELEASE)]);
    case.now_ms += 30_000;
    let expired = case.partition.expire_locks(&case.settings, case.now_ms);
    assert_eq!(
        expired.write.map(|write| shown(&write)).as_deref(),
        Some("10-19:0x1")
    );
    // The others' wait is over by then.
    assert_eq!(case.partition.next_fetch_offset(), 0);
    assert_eq!(case.partition.next_lock_timeout_ms(), Some(case.now_ms + 100));
}

#[test]
fn what_waits_takes_no_room() {
    let mut case = case(
        10,
        Extensions {
            deliver_at: true,
            ..Extensions::default()
        },
    );
    case.settings.max_record_locks = 5;
    let at = (0..40).map(|offset| (offset, HOUR_MS + 1000 + offset % 2));
    let seen = Seen {
        at: at.collect(),
        ..Seen::default()
    };
    assert_eq!(seen.fetch(&mut case, "a", 100), "40-44x1");
    assert_eq!(seen.fetch(&mut case, "a", 100), "full");
    case.settle("a", &[(40, 44, ACCEPT)]);
    assert_eq!(seen.fetch(&mut case, "a", 100), "45-49x1");
    case.settle("a", &[(45, 47, ACCEPT)]);
    assert_eq!(case.partition.start_offset(), 0);
    assert_eq!(case.partition.next_due_ms(times(&case)), Some(1000));
    // Due, and the window has room for three.
    case.now_ms = 1000;
    assert_eq!(seen.fetch(&mut case, "b", 100), "0-0x1 2-2x1 4-4x1");
    // The others are due as well, or come a moment later; those come when there is room.
    assert_eq!(case.partition.next_due_ms(times(&case)), None);
    case.settle("b", &[(0, 0, ACCEPT), (2, 2, ACCEPT)]);
    assert_eq!(case.partition.start_offset(), 1);
    assert!(case.acknowledge("a", &[(1, 1, ACCEPT)]).is_err());
    // A new leader finds the same.
    assert_eq!(case.partition.delivery_complete_count(), 1 + 8);
}

#[test]
fn keys_come_one_by_one() {
    let mut case = case(
        2,
        Extensions {
            key_order: true,
            backoff_ms: 100,
            backoff_max_ms: 100,
            ..Extensions::default()
        },
    );
    let seen = Seen {
        keys: (0..20).map(|offset| (offset, offset as u64 % 3)).collect(),
        ..Seen::default()
    };
    assert_eq!(seen.fetch(&mut case, "a", 100), "0-2x1");
    assert_eq!(seen.fetch(&mut case, "b", 100), "");
    case.settle("a", &[(0, 0, ACCEPT)]);
    assert_eq!(seen.fetch(&mut case, "b", 100), "3-3x1");
    case.settle("b", &[(3, 3, RELEASE)]);
    // It waits for its retry, and its key with it; the others go on.
    case.settle("a", &[(1, 1, ACCEPT), (2, 2, &[3])]);
    assert_eq!(seen.fetch(&mut case, "b", 100), "4-5x1");
    case.now_ms = 100;
    assert!(case.partition.expire_locks(&case.settings, 100).wakes);
    assert_eq!(seen.fetch(&mut case, "b", 100), "3-3x2");
}

#[test]
fn what_is_not_selected_is_passed_over() {
    let mut case = case(
        2,
        Extensions {
            selects: true,
            ..Extensions::default()
        },
    );
    let seen = Seen {
        unselected: (0..20).filter(|offset| offset % 10 < 7).collect(),
        ..Seen::default()
    };
    let span = case.log[0];
    let now = times(&case);
    case.partition.prepare(&case.settings, now);
    let write = case
        .partition
        .look(0, &[span], &seen.looked(span), &case.settings, now);
    assert_eq!(write.map(|write| shown(&write)).as_deref(), Some(""));
    assert_eq!(case.partition.start_offset(), 7);
    assert_eq!(seen.fetch(&mut case, "a", 2), "7-9x1");
    let span = case.log[1];
    let write = case
        .partition
        .look(10, &[span], &seen.looked(span), &case.settings, now);
    assert_eq!(write.map(|write| shown(&write)).as_deref(), Some("10-16:2x0"));
    assert_eq!(seen.fetch(&mut case, "a", 2), "17-19x1");
    case.settle("a", &[(7, 9, ACCEPT)]);
    assert_eq!(case.partition.start_offset(), 17);
}
