//! The command line of `barnabas`.

pub mod import;
pub mod log;

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;

use self::log::LogCommand;
use barnabas_import::Import;

/// What `--help` prints.
pub const HELP: &str = "\
A broker that speaks the Kafka protocol.

Usage: barnabas [OPTIONS] [server.properties | server.yaml]
       barnabas log dump [--records] [--json] FILE|FOLDER...
       barnabas log verify [--json] FOLDER...
       barnabas import [OPTIONS] DIR... [server.properties | server.yaml]

Without a file the broker listens on localhost:9092 and keeps its data in the user's data folder.

Options:
      --override KEY=VALUE  Set a setting; may be given several times, wins over the file
      --data DIR            Keep data in DIR (the same as --override log.dirs=DIR)
      --ephemeral           Keep data in a temporary folder that goes with the process
      --listen HOST:PORT    Listen there only; port 0 takes a free one
      --log LEVEL           error, warn, info, debug, trace, or a filter as in RUST_LOG
  -h, --help                Print this help
  -V, --version             Print the version
";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Start a node.
    Start(Start),
    /// Look into the files of a log directory.
    Log(LogCommand),
    /// Take over a log directory of Apache Kafka.
    Import(Import, Start),
    /// Print [`import::HELP`].
    ImportHelp,
    /// Print [`HELP`].
    Help,
    /// Print the version.
    Version,
}

/// How to start a node.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The file with the settings.
    pub file: Option<PathBuf>,
    /// Settings that win over the file's, in the order given.
    pub overrides: Vec<(String, String)>,
    /// Keep data in a temporary folder.
    pub ephemeral: bool,
    /// The filter for logs.
    pub log: Option<String>,
}

/// Reads the arguments, without the program's name.
///
/// # Errors
/// A sentence about the argument that was not understood.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut arguments = arguments.into_iter().peekable();
    let subcommand = arguments.next_if(|first| first == "log" || first == "import");
    let mut parser = lexopt::Parser::from_args(arguments);
    match subcommand {
        Some(name) if name == "log" => return log::parse(&mut parser).map(Command::Log),
        Some(_) => {
            let parsed = import::parse(&mut parser)?;
            return Ok(parsed.map_or(Command::ImportHelp, |(import, start)| {
                Command::Import(import, start)
            }));
        }
        None => {}
    }
    let mut start = Start::default();
    let mut data = None;
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Short('V') | Long("version") => return Ok(Command::Version),
            Long("override") => {
                start.overrides.push(pair(parser.value())?);
            }
            Long("data") => data = Some(text(parser.value())?),
            Long("ephemeral") => start.ephemeral = true,
            Long("listen") => start.overrides.extend(listen(&text(parser.value())?)?),
            Long("log") => start.log = Some(text(parser.value())?),
            Value(path) if start.file.is_none() => start.file = Some(path.into()),
            other => return Err(other.unexpected().to_string()),
        }
    }
    if let Some(folder) = data {
        if start.ephemeral {
            return Err("--data and --ephemeral exclude each other".to_owned());
        }
        start.overrides.push(("log.dirs".to_owned(), folder));
    }
    Ok(Command::Start(start))
}

fn pair(value: Result<OsString, lexopt::Error>) -> Result<(String, String), String> {
    let pair = text(value)?;
    let (name, value) = pair
        .split_once('=')
        .ok_or_else(|| format!("--override {pair}: KEY=VALUE is expected"))?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

fn text(value: Result<OsString, lexopt::Error>) -> Result<String, String> {
    let value = value.map_err(|error| error.to_string())?;
    value
        .into_string()
        .map_err(|raw| format!("{} is not UTF-8", raw.to_string_lossy()))
}

fn listen(address: &str) -> Result<[(String, String); 2], String> {
    if address
        .rsplit_once(':')
        .is_none_or(|(_, port)| port.parse::<u16>().is_err())
    {
        return Err(format!("--listen {address}: HOST:PORT is expected"));
    }
    let listeners = format!("PLAINTEXT://{address}");
    Ok([
        ("listeners".to_owned(), listeners.clone()),
        ("advertised.listeners".to_owned(), listeners),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Command, String> {
        parse(arguments.iter().map(OsString::from))
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn arguments_are_read() {
        assert_eq!(read(&[]), Ok(Command::Start(Start::default())));
        assert_eq!(read(&["-h", "--nope"]), Ok(Command::Help));
        assert_eq!(read(&["--version"]), Ok(Command::Version));
        let start = Start {
            file: Some("server.properties".into()),
            overrides: vec![pair("a", "b=c"), pair("log.dirs", "/data")],
            ephemeral: false,
            log: Some("debug".to_owned()),
        };
        let arguments = [
            "--data",
            "/data",
            "server.properties",
            "--override",
            "a=b=c",
            "--log=debug",
        ];
        assert_eq!(read(&arguments), Ok(Command::Start(start)));
        let Ok(Command::Start(start)) = read(&["--listen", "[::1]:0", "--ephemeral"]) else {
            panic!()
        };
        assert_eq!(start.overrides[0], pair("listeners", "PLAINTEXT://[::1]:0"));
        assert!(start.ephemeral);
    }

    #[test]
    fn log_has_arguments_of_its_own() {
        assert_eq!(read(&["log", "-h"]), Ok(Command::Log(LogCommand::Help)));
        let verify = LogCommand::Verify {
            folders: vec!["a".into(), "b".into()],
            json: true,
        };
        assert_eq!(
            read(&["log", "verify", "a", "--json", "b"]),
            Ok(Command::Log(verify))
        );
    }

    #[test]
    fn import_tells_folders_and_settings_apart() {
        let arguments = [
            "import",
            "a",
            "server.properties",
            "--dry-run",
            "b",
            "--link",
            "--data",
            "d",
        ];
        let import = Import {
            sources: vec!["a".into(), "b".into()],
            mode: barnabas_import::Mode::Link,
            dry_run: true,
        };
        let start = Start {
            file: Some("server.properties".into()),
            overrides: vec![pair("log.dirs", "d")],
            ..Start::default()
        };
        assert_eq!(read(&arguments), Ok(Command::Import(import, start)));
        assert_eq!(read(&["import", "-h"]), Ok(Command::ImportHelp));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let table: &[(&[&str], &str)] = &[
            (&["--nope"], "invalid option '--nope'"),
            (
                &["import", "--copy", "--link"],
                "--copy, --link and --in-place exclude each other",
            ),
            (
                &["import", "a.properties"],
                "import: the log directory of an Apache Kafka node is expected",
            ),
            (&["log", "burn"], "log: dump or verify is expected"),
            (&["log", "verify"], "log verify: a folder is expected"),
            (&["--override", "x"], "--override x: KEY=VALUE is expected"),
            (&["--listen", "here"], "--listen here: HOST:PORT is expected"),
            (&["a", "b"], "unexpected argument \"b\""),
            (&["--data"], "missing argument for option '--data'"),
            (
                &["--data", "/d", "--ephemeral"],
                "--data and --ephemeral exclude each other",
            ),
        ];
        for (arguments, expected) in table {
            assert_eq!(read(arguments), Err((*expected).to_owned()));
        }
    }
}
