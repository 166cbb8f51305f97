//! What comes of acknowledgements, renewals, locks that end and members that leave.

use super::{Case, Range, shown};
use crate::{DeadLetter, DeadLetterCause, Expired, MemberId, Refusal};

fn is_state(refused: &Refusal) -> bool {
    matches!(refused, Refusal::InvalidRecordState(_))
}

#[test]
fn each_type_has_its_end() {
    let mut case = Case::new(1);
    case.fetch("a", 10);
    let types: [i8; 10] = [1, 1, 2, 3, 0, 2, 1, 1, 4, 1];
    let write = case.acknowledge("a", &[(0, 9, &types)]).unwrap().unwrap();
    assert_eq!(shown(&write), "0-1:2x1 2-2:0x1 3-4:4x1 5-5:0x1 6-7:2x1 9-9:2x1");
    assert_eq!(case.partition.delivery_complete_count(), 7);
    // Not before it is written.
    assert_eq!(case.partition.start_offset(), 0);
    assert_eq!(case.fetch("b", 10), "");
    let completed = case.partition.complete(&write, true, &case.settings, 0);
    assert!(completed.wakes);
    assert_eq!(
        case.window(),
        "[2 2-2:availx1 3-4:archx1 5-5:availx1 6-7:ackx1 8-8:acqx1@a 9-9:ackx1 9]"
    );
    assert_eq!(case.partition.delivery_complete_count(), 5);
    assert_eq!(case.fetch("b", 10), "2-2x2 5-5x2");
}

