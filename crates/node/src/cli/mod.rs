//! The command line of `barnabas`.

pub mod config;
pub mod format;
pub mod import;
pub mod log;
pub mod tools;

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;

use self::log::LogCommand;
use crate::format::Format;
use barnabas_import::Import;

/// What `--help` prints.
pub const HELP: &str = "\
A broker that speaks the Kafka protocol.

Usage: barnabas [OPTIONS] [server.properties | server.yaml]
       barnabas config [NAME...]
       barnabas log dump [--records] [--json] FILE|FOLDER...
       barnabas log verify [--json] FOLDER...
       barnabas import [OPTIONS] DIR... [server.properties | server.yaml]
       barnabas format -t CLUSTER_ID -c FILE [OPTIONS]
       barnabas info -c FILE
       barnabas random-uuid
       barnabas topics | broker-api-versions | ... [OPTIONS]
       barnabas tools
       barnabas help [log | import | config | format]

Without a file the broker listens on localhost:9092 and keeps its data in the user's data folder.

Options:
      --port PORT           Listen on this port of localhost only; port 0 takes a free one
      --listen HOST:PORT    Listen there only; 0.0.0.0:PORT is every address of the machine, a port alone is localhost's
      --data DIR            Keep data in DIR (the same as --override log.dirs=DIR)
      --ephemeral           Keep data in a temporary folder that goes with the process
      --nodes N             Start a cluster of N nodes on this machine, on N ports from 9092 or --port on
      --kill NODE           With --nodes: kill one node of the running cluster, to see a failover
      --override KEY=VALUE  Set a setting; may be given several times, wins over the file
      --check               Say what is wrong with the settings and which have no effect; start nothing
      --log LEVEL           error, warn, info, debug, trace, or a filter as in RUST_LOG
  -h, --help                Print this help
  -V, --version             Print the version

The settings are described in docs/CONFIGURATION.md, running a node in docs/OPERATIONS.md, Kafka's command line
tools (barnabas tools lists them; a link by the name of one is that tool) in docs/TOOLS.md.
";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Start a node.
    Start(Start),
    /// Run several nodes on this machine.
    Nodes(Nodes),
    /// Kill a node of those.
    KillNode(Nodes, usize),
    /// Judge the settings a node would start with.
    Check(Start),
    /// Explain these settings, or list all.
    Config(Vec<String>),
    /// Print [`config::HELP`].
    ConfigHelp,
    /// Look into the files of a log directory.
    Log(LogCommand),
    /// Take over a log directory of Apache Kafka.
    Import(Import, Start),
    /// Print [`import::HELP`].
    ImportHelp,
    /// Prepare the data folders that this file's settings name.
    Format(Format, PathBuf),
    /// Tell of those folders.
    Info(PathBuf),
    /// Make an id.
    RandomUuid,
    /// Print [`format::HELP`].
    FormatHelp,
    /// Print [`HELP`].
    Help,
    /// Print the names of Kafka's tools that this binary is.
    Tools,
    /// Print the version.
    Version,
}

/// How to start a node.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The file with the settings.
    pub file: Option<PathBuf>,
    /// Where to listen, and there only: `HOST:PORT`.
    pub listen: Option<String>,
    /// Settings that win over the file's, in the order given.
    pub overrides: Vec<(String, String)>,
    /// Keep data in a temporary folder.
    pub ephemeral: bool,
    /// The folder for the data of several nodes; of one it is an override.
    pub data: Option<PathBuf>,
    /// The filter for logs.
    pub log: Option<String>,
}

/// How to start a cluster on one machine.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Nodes {
    /// How many nodes.
    pub count: usize,
    /// What holds for all of them.
    pub start: Start,
}

/// So many nodes run on one machine at most.
const NODES_MAX: usize = 9;

/// The words that begin a command, rather than name a file.
pub const COMMANDS: &[&str] = &[
    "config",
    "format",
    "help",
    "import",
    "info",
    "log",
    "random-uuid",
    "tools",
    "version",
];

/// Reads the arguments, without the program's name.
///
/// # Errors
/// A sentence about the argument that was not understood, and where help is.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut arguments = arguments.into_iter().peekable();
    let is_command = |first: &OsString| COMMANDS.iter().any(|command| first == command);
    let command = arguments.next_if(is_command);
    let mut parser = lexopt::Parser::from_args(arguments);
    let (parsed, help) = match command.as_ref().and_then(|command| command.to_str()) {
        Some("log") => (log::parse(&mut parser).map(Command::Log), "barnabas log --help"),
        Some("import") => {
            let parsed = import::parse(&mut parser);
            let command = |parsed: Option<_>| {
                parsed.map_or(Command::ImportHelp, |(import, start)| {
                    Command::Import(import, start)
                })
            };
            (parsed.map(command), "barnabas import --help")
        }
        Some("config") => (config::parse(&mut parser), "barnabas config --help"),
        Some("format") => (format::parse(&mut parser), "barnabas format --help"),
        Some("info") => (format::parse_info(&mut parser), "barnabas format --help"),
        Some("random-uuid") => (Ok(Command::RandomUuid), "barnabas format --help"),
        Some("help") => (help_about(&mut parser), "barnabas --help"),
        Some("tools") => (Ok(Command::Tools), "barnabas --help"),
        Some("version") => (Ok(Command::Version), "barnabas --help"),
        _ => (start(&mut parser), "barnabas --help"),
    };
    parsed.map_err(|why| format!("{why}; see {help}"))
}

