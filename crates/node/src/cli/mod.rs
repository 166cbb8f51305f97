//! The command line of `barnabas`.

pub mod config;
pub mod format;
pub mod import;
pub mod links;
pub mod log;
pub mod rpk;
mod start;
pub mod tools;

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;

use self::log::LogCommand;
pub use self::start::Start;
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
       barnabas environment [server.properties | server.yaml]
       barnabas help [log | import | config | format]

Without a file the broker listens on localhost:9092 and keeps its data in the user's data folder.

Options:
      --port PORT           Listen on this port of localhost only; port 0 takes a free one
      --listen HOST:PORT    Listen there only; 0.0.0.0:PORT is every address of the machine, a port alone is localhost's
      --http HOST:PORT      Have health and metrics there; 127.0.0.1:9644 without a file, off has none
      --data DIR            Keep data in DIR (the same as --override log.dirs=DIR)
      --ephemeral           Keep data in a temporary folder that goes with the process
      --secure              Open a listener with TLS and SASL beside the one for this machine, with keys and users in the
                            data folder, and print what clients need; --listen is where the secured one listens
      --nodes N             Start a cluster of N nodes on this machine, on N ports from 9092 or --port on
      --kill NODE           With --nodes: kill one node of the running cluster, to see a failover
      --env                 Heed KAFKA_*, KAFKA_CFG_*, CLUSTER_ID and BARNABAS_* of the environment, over the file
      --override KEY=VALUE  Set a setting; may be given several times, wins over the file
      --topic TOPIC         Have NAME[:PARTITIONS[:REPLICAS]][,CONFIG=VALUE]... when the node is ready; may be repeated
      --fault RULE          Have requests go wrong on purpose, as docs/FAULTS.md says; may be repeated
      --apply               Give topics that exist already the partitions and settings given here
      --check               Say what is wrong with the settings and which have no effect; start nothing
      --log LEVEL           error, warn, info, debug, trace, or a filter as in RUST_LOG
      --log-format FORMAT   text, json, or kafka, which goes to standard output as Apache Kafka's
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
    /// Print the settings that a node would start with, as a file.
    Settings(Start),
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
    /// Start a node that goes on when this process ends, with these arguments.
    Background(Vec<OsString>),
    /// Say as `rpk cluster health` whether a broker answers at one of these addresses.
    RpkHealth(String),
    /// Be one of Kafka's tools.
    Tool(&'static str, Vec<String>),
    /// Print the names of Kafka's tools that this binary is.
    Tools,
    /// Print the version.
    Version,
}

/// How to start a cluster on one machine.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Nodes {
    /// How many nodes.
    pub count: usize,
    /// What holds for all of them.
    pub start: Start,
}

/// The words that begin a command, rather than name a file.
pub const COMMANDS: &[&str] = &[
    "config",
    "environment",
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
        Some("environment") => (start::parse_environment(&mut parser), "barnabas --help"),
        Some("info") => (format::parse_info(&mut parser), "barnabas format --help"),
        Some("random-uuid") => (Ok(Command::RandomUuid), "barnabas format --help"),
        Some("help") => (help_about(&mut parser), "barnabas --help"),
        Some("tools") => (Ok(Command::Tools), "barnabas --help"),
        Some("version") => (Ok(Command::Version), "barnabas --help"),
        _ => (start::parse(&mut parser), "barnabas --help"),
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

fn text(value: Result<OsString, lexopt::Error>) -> Result<String, String> {
    let value = value.map_err(|error| error.to_string())?;
    value
        .into_string()
        .map_err(|raw| format!("{} is not UTF-8", raw.to_string_lossy()))
}

#[cfg(test)]
mod tests;
