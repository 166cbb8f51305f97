//! The directory: locks, starts, folders, deletion; and the ways in which a log can fail.

use std::sync::Arc;

use barnabas_protocol::error::ErrorCode;
use barnabas_storage::{
    AppendOrigin, Disk, LogCheckpoint, LogConfig, LogDir, OpenFiles, ReadBound, StorageError, deletion,
};
use uuid::Uuid;

use crate::fixture::{Fixture, TOPIC_ID, append, base_offsets, one};

#[test]
fn a_second_holder_is_refused() {
    let fixture = Fixture::new(LogConfig::default());
    let held = fixture.open();
    let second = LogDir::open(&Disk::Real, fixture.path(), Arc::new(OpenFiles::new(1)));
    assert!(matches!(second, Err(StorageError::Locked { .. })));
    drop(held);
    fixture.open();
}

#[test]
fn a_log_has_no_folder_before_its_first_append() {
    let fixture = Fixture::new(LogConfig::default());
    let log_dir = fixture.open();
    let mut log = fixture.create(&log_dir, 0);
    log.assign_leader_epoch(4).unwrap();
    assert!(log.read(0, 100, ReadBound::LogEnd, true).unwrap().file.is_none());
    assert_eq!(log.latest_epoch().unwrap(), Some(4));
    assert_eq!(log.end_offset_for_epoch(4).unwrap().unwrap().end_offset, 0);
    assert!(!fixture.path().join("orders-0").exists());
    let mut bytes = one(5);
    log.append(&mut bytes, 4, AppendOrigin::Client, 1_000).unwrap();
    let names = [
        "00000000000000000000.log",
        "leader-epoch-checkpoint",
        "partition.metadata",
    ];
    assert_eq!(fixture.files(), names);
    fixture.shut_down(&log_dir, &mut log);
    assert_eq!(
        fixture.files(),
        [
            "00000000000000000000.index",
            "00000000000000000000.log",
            "00000000000000000000.timeindex",
            "00000000000000000001.snapshot",
            "leader-epoch-checkpoint",
            "partition.metadata",
        ]
    );
}

#[test]
fn a_clean_start_reads_the_manifest_and_can_do_without() {
    for keep_manifest in [true, false] {
        let fixture = Fixture::new(LogConfig {
            segment_bytes: 300,
            ..LogConfig::default()
        });
        let log_dir = fixture.open();
        let mut log = fixture.create(&log_dir, 0);
        for i in 0..20 {
            append(&mut log, one(i));
        }
        fixture.shut_down(&log_dir, &mut log);
        let size = log.size_bytes();
        drop((log, log_dir));
        if !keep_manifest {
            std::fs::remove_file(fixture.path().join(".barnabas-manifest")).unwrap();
        }
        let log_dir = fixture.open();
        let (mut logs, clean) = fixture.load(&log_dir);
        assert!(clean);
        let log = &mut logs[0];
        assert_eq!(
            (log.topic_id(), log.topic().as_ref(), log.partition()),
            (TOPIC_ID, "orders", 0)
        );
        assert_eq!(
            (log.log_start_offset(), log.log_end_offset(), log.size_bytes()),
            (0, 20, size)
        );
        assert_eq!(
            (log.recovery_point(), log.checkpointed_high_watermark()),
            (20, 20)
        );
        assert_eq!(base_offsets(log, 0), (0..20).collect::<Vec<_>>());
        assert_eq!(append(log, one(1)).base_offset, 20);
        assert!(!fixture.path().join(".kafka_cleanshutdown").exists());
    }
}

