//! Arguments as most of Kafka's tools take them: `--name value`, `--name=value`, also with one dash; no
//! abbreviations; `--` ends them. An option that takes a value takes the next word, whatever it is.

use std::str::FromStr;

use crate::failure::{Failure, Outcome};

/// What follows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Nothing.
    Nothing,
    /// A value, which this word describes.
    Value(&'static str),
    /// Perhaps a value: a next word that doesn't look like an option.
    Perhaps(&'static str),
}

/// An option of a tool.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    /// Its name without dashes.
    pub name: &'static str,
    /// What follows it.
    pub takes: Takes,
    /// What `--help` says of it.
    pub about: &'static str,
}

/// An option.
pub const fn word(name: &'static str, takes: Takes, about: &'static str) -> Word {
    Word { name, takes, about }
}

/// Where most tools connect to.
pub const BOOTSTRAP_SERVER: Word = word(
    "bootstrap-server",
    Takes::Value("host:port,..."),
    "Where to connect (required).",
);
/// How most tools are told what their client needs beside that.
pub const COMMAND_CONFIG: Word = word(
    "command-config",
    Takes::Value("file"),
    "A file with properties of the client.",
);

const HELP: &[Word] = &[
    word("help", Takes::Nothing, "Print this."),
    word("version", Takes::Nothing, "Print the version."),
];

/// The options that were given.
#[derive(Debug)]
pub struct Options {
    given: Vec<(&'static str, Option<String>)>,
    /// Words that belong to no option.
    pub others: Vec<String>,
    /// Whether there was no argument at all.
    pub is_empty: bool,
}

impl Options {
    /// Reads a tool's arguments.
    ///
    /// # Errors
    /// The sentence about an option that is unknown or lacks its value.
    pub fn parse(known: &[Word], arguments: &[String]) -> Result<Options, String> {
        let mut options = Options {
            given: Vec::new(),
            others: Vec::new(),
            is_empty: arguments.is_empty(),
        };
        let mut rest = arguments.iter().peekable();
        while let Some(argument) = rest.next() {
            if argument == "--" {
                options.others.extend(rest.by_ref().cloned());
                break;
            }
            let dashless = match argument.strip_prefix("--") {
                Some(long) => long,
                None => match argument.strip_prefix('-') {
                    Some(short) if !short.is_empty() => short,
                    _ => {
                        options.others.push(argument.clone());
                        continue;
                    }
                },
            };
            let (name, value) = match dashless.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (dashless, None),
            };
            let Some(found) = known.iter().chain(HELP).find(|word| word.name == name) else {
                let shown = match argument.starts_with("--") {
                    true => name.to_owned(),
                    // One dash and no such name: a cluster of options of one letter each.
                    false => name.chars().take(1).collect(),
                };
                return Err(format!("{shown} is not a recognized option"));
            };
            let value = match (found.takes, value) {
                (Takes::Nothing, _) => None,
                (_, Some(value)) => Some(value),
                (Takes::Value(_), None) => match rest.next() {
                    Some(value) => Some(value.clone()),
                    None => return Err(format!("Option {name} requires an argument")),
                },
                (Takes::Perhaps(_), None) => rest
                    .next_if(|next| !next.starts_with('-') || *next == "-")
                    .cloned(),
            };
            options.given.push((found.name, value));
        }
        Ok(options)
    }

