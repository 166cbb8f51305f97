//! `verify`: silent about what is sound, and about each damage it says what and where.

use std::fs;
use std::path::Path;

use barnabas_inspect::InspectError;
use barnabas_inspect::verify::verify;
use barnabas_protocol::records::seal;

use crate::fixture::{BATCHES, Fixture};

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_sound_folder_is_counted_and_nothing_else() {
    let fixture = Fixture::new();
    for folder in [fixture.path().to_owned(), fixture.path().join("orders-0")] {
        let (lines, summary) = fixture.verify(&folder);
        assert_eq!(lines, Vec::<String>::new());
        assert_eq!((summary.faults, summary.warnings, summary.partitions), (0, 0, 1));
        assert_eq!(
            (summary.batches, summary.records),
            (BATCHES, (BATCHES - 1) * 5 + 1)
        );
        assert!(summary.segments > 3, "{summary}");
    }
}

/// Damages that must be told with this text, in a log that was closed in order.
#[test]
fn every_damage_is_told_with_its_place() {
    type Damage = fn(&Fixture);
    let table: &[(&str, Damage, &str)] = &[
        (
            "a flipped bit of a record",
            |f| change(&f.files("log")[1], |bytes| bytes[100] ^= 1),
            ".log at byte 0: the CRC of the batch is",
        ),
        (
            "a cut tail",
            |f| {
                change(f.files("log").last().unwrap(), |bytes| {
                    bytes.truncate(bytes.len() - 3)
                })
            },
            "is cut off after",
        ),
        (
            "a cut header",
            |f| change(f.files("log").last().unwrap(), |bytes| bytes.extend([1; 20])),
            "the last 20 bytes can't be read",
        ),
        (
            "zeros in the middle",
            |f| change(&f.files("log")[0], |bytes| bytes.extend([0; 100])),
            "the last 100 bytes can't be read",
        ),
        (
            "an offset twice",
            |f| change(&f.files("log")[1], |bytes| bytes[7] = 0),
            "follows",
        ),
        (
            "a record count that isn't so",
            |f| {
                change(&f.files("log")[0], |bytes| {
                    let size = 12 + u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize;
                    bytes[60] = 4;
                    seal(&mut bytes[..size]);
                });
            },
            "records still remaining",
        ),
        (
            "a largest timestamp that isn't so",
            |f| {
                change(&f.files("log")[0], |bytes| {
                    let size = 12 + u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize;
                    bytes[42] ^= 1;
                    seal(&mut bytes[..size]);
                });
            },
            "the largest timestamp of the records is 1000, the header says 1001",
        ),
        (
            "an epoch the checkpoint doesn't know",
            |f| change(&f.files("log")[0], |bytes| bytes[15] = 3),
            "is of leader epoch 3, leader-epoch-checkpoint says 0",
        ),
        (
            "an index entry that leads between batches",
            |f| change(&f.files("index")[0], |bytes| bytes[7] ^= 1),
            ".index at byte 0: offset",
        ),
        (
            "an index entry with another offset",
            |f| change(&f.files("index")[0], |bytes| bytes[3] -= 1),
            "where the batch of offsets",
        ),
        (
            "an index entry behind the log's end",
            |f| {
                change(&f.files("index")[0], |bytes| {
                    bytes.extend([0, 0, 1, 0, 0, 1, 0, 0])
                })
            },
            "of the log, which ends at",
        ),
        (
            "half an index entry",
            |f| change(&f.files("index")[0], |bytes| bytes.extend([0, 0, 1])),
            "the last entry is cut off after 3 bytes",
        ),
        (
            "a time index entry with another time",
            |f| change(&f.files("timeindex")[0], |bytes| bytes[7] ^= 1),
            ".timeindex at byte 0: timestamp",
        ),
        (
            "a missing index",
            |f| fs::remove_file(&f.files("index")[1]).unwrap(),
            ".index: the file is missing",
        ),
        (
            "a missing transaction index",
            |f| fs::remove_file(&f.files("txnindex")[0]).unwrap(),
            "the aborted transaction of producer 9, offsets 100 to 105, is missing",
        ),
        (
            "a transaction index of another transaction",
            |f| change(&f.files("txnindex")[0], |bytes| bytes[25] ^= 1),
            ".txnindex at byte 0: no marker at offset 104",
        ),
        (
            "a flipped bit of a snapshot",
            |f| change(f.files("snapshot").last().unwrap(), |bytes| bytes[12] ^= 1),
            ".snapshot at byte 2: the CRC is",
        ),
        (
            "an epoch that begins behind the end",
            |f| fs::write(f.file("leader-epoch-checkpoint"), "0\n1\n0 900\n").unwrap(),
            "leader epoch 0 begins at offset 900, and the log ends at 106",
        ),
        (
            "epochs that fall",
            |f| fs::write(f.file("leader-epoch-checkpoint"), "0\n2\n3 0\n2 9\n").unwrap(),
            "line 4: epoch 2 from offset 9 follows epoch 3 from offset 0",
        ),
        (
            "a torn checkpoint",
            |f| {
                fs::write(
                    f.path().join("recovery-point-offset-checkpoint"),
                    "0\n2\norders 0 1\n",
                )
                .unwrap()
            },
            "2 rows are announced, 1 are there",
        ),
        (
            "a checkpoint behind the end",
            |f| {
                fs::write(
                    f.path().join("replication-offset-checkpoint"),
                    "0\n1\norders 0 107\n",
                )
                .unwrap()
            },
            "offset 107 of orders-0, whose log ends at 106",
        ),
        (
            "a meta.properties of a newer version",
            |f| fs::write(f.path().join("meta.properties"), "version=2\n").unwrap(),
            "version 2 is not known, only 1",
        ),
        (
            "a partition.metadata that isn't one",
            |f| fs::write(f.file("partition.metadata"), "version: 1\n").unwrap(),
            "malformed content",
        ),
    ];
    for (name, damage, expected) in table {
        let fixture = Fixture::new();
        damage(&fixture);
        let (lines, summary) = fixture.verify(fixture.path());
        assert!(summary.faults > 0, "{name}: no fault");
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with("fault: ") && line.contains(expected)),
            "{name}: {lines:#?}"
        );
    }
}

