//! Arguments of tools that have commands: `kafka-cluster cluster-id --bootstrap-server …`. Options before
//! the command are the tool's, those behind it the command's; both, and the commands, may be cut short
//! where that is clear.

use super::{Options, Word, usage};
use crate::failure::{Failure, Outcome};

/// A command of a tool: its name and its options.
pub type Command = (&'static str, &'static [Word]);

/// What a tool with commands understands.
#[derive(Clone, Copy)]
pub struct Commands {
    /// The tool's name.
    pub tool: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// The options before the command.
    pub words: &'static [Word],
    /// The commands.
    pub commands: &'static [Command],
    /// Options of one letter, and what they stand for.
    pub letters: &'static [(&'static str, &'static str)],
}

impl Commands {
    /// Reads a command line: the command and all options.
    ///
    /// # Errors
    /// The end of the tool: its help, or what was not understood.
    pub fn parse(
        &self,
        arguments: &[String],
        out: &mut impl FnMut(&str),
    ) -> Outcome<(&'static str, Options)> {
        let mut command: Option<Command> = None;
        let mut words = self.words;
        let mut long = Vec::new();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if !argument.starts_with('-') || argument == "-" {
                if command.is_some() {
                    return self.refuse(&format!("unrecognized arguments: '{argument}'"));
                }
                let found = self.command(argument)?;
                (command, words) = (Some(found), found.1);
                continue;
            }
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            if name == "-h" || name == "--help" {
                out(&self.help(command));
                return Err(Failure::Exit(0));
            }
            let Some(word) = self.word(name, words) else {
                return self.refuse(&format!("unrecognized arguments: '{argument}'"));
            };
            long.push(format!("--{}", word.name));
            if word.takes != super::Takes::Nothing {
                match value.or_else(|| rest.next().cloned()) {
                    Some(value) => long.push(value),
                    None => return self.refuse(&format!("argument --{}: expected one argument", word.name)),
                }
            }
        }
        let Some((name, of_command)) = command else {
            return self.refuse("too few arguments");
        };
        let known: Vec<Word> = self.words.iter().chain(of_command).copied().collect();
        let options = Options::parse(&known, &long).map_err(Failure::Said)?;
        Ok((name, options))
    }

    /// The end of the tool for what was not understood.
    ///
    /// # Errors
    /// Always.
    pub fn refuse<T>(&self, why: &str) -> Outcome<T> {
        Err(Failure::Said(format!(
            "usage: {} [-h] [options] {{{}}} ...\n{}: error: {why}",
            self.tool,
            self.commands
                .iter()
                .map(|(name, _)| *name)
                .collect::<Vec<_>>()
                .join(","),
            self.tool
        )))
    }

    fn command(&self, given: &str) -> Outcome<Command> {
        if let Some(whole) = self.commands.iter().find(|(name, _)| *name == given) {
            return Ok(*whole);
        }
        let mut like = self.commands.iter().filter(|(name, _)| name.starts_with(given));
        match (like.next(), like.next()) {
            (Some(found), None) => Ok(*found),
            _ => self.refuse(&format!("invalid choice: '{given}'")),
        }
    }

    fn word<'w>(&self, given: &str, words: &'w [Word]) -> Option<&'w Word> {
        let letter = self.letters.iter().find(|(letter, _)| *letter == given);
        let name = letter.map_or_else(|| given.strip_prefix("--"), |(_, name)| Some(*name))?;
        if let Some(whole) = words.iter().find(|word| word.name == name) {
            return Some(whole);
        }
        let mut like = words.iter().filter(|word| word.name.starts_with(name));
        like.next().filter(|_| like.next().is_none())
    }

    fn help(&self, command: Option<Command>) -> String {
        match command {
            Some((name, words)) => format!("usage: {} {name} [options]\n\n{}", self.tool, usage(words)),
            None => {
                let names: Vec<&str> = self.commands.iter().map(|(name, _)| *name).collect();
                format!(
                    "usage: {} [options] {{{}}} ...\n\n{}\n\n{}",
                    self.tool,
                    names.join(","),
                    self.about,
                    usage(self.words)
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::{Takes, word};

    const TOOL: Commands = Commands {
        tool: "tool",
        about: "",
        words: &[word("server", Takes::Value("s"), "")],
        commands: &[
            (
                "show",
                &[word("all", Takes::Nothing, ""), word("id", Takes::Value("i"), "")],
            ),
            ("stop", &[]),
        ],
        letters: &[("-i", "id")],
    };

    fn shown(line: &str) -> String {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        match TOOL.parse(&words, &mut |_| {}) {
            Ok((name, options)) => {
                let value = |name| options.value(name).unwrap().unwrap_or("-").to_owned();
                format!(
                    "{name} {} {} {}",
                    value("server"),
                    value("id"),
                    options.has("all")
                )
            }
            Err(failure) => failure.message().lines().last().unwrap_or_default().to_owned(),
        }
    }

    #[test]
    fn commands_and_their_options_are_told_apart() {
        for (line, expected) in [
            ("--server a show --all -i 3", "show a 3 true"),
            ("--ser=a sh --id=3", "show a 3 false"),
            ("stop", "stop - - false"),
            ("s", "tool: error: invalid choice: 's'"),
            ("--server a", "tool: error: too few arguments"),
            (
                "show --server a",
                "tool: error: unrecognized arguments: '--server'",
            ),
            ("show --id", "tool: error: argument --id: expected one argument"),
            ("--help", "exit code 0"),
        ] {
            assert_eq!(shown(line), expected, "{line}");
        }
    }
}
