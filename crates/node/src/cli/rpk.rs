//! `rpk`: as much of Redpanda's command line as people start containers with and look after them.

use std::path::PathBuf;

use barnabas_config::redpanda::Redpanda;

use super::{Command, Start};

/// What `rpk redpanda start` says of where to listen, and the file it names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rpk {
    /// From the flags.
    pub flags: Redpanda,
    /// `--config`, or where the image has it.
    pub config: PathBuf,
}

const CONFIG: &str = "/etc/redpanda/redpanda.yaml";
const USAGE: &str = "rpk here knows redpanda start, cluster health, cluster info, topic create, topic delete, topic list and version";

/// Reads the arguments of `rpk`.
///
/// # Errors
/// It is a command that there is not.
pub fn parse(arguments: &[String]) -> Result<Command, String> {
    let (flags, words) = split(arguments);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let brokers = || {
        let from_flags = flag(&flags, &["--brokers"]).or_else(|| {
            let settings = flags.iter().filter(|(name, _)| name == "-X");
            settings
                .filter_map(|(_, value)| value.strip_prefix("brokers="))
                .next_back()
        });
        from_flags.unwrap_or("localhost:9092").to_owned()
    };
    match words.as_slice() {
        ["redpanda", "start", ..] => Ok(Command::Start(start(&flags))),
        ["version", ..] => Ok(Command::Version),
        ["cluster", "health", ..] => Ok(Command::RpkHealth(brokers())),
        ["cluster", "info" | "metadata", ..] => Ok(tool("kafka-broker-api-versions", &brokers(), &[])),
        ["topic", "list", ..] => Ok(tool("kafka-topics", &brokers(), &["--list"])),
        ["topic", verb @ ("create" | "delete"), names @ ..] if !names.is_empty() => {
            let verb = format!("--{verb}");
            let names = names.join(",");
            let mut arguments = vec![verb.as_str(), "--topic", &names];
            for (long, short, option) in [
                ("--partitions", "-p", "--partitions"),
                ("--replicas", "-r", "--replication-factor"),
            ] {
                if let Some(value) = flag(&flags, &[long, short]) {
                    arguments.extend([option, value]);
                }
            }
            for (_, config) in flags
                .iter()
                .filter(|(name, _)| name == "-c" || name == "--topic-config")
            {
                arguments.extend(["--config", config]);
            }
            Ok(tool("kafka-topics", &brokers(), &arguments))
        }
        _ => Err(USAGE.to_owned()),
    }
}

fn tool(name: &'static str, brokers: &str, arguments: &[&str]) -> Command {
    let mut all = vec!["--bootstrap-server".to_owned(), brokers.to_owned()];
    all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    Command::Tool(name, all)
}

/// Flags that stand alone; all others have a value.
const SWITCHES: &[&str] = &[
    "--overprovisioned",
    "--check",
    "--unsafe-bypass-fsync",
    "--lock-memory",
    "--if-not-exists",
    "-v",
];

/// Flags with their values, and words, in the order given.
fn split(arguments: &[String]) -> (Vec<(String, String)>, Vec<String>) {
    let (mut flags, mut words) = (Vec::new(), Vec::new());
    let mut rest = arguments.iter().peekable();
    while let Some(argument) = rest.next() {
        if !argument.starts_with('-') {
            words.push(argument.clone());
        } else if let Some((name, value)) = argument.split_once('=') {
            flags.push((name.to_owned(), value.to_owned()));
        } else if SWITCHES.contains(&argument.as_str()) {
            flags.push((argument.clone(), "true".to_owned()));
        } else {
            let value = rest.next_if(|next| !next.starts_with('-'));
            flags.push((argument.clone(), value.cloned().unwrap_or_default()));
        }
    }
    (flags, words)
}

fn flag<'a>(flags: &'a [(String, String)], names: &[&str]) -> Option<&'a str> {
    let found = flags
        .iter()
        .rev()
        .find(|(name, _)| names.contains(&name.as_str()));
    found.map(|(_, value)| value.as_str())
}

/// `HOST:PORT` of `NAME://HOST:PORT`.
fn address(entry: &str) -> String {
    entry
        .rsplit_once("://")
        .map_or(entry, |(_, address)| address)
        .to_owned()
}

fn start(flags: &[(String, String)]) -> Start {
    let list = |name: &str| -> Vec<String> {
        let all = flags.iter().filter(|(flag, _)| flag == name);
        let entries = all
            .flat_map(|(_, value)| value.split(','))
            .filter(|entry| !entry.is_empty());
        entries.map(str::to_owned).collect()
    };
    let mut redpanda = Redpanda {
        listeners: list("--kafka-addr"),
        advertised: list("--advertise-kafka-addr"),
        http: [
            None,
            list("--schema-registry-addr").first().map(|entry| address(entry)),
            list("--pandaproxy-addr").first().map(|entry| address(entry)),
        ],
        settings: Vec::new(),
    };
    if let Some(id) = flag(flags, &["--node-id"]) {
        redpanda.set("node_id", id);
    }
    for (_, set) in flags.iter().filter(|(name, _)| name == "--set") {
        if let Some((name, value)) = set.split_once('=') {
            redpanda.set(name, value);
        }
    }
    let config = flag(flags, &["--config"]).unwrap_or(CONFIG);
    Start {
        env: true,
        rpk: Some(Rpk {
            flags: redpanda,
            config: config.into(),
        }),
        ..Start::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Command, String> {
        parse(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_container_is_started() {
        let line = "redpanda start --mode dev-container --smp 1 --memory 1G --overprovisioned --check=false --node-id 0 \
                    --kafka-addr PLAINTEXT://0.0.0.0:29092,OUTSIDE://0.0.0.0:9092 --advertise-kafka-addr \
                    PLAINTEXT://127.0.0.1:29092,OUTSIDE://localhost:32768 --set redpanda.auto_create_topics_enabled=true";
        let Ok(Command::Start(start)) = read(line) else {
            panic!()
        };
        let rpk = start.rpk.unwrap();
        assert_eq!(rpk.config, PathBuf::from(CONFIG));
        let settings = rpk.flags.into_settings();
        let get = |name: &str| {
            settings
                .iter()
                .find(|(other, _)| other == name)
                .map(|(_, value)| value.as_str())
        };
        assert_eq!(
            get("listeners"),
            Some("PLAINTEXT://0.0.0.0:29092,OUTSIDE://0.0.0.0:9092")
        );
        assert_eq!(
            get("advertised.listeners"),
            Some("PLAINTEXT://127.0.0.1:29092,OUTSIDE://localhost:32768")
        );
        assert_eq!(
            (get("node.id"), get("auto.create.topics.enable")),
            (Some("0"), Some("true"))
        );
    }

    #[test]
    fn it_is_looked_after() {
        let health = read("cluster health -X brokers=a:1");
        assert_eq!(health, Ok(Command::RpkHealth("a:1".to_owned())));
        let Ok(Command::Tool("kafka-topics", arguments)) = read("topic create a b -p 3 -r 1 -c x=y") else {
            panic!()
        };
        assert_eq!(
            arguments.join(" "),
            "--bootstrap-server localhost:9092 --create --topic a,b --partitions 3 --replication-factor 1 --config x=y"
        );
        for wrong in ["", "security user create", "topic create"] {
            assert_eq!(read(wrong), Err(USAGE.to_owned()));
        }
    }
}
