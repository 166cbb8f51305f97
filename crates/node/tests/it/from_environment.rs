//! A node that is started as the images of Apache Kafka are: by variables, with topics, watched for its lines.

use std::io::{BufRead, BufReader};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use crate::process::{BINARY, barnabas, output, piped};

fn with(variables: &[(&str, &str)], arguments: &[&str]) -> Command {
    let mut command = barnabas();
    command
        .env_clear()
        .envs(variables.iter().copied())
        .args(arguments);
    command
}

/// All that a node writes to standard output, having been ended by its last line at the start.
fn standard_output(mut command: Command, last: &str) -> Vec<String> {
    let mut child = command.spawn().unwrap();
    let mut lines = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.contains(last) {
            kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        }
        lines.push(line);
    }
    assert!(child.wait().unwrap().success(), "{lines:?}");
    lines
}

const READY: [&str; 3] = [
    "The broker has been unfenced. Transitioning from RECOVERY to RUNNING.",
    "[KafkaServer id=4] started",
    "[KafkaRaftServer nodeId=4] Kafka Server started",
];

#[test]
fn the_lines_that_others_wait_for_come_once_whatever_the_log_is() {
    for (format, level) in [
        ("kafka", "info"),
        ("kafka", "off"),
        ("json", "off"),
        ("text", "error"),
        ("json", "debug"),
    ] {
        let variables = [
            ("KAFKA_NODE_ID", "4"),
            ("KAFKA_LISTENERS", "PLAINTEXT://127.0.0.1:0"),
            ("KAFKA_OPTS", "-Dx"),
            ("BARNABAS_LOG_FORMAT", format),
            ("BARNABAS_LOG", level),
        ];
        let command = with(&variables, &["--env", "--ephemeral"]);
        let lines = standard_output(command, READY[2]);
        for wanted in READY {
            let found = lines.iter().filter(|line| line.contains(wanted)).count();
            assert_eq!(found, 1, "{format} {level}: {wanted} in {lines:#?}");
        }
        let is_json = |line: &String| line.starts_with('{') && line.ends_with('}');
        assert_eq!(lines.iter().all(is_json), format == "json", "{lines:#?}");
    }
}

#[test]
fn a_variable_that_cannot_be_used_is_named_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let fifo = folder.path().join("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    let fifo = fifo.to_str().unwrap();
    let table: &[(&[(&str, &str)], &str)] = &[
        (&[("KAFKA_NUM_PARTITIONS", "many")], "KAFKA_NUM_PARTITIONS=many"),
        (&[("CLUSTER_ID", "a b")], "CLUSTER_ID=a b is not valid"),
        (
            &[("KAFKA_NODE_ID_FILE", "/none")],
            "KAFKA_NODE_ID_FILE=/none is not valid",
        ),
        (
            &[("KAFKA_CREATE_TOPICS", "a:x:1")],
            "KAFKA_CREATE_TOPICS=a:x:1 is not valid",
        ),
        (&[("BARNABAS_TOPICS", "a:0")], "BARNABAS_TOPICS=a:0"),
        (
            &[("KAFKA_NODE_ID_FILE", "FIFO")],
            "FIFO is not valid: it is a fifo, and has not come to its end within 5 seconds",
        ),
        (
            &[("KAFKA_NODE_ID_FILE", "/dev/zero")],
            "/dev/zero is not valid: it is longer than 1048576 bytes",
        ),
        (
            &[("KAFKA_NODE_ID_FILE", "/proc")],
            "KAFKA_NODE_ID_FILE=/proc is not valid",
        ),
        (
            &[("KAFKA_CREATE_TOPICS", "a:1:1,..:1:1")],
            "topic .. could not be created: Topic name is invalid",
        ),
        (
            &[("KAFKA_CREATE_TOPICS", "a:1:1:nothing")],
            "topic a could not be created: Invalid value nothing for configuration cleanup.policy",
        ),
        (
            &[("BARNABAS_TOPICS", "a:1:2")],
            "topic a could not be created: Unable to replicate",
        ),
        (
            &[("BARNABAS_TOPICS", "a.b;a_b")],
            "topic a_b could not be created: Topic 'a_b' collides with existing topic: a.b",
        ),
        (
            &[("BARNABAS_TOPICS", "a;b;a:2")],
            "topic a could not be created: it is in the list twice",
        ),
        (&[("BARNABAS_LOG", "loud")], "BARNABAS_LOG=loud is not valid"),
        (
            &[("BARNABAS_LOG_FORMAT", "xml")],
            "BARNABAS_LOG_FORMAT=xml is not valid",
        ),
    ];
    for (variables, expected) in table {
        let variables: Vec<(&str, &str)> = variables
            .iter()
            .map(|(name, value)| (*name, if *value == "FIFO" { fifo } else { *value }))
            .collect();
        let expected = expected.replace("FIFO", fifo);
        let ended = output(with(&variables, &["--env", "--port", "0"]).env("BARNABAS_DATA", data));
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.contains(&expected), "{said}");
        assert!(!std::path::Path::new(data).exists());
    }
}

