//! Counts what was looked at and passes findings on, a bounded number for each file.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::{Finding, Severity};

/// So many findings of one file are told one by one; a file that is wrong from end to end has millions.
const FINDINGS_PER_FILE_MAX: u64 = 20;

/// What was looked at, and how much of it is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Partition folders.
    pub partitions: u64,
    /// Segments.
    pub segments: u64,
    /// Sound batches.
    pub batches: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes of log files.
    pub bytes: u64,
    /// Findings that are faults.
    pub faults: u64,
    /// Findings that the next start mends.
    pub warnings: u64,
}

impl Summary {
    /// One JSON object.
    pub fn to_json(&self) -> Value {
        json!({
            "partitions": self.partitions,
            "segments": self.segments,
            "batches": self.batches,
            "records": self.records,
            "bytes": self.bytes,
            "faults": self.faults,
            "warnings": self.warnings,
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "partitions: {}, segments: {}, batches: {}, records: {}, bytes: {}, faults: {}, warnings: {}",
            self.partitions,
            self.segments,
            self.batches,
            self.records,
            self.bytes,
            self.faults,
            self.warnings
        )
    }
}

/// Takes findings.
pub struct Report<'a> {
    sink: &'a mut dyn FnMut(&Finding),
    /// What was looked at so far.
    pub summary: Summary,
    last_path: PathBuf,
    of_last_path: u64,
}

impl<'a> Report<'a> {
    /// A report that tells its findings to `sink`.
    pub fn new(sink: &'a mut dyn FnMut(&Finding)) -> Self {
        Report {
            sink,
            summary: Summary::default(),
            last_path: PathBuf::new(),
            of_last_path: 0,
        }
    }

    /// Tells a finding.
    pub fn add(&mut self, severity: Severity, path: &Path, position: Option<u64>, what: impl Into<String>) {
        match severity {
            Severity::Fault => self.summary.faults += 1,
            Severity::Warning => self.summary.warnings += 1,
        }
        if self.last_path != path {
            self.last_path = path.to_owned();
            self.of_last_path = 0;
        }
        self.of_last_path += 1;
        let what = match self.of_last_path {
            told if told < FINDINGS_PER_FILE_MAX => what.into(),
            FINDINGS_PER_FILE_MAX => {
                format!("{}; further findings of this file are only counted", what.into())
            }
            _ => return,
        };
        (self.sink)(&Finding {
            severity,
            path: path.to_owned(),
            position,
            what,
        });
    }
}
