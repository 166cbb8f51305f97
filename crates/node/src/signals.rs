//! What ends a node from outside.

use std::io::ErrorKind;
use std::os::fd::AsFd;

use tokio::net::unix::pipe;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::nodes;

/// SIGTERM, SIGINT and, unless the process was started to outlive its terminal, SIGHUP.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
    /// Of a node that was started by another process, and ends with it.
    input: Option<pipe::Receiver>,
}

impl Signals {
    /// Waits for them from now on.
    ///
    /// # Errors
    /// The system refuses.
    pub fn new() -> std::io::Result<Self> {
        let hangup = (!ignores_hangup()).then(|| signal(SignalKind::hangup()));
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: hangup.transpose()?,
            input: input()?,
        })
    }

    /// Ready at the next one.
    pub async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        let ended = async {
            match &self.input {
                Some(input) => closed(input).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = ended => {}
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = hangup => {}
        }
    }
}

/// The standard input, where the process is to end with it.
fn input() -> std::io::Result<Option<pipe::Receiver>> {
    if std::env::var_os(nodes::ENDS_WITH_INPUT).is_none() {
        return Ok(None);
    }
    let input = std::io::stdin().as_fd().try_clone_to_owned()?;
    pipe::Receiver::from_owned_fd(input).map(Some)
}

/// Ready when nobody holds the other end any more.
async fn closed(input: &pipe::Receiver) {
    let mut read = [0; 64];
    while input.readable().await.is_ok() {
        match input.try_read(&mut read) {
            Ok(0) => return,
            Err(error) if error.kind() != ErrorKind::WouldBlock => return,
            _ => {}
        }
    }
}

/// Whether SIGHUP was ignored when the process began, as nohup asks; a handler would undo that. Only Linux
/// tells.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit n stands for signal n + 1, and SIGHUP is 1.
    ignored.is_some_and(|mask| mask & 1 == 1)
}
