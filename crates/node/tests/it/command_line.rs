//! The command line as a new user meets it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Output;

use rustix::process::Signal;

use crate::process::{Node, barnabas, refused, run};
use crate::workspace::root;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn help_and_version_are_where_one_looks() {
    for arguments in [
        &["help"][..],
        &["-h"],
        &["help", "config"],
        &["help", "import"],
        &["help", "log"],
    ] {
        let output = run(arguments);
        assert!(
            output.status.success() && said(&output).contains("Usage: barnabas"),
            "{output:?}"
        );
    }
    for version in ["version", "-v", "-V"] {
        assert!(said(&run(&[version])).starts_with("barnabas "));
    }
    let table = [
        (
            "nonsense",
            "nonsense is neither a command nor a file with settings; see barnabas --help",
        ),
        (
            "improt",
            "improt is neither a command nor a file with settings (did you mean import?)",
        ),
        ("log", "see barnabas log --help"),
        ("import", "see barnabas import --help"),
        ("--ephemerl", "(did you mean --ephemeral?)"),
        ("nowhere.yaml", "cannot read nowhere.yaml"),
    ];
    for (argument, expected) in table {
        let output = run(&[argument]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(expected), "{said}");
    }
}

#[test]
fn who_asks_for_what_is_not_there_gets_no_open_node() {
    let table = [
        (
            "authorizer.class.name=my.Authorizer",
            "classes of Java cannot be loaded",
        ),
        ("super.users=User:admin", "nobody decides who may do what"),
        (
            "listeners=SASL_PLAINTEXT://127.0.0.1:0",
            "GSSAPI (Kerberos) is Kafka's default",
        ),
        ("listener.security.protocol.map=PLAINTEXT:SSL", "keystore"),
        (
            "create.topic.policy.class.name=my.Policy",
            "policies are classes of Java",
        ),
        (
            "inter.broker.listener.name=INSIDE",
            "not found in listener.security.protocol.map",
        ),
    ];
    for (setting, expected) in table {
        let said = refused(&["--ephemeral", "--port", "0", "--override", setting]);
        // --port names the listeners before the override does.
        assert!(said.contains(expected), "{setting}: {said}");
    }
    assert!(refused(&["--log", "nonsense"]).contains("--log nonsense is not valid: give error, warn"));
}

#[test]
fn settings_are_judged_without_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.properties");
    let data = folder.path().join("data");
    std::fs::write(
        &file,
        format!(
            "log.dirs={}\nnum.partition=3\nnum.io.threads=8\nmetric.reporters=a.B\n",
            data.display()
        ),
    )
    .unwrap();
    let output = run(&["--check", file.to_str().unwrap()]);
    let text = said(&output);
    assert!(output.status.success(), "{output:?}");
    for expected in [
        "unknown setting: num.partition (did you mean num.partitions?)",
        "without effect: metric.reporters (metrics are read over HTTP (barnabas.http.listener))",
        "without effect, and without a difference: num.io.threads",
        "in order: node 1 would listen on PLAINTEXT://:9092",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    assert!(!data.exists());
    let said = refused(&[
        "--check",
        file.to_str().unwrap(),
        "--override",
        "num.partitions=0",
    ]);
    assert!(said.contains("num.partitions=0 is not valid"), "{said}");
}

#[test]
fn settings_are_listed_and_explained() {
    let list = said(&run(&["config"]));
    assert!(
        list.contains("# Whether Metadata requests create topics.\n#auto.create.topics.enable=true\n"),
        "{list}"
    );
    let one = said(&run(&["config", "num.partitions"]));
    assert!(
        one.contains("default  1") && one.contains("effect   yes"),
        "{one}"
    );
    assert!(refused(&["config", "num.partition"]).contains("did you mean num.partitions?"));
}

