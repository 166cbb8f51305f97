//! The records of the scenario, the same in every language (see compat-tests/README.md), and checks that explain
//! themselves: a check that fails ends the program.

use std::collections::BTreeMap;
use std::fmt::Debug;

pub const PARTITIONS: i32 = 3;
pub const FIRST_TIMESTAMP: i64 = 1_700_000_000_000;
pub const STEP_MS: i64 = 1_000;
pub const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
const PER_CODEC: usize = 6;

/// What a consumer must see, byte for byte.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    pub partition: i32,
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// What was read: by partition, then by offset.
pub type Seen = BTreeMap<i32, BTreeMap<i64, Record>>;

/// A batch for each codec, in the order in which they are produced; the odd ones come with the last.
pub fn batches() -> Vec<(&'static str, Vec<Record>)> {
    let mut sequence = 0;
    let mut next = |key: Option<&str>, value: Option<String>, headers| {
        let record = Record {
            partition: sequence % PARTITIONS,
            timestamp: FIRST_TIMESTAMP + i64::from(sequence) * STEP_MS,
            key: key.map(Into::into),
            value: value.map(Into::into),
            headers,
        };
        sequence += 1;
        record
    };
    let mut batches = Vec::new();
    for codec in CODECS {
        let header = |key: &str, value: Option<&[u8]>| (key.to_owned(), value.map(<[u8]>::to_vec));
        let records = (0..PER_CODEC)
            .map(|index| {
                let headers = vec![
                    header("codec", Some(codec.as_bytes())),
                    header("codec", Some(b"again")),
                    header("binary", Some(&[0, 0xff, 0x80])),
                    header("empty", Some(b"")),
                    header("null", None),
                ];
                let value = format!("value-{codec}-{index}-{}", "x".repeat(100));
                next(Some(&format!("{codec}-{index}")), Some(value), headers)
            })
            .collect::<Vec<_>>();
        batches.push((codec, records));
    }
    let (_, last) = batches.last_mut().expect("there are codecs");
    last.push(next(Some("tombstone"), None, vec![]));
    last.push(next(None, Some("no key".into()), vec![]));
    last.push(next(Some(""), Some(String::new()), vec![]));
    batches
}

/// What is produced after the restart.
pub fn late() -> Record {
    Record {
        timestamp: FIRST_TIMESTAMP + 1_000_000,
        key: Some(b"late".to_vec()),
        value: Some(b"after the restart".to_vec()),
        ..Record::default()
    }
}

/// Everything a reader must see; the offset of a record is its place in its partition.
pub fn expected() -> Seen {
    let mut seen = Seen::new();
    for (_, records) in batches() {
        for record in records {
            let partition = seen.entry(record.partition).or_default();
            partition.insert(partition.len() as i64, record);
        }
    }
    seen
}

/// The offset that is committed in a partition before the restart.
pub fn half(partition: i32) -> i64 {
    expected()[&partition].len() as i64 / 2
}

/// What a reader must see that starts from the committed half.
pub fn past_half() -> Seen {
    let mut seen = expected();
    for (partition, records) in &mut seen {
        *records = records.split_off(&half(*partition));
    }
    seen
}

pub fn count(seen: &Seen) -> usize {
    seen.values().map(BTreeMap::len).sum()
}

/// Ends the program with both values when they differ.
pub fn check<T: Debug + PartialEq>(what: &str, got: T, want: T) {
    if got != want {
        eprintln!("WRONG {what}:\n  got  {got:?}\n  want {want:?}");
        std::process::exit(1);
    }
    println!("ok {what}");
}

/// The same for what a reader saw; names the first record that differs.
pub fn check_seen(what: &str, got: &Seen, want: &Seen) {
    for (partition, records) in want {
        for (offset, record) in records {
            let seen = got.get(partition).and_then(|records| records.get(offset));
            if seen != Some(record) {
                check(
                    &format!("{what}: partition {partition}, offset {offset}"),
                    seen,
                    Some(record),
                );
            }
        }
    }
    check(what, count(got), count(want));
}
