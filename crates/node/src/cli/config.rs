//! `barnabas config`: lists the settings, or explains some.

use std::process::ExitCode;

use barnabas_config::explain;
use lexopt::prelude::*;

use super::Command;

/// What `barnabas config --help` prints.
pub const HELP: &str = "\
Lists the settings that have an effect, with their meanings and defaults, as a configuration file; or explains those
that are named: of a broker, a topic or a group.

Usage: barnabas config
       barnabas config NAME...

Exit code: 1 when there is no setting of a name.
";

/// Reads the arguments behind `config`.
///
/// # Errors
/// A sentence about what was not understood.
pub fn parse(parser: &mut lexopt::Parser) -> Result<Command, String> {
    let mut names = Vec::new();
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::ConfigHelp),
            Value(name) => names.push(name.to_string_lossy().trim().to_owned()),
            other => return Err(other.unexpected().to_string()),
        }
    }
    Ok(Command::Config(names))
}

/// What to print, what to complain of, and the exit code.
pub fn run(names: &[String]) -> (String, Vec<String>, ExitCode) {
    if names.is_empty() {
        return (explain::list(), Vec::new(), ExitCode::SUCCESS);
    }
    let (mut text, mut unknown) = (String::new(), Vec::new());
    for name in names {
        match explain::one(name) {
            Ok(about) => text += &about,
            Err(why) => unknown.push(why),
        }
    }
    let code = if unknown.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    };
    (text, unknown, code)
}