fn help_about(parser: &mut lexopt::Parser) -> Result<Command, String> {
    match parser.next().map_err(|error| error.to_string())? {
        Some(Value(topic)) if topic == "log" => Ok(Command::Log(LogCommand::Help)),
        Some(Value(topic)) if topic == "import" => Ok(Command::ImportHelp),
        Some(Value(topic)) if topic == "config" => Ok(Command::ConfigHelp),
        Some(Value(topic)) if topic == "format" => Ok(Command::FormatHelp),
        Some(Value(topic)) => Err(format!("there is no help about {}", topic.to_string_lossy())),
        _ => Ok(Command::Help),
    }
}

/// The options of a start, for whoever misspells one.
const OPTIONS: &[&str] = &[
    "check",
    "data",
    "ephemeral",
    "help",
    "kill",
    "listen",
    "log",
    "nodes",
    "override",
    "port",
    "version",
];

fn start(parser: &mut lexopt::Parser) -> Result<Command, String> {
    let mut start = Start::default();
    let mut data = None;
    let mut check = false;
    let (mut nodes, mut kill) = (None, None);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Short('V' | 'v') | Long("version") => return Ok(Command::Version),
            Long("override") => {
                start.overrides.push(pair(parser.value())?);
            }
            Long("data") => data = Some(text(parser.value())?),
            Long("ephemeral") => start.ephemeral = true,
            Long("check") => check = true,
            Long("nodes") => nodes = Some(number("nodes", &text(parser.value())?, NODES_MAX)?),
            Long("kill") => kill = Some(number("kill", &text(parser.value())?, NODES_MAX)?),
            Long(flag @ ("listen" | "port")) => {
                let flag = flag.to_owned();
                let address = address(&flag, &text(parser.value())?)?;
                // What comes later wins, also over the command that a container's image begins with.
                start
                    .overrides
                    .retain(|(name, _)| !matches!(name.as_str(), "listeners" | "advertised.listeners"));
                if start.listen.replace(address).is_some() {
                    return Err("--listen and --port are given once, and exclude each other".to_owned());
                }
            }
            Long("log") => start.log = Some(text(parser.value())?),
            Value(path) if start.file.is_none() => start.file = Some(path.into()),
            Value(path) => {
                return Err(format!(
                    "one file with settings is expected, and {} is the second",
                    path.to_string_lossy()
                ));
            }
            Long(option) => {
                let meant = barnabas_config::nearest(option, OPTIONS.iter().copied());
                let meant = meant.map_or_else(String::new, |meant| format!(" (did you mean --{meant}?)"));
                return Err(format!("invalid option '--{option}'{meant}"));
            }
            other @ Short(_) => return Err(other.unexpected().to_string()),
        }
    }
    if let Some(count) = nodes {
        return cluster(count, kill, data, check, start);
    }
    if kill.is_some() {
        return Err("--kill needs --nodes, as the cluster was started".to_owned());
    }
    if let Some(folder) = data {
        if start.ephemeral {
            return Err("--data and --ephemeral exclude each other".to_owned());
        }
        start.overrides.push(("log.dirs".to_owned(), folder));
    }
    Ok(if check {
        Command::Check(start)
    } else {
        Command::Start(start)
    })
}

fn cluster(
    count: usize,
    kill: Option<usize>,
    data: Option<String>,
    check: bool,
    mut start: Start,
) -> Result<Command, String> {
    if check || (data.is_some() && start.ephemeral) {
        let other = if check {
            "--check and --nodes"
        } else {
            "--data and --ephemeral"
        };
        return Err(format!("{other} exclude each other"));
    }
    if let Some(node) = kill {
        if node > count {
            return Err(format!("--kill {node}: there are {count} nodes"));
        }
        return Ok(Command::KillNode(Nodes { count, start }, node));
    }
    start.data = data.map(PathBuf::from);
    Ok(Command::Nodes(Nodes { count, start }))
}

fn number(flag: &str, given: &str, most: usize) -> Result<usize, String> {
    let number = given.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("--{flag} {given}: a number from 1 to {most} is expected"))
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