    /// Whether an option was given.
    pub fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| *given == name)
    }

    /// The value of an option that may be given once; empty where it was given without one.
    ///
    /// # Errors
    /// It was given several times.
    pub fn value(&self, name: &str) -> Outcome<Option<&str>> {
        let mut values = self.given.iter().filter(|(given, _)| *given == name);
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some((_, value)), None) => Ok(Some(value.as_deref().unwrap_or_default())),
            _ => Err(Failure::Said(format!(
                "Found multiple arguments for option {name}, but you asked for only one"
            ))),
        }
    }

    /// The names of all options given, in their order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.given.iter().map(|(name, _)| *name)
    }

    /// All values of an option, in the order given.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let values = self.given.iter().filter(|(given, _)| *given == name);
        values.filter_map(|(_, value)| value.as_deref()).collect()
    }

    /// The value of an option that is a number.
    ///
    /// # Errors
    /// It is none, or was given several times.
    pub fn number<T: FromStr>(&self, name: &str) -> Outcome<Option<T>> {
        let Some(value) = self.value(name)? else {
            return Ok(None);
        };
        match value.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(Failure::Said(format!(
                "Cannot parse argument '{value}' of option {name}"
            ))),
        }
    }

    /// Ends the tool where help or the version is asked for, or nothing at all.
    ///
    /// # Errors
    /// That end: Kafka's tools exit with 1 after their help.
    pub fn stop_for_help(&self, about: &str) -> Outcome {
        if self.is_empty || self.has("help") {
            return Err(Failure::Usage(about.to_owned()));
        }
        Ok(())
    }

    /// Ends the tool where an option is missing.
    ///
    /// # Errors
    /// That end.
    pub fn require(&self, names: &[&str]) -> Outcome {
        match names.iter().find(|name| !self.has(name)) {
            Some(name) => Err(Failure::Usage(format!("Missing required argument \"[{name}]\""))),
            None => Ok(()),
        }
    }

    /// Ends the tool where one option is given together with another of these.
    ///
    /// # Errors
    /// That end.
    pub fn exclude(&self, name: &str, others: &[&str]) -> Outcome {
        if !self.has(name) {
            return Ok(());
        }
        match others.iter().find(|other| self.has(other)) {
            Some(other) => Err(Failure::Usage(format!(
                "Option \"[{name}]\" can't be used with option \"[{other}]\""
            ))),
            None => Ok(()),
        }
    }

    /// Ends the tool unless exactly one of these options is given.
    ///
    /// # Errors
    /// That end.
    pub fn require_one_of(&self, names: &[&str]) -> Outcome {
        if names.iter().filter(|name| self.has(name)).count() == 1 {
            return Ok(());
        }
        let names: Vec<String> = names.iter().map(|name| format!("[{name}]")).collect();
        Err(Failure::Usage(format!(
            "Exactly one of the following arguments is required: {}",
            names.join(", ")
        )))
    }
}

/// What a tool prints about its options.
pub fn usage(known: &[Word]) -> String {
    let shown = |word: &Word| match word.takes {
        Takes::Nothing => format!("--{}", word.name),
        Takes::Value(value) => format!("--{} <{value}>", word.name),
        Takes::Perhaps(value) => format!("--{} [<{value}>]", word.name),
    };
    let mut words: Vec<&Word> = known.iter().chain(HELP).collect();
    words.sort_by_key(|word| word.name);
    let width = words
        .iter()
        .map(|word| shown(word).len())
        .max()
        .unwrap_or_default();
    let width = width.min(40);
    let mut text = format!(
        "{:width$}  Description\n{:width$}  -----------\n",
        "Option", "------"
    );
    for word in words {
        text += &format!("{:width$}  {}\n", shown(word), word.about);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Word] = &[
        word("list", Takes::Nothing, ""),
        word("topic", Takes::Value("topic"), ""),
        word("codec", Takes::Perhaps("codec"), ""),
    ];

    fn parse(line: &str) -> Result<Options, String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        Options::parse(KNOWN, &words)
    }

    #[test]
    fn values_are_found_in_every_form() {
        for (line, expected) in [
            ("--topic a", "a"),
            ("--topic=a=b", "a=b"),
            ("--topic=", ""),
            ("-topic a", "a"),
            ("--topic --list", "--list"),
            ("--list=x --topic a", "a"),
        ] {
            assert_eq!(
                parse(line).unwrap().value("topic").unwrap(),
                Some(expected),
                "{line}"
            );
        }
        let options = parse("--codec --list x -- --topic a").unwrap();
        assert_eq!(options.value("codec").unwrap(), Some(""));
        assert!(options.has("list") && !options.has("topic"));
        assert_eq!(options.others, ["x", "--topic", "a"]);
        assert_eq!(
            parse("--codec gzip").unwrap().value("codec").unwrap(),
            Some("gzip")
        );
    }

    #[test]
    fn what_is_not_understood_is_said_in_kafkas_words() {
        for (line, expected) in [
            ("--topi a", "topi is not a recognized option"),
            ("--nope=1", "nope is not a recognized option"),
            ("-nope", "n is not a recognized option"),
            ("--list --topic", "Option topic requires an argument"),
        ] {
            assert_eq!(parse(line).unwrap_err(), expected);
        }
        let twice = parse("--topic a --topic b").unwrap();
        let expected = "Found multiple arguments for option topic, but you asked for only one";
        assert_eq!(twice.value("topic").unwrap_err().message(), expected);
        let number = parse("--topic a").unwrap().number::<i32>("topic").unwrap_err();
        assert_eq!(number.message(), "Cannot parse argument 'a' of option topic");
    }
}
