//! Removing old segments: what goes, what is left on disk after each step, and what a start makes of it.

use std::time::{Duration, Instant};

use barnabas_protocol::error::ErrorCode;
use barnabas_storage::{Disk, Log, LogConfig, LogDir, ReadBound, deletion};

use crate::fixture::{Fixture, append, base_offsets, one};

/// A segment holds three batches of one record.
const SEGMENT_BYTES: u32 = 3 * 69;

fn config(retention_ms: i64, retention_bytes: i64) -> LogConfig {
    LogConfig {
        segment_bytes: SEGMENT_BYTES,
        retention_ms,
        retention_bytes,
        ..LogConfig::default()
    }
}

/// A log with records at the times 0, 1, 2…
fn log_with(fixture: &Fixture, log_dir: &LogDir, records: i64) -> Log {
    let mut log = fixture.create(log_dir, 0);
    for timestamp in 0..records {
        append(&mut log, one(timestamp));
    }
    log
}

/// All three steps; answers the marked files' names.
fn enforce(log: &mut Log, now_ms: i64) -> Vec<String> {
    let high_watermark = log.log_end_offset();
    let Some(check) = log.retention_check(high_watermark, now_ms) else {
        return Vec::new();
    };
    let verdict = check.judge(now_ms).unwrap();
    let Some(removed) = log.remove_oldest(&verdict, high_watermark).unwrap() else {
        return Vec::new();
    };
    let (marked, outcome) = removed.mark();
    outcome.unwrap();
    let name = |path: &std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    marked.iter().map(name).collect()
}

#[test]
fn segments_older_than_retention_ms_leave_with_all_their_files() {
    let fixture = Fixture::new(config(5, -1));
    let log_dir = fixture.open();
    let mut log = log_with(&fixture, &log_dir, 10);
    assert_eq!(
        enforce(&mut log, 7),
        [""; 0],
        "the youngest record of the first segment is 5 ms old"
    );
    let marked = enforce(&mut log, 8);
    assert_eq!(
        marked,
        [
            "00000000000000000000.log.deleted",
            "00000000000000000000.index.deleted",
            "00000000000000000000.timeindex.deleted",
        ]
    );
    assert_eq!((log.log_start_offset(), log.size_bytes()), (3, 7 * 69));
    assert_eq!(base_offsets(&mut log, 3), [3, 4, 5, 6, 7, 8, 9]);
    let error = log.read(2, 100, ReadBound::LogEnd, true).unwrap_err();
    assert_eq!(error.error_code(), ErrorCode::OffsetOutOfRange);
    let marked = enforce(&mut log, 11);
    assert!(
        marked.contains(&"00000000000000000003.snapshot.deleted".to_owned()),
        "{marked:?}"
    );
}

#[test]
fn the_active_segment_is_rolled_when_it_is_too_old_as_well() {
    let fixture = Fixture::new(config(5, -1));
    let log_dir = fixture.open();
    let mut log = log_with(&fixture, &log_dir, 4);
    assert_eq!(enforce(&mut log, 1_000_000).len(), 2 * 3 + 1);
    assert_eq!(
        (log.log_start_offset(), log.log_end_offset(), log.size_bytes()),
        (4, 4, 0)
    );
    assert_eq!(
        enforce(&mut log, 2_000_000),
        [""; 0],
        "an empty log stays as it is"
    );
    append(&mut log, one(9));
    assert_eq!(base_offsets(&mut log, 4), [4]);
}

#[test]
fn the_oldest_go_while_the_log_would_still_be_as_large_as_it_may() {
    let fixture = Fixture::new(config(-1, i64::from(2 * SEGMENT_BYTES)));
    let log_dir = fixture.open();
    let mut log = log_with(&fixture, &log_dir, 11);
    enforce(&mut log, 0);
    assert_eq!((log.log_start_offset(), log.size_bytes()), (3, 8 * 69));
    assert_eq!(enforce(&mut log, 0), [""; 0]);
}

#[test]
fn a_reader_finishes_with_a_file_that_was_removed() {
    let fixture = Fixture::new(config(0, -1));
    let log_dir = fixture.open();
    let mut log = log_with(&fixture, &log_dir, 9);
    let slice = log.read(0, 1 << 20, ReadBound::LogEnd, true).unwrap();
    let before = slice.to_vec().unwrap();
    for name in enforce(&mut log, 1_000) {
        deletion::remove(&Disk::Real, &fixture.path().join("orders-0").join(name)).unwrap();
    }
    assert_eq!(fixture.files()[0], "00000000000000000009.log");
    assert_eq!(slice.to_vec().unwrap(), before);
}

#[test]
fn what_was_appended_after_the_judgement_stays() {
    let fixture = Fixture::new(config(5, -1));
    let log_dir = fixture.open();
    let mut log = log_with(&fixture, &log_dir, 4);
    let check = log.retention_check(4, 1_000).unwrap();
    let verdict = check.judge(1_000).unwrap();
    append(&mut log, one(999));
    let removed = log.remove_oldest(&verdict, 5).unwrap().unwrap();
    removed.mark().1.unwrap();
    assert_eq!(log.log_start_offset(), 3, "the active segment grew");
    assert!(
        log.remove_oldest(&verdict, 5).unwrap().is_none(),
        "its segments are gone"
    );
    assert_eq!(base_offsets(&mut log, 3), [3, 4]);
}

