//! `sasl.kerberos.principal.to.local.rules`: how a Kerberos principal becomes a principal's name.
//!
//! ```text
//! RULE:[2:$1@$0](kafka@.*)s/@.*//,RULE:[1:$1],DEFAULT
//!       │ │      │        └ sed-like, `g` for all; then /L or /U
//!       │ │      └ what the whole has to match
//!       │ └ $0 the realm, $1 and $2 the parts before it
//!       └ how many parts the principal has to have
//! ```
//! The first rule that fits counts. Where none does, nobody is logged in.

use std::fmt;
use std::sync::LazyLock;

use regex::{Captures, Regex};

static RULE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:DEFAULT|RULE:\[([0-9]*):([^\]]*)\](?:\(([^)]*)\))?(?:s/([^/]*)/([^/]*)/(g)?)?/?(L|U)?)$")
        .expect("invariant: the pattern is a constant")
});

/// Why the rules can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid rule: {0}")]
pub struct BadRule(String);

/// A principal of Kerberos: `service/host@REALM`, `name@REALM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct KerberosName<'a> {
    service: &'a str,
    host: Option<&'a str>,
    realm: Option<&'a str>,
}

impl<'a> KerberosName<'a> {
    /// Reads a name; `None` where it has more parts than Kafka knows, or one that holds what parts them: what
    /// a backslash stands before.
    fn parse(text: &'a str) -> Option<Self> {
        if text.contains('\\') {
            return None;
        }
        let Some((parts, realm)) = text.split_once('@') else {
            return Some(KerberosName {
                service: text,
                host: None,
                realm: None,
            });
        };
        let (service, host) = match parts.split_once('/') {
            Some((service, host)) => (service, Some(host)),
            None => (parts, None),
        };
        let is_plain = |part: &str| !part.contains(['/', '@']);
        (is_plain(realm) && host.is_none_or(is_plain)).then_some(KerberosName {
            service,
            host,
            realm: Some(realm),
        })
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct LocalNames {
    rules: Vec<Rule>,
    default_realm: String,
}

#[derive(Clone, Debug)]
enum Rule {
    Default,
    Made {
        parts: usize,
        format: Vec<Piece>,
        whole: Option<Regex>,
        replacement: Option<Replacement>,
        case: Case,
    },
}

#[derive(Clone, Debug)]
struct Replacement {
    pattern: Regex,
    with: Vec<Piece>,
    is_of_all: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Number(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Kept,
    Lower,
    Upper,
}

impl LocalNames {
    /// Reads the value of the setting, a list; `default_realm` is the system's, `DEFAULT` is for it alone.
    ///
    /// # Errors
    /// A rule is not valid, or asks for what only Java's patterns have.
    pub fn parse(text: &str, default_realm: &str) -> Result<LocalNames, BadRule> {
        let rules = match text.trim() {
            "" => Vec::new(),
            text => text
                .split(',')
                .map(|rule| Rule::parse(rule.trim()))
                .collect::<Result<_, _>>()?,
        };
        Ok(LocalNames {
            rules,
            default_realm: default_realm.to_owned(),
        })
    }

    /// The name of whom Kerberos knows as `principal`; `None` where no rule has one.
    pub fn of(&self, principal: &str) -> Option<String> {
        let name = KerberosName::parse(principal)?;
        let Some(realm) = name.realm else {
            return Some(name.service.to_owned());
        };
        let parts: Vec<&str> = [Some(realm), Some(name.service), name.host]
            .into_iter()
            .flatten()
            .collect();
        for rule in &self.rules {
            match rule.apply(&parts, &self.default_realm) {
                Applied::Not => {}
                Applied::Name(name) => return Some(name),
                // What is not a name ends the search, as in Kafka.
                Applied::NoName => return None,
            }
        }
        None
    }
}

enum Applied {
    Not,
    Name(String),
    NoName,
}

impl Rule {
    fn parse(text: &str) -> Result<Rule, BadRule> {
        let bad = |why: &dyn fmt::Display| BadRule(format!("{text}: {why}"));
        let found = RULE.captures(text).ok_or_else(|| BadRule(text.to_owned()))?;
        let Some(format) = found.get(2) else {
            return Ok(Rule::Default);
        };
        let group = |number: usize| found.get(number).map(|group| group.as_str());
        let parts = group(1).unwrap_or_default().parse();
        let parts = parts.map_err(|_| bad(&"how many parts is not said"))?;
        let regex = |pattern: &str| Regex::new(pattern).map_err(|error| bad(&last_line(&error)));
        let replacement = match (group(4), group(5)) {
            (Some(pattern), Some(with)) => {
                let pattern = regex(pattern)?;
                let groups = pattern.captures_len() - 1;
                Some(Replacement {
                    with: replaced_by(with, groups).ok_or_else(|| bad(&"the replacement can't be read"))?,
                    pattern,
                    is_of_all: group(6).is_some(),
                })
            }
            _ => None,
        };
        Ok(Rule::Made {
            parts,
            format: made_of(format.as_str(), parts).ok_or_else(|| bad(&"a part that there is not"))?,
            whole: group(3)
                .map(|pattern| {
                    // Read by itself first, so that it can't end the group that it is put into.
                    regex(pattern)?;
                    regex(&format!("^(?:{pattern})$"))
                })
                .transpose()?,
            replacement,
            case: match group(7) {
                Some("L") => Case::Lower,
                Some("U") => Case::Upper,
                _ => Case::Kept,
            },
        })
    }

    /// `parts` are the realm, then what stands before it.
    fn apply(&self, parts: &[&str], default_realm: &str) -> Applied {
        let (name, case) = match self {
            Rule::Default if parts[0] != default_realm => return Applied::Not,
            Rule::Default => (parts[1].to_owned(), Case::Kept),
            Rule::Made { parts: wanted, .. } if *wanted != parts.len() - 1 => return Applied::Not,
            Rule::Made {
                format,
                whole,
                replacement,
                case,
                ..
            } => {
                let base = write(format, |number| parts[number]);
                if whole.as_ref().is_some_and(|whole| !whole.is_match(&base)) {
                    return Applied::Not;
                }
                match replacement {
                    Some(replacement) => (replacement.apply(&base), *case),
                    None => (base, *case),
                }
            }
        };
        if name.contains(['/', '@']) {
            return Applied::NoName;
        }
        Applied::Name(match case {
            Case::Kept => name,
            Case::Lower => name.to_lowercase(),
            Case::Upper => name.to_uppercase(),
        })
    }
}

impl Replacement {
    fn apply(&self, base: &str) -> String {
        let limit = if self.is_of_all { 0 } else { 1 };
        let with = |found: &Captures<'_>| {
            write(&self.with, |number| {
                found.get(number).map_or("", |group| group.as_str())
            })
        };
        self.pattern.replacen(base, limit, with).into_owned()
    }
}

fn write<'a>(pieces: &'a [Piece], of_number: impl Fn(usize) -> &'a str) -> String {
    let piece = |piece: &'a Piece| match piece {
        Piece::Text(text) => text,
        Piece::Number(number) => of_number(*number),
    };
    pieces.iter().map(piece).collect()
}