/// The host and port that a Metadata request, version 1, tells of the only broker; the topic is created when it is missing.
fn told(address: &str, topic: &str) -> (String, i32) {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut body = vec![0, 3, 0, 1, 0, 0, 0, 5, 255, 255, 0, 0, 0, 1, 0, topic.len() as u8];
    body.extend_from_slice(topic.as_bytes());
    let mut frame = (body.len() as u32).to_be_bytes().to_vec();
    frame.extend_from_slice(&body);
    stream.write_all(&frame).unwrap();
    // Size, correlation id, number of brokers, id of the first.
    let mut head = [0; 16];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(head[4..12], [0, 0, 0, 5, 0, 0, 0, 1]);
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut host = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut host).unwrap();
    let mut port = [0; 4];
    stream.read_exact(&mut port).unwrap();
    (String::from_utf8(host).unwrap(), i32::from_be_bytes(port))
}

#[test]
fn who_listens_everywhere_tells_each_client_the_address_by_which_it_came() {
    for listen in ["0.0.0.0:0", ":0"] {
        let node = Node::start(&["--ephemeral", "--listen", listen]);
        let (host, port) = node.address().rsplit_once(':').unwrap();
        assert_eq!(host, "localhost");
        for reached in ["127.0.0.1", "127.0.0.2"] {
            let told = told(&format!("{reached}:{port}"), "t");
            assert_eq!(told, (reached.to_owned(), port.parse().unwrap()));
        }
        assert_eq!(node.end(Signal::TERM), Some(0));
    }
    let node = Node::start(&["--ephemeral", "--port", "0"]);
    let port = node.address().strip_prefix("localhost:").unwrap();
    assert_eq!(told(&format!("127.0.0.1:{port}"), "t").0, "localhost");
    assert_eq!(node.end(Signal::TERM), Some(0));
}

#[test]
fn the_log_tells_of_topics_made_and_of_clients_refused() {
    let node = Node::spawn(barnabas().args(["--ephemeral", "--listen", "127.0.0.1:0"]));
    told(node.address(), "made");
    let mut stream = TcpStream::connect(node.address()).unwrap();
    // Metadata in version 99.
    stream
        .write_all(&[0, 0, 0, 11, 0, 3, 0, 99, 0, 0, 0, 1, 255, 255, 0])
        .unwrap();
    assert_eq!(stream.read(&mut [0; 1]).unwrap_or(0), 0);
    let (log, code) = node.end_and_tell(Signal::TERM);
    assert_eq!(code, Some(0));
    assert!(
        log.contains("created, since a client asked for it") && log.contains("made"),
        "{log}"
    );
    assert!(log.contains("Metadata is not served in version 99"), "{log}");
    assert!(!log.contains("setting "), "{log}");
    let node = Node::spawn(barnabas().args(["--ephemeral", "--listen", "127.0.0.1:0", "--log", "debug"]));
    let (log, _) = node.end_and_tell(Signal::TERM);
    assert!(log.contains("setting listeners=PLAINTEXT://127.0.0.1:0"), "{log}");
}

#[test]
fn the_sample_starts_and_asks_for_nothing_that_has_no_effect() {
    let sample = root().join("packaging/server.properties");
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut command = barnabas();
    command
        .arg(&sample)
        .args(["--data", data.to_str().unwrap(), "--listen", ":0"]);
    let node = Node::spawn(&mut command);
    assert!(data.is_dir());
    let (log, code) = node.end_and_tell(Signal::TERM);
    assert_eq!(code, Some(0));
    assert!(!log.contains("WARN"), "{log}");
    // The unit starts the binary with what it has.
    let unit = std::fs::read_to_string(root().join("packaging/barnabas.service")).unwrap();
    for line in unit.lines().filter(|line| line.starts_with("ExecStart")) {
        let words: Vec<&str> = line.split_once('=').unwrap().1.split(' ').collect();
        let [binary, options @ .., file] = words.as_slice() else {
            panic!("{line}")
        };
        assert_eq!(
            (*binary, *file),
            ("/usr/local/bin/barnabas", "/etc/barnabas/server.properties")
        );
        assert!(options.iter().all(|option| *option == "--check"), "{line}");
    }
}