#[test]
fn a_crash_cuts_off_what_is_torn_and_keeps_the_rest() {
    let tails: [&[u8]; 4] = [&[0; 7], &[0; 500], &[0xFF; 61], &one(9)[..40]];
    for tail in tails {
        let fixture = Fixture::new(LogConfig {
            segment_bytes: 300,
            ..LogConfig::default()
        });
        let log_dir = fixture.open();
        let mut log = fixture.create(&log_dir, 0);
        for i in 0..20 {
            append(&mut log, one(i));
            if i == 8 {
                log.flush().unwrap();
                let checkpoint = LogCheckpoint {
                    topic: log.topic().clone(),
                    partition: 0,
                    recovery_point: log.recovery_point(),
                    log_start_offset: 0,
                    high_watermark: 7,
                };
                log_dir.write_checkpoints(&[checkpoint]).unwrap();
            }
        }
        drop((log, log_dir));
        let last = fixture
            .files()
            .into_iter()
            .rfind(|name| name.ends_with(".log"))
            .unwrap();
        let path = fixture.path().join("orders-0").join(last);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole, tail].concat()).unwrap();
        let log_dir = fixture.open();
        let (mut logs, clean) = fixture.load(&log_dir);
        assert!(!clean);
        assert_eq!(logs[0].checkpointed_high_watermark(), 7);
        assert_eq!(base_offsets(&mut logs[0], 0), (0..20).collect::<Vec<_>>());
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }
}

#[test]
fn a_flipped_bit_behind_the_recovery_point_ends_the_log_there() {
    let fixture = Fixture::new(LogConfig {
        segment_bytes: 300,
        ..LogConfig::default()
    });
    let log_dir = fixture.open();
    let mut log = fixture.create(&log_dir, 0);
    for i in 0..12 {
        append(&mut log, one(i));
    }
    drop((log, log_dir));
    // Four batches of 70 bytes to a segment: the second of the second.
    let path = fixture.path().join("orders-0/00000000000000000004.log");
    let mut bytes = std::fs::read(&path).unwrap();
    let size = bytes.len() / 4;
    bytes[size + 65] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let log_dir = fixture.open();
    let (mut logs, _) = fixture.load(&log_dir);
    assert_eq!(base_offsets(&mut logs[0], 0), (0..5).collect::<Vec<_>>());
    assert_eq!(append(&mut logs[0], one(1)).base_offset, 5);
    assert!(!fixture.path().join("orders-0/00000000000000000008.log").exists());
}

#[test]
fn a_deleted_log_is_renamed_then_removed_by_whoever_comes_first() {
    let fixture = Fixture::new(LogConfig::default());
    let log_dir = fixture.open();
    for partition in 0..2 {
        let mut log = fixture.create(&log_dir, partition);
        append(&mut log, one(1));
        let deleted = log_dir.delete_log(log, Uuid::from_u128(5)).unwrap();
        let renamed = fixture.path().join(format!(
            "orders-{partition}.00000000000000000000000000000005-delete"
        ));
        assert!(renamed.exists());
        assert_eq!(deleted, Some(renamed.clone()));
        if partition == 0 {
            deletion::remove(&Disk::Real, &renamed).unwrap();
            assert!(!renamed.exists());
        }
    }
    let absent = log_dir.delete_log(fixture.create(&log_dir, 2), Uuid::from_u128(5));
    assert_eq!(absent.unwrap(), None);
    let loaded = log_dir.load(&|_, _| fixture.config.clone(), 2).unwrap();
    assert!(loaded.logs.is_empty());
    assert_eq!(loaded.deleted.len(), 1);
    deletion::remove(&Disk::Real, &loaded.deleted[0]).unwrap();
    let loaded = log_dir.load(&|_, _| fixture.config.clone(), 2).unwrap();
    assert!(loaded.deleted.is_empty());
}

#[test]
fn files_that_wait_to_be_removed_are_found_after_a_clean_stop() {
    let fixture = Fixture::new(LogConfig::default());
    let log_dir = fixture.open();
    let mut log = fixture.create(&log_dir, 0);
    append(&mut log, one(1));
    let marked = fixture.path().join("orders-0/00000000000000000000.log.deleted");
    let outside = fixture.path().join("../00000000000000000000.log.deleted");
    let not_marked = fixture.path().join("orders-0/00000000000000000000.log");
    log_dir
        .note_leftovers(&[marked.clone(), outside, not_marked])
        .unwrap();
    fixture.shut_down(&log_dir, &mut log);
    drop((log, log_dir));
    let log_dir = fixture.open();
    let loaded = log_dir.load(&|_, _| fixture.config.clone(), 2).unwrap();
    assert_eq!(loaded.deleted, [marked]);
    let loaded = log_dir.load(&|_, _| fixture.config.clone(), 2).unwrap();
    assert!(loaded.deleted.is_empty(), "once is enough");
}

