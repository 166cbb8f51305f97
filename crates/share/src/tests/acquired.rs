//! Who gets what, and in which portions.

use super::Case;
use crate::{AcquireMode, Span};

#[test]
fn batches_of_the_log_are_acquired_whole() {
    let mut case = Case::new(4);
    assert_eq!(case.fetch("a", 12), "0-19x1");
    assert_eq!(case.fetch("b", 500), "20-39x1");
    assert_eq!(case.window(), "[0 0-19:acqx1@a | 20-39:acqx1@b 39]");
    assert_eq!(case.fetch("c", 500), "");
}

#[test]
fn entries_end_with_batches_of_the_log() {
    let mut case = Case::new(5);
    case.batch_size = 15;
    assert_eq!(case.fetch("a", 500), "0-19x1 20-39x1 40-49x1");
    let mut case = Case::new(2);
    case.batch_size = 0;
    assert_eq!(case.fetch("a", 500), "0-9x1 10-19x1");
}

#[test]
fn the_limit_of_records_is_kept_where_it_is_meant() {
    let mut case = Case::new(2);
    case.mode = AcquireMode::RecordLimit;
    assert_eq!(case.fetch("a", 3), "0-2x1");
    assert_eq!(case.window(), "[0 0-2:acqx1@a 3-9:availx0 9]");
    assert_eq!(case.fetch("b", 5), "3-7x1");
    // What is left of a batch, and of the next as much as fits.
    assert_eq!(case.fetch("c", 5), "8-9x1 10-12x1");
}

#[test]
fn the_window_is_bounded() {
    let mut case = Case::new(30);
    case.settings.max_record_locks = 100;
    assert_eq!(case.fetch("a", 95), "0-99x1");
    assert_eq!(case.fetch("b", 10), "full");
    case.settle("a", &[(50, 59, &[2])]);
    // Behind what is available again nothing new is acquired.
    assert_eq!(case.fetch("b", 100), "50-59x2");
    case.settle("a", &[(0, 49, &[1])]);
    assert_eq!(case.fetch("b", 20), "100-119x1");
}

#[test]
fn one_member_holds_a_record() {
    let mut case = Case::new(3);
    assert_eq!(case.fetch("a", 500), "0-29x1");
    case.settle("a", &[(0, 9, &[2]), (20, 29, &[2])]);
    assert_eq!(case.fetch("b", 500), "0-9x2 20-29x2");
    assert_eq!(case.window(), "[0 0-9:acqx2@b 10-19:acqx1@a 20-29:acqx2@b 29]");
}

#[test]
fn bad_batches_come_in_smaller_portions() {
    let mut case = Case::new(2);
    case.settings.delivery_count_limit = 5;
    let mut portions = Vec::new();
    // Half of five, rounded up: from the third delivery on.
    for _ in 0..3 {
        portions.push(case.fetch("a", 500));
        case.settle("a", &[(0, 19, &[2])]);
    }
    // The fourth delivery comes in halves; each may be the one without the bad record.
    portions.push(case.fetch("a", 500));
    portions.push(case.fetch("b", 500));
    case.settle("a", &[(0, 9, &[2])]);
    // The last delivery is one by one.
    portions.push(case.fetch("a", 500));
    portions.push(case.fetch("c", 500));
    assert_eq!(
        portions,
        ["0-19x1", "0-19x2", "0-19x3", "0-9x4", "10-19x4", "0-0x5", "1-1x5"]
    );
}

#[test]
fn bad_records_do_not_come_with_good_ones() {
    let mut case = Case::new(3);
    case.batch_size = 10;
    assert_eq!(case.fetch("a", 20), "0-9x1 10-19x1");
    for _ in 0..2 {
        case.settle("a", &[(10, 19, &[2])]);
        assert!(case.fetch("a", 10).starts_with("10-19x"));
    }
    case.settle("a", &[(0, 19, &[2])]);
    assert_eq!(case.fetch("a", 500), "0-9x2");
    assert_eq!(case.fetch("a", 500), "10-14x4");
}

#[test]
fn aborted_transactions_are_passed_over() {
    let mut case = Case::new(4);
    let aborted = [Span {
        first_offset: 10,
        last_offset: 19,
    }];
    assert_eq!(case.fetch_without("a", 500, &aborted), "0-9x1 20-39x1");
    assert_eq!(case.window(), "[0 0-9:acqx1@a 10-19:archx1 20-39:acqx1@a 39]");
    assert_eq!(case.partition.delivery_complete_count(), 10);
    case.settle("a", &[(0, 9, &[1])]);
    assert_eq!(case.partition.start_offset(), 20);
    let mut case = Case::new(1);
    assert_eq!(
        case.fetch_without(
            "a",
            500,
            &[Span {
                first_offset: 0,
                last_offset: 9
            }]
        ),
        ""
    );
    assert_eq!(case.window(), "[10  10]");
}

#[test]
fn what_compaction_takes_away_is_given_up() {
    let mut case = Case::new(3);
    assert_eq!(case.fetch("a", 500), "0-29x1");
    case.settle("a", &[(0, 29, &[2])]);
    case.log.remove(0);
    assert_eq!(case.fetch("a", 500), "10-29x2");
    assert_eq!(case.window(), "[10 10-29:acqx2@a 29]");
    // A gap behind the window belongs to nobody.
    case.log.push(Span {
        first_offset: 40,
        last_offset: 49,
    });
    assert_eq!(case.fetch("b", 500), "40-49x1");
    case.settle("a", &[(10, 29, &[1])]);
    assert_eq!(case.window(), "[40 40-49:acqx1@b 49]");
}

#[test]
fn nothing_is_acquired_of_nothing() {
    let mut case = Case::new(0);
    assert_eq!(case.fetch("a", 10), "");
    let mut case = Case::new(1);
    assert_eq!(case.fetch("a", 0), "");
    assert_eq!(case.fetch("a", -1), "");
}