/// A format: `$` and the number of a part. Kafka says only at a login that a number is none.
fn made_of(format: &str, parts: usize) -> Option<Vec<Piece>> {
    let mut texts = format.split('$');
    let mut pieces = vec![Piece::Text(texts.next().unwrap_or_default().to_owned())];
    for text in texts {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let number = text[..end].parse().ok().filter(|number| *number <= parts)?;
        pieces.push(Piece::Number(number));
        pieces.push(Piece::Text(text[end..].to_owned()));
    }
    Some(pieces)
}

/// A replacement as Java's `Matcher` reads it: `$` and a group's number, `\` before what is meant literally.
fn replaced_by(text: &str, groups: usize) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => literal.push(chars.next()?),
            '$' => {
                let digit = |c: &char| c.to_digit(10).map(|digit| digit as usize);
                let mut number = chars
                    .next()
                    .as_ref()
                    .and_then(digit)
                    .filter(|number| *number <= groups)?;
                while let Some(next) = chars.peek().and_then(digit) {
                    let longer = number.saturating_mul(10).saturating_add(next);
                    if longer > groups {
                        break;
                    }
                    number = longer;
                    chars.next();
                }
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
                pieces.push(Piece::Number(number));
            }
            c => literal.push(c),
        }
    }
    pieces.push(Piece::Text(literal));
    Some(pieces)
}

