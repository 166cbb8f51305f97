//! What the binary is by the name of a link, beside Kafka's client tools: the programs of Apache Kafka and
//! Redpanda that start a node or prepare its folders.

use std::ffi::OsString;
use std::path::Path;

use barnabas_controller::log_format::LogFormat;

use super::{Command, rpk, start};

/// The names of these programs, which may end in `.sh`.
pub const LINKS: &[&str] = &["kafka-server-start", "kafka-storage", "rpk"];

/// What a command line asks for that begins with the name of such a program.
pub fn called(mut arguments: impl Iterator<Item = OsString>) -> Option<Result<Command, String>> {
    let program = arguments.next()?;
    let name = Path::new(&program).file_name()?.to_str()?;
    let name = name.strip_suffix(".sh").unwrap_or(name);
    match name {
        "kafka-server-start" => Some(server_start(arguments)),
        "kafka-storage" => Some(super::parse(arguments)),
        "rpk" => {
            let text = |argument: OsString| argument.to_string_lossy().into_owned();
            Some(rpk::parse(&arguments.map(text).collect::<Vec<_>>()))
        }
        "kafka-run-class" => run_class(&arguments.collect::<Vec<_>>()),
        _ => None,
    }
}

/// `kafka-run-class` where the class is no client's: the others are [`barnabas_tools::of_class`].
fn run_class(arguments: &[OsString]) -> Option<Result<Command, String>> {
    let words: Vec<String> = arguments
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let behind = barnabas_tools::class_of(&words);
    let class = behind.first()?.rsplit('.').next()?;
    // Each word is one argument, so the program's own are as many from the end.
    let own = arguments[arguments.len() - behind.len() + 1..].iter().cloned();
    match class {
        "Kafka" => {
            let in_background = words
                .iter()
                .take(words.len() - behind.len())
                .any(|word| word == "-daemon");
            let daemon = in_background.then(|| OsString::from("-daemon"));
            Some(server_start(daemon.into_iter().chain(own)))
        }
        "StorageTool" => Some(super::parse(own)),
        _ => None,
    }
}

const SERVER_START: &str =
    "USAGE: kafka-server-start.sh [-daemon] server.properties [--override property=value]*";

fn server_start(arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let mut arguments: Vec<OsString> = arguments.collect();
    let in_background = arguments.first().is_some_and(|first| first == "-daemon");
    if in_background {
        arguments.remove(0);
    }
    if arguments.is_empty() || arguments.iter().any(|argument| argument == "--help") {
        return Err(SERVER_START.to_owned());
    }
    let command = start::parse(&mut lexopt::Parser::from_args(arguments.clone()))?;
    match command {
        Command::Start(mut start) if start.file.is_some() => {
            start.log_format = start.log_format.or(Some(LogFormat::Kafka));
            if in_background {
                arguments.push("--log-format=kafka".into());
                return Ok(Command::Background(arguments));
            }
            Ok(Command::Start(start))
        }
        _ => Err(SERVER_START.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Result<Command, String>> {
        called(line.split(' ').map(OsString::from))
    }

    #[test]
    fn a_node_is_started_by_kafkas_script() {
        let line = "/opt/kafka/bin/kafka-server-start.sh a.properties --override a=b --override c=d";
        let Some(Ok(Command::Start(start))) = read(line) else {
            panic!()
        };
        assert_eq!(start.file.as_deref(), Some(Path::new("a.properties")));
        assert_eq!(
            (start.overrides.len(), start.log_format),
            (2, Some(LogFormat::Kafka))
        );
        for line in [
            "kafka-run-class kafka.Kafka a.properties --override a=b",
            "kafka-run-class.sh -name kafkaServer -loggc kafka.Kafka a.properties --override a=b",
        ] {
            let Some(Ok(Command::Start(start))) = read(line) else {
                panic!("{line}")
            };
            assert_eq!(start.overrides.len(), 1);
        }
        assert_eq!(
            read("kafka-run-class kafka.tools.StorageTool random-uuid"),
            Some(Ok(Command::RandomUuid))
        );
        assert_eq!(read("kafka-run-class kafka.admin.TopicCommand --list"), None);
        let Some(Ok(Command::Background(arguments))) = read("kafka-server-start -daemon a.properties") else {
            panic!()
        };
        assert_eq!(arguments, ["a.properties", "--log-format=kafka"]);
        for wrong in [
            "kafka-server-start",
            "kafka-server-start --override a=b",
            "kafka-server-start --help",
        ] {
            assert_eq!(read(wrong).unwrap().unwrap_err(), SERVER_START);
        }
    }

    #[test]
    fn folders_are_prepared_by_kafkas_script() {
        assert_eq!(
            read("kafka-storage.sh random-uuid"),
            Some(Ok(Command::RandomUuid))
        );
        let format = read("kafka-storage format --ignore-formatted -t=abc -c a.properties");
        assert!(matches!(format, Some(Ok(Command::Format(..)))), "{format:?}");
        assert_eq!(read("barnabas random-uuid"), None);
        assert_eq!(read("kafka-topics --list"), None);
    }
}
