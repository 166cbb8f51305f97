//! One node's process.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc::Sender;

use super::plan::Planned;

/// How a process ends that was asked to.
pub const CLEANLY: &str = "exit status: 0";
/// Tells a node that it ends with its standard input.
pub const ENDS_WITH_INPUT: &str = "BARNABAS_ENDS_WITH_INPUT";

/// What happens to nodes.
pub enum Event {
    /// A node says something.
    Line(usize, String),
    /// A node's process has ended, and how.
    Ended(usize, String),
    /// A node is to be started again.
    Due(usize),
}

/// See the module. The process ends when this is dropped.
pub struct Child {
    pid: u32,
    /// Closed, it ends the process.
    input: Option<std::process::ChildStdin>,
}

impl Child {
    /// Starts a node; `events` hears of it.
    ///
    /// # Errors
    /// The system refuses a process.
    pub fn start(planned: &Planned, events: Sender<Event>) -> Result<Child, String> {
        let refused = |error: std::io::Error| format!("node {} can't be started: {error}", planned.id);
        let program = std::env::current_exe().map_err(refused)?;
        let mut process = Command::new(program)
            .args(&planned.arguments)
            .env(ENDS_WITH_INPUT, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(refused)?;
        let (pid, id) = (process.id(), planned.id);
        let input = process.stdin.take();
        let (output, errors) = (process.stdout.take(), process.stderr.take());
        let to_errors = events.clone();
        thread::spawn(move || tell(id, errors, &to_errors));
        thread::spawn(move || {
            tell(id, output, &events);
            let how = process.wait().map_or_else(|error| error.to_string(), described);
            let _ = events.blocking_send(Event::Ended(id, how));
        });
        Ok(Child { pid, input })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Asks it to stop.
    pub fn stop(&mut self) {
        self.input = None;
    }

    /// Ends it at once.
    pub fn kill(&self) {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

fn described(status: ExitStatus) -> String {
    status.to_string()
}

/// Sends what a process says, line by line, to its end.
fn tell(node: usize, from: Option<impl Read>, events: &Sender<Event>) {
    let Some(from) = from else { return };
    for line in BufReader::new(from).lines().map_while(Result::ok) {
        if events.blocking_send(Event::Line(node, line)).is_err() {
            return;
        }
    }
}