#[test]
fn behind_a_batch_whose_crc_is_wrong_the_rest_is_checked() {
    let fixture = Fixture::new();
    change(&fixture.files("log")[0], |bytes| bytes[100] ^= 1);
    let (_, summary) = fixture.verify(fixture.path());
    assert_eq!(summary.batches, BATCHES - 1);
}

/// After a crash the end of the log may be torn, and only a part that was flushed must be whole.
#[test]
fn what_a_start_mends_is_a_warning() {
    let fixture = Fixture::new();
    fs::remove_file(fixture.path().join(".kafka_cleanshutdown")).unwrap();
    let checkpoint = fixture.path().join("recovery-point-offset-checkpoint");
    let last = fixture.files("log").pop().unwrap();
    change(&last, |bytes| bytes.truncate(bytes.len() - 3));
    fs::remove_file(fixture.files("index").pop().unwrap()).unwrap();
    fs::write(&checkpoint, "0\n1\norders 0 50\n").unwrap();
    let (lines, summary) = fixture.verify(fixture.path());
    assert_eq!(summary.faults, 0, "{lines:#?}");
    assert!(summary.warnings >= 2, "{lines:#?}");
    // Of the partition alone as well: the checkpoints beside it say the same.
    assert_eq!(fixture.verify(&fixture.path().join("orders-0")).1.faults, 0);

    fs::write(&checkpoint, "0\n1\norders 0 106\n").unwrap();
    let (lines, summary) = fixture.verify(fixture.path());
    assert!(summary.faults > 0, "all was flushed: {lines:#?}");
}

#[test]
fn reserved_space_is_no_fault_in_the_last_segment() {
    let fixture = Fixture::new();
    for extension in ["log", "index", "timeindex"] {
        change(fixture.files(extension).last().unwrap(), |bytes| {
            bytes.extend(vec![0; 120_000])
        });
    }
    let (lines, summary) = fixture.verify(fixture.path());
    assert_eq!((summary.faults, summary.warnings), (0, 0), "{lines:#?}");
}

#[test]
fn a_file_that_is_wrong_from_end_to_end_is_told_of_briefly() {
    let fixture = Fixture::new();
    change(&fixture.files("index")[0], |bytes| {
        *bytes = (0..100_000)
            .flat_map(|n: u32| [n.to_be_bytes(), 1u32.to_be_bytes()])
            .flatten()
            .collect();
    });
    let (lines, summary) = fixture.verify(fixture.path());
    assert!(
        summary.faults >= 100_000 && lines.len() < 50,
        "{} {}",
        summary.faults,
        lines.len()
    );
}

#[test]
fn folders_of_something_else_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = verify(&[folder.path().to_owned()], &mut |_| {}).unwrap_err();
    assert!(matches!(refused, InspectError::Unknown { .. }), "{refused}");
    let missing = verify(&[folder.path().join("missing")], &mut |_| {}).unwrap_err();
    assert!(matches!(missing, InspectError::Io { .. }), "{missing}");
}
