//! `dump`: a line for everything, in text and in JSON, and what is wrong beside it.

use std::fs;
use std::path::PathBuf;

use barnabas_inspect::dump::{Options, dump};
use serde_json::Value;

use crate::fixture::{BATCHES, Fixture};

/// The lines of a dump as JSON, and how many places were wrong.
fn lines(paths: &[PathBuf], records: bool) -> (Vec<Value>, u64) {
    let mut out = Vec::new();
    let faults = dump(paths, Options { records, json: true }, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    (
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
        faults,
    )
}

fn count(lines: &[Value], kind: &str) -> u64 {
    lines.iter().filter(|line| line["type"] == kind).count() as u64
}

#[test]
fn a_log_directory_is_shown_whole() {
    let fixture = Fixture::new();
    let (lines, faults) = lines(&[fixture.path().to_owned()], true);
    assert_eq!((faults, count(&lines, "batch")), (0, BATCHES));
    assert_eq!(count(&lines, "record"), (BATCHES - 1) * 5 + 1);
    assert_eq!(count(&lines, "aborted"), 1);
    for kind in ["entry", "producer", "line"] {
        assert!(count(&lines, kind) > 0, "no {kind}");
    }
    let record = lines.iter().find(|line| line["type"] == "record").unwrap();
    assert_eq!(
        (&record["offset"], &record["timestamp"]),
        (&Value::from(0), &Value::from(1000))
    );
    assert_eq!(record["key"]["hex"], "00");
    let marker = lines.iter().find(|line| line["control"].is_object()).unwrap();
    assert_eq!(marker["control"]["marker"], "abort");
}

#[test]
fn text_names_the_file_and_the_fields() {
    let fixture = Fixture::new();
    let mut out = Vec::new();
    dump(&fixture.files("log")[..1], Options::default(), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let mut lines = text.lines();
    assert!(lines.next().unwrap().starts_with("Dumping ") && text.contains("00000000000000000000.log"));
    let batch = lines.next().unwrap();
    assert!(
        batch.starts_with("batch baseOffset: 0 lastOffset: 4 count: 5 "),
        "{batch}"
    );
    assert!(
        batch.contains(" codec: none ") && batch.ends_with(" isValid: true"),
        "{batch}"
    );
}

#[test]
fn what_is_wrong_is_shown_and_the_rest_too() {
    let fixture = Fixture::new();
    let log = fixture.files("log").remove(0);
    let mut bytes = fs::read(&log).unwrap();
    bytes[100] ^= 1;
    bytes.extend([7; 9]);
    fs::write(&log, &bytes).unwrap();
    let (shown, faults) = lines(&[log], false);
    assert_eq!((faults, count(&shown, "wrong")), (2, 2));
    assert!(count(&shown, "batch") > 1 && shown[0]["isValid"] == false);
    let snapshot = fixture.files("snapshot").remove(0);
    fs::write(&snapshot, [0; 3]).unwrap();
    assert_eq!(lines(&[snapshot], false).1, 1);
    let refused = dump(
        &[fixture.path().join("nothing.log")],
        Options::default(),
        &mut Vec::new(),
    );
    assert!(refused.unwrap_err().to_string().contains("nothing.log"));
}