#[test]
fn topics_are_there_at_the_ready_line_or_nothing_is() {
    let folder = tempfile::tempdir().unwrap();
    let data = [
        ("BARNABAS_DATA", folder.path().to_str().unwrap()),
        ("BARNABAS_TOPICS", "a:1:1;b:2,retention.ms=5"),
    ];
    let arguments = ["--env", "--port", "0", "--topic", "c:3", "--log-format", "kafka"];
    let created = |lines: &[String]| {
        lines
            .iter()
            .filter(|line| line.contains("] INFO created, "))
            .count()
    };
    let lines = standard_output(with(&data, &arguments), "Kafka Server started");
    let ready = lines.iter().position(|line| line.contains(" ready in ")).unwrap();
    assert_eq!((created(&lines), created(&lines[..ready])), (3, 3), "{lines:#?}");
    for (list, expected) in [
        ("d:1;e:1:7", "topic e could not be created: "),
        (
            "d:1;f:1,nonsense=1",
            "topic f could not be created: Unknown topic config name: nonsense",
        ),
        ("d:1;..", "topic .. could not be created"),
    ] {
        let ended = output(
            with(&data[..1], &["--env", "--port", "0", "--topic", list]).env_remove("BARNABAS_TOPICS"),
        );
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(said.contains(expected), "{said}");
        assert_eq!(ended.status.code(), Some(1));
    }
    // What exists is left alone, and changed where that is asked for.
    standard_output(
        with(&data[..1], &["--env", "--port", "0", "--topic", "a:2"]),
        "Kafka Server started",
    );
    assert!(!folder.path().join("a-1").exists());
    let apply = [
        "--env",
        "--port",
        "0",
        "--apply",
        "--topic",
        "a:2,cleanup.policy=compact,delete",
    ];
    standard_output(with(&data[..1], &apply), "Kafka Server started");
    let shrink = ["--env", "--port", "0", "--apply", "--topic", "a:1"];
    let ended = output(&mut with(&data[..1], &shrink));
    assert!(
        String::from_utf8(ended.stderr)
            .unwrap()
            .contains("topic a has 2 partitions")
    );
}

#[test]
fn a_link_says_what_the_binary_is() {
    let folder = tempfile::tempdir().unwrap();
    let rpk = folder.path().join("rpk");
    std::os::unix::fs::symlink(BINARY, &rpk).unwrap();
    // "cluster" is a word of Kafka's tools too, but not by this name.
    let arguments = ["cluster", "health", "--brokers", "127.0.0.1:1"];
    let ended = output(piped(rpk.to_str().unwrap()).args(arguments));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(
        said.ends_with("Healthy:                          false\n"),
        "{said}"
    );
    assert_eq!(ended.status.code(), Some(1));
}
