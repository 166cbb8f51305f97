//! Kafka's command line tools: the binary is one of them when it is called by its name, as `kafka-topics` or
//! `kafka-topics.sh`, and when its first argument is one, as in `barnabas topics`.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use barnabas_tools::{TOOLS, Tool};

/// A tool and its arguments.
pub type Call = (&'static Tool, Vec<String>);

/// The tool that a command line calls, if it does. The arguments begin with the program's name.
pub fn called(mut arguments: impl Iterator<Item = OsString>) -> Option<Call> {
    let program = arguments.next()?;
    let mut tool = Path::new(&program).file_name().and_then(by_link);
    if tool.is_none() {
        tool = arguments.next()?.to_str().and_then(barnabas_tools::find);
    }
    let text = |argument: OsString| argument.to_string_lossy().into_owned();
    tool.map(|tool| (tool, arguments.map(text).collect()))
}

fn by_link(name: &OsStr) -> Option<&'static Tool> {
    let name = name.to_str()?;
    let is_whole = |tool: &&Tool| name.strip_suffix(".sh").unwrap_or(name) == tool.name;
    barnabas_tools::find(name).filter(is_whole)
}

/// The names of all links, one on each line.
pub fn names() -> String {
    let names = TOOLS.iter().map(|tool| tool.name);
    names
        .chain(super::links::LINKS.iter().copied())
        .map(|name| format!("{name}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_called_by_link_and_by_word() {
        for (line, expected) in [
            ("/usr/bin/kafka-topics --list", Some(("kafka-topics", "--list"))),
            ("kafka-topics.sh --list", Some(("kafka-topics", "--list"))),
            ("barnabas topics --list", Some(("kafka-topics", "--list"))),
            ("barnabas kafka-topics --list", Some(("kafka-topics", "--list"))),
            ("topics --list", None),
            ("barnabas server.properties", None),
            ("barnabas", None),
        ] {
            let called = called(line.split(' ').map(OsString::from));
            let called = called.map(|(tool, rest)| (tool.name, rest.join(" ")));
            assert_eq!(
                called.as_ref().map(|(name, rest)| (*name, rest.as_str())),
                expected,
                "{line}"
            );
        }
        assert!(
            super::super::COMMANDS
                .iter()
                .all(|command| barnabas_tools::find(command).is_none())
        );
    }
}