fn last_line(error: &regex::Error) -> String {
    error.to_string().lines().last().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Apache Kafka 4.4's KerberosShortNamer makes of it in the realm R.
    const KAFKAS: &[(&str, &str, Option<&str>)] = &[
        (r"DEFAULT", r"a@R", Some(r"a")),
        (r"DEFAULT", r"a/h@R", Some(r"a")),
        (r"DEFAULT", r"a@S", None),
        (r"DEFAULT", r"a", Some(r"a")),
        (r"", r"a@R", None),
        (r"", r"a", Some(r"a")),
        (r"RULE:[1:$1]", r"a@S", Some(r"a")),
        (r"RULE:[1:$1@$0](.*@S)s/@.*//", r"a@S", Some(r"a")),
        (r"RULE:[1:$1@$0](.*@S)s/@.*//", r"a@R", None),
        (
            r"RULE:[2:$1;$2](^.*;admin$)s/;admin$//",
            r"bob/admin@R",
            Some(r"bob"),
        ),
        (r"RULE:[1:$1]/L", r"Al@R", Some(r"al")),
        (r"RULE:[1:$1]/U", r"Al@R", Some(r"AL")),
        (r"RULE:[1:$1]L", r"Al@R", Some(r"al")),
        (r"RULE:[1:$1@$0],DEFAULT", r"a@R", None),
        (r"RULE:[1:$1]s/a/b/", r"aaa@R", Some(r"baa")),
        (r"RULE:[1:$1]s/a/b/g", r"aaa@R", Some(r"bbb")),
        (r"RULE:[1:$1]s/a/b/g/L", r"aAa@R", Some(r"bab")),
        (r"RULE:[1:$1]s/(.)(.)/$2$1/", r"abc@R", Some(r"bac")),
        (r"RULE:[1:$1]s/(a)/$12/", r"abc@R", Some(r"a2bc")),
        (r"RULE:[1:$1]s/a/\$1/", r"abc@R", Some(r"$1bc")),
        (r"DEFAULT", r"a/b/c@R", None),
        (r"DEFAULT", r"a@b@R", None),
        (r"DEFAULT", r"@R", Some(r"")),
        (r"RULE:[2:$2$1$0]", r"a/b@S", Some(r"baS")),
        (r"RULE:[1:x]", r"a@S", Some(r"x")),
        (r"RULE:[0:x]", r"a@S", None),
        (r"RULE:[1:$1](b),RULE:[1:$1](a)", r"a@S", Some(r"a")),
        (r"RULE:[1:$1]() ,DEFAULT", r"a@R", Some(r"a")),
        (r"RULE:[1:$1]s///", r"abc@R", Some(r"abc")),
        (r"RULE:[1:a$1$1b]/", r"x@R", Some(r"axxb")),
        (r"RULE:[1:$1](a|b)", r"ab@R", None),
    ];

    fn of(rules: &str, principal: &str) -> Option<String> {
        LocalNames::parse(rules, "R").unwrap().of(principal)
    }

    #[test]
    fn names_are_kafkas() {
        for (rules, principal, expected) in KAFKAS {
            assert_eq!(
                of(rules, principal).as_deref(),
                *expected,
                "{rules} of {principal}"
            );
        }
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        // The second half Kafka takes, and then refuses whoever the rule fits.
        for rules in [
            r"RULE:[:$1]",
            r"RULE:[1:$1](",
            r"RULE:[1:$1](a",
            r"RULE:[1:$1]s/(/b/",
            r"default",
            r"DEFAULT,RULE",
            r"DEFAULT,",
            r"RULE:[1:$1](a)|(b)",
            r"RULE:[1:$3]",
            r"RULE:[1:$]",
            r"RULE:[1:$1]s/a/$2/",
            r"RULE:[1:$1]s/a/$x/",
            r"RULE:[1:$1]s/a/\/",
            r"RULE:[1:$10]",
        ] {
            assert!(LocalNames::parse(rules, "R").is_err(), "{rules}");
        }
        let error = LocalNames::parse("DEFAULT,RULE:[1:$1](a(", "R").unwrap_err();
        assert!(error.to_string().contains("RULE:[1:$1](a("), "{error}");
    }

    #[test]
    fn a_part_that_holds_what_parts_is_nobodys_name() {
        // So Kerberos writes the one part `a/b`, and `a@S` of the realm R.
        for principal in [r"a\/b@R", r"a\@S@R"] {
            for rules in ["DEFAULT", "RULE:[1:x]", "RULE:[2:x]"] {
                assert_eq!(of(rules, principal), None, "{rules} of {principal}");
            }
        }
    }
}
