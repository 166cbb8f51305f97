//! Selectors over records (`barnabas.share.selector`), in the syntax of JMS message selectors: conditions of
//! SQL-92 over headers, key, topic and timestamp, with its three-valued logic.
//!
//! ```text
//! condition   OR, AND, NOT, ( ), = <> < <= > >=, [NOT] BETWEEN … AND …, [NOT] IN ('…', …),
//!             [NOT] LIKE '…' [ESCAPE '…'], IS [NOT] NULL, + - * /
//! literal     'text' ('' is a quote), 42, 1.5, 1e3, TRUE, FALSE
//! identifier  a header, or key, topic, timestamp; "in double quotes" always a header, of any name
//! ```
//!
//! Headers and keys are text; where a number or a truth is asked for, text that is one counts as one. What is
//! not there, or not of the kind that is asked for, is unknown, and a record is selected only if the
//! condition is true. Parsed once into a flat program: nothing recurses with the length of a selector, and
//! its nesting is bounded.

mod like;
mod parser;
mod program;
#[cfg(test)]
mod tests;
mod token;

use std::fmt;

use program::Operation;

/// The longest selector, in bytes.
pub const SELECTOR_BYTES_MAX: usize = 64 * 1024;

/// A selector that can be applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    program: Vec<Operation>,
}

/// What a selector sees of a record.
pub trait SelectedRecord {
    /// The record's key.
    fn key(&self) -> Option<&[u8]>;
    /// Its topic.
    fn topic(&self) -> &str;
    /// Its timestamp, milliseconds since the epoch.
    fn timestamp(&self) -> i64;
    /// The last header of this name.
    fn header(&self, name: &str) -> Option<&[u8]>;
}

/// Why a text is no selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectorError {
    /// At which character, the first being 1.
    pub position: usize,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: {}", self.position, self.reason)
    }
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// Where the text is no selector, is too long or nested too deeply.
    pub fn parse(text: &str) -> Result<Selector, SelectorError> {
        let program = parser::parse(text)?;
        Ok(Selector { program })
    }

    /// Whether the condition is true of a record.
    pub fn selects(&self, record: &dyn SelectedRecord) -> bool {
        program::is_true(&self.program, record)
    }
}
