//! The binary from outside: its exit codes, its ready line, its signals, its locks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Far longer than anything here takes; only a hang meets it.
const DEADLINE: Duration = Duration::from_secs(60);

/// The binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_barnabas");

/// The binary, with nothing to read and its output in pipes.
pub fn barnabas() -> Command {
    piped(BINARY)
}

/// The same for a program that becomes the binary.
pub fn piped(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env_remove("RUST_LOG");
    command
}

/// Kills a process that is still there at the deadline, so that whoever waits for it goes on and fails;
/// dropped once it has been waited for.
struct Watchdog {
    _ended: Sender<()>,
}

impl Watchdog {
    fn of(child: &Child) -> Self {
        let pid = Pid::from_child(child);
        let (ended, wait) = mpsc::channel();
        std::thread::spawn(move || {
            if wait.recv_timeout(DEADLINE) == Err(RecvTimeoutError::Timeout) {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        Watchdog { _ended: ended }
    }
}

/// Runs a command, which ends by itself.
pub fn output(command: &mut Command) -> Output {
    let child = command.spawn().unwrap();
    let _watchdog = Watchdog::of(&child);
    child.wait_with_output().unwrap()
}

/// A node that has said that it is ready.
pub struct Node {
    child: Child,
    ready: String,
}

impl Node {
    pub fn start(arguments: &[&str]) -> Self {
        Node::spawn(barnabas().args(arguments).stderr(Stdio::inherit()))
    }

    /// Starts a node by a command whose standard output is piped.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, line) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = stdout.read_line(&mut line);
            let _ = sender.send(line);
        });
        match line.recv_timeout(DEADLINE) {
            Ok(ready) if ready.contains(" ready in ") => Self { child, ready },
            other => {
                let _ = child.kill();
                panic!("not ready: {other:?}, {:?}", child.wait());
            }
        }
    }

    /// What follows `word` in the ready line, up to a comma or the line's end.
    pub fn part(&self, word: &str) -> &str {
        let rest = &self.ready[self.ready.find(word).unwrap() + word.len()..];
        rest.split([',', '\n']).next().unwrap().trim()
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        self.part("PLAINTEXT://")
    }

    /// How many of its threads have a name that begins so.
    pub fn threads(&self, name: &str) -> usize {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
        names.filter(|found| found.starts_with(name)).count()
    }

    /// What it wrote to standard error, and its exit code, once it has ended by itself.
    pub fn ended(mut self) -> (String, Option<i32>) {
        let _watchdog = Watchdog::of(&self.child);
        let mut said = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut said).unwrap();
        }
        (said, self.child.wait().unwrap().code())
    }

    /// Ends it; answers what it wrote to standard error, and its exit code.
    pub fn end_and_tell(self, signal: Signal) -> (String, Option<i32>) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        self.ended()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Closes the reading end of its standard error.
    pub fn stop_listening(&mut self) {
        drop(self.child.stderr.take());
    }

    /// Ends it; answers its exit code.
    pub fn end(mut self, signal: Signal) -> Option<i32> {
        let _watchdog = Watchdog::of(&self.child);
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn run(arguments: &[&str]) -> Output {
    output(barnabas().args(arguments))
}

pub fn refused(arguments: &[&str]) -> String {
    refusal(barnabas().args(arguments))
}

/// What a command says that doesn't start.
pub fn refusal(command: &mut Command) -> String {
    let output = output(command);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains("panicked"), "{said}");
    said
}

/// Sends ApiVersions version 0 and returns the response's correlation id and error code.
pub fn api_versions(address: &str) -> (i32, i16) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
        .write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 77, 255, 255])
        .unwrap();
    let mut head = [0; 10];
    stream.read_exact(&mut head).unwrap();
    let [_, _, _, _, a, b, c, d, e, f] = head;
    (i32::from_be_bytes([a, b, c, d]), i16::from_be_bytes([e, f]))
}

