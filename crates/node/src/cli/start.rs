//! The arguments of a start, and what they ask for.

use std::ffi::OsString;
use std::path::PathBuf;

use barnabas_config::faults;
use barnabas_config::start_topics::{self, StartTopic};
use barnabas_controller::log_format::LogFormat;
use lexopt::prelude::*;

use super::rpk::Rpk;
use super::{Command, Nodes, text};

/// How to start a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The file with the settings.
    pub file: Option<PathBuf>,
    /// Where to listen, and there only: `HOST:PORT`.
    pub listen: Option<String>,
    /// Settings that win over the file's, in the order given.
    pub overrides: Vec<(String, String)>,
    /// Heed environment variables.
    pub env: bool,
    /// What `rpk redpanda start` was told.
    pub rpk: Option<Rpk>,
    /// Have a listener with TLS and SASL, with what it needs.
    pub secure: bool,
    /// Keep data in a temporary folder.
    pub ephemeral: bool,
    /// The folder for the data of several nodes; of one it is an override.
    pub data: Option<PathBuf>,
    /// The filter for logs.
    pub log: Option<String>,
    /// How they look.
    pub log_format: Option<LogFormat>,
    /// Topics to have when the node is ready, beside those of the settings.
    pub topics: Vec<StartTopic>,
    /// Whether topics that exist get the settings given here.
    pub apply: bool,
}

/// So many nodes run on one machine at most.
const NODES_MAX: usize = 9;

/// The options of a start, for whoever misspells one.
pub const OPTIONS: &[&str] = &[
    "apply",
    "check",
    "data",
    "env",
    "ephemeral",
    "help",
    "http",
    "kill",
    "listen",
    "log",
    "log-format",
    "nodes",
    "override",
    "port",
    "secure",
    "topic",
    "fault",
    "version",
];

/// Reads the arguments of a start.
///
/// # Errors
/// A sentence about what was not understood.
pub fn parse(parser: &mut lexopt::Parser) -> Result<Command, String> {
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
            Long("env") => start.env = true,
            Long("ephemeral") => start.ephemeral = true,
            Long("secure") => start.secure = true,
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
            Long("http") => {
                let address = text(parser.value())?;
                start
                    .overrides
                    .push(("barnabas.http.listener".to_owned(), address));
            }
            Long("log-format") => {
                let format = text(parser.value())?.parse();
                start.log_format = Some(format.map_err(|why: String| format!("--log-format {why}"))?);
            }
            Long("topic") => start_topics::merge(&mut start.topics, topics(&text(parser.value())?)?),
            Long("fault") => add_fault(&mut start.overrides, &text(parser.value())?)?,
            Long("apply") => start.apply = true,
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
    if start.secure {
        let others = [
            (start.file.is_some(), "a file with settings"),
            (start.env, "--env"),
            (nodes.is_some(), "--nodes"),
            (check, "--check"),
        ];
        if let Some((_, other)) = others.iter().find(|(is_given, _)| *is_given) {
            return Err(format!(
                "--secure sets up listeners by itself, and {other} excludes it"
            ));
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

/// Reads the arguments behind `environment`: a start's, with its variables.
///
/// # Errors
/// As there.
pub fn parse_environment(parser: &mut lexopt::Parser) -> Result<Command, String> {
    match parse(parser)? {
        Command::Start(mut start) => {
            start.env = true;
            Ok(Command::Settings(start))
        }
        Command::Help => Ok(Command::Help),
        _ => Err("environment takes the options of a single node's start".to_owned()),
    }
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

/// Adds a fault rule to those that were given before it.
fn add_fault(overrides: &mut Vec<(String, String)>, rule: &str) -> Result<(), String> {
    faults::parse(rule).map_err(|why| format!("--fault {why}; {} is expected", faults::SYNTAX))?;
    match overrides.iter_mut().find(|(name, _)| name == faults::SETTING) {
        Some((_, rules)) => *rules = format!("{rules}; {rule}"),
        None => overrides.push((faults::SETTING.to_owned(), rule.to_owned())),
    }
    Ok(())
}

fn topics(given: &str) -> Result<Vec<StartTopic>, String> {
    match start_topics::parse(given) {
        Ok(topics) if !topics.is_empty() => Ok(topics),
        Ok(_) => Err(format!("--topic {given}: {} is expected", start_topics::SYNTAX)),
        Err(why) => Err(format!(
            "--topic {given}: {why}; {} is expected",
            start_topics::SYNTAX
        )),
    }
}

pub(super) fn pair(value: Result<OsString, lexopt::Error>) -> Result<(String, String), String> {
    let pair = text(value)?;
    let (name, value) = pair
        .split_once('=')
        .ok_or_else(|| format!("--override {pair}: KEY=VALUE is expected"))?;
    Ok((name.trim().to_owned(), value.to_owned()))
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