#[test]
fn offsets_outside_of_the_log_are_refused() {
    let fixture = Fixture::new(LogConfig::default());
    let log_dir = fixture.open();
    let mut log = fixture.create(&log_dir, 0);
    for i in 0..4 {
        append(&mut log, one(i));
    }
    assert!(log.advance_log_start_offset(2, 4).unwrap());
    assert!(!log.advance_log_start_offset(1, 4).unwrap());
    assert_eq!(
        log.advance_log_start_offset(5, 4).unwrap_err().error_code(),
        ErrorCode::OffsetOutOfRange
    );
    for (offset, readable) in [(-1, false), (1, false), (2, true), (4, true), (5, false)] {
        let read = log.read(offset, 100, ReadBound::LogEnd, true);
        let code = read.as_ref().map_err(StorageError::error_code).err();
        assert_eq!(
            code,
            (!readable).then_some(ErrorCode::OffsetOutOfRange),
            "{offset}"
        );
    }
}

#[test]
fn limits_of_a_read() {
    let fixture = Fixture::new(LogConfig {
        segment_bytes: 1_000,
        ..LogConfig::default()
    });
    let log_dir = fixture.open();
    let mut log = fixture.create(&log_dir, 0);
    for i in 0..30 {
        append(&mut log, one(i));
    }
    let size = one(0).len() as u32;
    let per_segment = 1_000 / size;
    // (max_bytes, bound, min_one_message) to (bytes, first batch incomplete), from offset 1 on
    let cases = [
        (
            (u32::MAX, ReadBound::LogEnd, false),
            ((per_segment - 1) * size, false),
        ),
        ((u32::MAX, ReadBound::HighWatermark(4), false), (3 * size, false)),
        ((u32::MAX, ReadBound::HighWatermark(1), true), (0, false)),
        (
            (u32::MAX, ReadBound::HighWatermark(99), false),
            ((per_segment - 1) * size, false),
        ),
        ((size + 10, ReadBound::LogEnd, false), (size + 10, false)),
        ((10, ReadBound::LogEnd, false), (10, true)),
        ((10, ReadBound::LogEnd, true), (size, false)),
        ((0, ReadBound::LogEnd, true), (size, false)),
        ((u32::MAX, ReadBound::LastStable(3), false), (2 * size, false)),
    ];
    for ((max_bytes, bound, min_one_message), expected) in cases {
        let slice = log.read(1, max_bytes, bound, min_one_message).unwrap();
        assert_eq!(
            (slice.len, slice.first_batch_incomplete),
            expected,
            "{max_bytes} {bound:?}"
        );
        let committed = matches!(bound, ReadBound::LastStable(_));
        assert_eq!(slice.aborted_transactions, committed.then(Vec::new));
        assert_eq!(slice.to_vec().unwrap().len(), expected.0 as usize);
    }
}

#[test]
fn a_batch_larger_than_a_segment_is_refused() {
    let fixture = Fixture::new(LogConfig {
        segment_bytes: 60,
        ..LogConfig::default()
    });
    let log_dir = fixture.open();
    let mut log = fixture.create(&log_dir, 0);
    let error = log
        .append(&mut one(0), 0, AppendOrigin::Client, 1_000)
        .unwrap_err();
    assert_eq!(error.error_code(), ErrorCode::RecordListTooLarge);
    assert_eq!(log.log_end_offset(), 0);
}