#[test]
fn who_holds_nothing_settles_nothing() {
    let refused: [(&str, &[Range<'_>], bool); 8] = [
        ("b", &[(0, 9, &[1])], true),
        ("a", &[(0, 9, &[1]), (0, 9, &[1])], true),
        ("a", &[(0, 4, &[1]), (4, 9, &[1])], true),
        ("a", &[(0, 14, &[1])], false),
        ("a", &[(20, 29, &[1])], false),
        ("a", &[(0, i64::MAX, &[1])], false),
        ("a", &[(0, 0, &[5])], false),
        ("a", &[(0, 2, &[1, 1])], false),
    ];
    for (member, ranges, is_record_state) in &refused {
        let mut case = Case::new(1);
        case.fetch("a", 10);
        let before = case.window();
        let refusal = case.acknowledge(member, ranges).unwrap_err();
        assert_eq!(
            is_state(&refusal),
            *is_record_state,
            "{member} {ranges:?}: {refusal}"
        );
        assert_eq!(case.window(), before, "{ranges:?}");
        assert_eq!(case.partition.delivery_complete_count(), 0);
        // And the window is as good as before.
        case.settle("a", &[(0, 9, &[1])]);
        assert_eq!(case.window(), "[10  10]");
    }
    let mut case = Case::new(1);
    assert!(is_state(&case.acknowledge("a", &[(0, 9, &[1])]).unwrap_err()));
}

#[test]
fn what_lies_before_the_start_is_settled() {
    let mut case = Case::new(2);
    case.fetch("a", 20);
    case.settle("a", &[(0, 4, &[1])]);
    assert_eq!(case.acknowledge("a", &[(0, 4, &[1])]), Ok(None));
    case.settle("a", &[(0, 9, &[1])]);
    assert_eq!(case.window(), "[10 10-19:acqx1@a 19]");
}

#[test]
fn what_is_not_written_is_taken_back() {
    let mut case = Case::new(1);
    case.fetch("a", 10);
    let write = case.acknowledge("a", &[(0, 4, &[1])]).unwrap().unwrap();
    assert!(is_state(&case.acknowledge("a", &[(4, 5, &[1])]).unwrap_err()));
    assert!(!case.partition.complete(&write, false, &case.settings, 10).wakes);
    assert_eq!(case.window(), "[0 0-9:acqx1@a 9]");
    assert_eq!(case.partition.delivery_complete_count(), 0);
    // Its lock has ended meanwhile: somebody else gets it.
    let write = case.acknowledge("a", &[(0, 4, &[1])]).unwrap().unwrap();
    assert!(
        case.partition
            .complete(&write, false, &case.settings, 30_000)
            .wakes
    );
    assert_eq!(case.window(), "[0 0-4:availx1 5-9:acqx1@a 9]");
    assert_eq!(case.fetch("b", 10), "0-4x2");
}

#[test]
fn locks_end() {
    let mut case = Case::new(2);
    case.fetch("a", 10);
    case.now_ms = 10_000;
    case.fetch("b", 10);
    assert_eq!(case.partition.next_lock_timeout_ms(), Some(30_000));
    assert_eq!(
        case.partition.expire_locks(&case.settings, 29_999),
        Expired::default()
    );
    let write = case.partition.expire_locks(&case.settings, 30_000).write.unwrap();
    assert_eq!(shown(&write), "0-9:0x1");
    assert_eq!(case.partition.next_lock_timeout_ms(), Some(40_000));
    case.now_ms = 30_000;
    assert_eq!(case.fetch("c", 10), "0-9x2");
    assert!(is_state(&case.acknowledge("a", &[(0, 9, &[1])]).unwrap_err()));
    let write = case.partition.expire_locks(&case.settings, 60_000).write.unwrap();
    assert_eq!(shown(&write), "0-9:0x2 10-19:0x1");
    assert_eq!(case.partition.next_lock_timeout_ms(), None);
}

#[test]
fn a_lock_is_renewed() {
    let mut case = Case::new(1);
    case.fetch("a", 10);
    case.now_ms = 20_000;
    assert_eq!(case.acknowledge("a", &[(0, 4, &[4])]), Ok(None));
    let write = case.partition.expire_locks(&case.settings, 30_000).write.unwrap();
    assert_eq!(shown(&write), "5-9:0x1");
    case.settings.renew_acknowledge_enable = false;
    assert!(is_state(&case.acknowledge("a", &[(0, 4, &[4])]).unwrap_err()));
    case.settle("a", &[(0, 4, &[1])]);
    assert_eq!(case.partition.start_offset(), 5);
}

#[test]
fn nothing_is_delivered_more_often_than_the_limit() {
    let mut case = Case::new(1);
    case.settings.delivery_count_limit = 2;
    case.fetch("a", 10);
    case.settle("a", &[(0, 9, &[2])]);
    // With a limit of two the throttle begins with the second delivery.
    assert_eq!(case.fetch("a", 10), "0-9x2");
    let write = case.acknowledge("a", &[(0, 4, &[2])]).unwrap().unwrap();
    assert_eq!(shown(&write), "0-4:4x2");
    case.partition.complete(&write, true, &case.settings, 0);
    let write = case.partition.expire_locks(&case.settings, 30_000).write.unwrap();
    assert_eq!(shown(&write), "5-9:4x2");
    assert!(
        case.partition
            .complete(&write, false, &case.settings, 30_000)
            .wakes
    );
    assert_eq!(case.window(), "[10  10]");
}

#[test]
fn who_leaves_gives_back() {
    let mut case = Case::new(3);
    case.fetch("a", 10);
    case.fetch("b", 10);
    case.fetch("a", 10);
    case.settle("a", &[(3, 3, &[1])]);
    let member: MemberId = "a".into();
    let write = case
        .partition
        .release_acquired(&member, &case.settings, case.now_ms)
        .unwrap();
    assert_eq!(shown(&write), "0-2:0x1 4-9:0x1 20-29:0x1");
    assert_eq!(
        case.partition
            .release_acquired(&member, &case.settings, case.now_ms),
        None
    );
    assert!(case.partition.complete(&write, true, &case.settings, 0).wakes);
    assert_eq!(case.fetch("b", 500), "0-2x2 4-9x2 20-29x2");
}

#[test]
fn what_is_given_up_is_archived_with_its_dead_letter() {
    let mut case = Case::new(1);
    case.settings.dead_letters = true;
    case.settings.delivery_count_limit = 2;
    case.fetch("a", 10);
    case.settle("a", &[(0, 9, &[2])]);
    case.fetch("a", 10);
    let write = case.acknowledge("a", &[(0, 3, &[3, 3, 0, 2])]).unwrap().unwrap();
    assert_eq!(shown(&write), "0-1:3x2 2-2:4x2 3-3:3x2");
    let letters = case
        .partition
        .complete(&write, true, &case.settings, 0)
        .dead_letters;
    let letter = |first_offset, last_offset, cause| DeadLetter {
        first_offset,
        last_offset,
        delivery_count: 2,
        cause,
    };
    let rejected = letter(0, 1, DeadLetterCause::Rejected);
    let exceeded = letter(3, 3, DeadLetterCause::DeliveryCountExceeded);
    assert_eq!(letters, [rejected, exceeded]);
    assert_eq!(case.partition.start_offset(), 0);
    let write = case.partition.dead_letter_written(&rejected).unwrap();
    assert_eq!(shown(&write), "0-1:4x2");
    assert!(case.partition.complete(&write, true, &case.settings, 0).wakes);
    assert_eq!(case.partition.start_offset(), 3);
    let write = case.partition.expire_locks(&case.settings, 30_000).write.unwrap();
    let letters = case
        .partition
        .complete(&write, true, &case.settings, 30_000)
        .dead_letters;
    assert_eq!(letters, [letter(4, 9, DeadLetterCause::DeliveryCountExceeded)]);
    for letter in [letters[0], exceeded] {
        let write = case.partition.dead_letter_written(&letter).unwrap();
        case.partition.complete(&write, true, &case.settings, 30_000);
        assert_eq!(case.partition.dead_letter_written(&letter), None);
    }
    assert_eq!(case.window(), "[10  10]");
}
