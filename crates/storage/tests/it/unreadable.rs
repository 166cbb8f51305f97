//! What cannot be read of a small file takes nothing away that is readable beside it: every file that is read
//! at a start.

use barnabas_storage::{Log, LogCheckpoint, LogConfig};

use crate::fixture::{Fixture, TOPIC_ID, append, base_offsets, one};

/// Records in each of the two logs; each is a segment.
const RECORDS: i64 = 6;
/// What was deleted of them.
const START: i64 = 2;

/// Two logs, of which recovery points, starts and high watermarks are noted, and a stop.
fn stopped(clean: bool) -> Fixture {
    let fixture = Fixture::new(LogConfig {
        segment_bytes: 100,
        ..LogConfig::default()
    });
    let mut log_dir = fixture.open();
    log_dir.claim("cluster", 1, TOPIC_ID).unwrap();
    let mut logs = [0, 1].map(|partition| fixture.create(&log_dir, partition));
    for log in &mut logs {
        for _ in 0..RECORDS {
            append(log, one(5));
        }
        log.advance_log_start_offset(START, RECORDS).unwrap();
        log.flush().unwrap();
        log.release().unwrap();
    }
    let checkpoints = [0, 1].map(|index: usize| LogCheckpoint::of(&logs[index], RECORDS));
    log_dir.write_checkpoints(&checkpoints).unwrap();
    if clean {
        log_dir
            .shut_down(&mut logs.iter_mut().map(|log| (log, RECORDS)))
            .unwrap();
    }
    fixture
}

/// Start, high watermark and what is served of a log.
fn state(log: &mut Log) -> (i64, i64, Vec<i64>) {
    let served = base_offsets(log, log.log_start_offset());
    (log.log_start_offset(), log.checkpointed_high_watermark(), served)
}

/// What becomes of a file's content.
type Spoil = fn(&str) -> String;

/// Start and high watermark of a log; `None` when it is offline.
type Expected = Option<(i64, i64)>;

struct Case {
    /// The file below the log directory.
    file: &'static str,
    spoil: Spoil,
    clean: bool,
    /// Of the first log then.
    first: Expected,
}

#[test]
fn one_unreadable_row_takes_no_other_with_it() {
    let spoil_row = |text: &str| text.replace("orders 0", "orders ?");
    let no_newline = |text: &str| {
        let rows: Vec<&str> = text
            .lines()
            .rev()
            .filter(|row| row.starts_with("orders"))
            .collect();
        let second = rows.iter().find(|row| row.starts_with("orders 1")).unwrap();
        let first = rows.iter().find(|row| row.starts_with("orders 0")).unwrap();
        format!("0\n2\n{second}\n{first}")
    };
    let one_too_many = |text: &str| text.replacen("\n2\n", "\n3\n", 1);
    let intact = Some((START, RECORDS));
    let mut cases = Vec::new();
    let checkpoints = [
        ("recovery-point-offset-checkpoint", intact),
        ("log-start-offset-checkpoint", Some((0, RECORDS))),
        ("replication-offset-checkpoint", Some((START, 0))),
    ];
    for (file, lost) in checkpoints {
        let spoils: [(Spoil, Expected); 3] = [(spoil_row, lost), (no_newline, lost), (one_too_many, intact)];
        cases.extend(spoils.map(|(spoil, first)| Case {
            file,
            spoil,
            clean: false,
            first,
        }));
    }
    let others: [(&str, Spoil, bool, Expected); 9] = [
        (
            "orders-0/leader-epoch-checkpoint",
            |_| "0\n1\nnonsense\n".to_owned(),
            false,
            intact,
        ),
        (
            "orders-0/leader-epoch-checkpoint",
            |_| "7\n1\n0 0\n".to_owned(),
            false,
            intact,
        ),
        (
            "orders-0/partition.metadata",
            |text| text.replace("version: 0", "version: 3") + "\nmore: 1\n",
            false,
            intact,
        ),
        (
            "orders-0/partition.metadata",
            |_| "nonsense".to_owned(),
            false,
            None,
        ),
        (
            "orders-0/00000000000000000006.snapshot",
            |_| "\0\u{9}nonsense".to_owned(),
            false,
            intact,
        ),
        (
            "meta.properties",
            |text| format!("{text}what.is.that=yes\nnonsense\n"),
            false,
            intact,
        ),
        (
            ".barnabas-manifest",
            |_| "BNBM\0\0\0\u{9}and more".to_owned(),
            true,
            intact,
        ),
        (
            ".barnabas-leftovers",
            |_| "nonsense\n../../etc\n".to_owned(),
            true,
            intact,
        ),
        (
            "cleaner-offset-checkpoint",
            |_| "0\n1\nnonsense\n".to_owned(),
            false,
            intact,
        ),
    ];
    cases.extend(others.map(|(file, spoil, clean, first)| Case {
        file,
        spoil,
        clean,
        first,
    }));
    for case in cases {
        let fixture = stopped(case.clean);
        let path = fixture.path().join(case.file);
        let sound = std::fs::read(&path).unwrap_or_default();
        let spoilt = (case.spoil)(&String::from_utf8_lossy(&sound));
        assert_ne!(sound, spoilt.as_bytes(), "{}", case.file);
        std::fs::write(&path, &spoilt).unwrap();
        let log_dir = fixture.open();
        let (mut logs, clean) = fixture.load(&log_dir);
        assert_eq!((clean, logs.len()), (case.clean, 2), "{}", case.file);
        let what = format!("{} {spoilt:?}", case.file);
        assert_eq!(
            state(&mut logs[1]),
            (START, RECORDS, (START..RECORDS).collect()),
            "{what}"
        );
        assert_eq!(logs[1].recovery_point(), RECORDS, "{what}");
        match case.first {
            Some((start, high_watermark)) => {
                let expected = (start, high_watermark, (start..RECORDS).collect());
                assert_eq!(state(&mut logs[0]), expected, "{what}");
                assert_eq!(logs[0].topic_id(), TOPIC_ID, "{what}");
                assert_eq!(logs[0].epoch_for_offset(RECORDS - 1).unwrap(), Some(0), "{what}");
            }
            None => {
                assert!(logs[0].latest_epoch().is_err(), "{what}");
                assert_eq!(std::fs::read(&path).unwrap(), spoilt.as_bytes(), "left as it is");
            }
        }
        assert!(log_dir.read_cleaner_offsets().unwrap().is_empty(), "{what}");
    }
}
