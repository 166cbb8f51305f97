//! Regular expressions of clients, in the syntax of RE2/J, which Apache Kafka reads them with (KIP-848,
//! KIP-1152).
//!
//! The regex crate is of RE2's family, but takes and refuses other things: it nests repetitions (`a++`),
//! counts them beyond 1,000, calculates with classes (`[a&&b]`) and means Unicode by `\d`. So an expression
//! is read by RE2/J's rules and written anew for the crate; what RE2/J refuses is refused in its words. An
//! expression that takes too much memory is refused, too; RE2/J has no such limit.

mod class;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use ::regex::{Regex, RegexBuilder};

/// What a compiled expression may take in memory.
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// The greatest count of a repetition (a constant of RE2's).
const REPEAT_MAX: u32 = 1_000;

/// What is wrong with an expression, as RE2/J says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPattern(&'static str);

const BAD_CLASS: InvalidPattern = InvalidPattern("invalid character class range");
const BAD_ESCAPE: InvalidPattern = InvalidPattern("invalid escape sequence");
const BAD_NAME: InvalidPattern = InvalidPattern("invalid named capture");
const BAD_PERL: InvalidPattern = InvalidPattern("invalid or unsupported Perl syntax");
const BAD_REPEAT_COUNT: InvalidPattern = InvalidPattern("invalid repeat count");
const DUPLICATE_NAME: InvalidPattern = InvalidPattern("duplicate capture group name");
const MISSING_BRACKET: InvalidPattern = InvalidPattern("missing closing ]");
const MISSING_OPERAND: InvalidPattern = InvalidPattern("missing argument to repetition operator");
const MISSING_PARENTHESIS: InvalidPattern = InvalidPattern("missing closing )");
const NESTED_REPEAT: InvalidPattern = InvalidPattern("invalid nested repetition operator");
const TOO_LARGE: InvalidPattern = InvalidPattern("expression is too large");
const TRAILING_BACKSLASH: InvalidPattern = InvalidPattern("trailing backslash at end of expression");
/// RE2/J has no better word for a parenthesis that closes nothing.
const UNEXPECTED_PARENTHESIS: InvalidPattern = InvalidPattern("regexp/syntax: internal error");

/// The expression, to match a whole text.
///
/// # Errors
/// What is wrong with it.
pub fn compile(pattern: &str) -> Result<Regex, InvalidPattern> {
    let translated = Translation::of(pattern)?;
    RegexBuilder::new(&format!("^(?:{translated})$"))
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(COMPILED_BYTES_MAX)
        .build()
        .map_err(|error| match error {
            ::regex::Error::CompiledTooBig(_) => TOO_LARGE,
            // Of what gets here only the name of a script may be unknown.
            _ => BAD_CLASS,
        })
}

/// An expression on its way from one syntax to the other.
struct Translation<'a> {
    /// What is still to be read.
    rest: &'a str,
    out: String,
    open_groups: usize,
    names: BTreeSet<&'a str>,
    last: Last,
    /// Where what was read last ends in `out`: flags may have followed, which a repetition reaches over.
    last_end: usize,
}

/// What was read last, for a repetition.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// Nothing that could be repeated.
    Nothing,
    Operand,
    Repetition,
}

impl<'a> Translation<'a> {
    fn of(pattern: &'a str) -> Result<String, InvalidPattern> {
        let mut translation = Translation {
            rest: pattern,
            out: String::with_capacity(pattern.len() + 16),
            open_groups: 0,
            names: BTreeSet::new(),
            last: Last::Nothing,
            last_end: 0,
        };
        while let Some(next) = translation.take_char() {
            translation.step(next)?;
        }
        if translation.open_groups > 0 {
            return Err(MISSING_PARENTHESIS);
        }
        Ok(translation.out)
    }

    fn step(&mut self, next: char) -> Result<(), InvalidPattern> {
        match next {
            '(' => self.group(),
            ')' => {
                self.open_groups = self.open_groups.checked_sub(1).ok_or(UNEXPECTED_PARENTHESIS)?;
                self.operand(")");
                Ok(())
            }
            '|' => {
                self.out.push('|');
                self.last = Last::Nothing;
                Ok(())
            }
            '*' | '+' | '?' => self.repeat(next.encode_utf8(&mut [0; 4])),
            '{' => match self.take_counts()? {
                Some(counts) => self.repeat(&counts),
                None => {
                    self.literal('{');
                    // RE2/J takes the brace for a repetition all the same, and repeats none.
                    self.last = Last::Repetition;
                    Ok(())
                }
            },
            '[' => {
                let class = self.class()?;
                self.operand(&class);
                Ok(())
            }
            '\\' => self.escape(),
            '.' | '^' | '$' => {
                self.operand(next.encode_utf8(&mut [0; 4]));
                Ok(())
            }
            other => {
                self.literal(other);
                Ok(())
            }
        }
    }

