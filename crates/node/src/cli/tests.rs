use super::start::OPTIONS;
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
        log: Some("debug".to_owned()),
        ..Start::default()
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
