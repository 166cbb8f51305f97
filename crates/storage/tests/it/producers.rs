//! Idempotent producers through the log: duplicates, refusals, and what survives a stop or a crash.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::{BatchBuilder, Compression};
use barnabas_storage::{AppendOrigin, Log, LogConfig};

use crate::fixture::{Fixture, append, fill, one};

fn sent(sequence: i32) -> Vec<u8> {
    let builder = BatchBuilder::new(Compression::None).producer(7, 0, sequence);
    fill(
        builder,
        &[(50 + i64::from(sequence), b"a".to_vec()), (10, b"b".to_vec())],
    )
}

fn refused(log: &mut Log, mut bytes: Vec<u8>) -> ErrorCode {
    log.append(&mut bytes, 0, AppendOrigin::Client, 1_000)
        .unwrap_err()
        .error_code()
}

fn check_state(log: &mut Log) {
    let end = log.log_end_offset();
    let again = append(log, sent(2));
    assert!(again.duplicate);
    assert_eq!(
        (again.base_offset, again.last_offset, again.log_append_time),
        (3, 4, 52)
    );
    assert_eq!(log.log_end_offset(), end);
    assert_eq!(refused(log, sent(5)), ErrorCode::OutOfOrderSequenceNumber);
    let known = log.active_producers().unwrap();
    assert_eq!(known.len(), 1);
    assert_eq!((known[0].last_sequence(), known[0].last_timestamp), (3, 52));
}

#[test]
fn duplicates_and_gaps_are_known_after_a_clean_stop_and_after_a_crash() {
    for clean in [true, false] {
        let fixture = Fixture::new(LogConfig::default());
        let log_dir = fixture.open();
        let mut log = fixture.create(&log_dir, 0);
        append(&mut log, sent(0));
        append(&mut log, one(60));
        append(&mut log, sent(2));
        check_state(&mut log);
        if clean {
            fixture.shut_down(&log_dir, &mut log);
        }
        drop((log, log_dir));
        let log_dir = fixture.open();
        let (mut logs, was_clean) = fixture.load(&log_dir);
        assert_eq!(was_clean, clean);
        check_state(&mut logs[0]);
        assert_eq!(append(&mut logs[0], sent(4)).base_offset, 5);
    }
}

/// A client has up to five batches on their way, and sends them all again where none was answered.
#[test]
fn all_of_the_last_batches_are_known_after_a_pause_and_after_a_crash() {
    let fixture = Fixture::new(LogConfig::default());
    let log_dir = fixture.open();
    let mut log = fixture.create(&log_dir, 0);
    let sequences = [0, 2, 4, 6, 8];
    for sequence in sequences {
        append(&mut log, sent(sequence));
    }
    let repeat = |log: &mut Log| sequences.map(|sequence| append(log, sent(sequence)).base_offset);
    let offsets = sequences.map(i64::from);
    log.release().unwrap();
    assert_eq!(repeat(&mut log), offsets);
    drop((log, log_dir));
    let log_dir = fixture.open();
    let (mut logs, was_clean) = fixture.load(&log_dir);
    assert!(!was_clean);
    assert_eq!(repeat(&mut logs[0]), offsets);
    assert_eq!(logs[0].log_end_offset(), 10);
    // What rests is forgotten as what is in use is.
    logs[0].release().unwrap();
    logs[0].remove_expired_producers(i64::MAX);
    assert_eq!(append(&mut logs[0], sent(4)).base_offset, 10);
}

#[test]
fn a_damaged_snapshot_is_replaced_by_the_log() {
    let fixture = Fixture::new(LogConfig::default());
    let log_dir = fixture.open();
    let mut log = fixture.create(&log_dir, 0);
    append(&mut log, sent(0));
    append(&mut log, one(60));
    append(&mut log, sent(2));
    fixture.shut_down(&log_dir, &mut log);
    drop((log, log_dir));
    let snapshot = fixture.path().join("orders-0/00000000000000000005.snapshot");
    let mut bytes = std::fs::read(&snapshot).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&snapshot, bytes).unwrap();
    let log_dir = fixture.open();
    let (mut logs, _) = fixture.load(&log_dir);
    check_state(&mut logs[0]);
    assert!(!snapshot.exists());
}

#[test]
fn truncation_takes_the_producers_back() {
    let fixture = Fixture::new(LogConfig::default());
    let log_dir = fixture.open();
    let mut log = fixture.create(&log_dir, 0);
    append(&mut log, sent(0));
    append(&mut log, sent(2));
    assert!(log.truncate_to(2).unwrap());
    assert_eq!(refused(&mut log, sent(4)), ErrorCode::OutOfOrderSequenceNumber);
    let again = append(&mut log, sent(2));
    assert!(!again.duplicate);
    assert_eq!(again.base_offset, 2);
}
