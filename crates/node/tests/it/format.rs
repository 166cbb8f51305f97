//! `barnabas format`: what it says and writes, and that a node starts on it.

use std::path::Path;
use std::process::Output;

use rustix::process::Signal;

use crate::process::{Node, run};

const CLUSTER: &str = "AAAAAAAAAAAAAAAAAAAAAQ";

/// The settings of a node with two data folders, in a file.
fn settings(folder: &Path, quorum: &str) -> String {
    let shown = folder.display();
    let text = format!(
        "process.roles=broker,controller\nnode.id=1\n{quorum}\ncontroller.listener.names=CONTROLLER\n\
         listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0\nlog.dirs={shown}/a,{shown}/b\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
    );
    let path = folder.join("server.properties");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn format(file: &str, more: &[&str]) -> Output {
    let mut arguments = vec!["format", "-t", CLUSTER, "--config", file];
    arguments.extend(more);
    run(&arguments)
}

fn said(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8(both).unwrap()
}

#[test]
fn folders_are_formatted_once_and_a_node_starts_on_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = settings(folder.path(), "controller.quorum.voters=1@127.0.0.1:1");
    let missing = run(&["info", "-c", &file]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(said(&missing).contains("/a does not exist"), "{missing:?}");

    let user = "SCRAM-SHA-256=[name=alice,password=alice-secret]";
    let done = format(&file, &["-r", "4.0", "-f", "group.version=0", "-S", user]);
    let text = said(&done);
    assert!(done.status.success(), "{text}");
    let folders = format!(
        "Formatting data directory {0}/b with metadata.version 4.0-IV3.\n\
         Formatting metadata directory {0}/a with metadata.version 4.0-IV3.\n",
        folder.path().display()
    );
    assert!(
        text.starts_with("Bootstrap metadata: ") && text.ends_with(&folders),
        "{text}"
    );
    assert!(text.contains("name='alice', mechanism=1") && !text.contains("alice-secret"));

    let again = format(&file, &[]);
    assert_eq!(again.status.code(), Some(1));
    assert!(said(&again).contains("/b is already formatted. Use --ignore-formatted"));
    let ignored = format(&file, &["--ignore-formatted"]);
    assert!(ignored.status.success());
    assert_eq!(
        said(&ignored),
        "All of the log directories are already formatted.\n"
    );
    let info = run(&["info", "-c", &file]);
    assert!(info.status.success() && said(&info).contains(&format!("cluster.id={CLUSTER}, directory.id=")));

    let node = Node::start(&[&file]);
    assert_eq!(node.part("cluster "), CLUSTER);
    assert_eq!(node.end(Signal::TERM), Some(0));
}

#[test]
fn the_voters_of_a_quorum_that_can_change_them_are_formatted() {
    let folder = tempfile::tempdir().unwrap();
    let file = settings(folder.path(), "controller.quorum.bootstrap.servers=127.0.0.1:1");
    let table: &[(&[&str], &str)] = &[
        (&[], "you must specify one of the following: --standalone"),
        (
            &["-s", "-f", "kraft.version=0"],
            "Cannot set kraft.version to 0 if",
        ),
        (&["-I", "1@a:1"], "No colon following port could be found."),
        (&["-s", "-N"], "exclude each other"),
    ];
    for (more, expected) in table {
        let refused = format(&file, more);
        assert_eq!(refused.status.code(), Some(1));
        assert!(said(&refused).contains(expected), "{refused:?}");
    }
    assert!(!folder.path().join("a").exists());

    // A controller that others have to let in.
    assert!(format(&file, &["-N"]).status.success());
    for name in ["a", "b"] {
        std::fs::remove_dir_all(folder.path().join(name)).unwrap();
    }

    let directory = "JEXY6aqzQY-32P5TStzaFg";
    let done = format(&file, &["-I", &format!("1@127.0.0.1:1:{directory}")]);
    assert!(
        said(&done).contains("Formatting dynamic metadata voter directory"),
        "{done:?}"
    );
    let info = said(&run(&["info", "-c", &file]));
    assert!(info.contains(&format!("directory.id={directory}")), "{info}");
    let node = Node::start(&[&file]);
    assert_eq!(node.part("cluster "), CLUSTER);
    assert_eq!(node.end(Signal::TERM), Some(0));
}

#[test]
fn ids_are_made() {
    let id = said(&run(&["random-uuid"]));
    assert_eq!(id.trim().len(), 22);
    assert!(!id.starts_with('-') && id != said(&run(&["random-uuid"])));
    for (arguments, expected) in [
        (&["format"][..], "argument --cluster-id/-t is required"),
        (&["format", "-t", "x"], "argument --config/-c is required"),
        (&["info"], "argument --config/-c is required"),
    ] {
        let refused = run(arguments);
        assert_eq!(refused.status.code(), Some(1));
        assert!(said(&refused).contains(expected));
    }
}