    fn take_char(&mut self) -> Option<char> {
        let next = self.rest.chars().next()?;
        self.rest = &self.rest[next.len_utf8()..];
        Some(next)
    }

    /// Reads `text` if it comes next.
    fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn operand(&mut self, text: &str) {
        self.out.push_str(text);
        self.last = Last::Operand;
        self.last_end = self.out.len();
    }

    fn literal(&mut self, literal: char) {
        let escaped = ::regex::escape(literal.encode_utf8(&mut [0; 4]));
        self.operand(&escaped);
    }

    fn repeat(&mut self, operator: &str) -> Result<(), InvalidPattern> {
        let is_lazy = self.take("?");
        match self.last {
            Last::Repetition => return Err(NESTED_REPEAT),
            Last::Nothing => return Err(MISSING_OPERAND),
            Last::Operand => {}
        }
        let laziness = if is_lazy { "?" } else { "" };
        self.out
            .insert_str(self.last_end, &format!("{operator}{laziness}"));
        self.last_end += operator.len() + laziness.len();
        self.last = Last::Repetition;
        Ok(())
    }

    /// The counts behind a brace, in braces; `None` if it is nothing but a brace.
    fn take_counts(&mut self) -> Result<Option<String>, InvalidPattern> {
        let Some((counts, rest)) = self.rest.split_once('}') else {
            return Ok(None);
        };
        let (least, most) = counts.split_once(',').unwrap_or((counts, counts));
        let is_count = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
            is_number && (text == "0" || !text.starts_with('0'))
        };
        let has_most = !most.is_empty();
        if !is_count(least) || (has_most && !is_count(most)) {
            return Ok(None);
        }
        self.rest = rest;
        let count = |text: &str| text.parse().ok().filter(|count: &u32| *count <= REPEAT_MAX);
        let least = count(least).ok_or(BAD_REPEAT_COUNT)?;
        if has_most && count(most).is_none_or(|most| most < least) {
            return Err(BAD_REPEAT_COUNT);
        }
        Ok(Some(format!("{{{counts}}}")))
    }

    /// What follows an opening parenthesis. Names of groups are checked and left out: nobody asks for what
    /// they match.
    fn group(&mut self) -> Result<(), InvalidPattern> {
        if !self.take("?") {
            return self.open("(?:");
        }
        if self.take("P<") || self.take("<") {
            let (name, rest) = self.rest.split_once('>').ok_or(BAD_NAME)?;
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            if name.is_empty() || !name.bytes().all(is_name) {
                return Err(BAD_NAME);
            }
            if !self.names.insert(name) {
                return Err(DUPLICATE_NAME);
            }
            self.rest = rest;
            return self.open("(?:");
        }
        self.flags()
    }

    fn open(&mut self, text: &str) -> Result<(), InvalidPattern> {
        self.out.push_str(text);
        self.open_groups += 1;
        self.last = Last::Nothing;
        Ok(())
    }

    /// `(?flags)` and `(?flags:`, the mark already read.
    fn flags(&mut self) -> Result<(), InvalidPattern> {
        let mut flags = String::from("(?");
        let mut is_negated = false;
        let mut lacks_flag = false;
        loop {
            match self.take_char() {
                Some(flag @ ('i' | 'm' | 's' | 'U')) => {
                    // The regex crate takes a flag only once.
                    if !flags.contains(flag) {
                        flags.push(flag);
                    }
                    lacks_flag = false;
                }
                Some('-') if !is_negated => {
                    flags.push('-');
                    (is_negated, lacks_flag) = (true, true);
                }
                Some(':') if !lacks_flag => {
                    flags.push(':');
                    return self.open(&flags);
                }
                Some(')') if !lacks_flag => {
                    if flags.len() > 2 {
                        flags.push(')');
                        self.out.push_str(&flags);
                    }
                    if self.last == Last::Repetition {
                        self.last = Last::Operand;
                    }
                    return Ok(());
                }
                _ => return Err(BAD_PERL),
            }
        }
    }

    /// What follows a backslash, outside of a class.
    fn escape(&mut self) -> Result<(), InvalidPattern> {
        if self.take("Q") {
            let (quoted, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
            quoted.chars().for_each(|literal| self.literal(literal));
            self.rest = rest;
            return Ok(());
        }
        for (letter, anchor) in [("A", "\\A"), ("b", "(?-u:\\b)"), ("B", "\\B"), ("z", "\\z")] {
            if self.take(letter) {
                self.operand(anchor);
                return Ok(());
            }
        }
        if let Some(class) = self.named_class()? {
            self.operand(&class);
            return Ok(());
        }
        let literal = self.escaped_char()?;
        self.literal(literal);
        Ok(())
    }
}
