//! LIKE: `%` is any text, `_` any character, both themselves behind the escape character.

/// The longest pattern, in characters.
const PATTERN_MAX: usize = 1024;
/// Longer texts are not compared, and it is unknown whether they match: so is the work bounded.
const TEXT_BYTES_MAX: usize = 8 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    AnyText,
    AnyChar,
    Char(char),
}

/// A pattern, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    parts: Vec<Part>,
}

impl Pattern {
    /// Reads a pattern; or says what is wrong with it.
    pub fn new(pattern: &str, escape: Option<char>) -> Result<Pattern, &'static str> {
        let mut parts = Vec::new();
        let mut chars = pattern.chars();
        while let Some(char) = chars.next() {
            if parts.len() == PATTERN_MAX {
                return Err("a pattern has at most 1024 characters");
            }
            parts.push(match char {
                char if Some(char) == escape => match chars.next() {
                    Some(escaped) => Part::Char(escaped),
                    None => return Err("nothing follows the escape character"),
                },
                '%' if parts.last() == Some(&Part::AnyText) => continue,
                '%' => Part::AnyText,
                '_' => Part::AnyChar,
                char => Part::Char(char),
            });
        }
        Ok(Pattern { parts })
    }

    /// Whether a text matches; unknown of a very long one.
    pub fn matches(&self, text: &str) -> Option<bool> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let mut rest = text.chars();
        let mut at = 0;
        // Where to go on when what follows the last `%` does not match: one character later.
        let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            let before = rest.clone();
            match (self.parts.get(at), rest.next()) {
                (Some(Part::AnyText), _) => {
                    at += 1;
                    rest = before.clone();
                    retry = Some((at, before));
                }
                (None, None) => return Some(true),
                (Some(Part::AnyChar), Some(_)) => at += 1,
                (Some(Part::Char(wanted)), Some(found)) if *wanted == found => at += 1,
                (_, None) => return Some(false),
                _ => {
                    let Some((from, later)) = &mut retry else {
                        return Some(false);
                    };
                    if later.next().is_none() {
                        return Some(false);
                    }
                    (at, rest) = (*from, later.clone());
                }
            }
        }
    }
}
