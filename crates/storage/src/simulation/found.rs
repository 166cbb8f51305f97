//! What the simulation has found, each on its own.

use barnabas_environment::Random;
use uuid::Uuid;

use super::machine::{Machine, append, append_by, clean, keys, last_sequence};
use crate::disk::simulated::Loss;
use crate::layout::SegmentFile;
use crate::log::Log;
use crate::log_config::LogConfig;
use crate::log_dir::{LogCheckpoint, LogDir};

pub fn checkpoint(log_dir: &LogDir, log: &Log) {
    let checkpoint = LogCheckpoint::of(log, log.log_end_offset());
    log_dir.write_checkpoints(&[checkpoint]).unwrap();
}

#[test]
fn the_names_of_new_log_directories_are_on_disk_before_what_is_in_them() {
    let machine = Machine::new(LogConfig::default());
    let (log_dir, mut log) = machine.open("new/data");
    append(&mut log, b"a");
    log.flush().unwrap();
    drop((log, log_dir));
    let machine = machine.cut_power();
    assert_eq!(keys(&mut machine.open("new/data").1), [b"a"]);
}

#[test]
fn what_outdates_a_record_is_on_disk_before_the_record_goes() {
    let machine = Machine::of_small_segments();
    let (log_dir, mut log) = machine.open("data");
    append(&mut log, b"a");
    log.flush().unwrap();
    for key in [b"a", b"b"] {
        append(&mut log, key);
    }
    clean(&mut log, |_| {});
    drop((log, log_dir));
    let machine = machine.cut_power();
    assert!(keys(&mut machine.open("data").1).contains(&b"a".to_vec()));
}

#[test]
fn a_producers_last_batch_on_disk_stays_when_it_goes_on_during_a_cleaning() {
    let machine = Machine::of_small_segments();
    let (log_dir, mut log) = machine.open("data");
    append_by(&mut log, b"a", 0, Some((7, 0)));
    for key in [b"a", b"b"] {
        append(&mut log, key);
    }
    let mut sequence = 0;
    clean(&mut log, |log| {
        sequence += 1;
        append_by(log, b"c", 0, Some((7, sequence)));
    });
    drop((log, log_dir));
    let machine = machine.cut_power();
    // The snapshots beside the segments are a cache, too.
    let folder = machine.path("data/t-0");
    for offset in 0..10 {
        let _ = machine
            .door()
            .remove_file(&SegmentFile::Snapshot.path(&folder, offset));
    }
    assert_eq!(last_sequence(&mut machine.open("data").1, 7), Some(0));
}

#[test]
fn a_flush_promises_nothing_once_another_has_failed() {
    let machine = Machine::new(LogConfig::default());
    let (_log_dir, mut log) = machine.open("data");
    append(&mut log, b"a");
    let [first, second] = [0; 2].map(|_| log.begin_flush().unwrap().unwrap());
    machine.disk.fail_one_in(1);
    let outcome = second.run();
    machine.disk.fail_one_in(0);
    log.flushed(&second, outcome).unwrap_err();
    log.flushed(&first, first.run()).unwrap_err();
    assert_eq!(log.recovery_point(), 0);
}

#[test]
fn a_flush_that_could_not_begin_leaves_the_names_to_the_next() {
    let machine = Machine::of_small_segments();
    let (log_dir, mut log) = machine.open("data");
    append(&mut log, b"a");
    append(&mut log, b"b");
    machine.disk.fail_one_in(1);
    log.begin_flush().unwrap_err();
    machine.disk.fail_one_in(0);
    log.flush().unwrap();
    drop((log, log_dir));
    let machine = machine.cut_power();
    assert_eq!(keys(&mut machine.open("data").1), [b"a", b"b"]);
}

