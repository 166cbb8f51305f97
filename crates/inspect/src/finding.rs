//! What is wrong in a file, and where.

use std::fmt;
use std::path::PathBuf;

use serde_json::{Value, json};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The next start of a broker mends it and loses nothing that was flushed: the torn end of a log that was
    /// not closed in order.
    Warning,
    /// The file is not what it must be.
    Fault,
}

impl Severity {
    /// As it is told.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Warning => "warning",
            Severity::Fault => "fault",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file or folder.
    pub path: PathBuf,
    /// Where in the file, bytes from its start; `None` where it concerns all of it.
    pub position: Option<u64>,
    /// What is wrong.
    pub what: String,
}

impl Finding {
    /// One JSON object.
    pub fn to_json(&self) -> Value {
        json!({
            "severity": self.severity.name(),
            "path": self.path.to_string_lossy(),
            "position": self.position,
            "what": self.what,
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity.name(), self.path.display())?;
        if let Some(position) = self.position {
            write!(f, " at byte {position}")?;
        }
        write!(f, ": {}", self.what)
    }
}
