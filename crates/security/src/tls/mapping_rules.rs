//! `ssl.principal.mapping.rules` (KIP-371): how a certificate's subject becomes a principal's name.
//!
//! ```text
//! RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/,RULE:^CN=(.*?)$/$1@example/L,DEFAULT
//! ```
//! The first rule whose pattern is the whole subject counts. Where none does, nobody is logged in.

use regex::{Captures, Regex};

/// Why the rules can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRule {
    /// It is not written as a rule.
    #[error("Invalid rule: {0}")]
    Syntax(String),
    /// Its pattern can't be read, or asks for what only Java's patterns have.
    #[error("Invalid rule: {rule}: {why}")]
    Pattern {
        /// The rule.
        rule: String,
        /// What is wrong.
        why: String,
    },
}

/// See the module.
#[derive(Debug, Clone)]
pub struct MappingRules(Vec<Rule>);

#[derive(Debug, Clone)]
enum Rule {
    Default,
    Replace {
        whole: Regex,
        part: Regex,
        replacement: Vec<Piece>,
        case: Case,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Group(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Kept,
    Lower,
    Upper,
}

impl MappingRules {
    /// Reads the rules.
    ///
    /// # Errors
    /// One is not valid.
    pub fn parse(text: &str) -> Result<Self, BadRule> {
        let mut rules = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (rule, behind) = take_rule(rest)?;
            rules.push(rule);
            let behind = behind.trim_start();
            rest = match behind.strip_prefix(',') {
                Some(next) => next.trim_start(),
                None if behind.is_empty() => behind,
                None => return Err(BadRule::Syntax(rest.to_owned())),
            };
        }
        Ok(MappingRules(rules))
    }

    /// The principal's name; `None` where no rule has one.
    pub fn name_of(&self, subject: &str) -> Option<String> {
        self.0.iter().find_map(|rule| rule.apply(subject))
    }
}

impl Rule {
    fn apply(&self, subject: &str) -> Option<String> {
        let Rule::Replace {
            whole,
            part,
            replacement,
            case,
        } = self
        else {
            return Some(subject.to_owned());
        };
        if !whole.is_match(subject) {
            return None;
        }
        let name = part.replace_all(subject, |found: &Captures<'_>| {
            let piece = |piece: &Piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Group(number) => found
                    .get(*number)
                    .map_or(String::new(), |m| m.as_str().to_owned()),
            };
            replacement.iter().map(piece).collect::<String>()
        });
        Some(match case {
            Case::Kept => name.into_owned(),
            Case::Lower => name.to_lowercase(),
            Case::Upper => name.to_uppercase(),
        })
    }
}

/// The first rule and what is behind it.
fn take_rule(text: &str) -> Result<(Rule, &str), BadRule> {
    if let Some(behind) = text.strip_prefix("DEFAULT") {
        return Ok((Rule::Default, behind));
    }
    let bad = || BadRule::Syntax(text.to_owned());
    let body = text.strip_prefix("RULE:").ok_or_else(bad)?;
    let (pattern, body) = until_slash(body).ok_or_else(bad)?;
    let (replacement, behind) = until_slash(body).ok_or_else(bad)?;
    let (case, behind) = match behind.as_bytes().first() {
        Some(b'L') => (Case::Lower, &behind[1..]),
        Some(b'U') => (Case::Upper, &behind[1..]),
        _ => (Case::Kept, behind),
    };
    let unreadable = |error: &regex::Error| BadRule::Pattern {
        rule: text[..text.len() - behind.len()].to_owned(),
        why: error.to_string().lines().last().unwrap_or_default().to_owned(),
    };
    let part = Regex::new(pattern).map_err(|error| unreadable(&error))?;
    let whole = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| unreadable(&error))?;
    let replacement = pieces(replacement, part.captures_len() - 1);
    let rule = Rule::Replace {
        whole,
        part,
        replacement,
        case,
    };
    Ok((rule, behind))
}

/// What stands before the next slash that no backslash escapes, and what behind it.
fn until_slash(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '/' => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

/// A replacement as Java's `Matcher` reads it: `$` and a group's number, `\` before what is meant literally.
/// A number that no group has is literal, as Kafka makes it.
fn pieces(replacement: &str, groups: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.extend(chars.next()),
            '$' => {
                let mut number = None;
                while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                    let longer = number.unwrap_or(0) * 10 + digit as usize;
                    if longer > groups {
                        break;
                    }
                    number = Some(longer);
                    chars.next();
                }
                match number {
                    Some(number) => {
                        pieces.push(Piece::Text(std::mem::take(&mut text)));
                        pieces.push(Piece::Group(number));
                    }
                    None => text.push('$'),
                }
            }
            c => text.push(c),
        }
    }
    pieces.push(Piece::Text(text));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: &str = "CN=Duke,OU=ServiceUsers,O=Org,C=US";

    #[test]
    fn the_first_rule_that_is_the_whole_subject_counts() {
        let cases = [
            ("DEFAULT", Some(SUBJECT)),
            ("", None),
            ("RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/", Some("Duke")),
            ("RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/L", Some("duke")),
            ("RULE:^CN=(.*?),OU=ServiceUsers.*$/$1@x/U", Some("DUKE@X")),
            ("RULE:CN=Duke/nobody/,DEFAULT", Some(SUBJECT)),
            ("RULE:CN=Duke/nobody/", None),
            (
                "RULE:^OU=.*$/a/ , RULE:^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$/$1/L,DEFAULT",
                Some("duke"),
            ),
            (
                "RULE:^CN=(.*?),OU=(.*?),O=(.*?),C=(.*?)$/$1@$2.$9/",
                Some("Duke@ServiceUsers.$9"),
            ),
            ("RULE:^CN=(.*?),.*$/a\\/\\$1/", Some("a/$1")),
        ];
        for (rules, expected) in cases {
            let name = MappingRules::parse(rules).unwrap().name_of(SUBJECT);
            assert_eq!(name.as_deref(), expected, "{rules}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for rules in [
            "default",
            "DEFAUL",
            "DEFAULT/L",
            "RULE:CN=(.*?),OU=ServiceUsers.*/$1",
            "RULE:a/b/X",
            "RULE:a",
            "RULE:a(/b/",
            "RULE:(?!a)b/c/",
        ] {
            assert!(MappingRules::parse(rules).is_err(), "{rules}");
        }
    }
}