#[test]
fn segments_roll_by_time_too() {
    let fixture = Fixture::new(LogConfig {
        segment_ms: 100,
        ..LogConfig::default()
    });
    let log_dir = fixture.open();
    let mut log = fixture.create(&log_dir, 0);
    for timestamp in [1_000, 1_100, 1_101, 1_150, 1_202] {
        append(&mut log, one(timestamp));
    }
    let logs: Vec<String> = fixture
        .files()
        .into_iter()
        .filter(|name| name.ends_with(".log"))
        .collect();
    assert_eq!(
        logs,
        [
            "00000000000000000000.log",
            "00000000000000000002.log",
            "00000000000000000004.log"
        ]
    );
}

#[test]
fn space_is_told() {
    let fixture = Fixture::new(LogConfig::default());
    let space = fixture.open().disk_space().unwrap();
    assert!(space.total_bytes >= space.usable_bytes && space.usable_bytes > 0);
}

#[test]
fn many_logs_stop_cleanly_together() {
    let fixture = Fixture::new(LogConfig::default());
    let log_dir = fixture.open();
    let mut logs: Vec<_> = (0..20)
        .map(|partition| fixture.create(&log_dir, partition))
        .collect();
    for log in logs.iter_mut().skip(1) {
        append(log, one(1));
    }
    log_dir
        .shut_down(&mut logs.iter_mut().map(|log| (log, 1)))
        .unwrap();
    drop((logs, log_dir));
    let log_dir = fixture.open();
    let (mut logs, clean) = fixture.load(&log_dir);
    assert!(clean);
    assert_eq!(logs.len(), 19, "the first was never written to");
    for log in &mut logs {
        assert_eq!((log.recovery_point(), log.log_end_offset()), (1, 1));
        assert_eq!(base_offsets(log, 0), [0]);
    }
}

#[test]
fn a_failing_disk_is_an_error_and_leaves_no_trace() {
    let fixture = Fixture::new(LogConfig::default());
    let log_dir = fixture.open();
    let mut log = fixture.create(&log_dir, 0);
    append(&mut log, one(1));
    log.release().unwrap();
    let (folder, aside) = (fixture.path().join("orders-0"), fixture.path().join("aside"));
    std::fs::rename(&folder, &aside).unwrap();
    let failed = log
        .append(&mut one(2), 0, AppendOrigin::Client, 1_000)
        .unwrap_err();
    assert_eq!(failed.error_code(), ErrorCode::KafkaStorageError);
    let failed = log.read(0, 100, ReadBound::LogEnd, true).unwrap_err();
    assert_eq!(failed.error_code(), ErrorCode::KafkaStorageError);
    assert!(failed.to_string().contains("orders-0"), "{failed}");
    std::fs::rename(&aside, &folder).unwrap();
    assert_eq!(append(&mut log, one(2)).base_offset, 1);
    assert_eq!(base_offsets(&mut log, 0), [0, 1]);
}

#[test]
fn an_idle_log_gives_its_descriptors_up() {
    let fixture = Fixture::new(LogConfig::default());
    let files = Arc::new(OpenFiles::new(10));
    let log_dir = LogDir::open(&Disk::Real, fixture.path(), files.clone()).unwrap();
    let mut log = fixture.create(&log_dir, 0);
    append(&mut log, one(1));
    log.release_if_idle().unwrap();
    assert_eq!(files.open_count(), 1, "it was used");
    log.release_if_idle().unwrap();
    assert_eq!(files.open_count(), 0);
    assert_eq!(base_offsets(&mut log, 0), [0]);
}

#[test]
fn a_path_is_as_java_normalises_it() {
    let fixture = Fixture::new(LogConfig::default());
    let root = fixture.path().canonicalize().unwrap();
    for (path, expected) in [("x//d/.", "x/d"), ("new/../y/", "y"), ("./z/./", "z")] {
        let path = format!("{}//{path}", root.display());
        let log_dir = LogDir::open(&Disk::Real, path.as_ref(), Arc::new(OpenFiles::new(1))).unwrap();
        assert_eq!(log_dir.path(), root.join(expected));
        assert!(root.join(expected).join(".lock").exists());
    }
    assert!(!root.join("new").exists());
}