#[test]
fn help_and_version_are_printed() {
    let help = run(&["--help"]);
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("--ephemeral"));
    let version = run(&["--version"]);
    assert_eq!(
        String::from_utf8_lossy(&version.stdout),
        concat!("barnabas ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn what_is_not_valid_stops_the_start() {
    let table: &[(&[&str], &str)] = &[
        (&["--nope"], "invalid option '--nope'"),
        (
            &["--ephemeral", "--override", "num.partitions=none"],
            "num.partitions=none is not valid",
        ),
        (
            &["/nowhere/server.properties"],
            "cannot read /nowhere/server.properties",
        ),
        (
            &["--ephemeral", "--listen", "127.0.0.1:0", "--log", "a=b=c"],
            "--log a=b=c is not valid",
        ),
    ];
    for (arguments, expected) in table {
        let said = refused(arguments);
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_node_says_that_it_is_ready_answers_and_ends_cleanly() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let node = Node::start(&["--ephemeral", "--listen", "127.0.0.1:0"]);
        let data = PathBuf::from(node.part("data in "));
        assert!(data.is_dir(), "{}", data.display());
        assert_eq!(node.part("node "), "1");
        assert_eq!(api_versions(node.address()), (77, 0));
        // A client that is connected and silent does not hold the end up.
        let idle = TcpStream::connect(node.address()).unwrap();
        assert_eq!(node.end(signal), Some(0));
        assert!(!data.exists(), "{} is left behind", data.display());
        drop(idle);
    }
}

#[test]
fn localhost_is_both_loopback_addresses() {
    let node = Node::start(&["--ephemeral", "--listen", "localhost:0"]);
    let port = node.address().rsplit_once(':').unwrap().1;
    assert_eq!(api_versions(&format!("127.0.0.1:{port}")), (77, 0));
    // A machine may have IPv6 switched off.
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        assert_eq!(api_versions(&format!("[::1]:{port}")), (77, 0));
    }
    assert_eq!(node.end(Signal::TERM), Some(0));
}

#[test]
fn a_restart_keeps_the_cluster_and_a_second_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let first = Node::start(&["--data", data, "--listen", "127.0.0.1:0"]);
    let cluster = first.part("cluster ").to_owned();
    assert_eq!(cluster.len(), 22, "{cluster}");

    let said = refused(&["--data", data, "--listen", "127.0.0.1:0"]);
    assert!(said.contains(data), "{said}");
    let said = refused(&["--ephemeral", "--listen", first.address()]);
    assert!(
        said.contains("in use") && said.contains(first.address()),
        "{said}"
    );

    assert_eq!(first.end(Signal::TERM), Some(0));
    let second = Node::start(&["--data", data, "--listen", "127.0.0.1:0"]);
    assert_eq!(second.part("cluster "), cluster);
    assert_eq!(second.end(Signal::TERM), Some(0));
}

#[test]
fn a_properties_file_starts_a_node_and_warns_of_what_it_does_not_heed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.properties");
    let data = folder.path().join("data");
    write_properties(&file, &data);
    let node = Node::start(&[file.to_str().unwrap(), "--override", "node.id=5"]);
    assert_eq!(
        (node.part("node "), Path::new(node.part("data in "))),
        ("5", data.as_path())
    );
    assert_eq!(node.end(Signal::TERM), Some(0));

    let said = refused(&[file.to_str().unwrap(), "--override", "node.id=6"]);
    assert!(
        said.contains("without effect: queued.max.requests") && said.contains("unknown setting: surprise"),
        "{said}"
    );
    assert!(said.contains('5') && said.contains('6'), "{said}");
}

fn write_properties(file: &Path, data: &Path) {
    let text = format!(
        "process.roles=broker,controller\nlisteners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0\n\
         controller.listener.names=CONTROLLER\nqueued.max.requests=8\nsurprise=1\nlog.dirs={}\n",
        data.display()
    );
    std::fs::write(file, text).unwrap();
}