#[test]
fn a_recovery_that_could_not_read_cuts_nothing() {
    let mut machine = Machine::new(LogConfig::default());
    let (log_dir, mut log) = machine.open("data");
    for leader_epoch in 0..5 {
        append_by(&mut log, b"a", leader_epoch, None);
    }
    log.flush().unwrap();
    checkpoint(&log_dir, &log);
    append_by(&mut log, b"a", 5, None);
    drop((log, log_dir));
    let mut failed = 0;
    for seed in 0..200 {
        machine.disk = machine.disk.after_crash(Loss::Nothing, &Random::seeded(seed));
        let log_dir = machine.open_dir("data");
        machine.disk.fail_reads_one_in(6);
        failed += u32::from(log_dir.load(&|_, _| machine.config.clone(), 1).is_err());
        machine.disk.fail_reads_one_in(0);
        drop(log_dir);
        assert_eq!(
            machine.open("data").1.log_end_offset(),
            6,
            "after the faults of {seed}"
        );
    }
    assert!(failed > 20, "{failed} could not read");
}

#[test]
fn a_tail_that_comes_back_behind_a_closed_segment_is_cut_again() {
    let machine = Machine::of_small_segments();
    let (log_dir, mut log) = machine.open("data");
    append(&mut log, b"a");
    log.flush().unwrap();
    checkpoint(&log_dir, &log);
    append(&mut log, b"b");
    drop((log, log_dir));
    let path = SegmentFile::Log.path(&machine.path("data/t-0"), 0);
    let size = machine.bytes(&path);
    let file = machine.door().open(&path).unwrap();
    file.write_all_at(&[0xA5; 70], size).unwrap();
    assert_eq!(keys(&mut machine.open("data").1), [b"a", b"b"]);
    assert_eq!(machine.bytes(&path), size);
}

#[test]
fn deleted_records_that_never_came_to_disk_take_no_others_with_them() {
    let machine = Machine::of_small_segments();
    let (log_dir, mut log) = machine.open("data");
    for key in [b"a", b"b", b"c"] {
        append(&mut log, key);
    }
    log.advance_log_start_offset(2, 3).unwrap();
    log.flush().unwrap();
    drop((log, log_dir));
    let machine = machine.cut_power();
    assert_eq!(machine.open("data").1.log_end_offset(), 3);
}

#[test]
fn a_leader_epoch_that_could_not_be_written_is_with_the_next_flush() {
    let machine = Machine::new(LogConfig::default());
    let (log_dir, mut log) = machine.open("data");
    append_by(&mut log, b"a", 0, None);
    machine.disk.fail_one_in(1);
    log.assign_leader_epoch(4).unwrap_err();
    machine.disk.fail_one_in(0);
    append_by(&mut log, b"b", 4, None);
    log.flush().unwrap();
    checkpoint(&log_dir, &log);
    drop((log, log_dir));
    let machine = machine.cut_power();
    assert_eq!(machine.open("data").1.epoch_for_offset(1).unwrap(), Some(4));
}

#[test]
fn lost_records_leave_no_aborted_transactions_behind() {
    let machine = Machine::new(LogConfig::default());
    let (log_dir, mut log) = machine.open("data");
    append(&mut log, b"a");
    drop((log, log_dir));
    let folder = machine.path("data/t-0");
    machine.door().create(&SegmentFile::Log.path(&folder, 0)).unwrap();
    let index = SegmentFile::TxnIndex.path(&folder, 0);
    machine
        .door()
        .create(&index)
        .unwrap()
        .write_all_at(&[0; 20], 0)
        .unwrap();
    assert_eq!(machine.open("data").1.log_end_offset(), 0);
    assert!(!machine.exists(&index));
}

