//! Signals, and the ends of pipes that nobody reads: none of them may end the process but in order.

use std::io::Write;
use std::net::TcpStream;
use std::process::Stdio;

use rustix::process::Signal;

use crate::process::{Node, api_versions, barnabas};

/// What a clean end leaves in the data folder, and the next start takes away.
const CLEAN_MARKER: &str = ".kafka_cleanshutdown";

#[test]
fn many_signals_end_it_as_cleanly_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let node = Node::start(&["--data", data, "--listen", "127.0.0.1:0"]);
    // A connection that is read by nobody keeps the end waiting for a while: the other signals meet it.
    let idle = TcpStream::connect(node.address()).unwrap();
    for signal in [Signal::TERM, Signal::TERM, Signal::INT, Signal::HUP, Signal::TERM] {
        node.signal(signal);
    }
    assert_eq!(node.end(Signal::TERM), Some(0));
    assert!(folder.path().join(CLEAN_MARKER).exists());
    drop(idle);
}

#[test]
fn a_process_that_should_outlive_its_terminal_does() {
    let mut command = std::process::Command::new("sh");
    let arguments = ["-c", "trap '' HUP; exec \"$@\"", "sh"];
    let binary = barnabas();
    command
        .args(arguments)
        .arg(binary.get_program())
        .args(["--ephemeral", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped());
    let node = Node::spawn(&mut command);
    node.signal(Signal::HUP);
    assert_eq!(api_versions(node.address()), (77, 0));
    assert_eq!(node.end(Signal::TERM), Some(0));
}

#[test]
fn nobody_has_to_read_what_it_says() {
    let mut node = Node::spawn(barnabas().args(["--ephemeral", "--listen", "127.0.0.1:0"]));
    node.stop_listening();
    for _ in 0..3 {
        // A frame of a negative size: the node complains of it in its log.
        let mut stream = TcpStream::connect(node.address()).unwrap();
        stream.write_all(&[255; 8]).unwrap();
        assert_eq!(std::io::Read::read(&mut stream, &mut [0; 1]).unwrap_or(0), 0);
        assert_eq!(api_versions(node.address()), (77, 0));
    }
    assert_eq!(node.end(Signal::TERM), Some(0));
}