#[test]
fn removal_survives_a_crash_after_each_step() {
    for (what, mark, remove) in [
        ("before the files were renamed", false, false),
        ("after that", true, false),
        ("after they were removed", true, true),
    ] {
        let fixture = Fixture::new(config(5, -1));
        let log_dir = fixture.open();
        let mut log = log_with(&fixture, &log_dir, 10);
        let check = log.retention_check(10, 12).unwrap();
        let verdict = check.judge(12).unwrap();
        let removed = log.remove_oldest(&verdict, 10).unwrap().unwrap();
        assert_eq!(log.log_start_offset(), 6);
        if mark {
            let (marked, _) = removed.mark();
            for path in marked.iter().filter(|_| remove) {
                deletion::remove(&Disk::Real, path).unwrap();
            }
        }
        drop((log, log_dir));
        let log_dir = fixture.open();
        let (mut logs, clean) = fixture.load(&log_dir);
        assert!(!clean);
        let log = &mut logs[0];
        let start = if mark { 6 } else { 0 };
        assert_eq!(log.log_start_offset(), start, "{what}");
        assert_eq!(
            base_offsets(log, start),
            (start..10).collect::<Vec<_>>(),
            "{what}"
        );
        assert!(
            !fixture.files().iter().any(|name| name.ends_with(".deleted")),
            "{what}"
        );
        enforce(log, 12);
        assert_eq!(log.log_start_offset(), 6, "{what}");
    }
}

#[test]
fn a_closed_log_is_judged_without_being_opened() {
    let fixture = Fixture::new(config(5, -1));
    let log_dir = fixture.open();
    let mut log = log_with(&fixture, &log_dir, 10);
    fixture.shut_down(&log_dir, &mut log);
    let check = log.retention_check(10, 7).unwrap();
    assert!(log.remove_oldest(&check.judge(7).unwrap(), 10).unwrap().is_none());
    assert!(log.retention_check(10, 7).is_none(), "nothing can have changed");
    assert!(log.retention_check(10, 8).is_some(), "but the time");
    assert_eq!(enforce(&mut log, 12).len(), 2 * 3 + 1);
    assert_eq!(log.log_start_offset(), 6);
    log.release_if_idle().unwrap();
    log.release_if_idle().unwrap();
    assert_eq!(base_offsets(&mut log, 6), [6, 7, 8, 9]);
}

#[test]
fn a_log_is_not_closed_while_removed_files_have_their_names() {
    let fixture = Fixture::new(config(5, -1));
    let log_dir = fixture.open();
    let mut log = log_with(&fixture, &log_dir, 10);
    let check = log.retention_check(10, 12).unwrap();
    let removed = log.remove_oldest(&check.judge(12).unwrap(), 10).unwrap().unwrap();
    log.release_if_idle().unwrap();
    log.release_if_idle().unwrap();
    assert_eq!(
        base_offsets(&mut log, 6),
        [6, 7, 8, 9],
        "else the folder would have been read again"
    );
    removed.mark().1.unwrap();
    log.release().unwrap();
    assert_eq!(base_offsets(&mut log, 6), [6, 7, 8, 9]);
}

#[test]
fn records_without_a_time_are_as_old_as_their_file() {
    let fixture = Fixture::new(config(1_000, -1));
    let log_dir = fixture.open();
    let mut log = fixture.create(&log_dir, 0);
    for _ in 0..4 {
        append(&mut log, one(-1));
    }
    let written = std::fs::metadata(fixture.path().join("orders-0/00000000000000000000.log")).unwrap();
    let written = written
        .modified()
        .unwrap()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let written_ms = i64::try_from(written.as_millis()).unwrap();
    assert_eq!(enforce(&mut log, written_ms + 1_000), [""; 0]);
    enforce(&mut log, written_ms + 60_000);
    assert_eq!(log.log_start_offset(), 4);
}

#[test]
fn a_compacted_log_loses_only_what_lies_before_its_start() {
    let fixture = Fixture::new(LogConfig {
        cleanup_delete: false,
        ..config(0, 0)
    });
    let log_dir = fixture.open();
    let mut log = log_with(&fixture, &log_dir, 10);
    assert_eq!(enforce(&mut log, 1_000), [""; 0]);
    log.advance_log_start_offset(7, 10).unwrap();
    enforce(&mut log, 1_000);
    assert_eq!(
        (log.log_start_offset(), log.size_bytes()),
        (7, 4 * 69),
        "the segment of offset 6 holds 7 too"
    );
}

#[test]
fn a_thousand_segments_leave_the_log_in_a_moment() {
    let fixture = Fixture::new(config(0, -1));
    let log_dir = fixture.open();
    let mut log = log_with(&fixture, &log_dir, 3_001);
    let check = log.retention_check(3_001, 10_000).unwrap();
    let verdict = check.judge(10_000).unwrap();
    let began = Instant::now();
    let removed = log.remove_oldest(&verdict, 3_001).unwrap().unwrap();
    let under_the_lock = began.elapsed();
    // Far more than it takes, for a machine that has other things to do.
    assert!(under_the_lock < Duration::from_millis(500), "{under_the_lock:?}");
    println!("removing 1,001 segments held the lock for {under_the_lock:?}");
    let named = |files: Vec<String>| files.iter().filter(|name| name.ends_with(".log")).count();
    assert_eq!(named(fixture.files()), 1_002, "no file is touched under the lock");
    let (marked, outcome) = removed.mark();
    outcome.unwrap();
    assert_eq!((named(fixture.files()), marked.len()), (1, 4 * 1_001 - 1));
}