#[test]
fn producers_are_not_read_from_before_the_first_segment() {
    let machine = Machine::of_small_segments();
    let (log_dir, mut log) = machine.open("data");
    for sequence in 0..4 {
        append_by(&mut log, b"a", 0, Some((7, sequence)));
    }
    log.flush().unwrap();
    drop((log, log_dir));
    let folder = machine.path("data/t-0");
    // Retention was interrupted: the snapshot at 1 is there still, the segments behind it are not.
    for offset in 0..3 {
        machine
            .door()
            .remove_file(&SegmentFile::Log.path(&folder, offset))
            .unwrap();
    }
    for offset in 2..5 {
        let _ = machine
            .door()
            .remove_file(&SegmentFile::Snapshot.path(&folder, offset));
    }
    let stale = SegmentFile::Snapshot.path(&folder, 1);
    assert!(machine.exists(&stale));
    assert_eq!(last_sequence(&mut machine.open("data").1, 7), Some(3));
    assert!(!machine.exists(&stale));
}

#[test]
fn a_log_that_has_moved_does_not_come_back() {
    let machine = Machine::new(LogConfig::default());
    for (name, retire) in [
        ("a", LogDir::retire_log as fn(&LogDir, Log, Uuid) -> _),
        ("b", LogDir::set_aside),
    ] {
        let (log_dir, mut log) = machine.open(name);
        append(&mut log, b"a");
        log.flush().unwrap();
        assert!(retire(&log_dir, log, Uuid::from_u128(1)).unwrap().is_some());
    }
    let machine = machine.cut_power();
    for name in ["a", "b"] {
        assert!(!machine.exists(&machine.path(name).join("t-0")), "{name}");
    }
}

#[test]
fn a_log_that_moves_keeps_producers_whose_records_are_deleted() {
    let machine = Machine::new(LogConfig::default());
    let (_home, mut log) = machine.open("a");
    let (target, _) = machine.open("b");
    append_by(&mut log, b"a", 0, Some((7, 0)));
    append(&mut log, b"b");
    log.advance_log_start_offset(1, 2).unwrap();
    let mut copy = target.create_future(&log, Uuid::from_u128(1));
    copy.create().unwrap();
    let missing = log.missing_in(&copy, 1 << 20).unwrap().read().unwrap();
    copy.catch_up(&missing, 100).unwrap();
    copy.take_place_of(&mut log, 2).unwrap();
    assert_eq!(keys(&mut copy), [b"b"]);
    assert_eq!(last_sequence(&mut copy, 7), Some(0));
    // A pause must not lose them either.
    copy.release().unwrap();
    assert_eq!(last_sequence(&mut copy, 7), Some(0));
}

#[test]
fn a_log_that_moves_begins_where_it_began_though_its_first_records_are_lost() {
    let machine = Machine::of_small_segments();
    let (log_dir, mut log) = machine.open("a");
    for key in [b"a", b"b", b"c", b"d"] {
        append(&mut log, key);
    }
    log.advance_log_start_offset(1, 4).unwrap();
    log.flush().unwrap();
    checkpoint(&log_dir, &log);
    drop((log, log_dir));
    let folder = machine.path("a/t-0");
    for offset in 0..3 {
        machine
            .door()
            .remove_file(&SegmentFile::Log.path(&folder, offset))
            .unwrap();
    }
    machine.door().create(&SegmentFile::Log.path(&folder, 1)).unwrap();
    let (_home, mut log) = machine.open("a");
    let (target, _) = machine.open("b");
    let mut copy = target.create_future(&log, Uuid::from_u128(1));
    copy.create().unwrap();
    assert_eq!(log.log_start_offset(), 1);
    let missing = log.missing_in(&copy, 1 << 20).unwrap().read().unwrap();
    copy.catch_up(&missing, 100).unwrap();
    copy.take_place_of(&mut log, 4).unwrap();
    assert_eq!(copy.log_start_offset(), 1);
    assert_eq!(keys(&mut copy), [b"d"]);
}

