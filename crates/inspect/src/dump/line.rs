//! One line of a dump: what it is and its fields in order, as text or as a JSON object.

use std::io::{self, Write};

use serde_json::{Value, json};

/// Longest piece of a key or value that is shown as it is; all of it is in the file.
const SHOWN_BYTES_MAX: usize = 1 << 20;

/// One line.
#[derive(Debug)]
pub struct Line {
    kind: &'static str,
    fields: Vec<(&'static str, Value)>,
}

impl Line {
    /// A line about a `batch`, an `index entry` …
    pub fn new(kind: &'static str) -> Self {
        Line {
            kind,
            fields: Vec::new(),
        }
    }

    /// With another field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// With another field, if there is a value.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Writes the line. In JSON the object begins with the file.
    ///
    /// # Errors
    /// Of `out`.
    pub fn write(&self, file: &str, as_json: bool, out: &mut dyn Write) -> io::Result<()> {
        if as_json {
            write!(out, "{{\"file\":{},\"type\":{}", json!(file), json!(self.kind))?;
            for (name, value) in &self.fields {
                write!(out, ",{}:{value}", json!(name))?;
            }
            return writeln!(out, "}}");
        }
        write!(out, "{}", self.kind)?;
        for (name, value) in &self.fields {
            match value {
                Value::String(text) => write!(out, " {name}: {text}")?,
                value => write!(out, " {name}: {value}")?,
            }
        }
        writeln!(out)
    }
}

/// Bytes as text where they are text, else in hexadecimal.
pub fn bytes(bytes: Option<&[u8]>) -> Value {
    let Some(bytes) = bytes else { return Value::Null };
    let shown = &bytes[..bytes.len().min(SHOWN_BYTES_MAX)];
    match std::str::from_utf8(shown) {
        Ok(text) if !text.chars().any(char::is_control) => json!(text),
        _ => json!({ "hex": shown.iter().map(|byte| format!("{byte:02x}")).collect::<String>() }),
    }
}
