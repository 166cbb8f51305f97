//! Where the window begins and ends, and a share partition that is taken over.

use super::{Case, SETTINGS};
use crate::{DeadLetterCause, PersistedState, RecordState, SharePartition, StateBatch};

fn persisted(start_offset: i64, batches: &[(i64, i64, RecordState, i16)]) -> PersistedState {
    let batches =
        batches.iter().map(
            |&(first_offset, last_offset, delivery_state, delivery_count)| StateBatch {
                first_offset,
                last_offset,
                delivery_state,
                delivery_count,
                cause: None,
            },
        );
    PersistedState {
        start_offset,
        batches: batches.collect(),
    }
}

#[test]
fn the_start_moves_over_what_is_done() {
    let mut case = Case::new(3);
    case.fetch("a", 30);
    case.settle("a", &[(10, 14, &[1])]);
    assert_eq!(case.partition.start_offset(), 0);
    assert_eq!(case.partition.delivery_complete_count(), 5);
    case.settle("a", &[(0, 9, &[3])]);
    assert_eq!(case.window(), "[15 15-29:acqx1@a 29]");
    assert_eq!(case.partition.delivery_complete_count(), 0);
    case.settle("a", &[(15, 29, &[1])]);
    assert_eq!(
        (case.partition.start_offset(), case.partition.end_offset()),
        (30, 30)
    );
    assert_eq!(case.partition.next_fetch_offset(), 30);
    assert_eq!(case.partition.in_flight_records(), 0);
}

#[test]
fn the_log_may_begin_later() {
    let mut case = Case::new(3);
    case.batch_size = 10;
    case.fetch("a", 30);
    case.settle("a", &[(12, 13, &[1]), (16, 16, &[1])]);
    let write = case.acknowledge("a", &[(4, 4, &[1])]).unwrap().unwrap();
    case.partition.log_start_moved(13);
    assert_eq!(
        case.window(),
        "[14 14-15:acqx1@a 16-16:ackx1 17-19:acqx1@a | 20-29:acqx1@a 29]"
    );
    assert_eq!(case.partition.delivery_complete_count(), 1);
    // What is gone is settled, and a write of it comes back to nothing.
    assert_eq!(case.acknowledge("a", &[(5, 13, &[1])]), Ok(None));
    case.partition.complete(&write, false, &case.settings, 0);
    case.partition.log_start_moved(7);
    assert_eq!(case.partition.start_offset(), 14);
    case.partition.log_start_moved(100);
    assert_eq!(case.window(), "[100  100]");
    assert_eq!(case.partition.next_fetch_offset(), 100);
}

#[test]
fn it_may_begin_within_a_batch() {
    let mut case = Case::new(2);
    case.partition = SharePartition::new(5);
    assert_eq!(case.fetch("a", 100), "5-19x1");
    assert_eq!(case.window(), "[5 5-19:acqx1@a 19]");
}

#[test]
fn what_was_persisted_is_taken_over() {
    use RecordState::{Acknowledged, Archived, Archiving, Available};
    let state = persisted(
        0,
        &[
            (0, 4, Acknowledged, 1),
            (10, 11, Available, 2),
            (12, 12, Archiving, 5),
            (20, 24, Archived, 3),
        ],
    );
    let (partition, letters) = SharePartition::restore(&state, &SETTINGS, 0).unwrap();
    let mut case = Case::new(4);
    case.partition = partition;
    assert_eq!(
        case.window(),
        "[5 5-9:availx0 | 10-11:availx2 | 12-12:archingx5 | 13-19:availx0 | 20-24:archx3 24]"
    );
    assert_eq!(case.partition.delivery_complete_count(), 5);
    let [letter] = letters[..] else {
        panic!("{letters:?}")
    };
    assert_eq!(
        (letter.first_offset, letter.cause),
        (12, DeadLetterCause::DeliveryCountExceeded)
    );
    // Gaps in it are delivered like new records: to the limit, if it is meant so.
    case.mode = crate::AcquireMode::RecordLimit;
    assert_eq!(case.fetch("a", 3), "5-7x1");
    assert_eq!(case.fetch("a", 500), "8-9x1 10-11x3 13-19x1 25-39x1");
}

#[test]
fn a_gap_is_acquired_piece_by_piece() {
    let state = persisted(0, &[(35, 35, RecordState::Acknowledged, 1)]);
    let mut case = Case::new(5);
    case.partition = SharePartition::restore(&state, &SETTINGS, 0).unwrap().0;
    case.log.remove(0);
    assert_eq!(case.fetch("a", 12), "10-29x1");
    assert_eq!(
        case.window(),
        "[10 10-29:acqx1@a | 30-34:availx0 | 35-35:ackx1 35]"
    );
    assert_eq!(case.fetch("a", 12), "30-34x1 36-49x1");
}

#[test]
fn what_nobody_can_have_persisted_is_refused() {
    use RecordState::Available;
    let wrong: &[&[(i64, i64, RecordState, i16)]] = &[
        &[(3, 6, Available, 1)],
        &[(8, 7, Available, 1)],
        &[(8, 9, Available, 1), (9, 9, Available, 1)],
        &[(8, i64::MAX, Available, 1)],
    ];
    for batches in wrong {
        assert!(
            SharePartition::restore(&persisted(5, batches), &SETTINGS, 0).is_err(),
            "{batches:?}"
        );
    }
    let all = persisted(5, &[(5, 8, RecordState::Acknowledged, 1)]);
    let (partition, _) = SharePartition::restore(&all, &SETTINGS, 0).unwrap();
    assert_eq!((partition.start_offset(), partition.end_offset()), (9, 9));
    let (mut partition, _) = SharePartition::restore(&persisted(5, &[]), &SETTINGS, 0).unwrap();
    assert_eq!(partition.next_fetch_offset(), 5);
}