#[test]
fn what_was_deleted_from_one_of_two_equal_logs_is_deleted() {
    let machine = Machine::new(LogConfig::default());
    let [(_a, mut first), (_b, mut second)] = ["a", "b"].map(|name| machine.open(name));
    for log in [&mut first, &mut second] {
        append(log, b"a");
        append(log, b"b");
    }
    second.advance_log_start_offset(1, 2).unwrap();
    assert!(!second.is_ahead_of(&first));
    first.supersede(&second).unwrap();
    assert_eq!(keys(&mut first), [b"b"]);
}

#[test]
fn leader_epochs_outlive_a_power_cut_after_a_stop_in_order() {
    let change: [fn(&mut Log); 2] = [
        |log| log.assign_leader_epoch(4).unwrap(),
        |log| assert!(log.advance_log_start_offset(1, 2).unwrap()),
    ];
    for change in change {
        let machine = Machine::new(LogConfig::default());
        let (log_dir, mut log) = machine.open("data");
        append_by(&mut log, b"a", 0, None);
        append_by(&mut log, b"b", 3, None);
        log_dir.shut_down(&mut std::iter::once((&mut log, 2))).unwrap();
        drop((log, log_dir));
        let (log_dir, mut log) = machine.open("data");
        assert_eq!(log.epoch_for_offset(1).unwrap(), Some(3));
        change(&mut log);
        log_dir.shut_down(&mut std::iter::once((&mut log, 2))).unwrap();
        drop((log, log_dir));
        let path = machine.path("data/t-0").join("leader-epoch-checkpoint");
        let sound = machine.door().read(&path).unwrap();
        let machine = machine.cut_power();
        assert_eq!(machine.door().read(&path).unwrap(), sound);
        assert_eq!(machine.open("data").1.epoch_for_offset(1).unwrap(), Some(3));
    }
}

/// Lets a log move from the directory it lies in to another.
fn move_to(target: &LogDir, log: &mut Log, meanwhile: impl FnOnce(&mut Log)) -> Log {
    let mut copy = target.create_future(log, Uuid::from_u128(1));
    copy.create().unwrap();
    loop {
        let missing = log.missing_in(&copy, 1 << 20).unwrap().read().unwrap();
        if copy.catch_up(&missing, 100).unwrap() == 0 {
            break;
        }
    }
    meanwhile(&mut copy);
    let end = log.log_end_offset();
    copy.take_place_of(log, end).unwrap();
    copy
}

#[test]
fn what_is_flushed_of_a_log_that_has_moved_is_on_disk_under_its_name() {
    let machine = Machine::new(LogConfig {
        flush_messages: 1,
        ..LogConfig::default()
    });
    let [(_a, mut log), (b, _)] = ["a", "b"].map(|name| machine.open(name));
    append(&mut log, b"a");
    let mut copy = move_to(&b, &mut log, |copy| copy.flush().unwrap());
    assert!(copy.flush_is_due());
    copy.flush().unwrap();
    assert_eq!(copy.recovery_point(), 1);
    drop((copy, log, _a, b));
    let machine = machine.cut_power();
    assert_eq!(keys(&mut machine.open("b").1), [b"a"]);
}

#[test]
fn a_log_that_ends_with_a_gap_moves_with_its_records() {
    let machine = Machine::new(LogConfig {
        segment_bytes: 100,
        ..LogConfig::default()
    });
    let (home, mut log) = machine.open("a");
    for key in [b"a", b"b", b"c", b"d"] {
        append(&mut log, key);
    }
    drop((home, log));
    let lost = SegmentFile::Log.path(&machine.path("a/t-0"), 2);
    machine.door().remove_file(&lost).unwrap();
    let [(_a, mut log), (b, _)] = ["a", "b"].map(|name| machine.open(name));
    assert!(log.truncate_to(3).unwrap());
    let mut copy = move_to(&b, &mut log, |_| {});
    assert_eq!((copy.log_start_offset(), copy.log_end_offset()), (0, 3));
    append(&mut copy, b"e");
    assert_eq!(keys(&mut copy), [b"a", b"b", b"e"]);
    assert_eq!(copy.log_end_offset(), 4);
}