/// `HOST:PORT` of what was given: a port alone is one of localhost, an IPv6 address needs its brackets.
fn address(flag: &str, given: &str) -> Result<String, String> {
    let is_port = |text: &str| text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok();
    if is_port(given) {
        return Ok(format!("localhost:{given}"));
    }
    if flag == "port" {
        return Err(format!("--port {given}: a port is a number from 0 to 65535"));
    }
    let host = given.rsplit_once(':').filter(|(_, port)| is_port(port));
    let is_host = |host: &str| {
        let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let bare = bracketed.unwrap_or(host);
        bracketed.is_some() == bare.contains(':') && !bare.contains(['/', ',', ' ', '[', ']'])
    };
    match host {
        Some((host, _)) if is_host(host) => Ok(given.to_owned()),
        _ => Err(format!(
            "--listen {given}: HOST:PORT is expected, such as localhost:9092, 0.0.0.0:9092 or [::1]:9092"
        )),
    }
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
        for version in ["--version", "-V", "-v", "version"] {
            assert_eq!(read(&[version]), Ok(Command::Version));
        }
        let start = Start {
            file: Some("server.properties".into()),
            overrides: vec![pair("a", "b=c"), pair("log.dirs", "/data")],
            ephemeral: false,
            data: None,
            listen: None,
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
        assert_eq!(start.listen.as_deref(), Some("[::1]:0"));
        assert!(start.ephemeral);
        let check = Start {
            file: Some("a.yaml".into()),
            ..Start::default()
        };
        assert_eq!(read(&["--check", "a.yaml"]), Ok(Command::Check(check)));
    }

    #[test]
    fn ports_and_addresses_are_read() {
        let table = [
            (["--port", "0"], "localhost:0"),
            (["--port", "65535"], "localhost:65535"),
            (["--listen", "9092"], "localhost:9092"),
            (["--listen", ":9092"], ":9092"),
            (["--listen", "0.0.0.0:9092"], "0.0.0.0:9092"),
            (["--listen", "[::]:9092"], "[::]:9092"),
            (["--listen", "my-host:1"], "my-host:1"),
        ];
        for (arguments, expected) in table {
            let Ok(Command::Start(start)) = read(&arguments) else {
                panic!("{arguments:?}: {:?}", read(&arguments))
            };
            assert_eq!(start.listen.as_deref(), Some(expected));
        }
        let image = [
            "--override",
            "advertised.listeners=A://b:1",
            "--override",
            "a=b",
            "--listen",
            ":1",
        ];
        let Ok(Command::Start(start)) = read(&image) else {
            panic!("{:?}", read(&image))
        };
        assert_eq!(start.overrides, [pair("a", "b")]);
        for wrong in [
            "here", "a:b", "::1:9092", "1:99999", "a:1,b:2", "A://b:1", "[a]:1", "a:+1", "",
        ] {
            assert!(read(&["--listen", wrong]).is_err(), "{wrong}");
        }
        for wrong in ["65536", "-1", "x", "localhost:1", ""] {
            assert!(read(&["--port", wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn several_nodes_are_asked_for() {
        let Ok(Command::Nodes(nodes)) = read(&["--nodes", "3", "--data", "/d", "--port", "7"]) else {
            panic!()
        };
        assert_eq!((nodes.count, nodes.start.data), (3, Some("/d".into())));
        let killed = read(&["--nodes", "3", "--kill", "2"]);
        assert!(matches!(killed, Ok(Command::KillNode(_, 2))));
        for (arguments, expected) in [
            (
                &["--nodes", "0"][..],
                "--nodes 0: a number from 1 to 9 is expected",
            ),
            (&["--nodes", "3", "--kill", "4"], "--kill 4: there are 3 nodes"),
            (
                &["--kill", "2"],
                "--kill needs --nodes, as the cluster was started",
            ),
            (
                &["--nodes", "3", "--check"],
                "--check and --nodes exclude each other",
            ),
        ] {
            let said = read(arguments).unwrap_err();
            assert_eq!(said.split("; see ").next(), Some(expected));
        }
    }

    #[test]
    fn help_is_where_one_looks_for_it() {
        assert_eq!(read(&["help"]), Ok(Command::Help));
        assert_eq!(read(&["help", "import"]), Ok(Command::ImportHelp));
        assert_eq!(read(&["help", "log"]), Ok(Command::Log(LogCommand::Help)));
        assert_eq!(read(&["config", "--help"]), Ok(Command::ConfigHelp));
        let names = vec!["num.partitions".to_owned(), "retention.ms".to_owned()];
        assert_eq!(
            read(&["config", "num.partitions", "retention.ms"]),
            Ok(Command::Config(names))
        );
        for (command, help) in [("log", "log "), ("import", "import "), ("--nope", "")] {
            let said = read(&[command]).unwrap_err();
            assert!(said.ends_with(&format!("; see barnabas {help}--help")), "{said}");
        }
        for option in OPTIONS {
            assert!(HELP.contains(&format!("--{option}")), "{option}");
        }
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
            (
                &["--listen", "here"],
                "--listen here: HOST:PORT is expected, such as localhost:9092, 0.0.0.0:9092 or [::1]:9092",
            ),
            (
                &["--port", "1", "--listen", "2"],
                "--listen and --port are given once, and exclude each other",
            ),
            (
                &["--ephemerl"],
                "invalid option '--ephemerl' (did you mean --ephemeral?)",
            ),
            (
                &["a", "b"],
                "one file with settings is expected, and b is the second",
            ),
            (&["--data"], "missing argument for option '--data'"),
            (
                &["--data", "/d", "--ephemeral"],
                "--data and --ephemeral exclude each other",
            ),
        ];
        for (arguments, expected) in table {
            let said = read(arguments).unwrap_err();
            assert_eq!(said.split("; see ").next(), Some(*expected));
        }
    }
}
