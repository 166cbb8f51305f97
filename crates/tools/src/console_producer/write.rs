//! Writing what is typed.

use std::io::{BufRead, stdin};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::options::Writing;
use crate::arguments::Options;
use crate::client::produce::{Producer, Written};
use crate::client::{Cluster, Stop};
use crate::console::Console;
use crate::failure::{Failure, Outcome, said};

/// So many lines are read ahead.
const LINES_AHEAD: usize = 1024;
const TURN: Duration = Duration::from_millis(100);

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(options: &Options, console: &mut Console) -> Outcome {
    let writing = Writing::of(options, console)?;
    let cluster = Cluster::new(&writing.properties)?;
    let stop = Stop::listen(&cluster)?;
    let seed = now_ms() as u32;
    let mut producer = Producer::new(&cluster, writing.settings.clone(), seed);
    let lines = read_lines();
    let done = write(&writing, &mut producer, &lines, &stop, console);
    // What was read before something went wrong is written all the same.
    let rest = producer.flush();
    done?;
    report(rest?, writing.sync, console)?;
    stop.code().map_or(Ok(()), |code| Err(Failure::Exit(code)))
}

fn write(
    writing: &Writing,
    producer: &mut Producer<'_>,
    lines: &Receiver<std::io::Result<String>>,
    stop: &Stop,
    console: &mut Console,
) -> Outcome {
    let prompts = Console::is_terminal();
    let mut number = 0;
    loop {
        if prompts {
            console.text(">");
            console.flush();
        }
        let Some(line) = next(producer, lines, writing.sync, stop, console)? else {
            return Ok(());
        };
        number += 1;
        let line = line.map_err(|error| Failure::Said(error.to_string()))?;
        let mut record = writing.reader.read(&line, number)?;
        record.timestamp = now_ms();
        let is_full = match producer.add(&writing.reader.topic, None, record) {
            Ok(is_full) => is_full,
            Err(error) if writing.sync => return Err(error.into()),
            Err(error) => {
                console.error(error.to_string());
                continue;
            }
        };
        if is_full || writing.sync {
            report(producer.flush()?, writing.sync, console)?;
        }
    }
}

/// The next line, once there is one. What has been read is written while there is none.
fn next(
    producer: &mut Producer<'_>,
    lines: &Receiver<std::io::Result<String>>,
    sync: bool,
    stop: &Stop,
    console: &mut Console,
) -> Outcome<Option<std::io::Result<String>>> {
    match lines.try_recv() {
        Ok(line) => return Ok(Some(line)),
        Err(TryRecvError::Disconnected) => return Ok(None),
        Err(TryRecvError::Empty) => report(producer.flush()?, sync, console)?,
    }
    loop {
        match lines.recv_timeout(TURN) {
            Ok(line) => return Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
            Err(RecvTimeoutError::Timeout) => {
                // The runtime's turn: signals are heard, connections looked after.
                producer.idle();
                if stop.is_set() {
                    return Ok(None);
                }
            }
        }
    }
}

/// Says what could not be written. Only who waits for each record takes it for a failure, as Kafka's tool.
fn report(written: Vec<Written>, sync: bool, console: &mut Console) -> Outcome {
    for (records, outcome) in written {
        let Err(error) = outcome else {
            continue;
        };
        if sync {
            return said(format!("java.util.concurrent.ExecutionException: {error}"));
        }
        console.error(format!("Error when sending {} records: {error}", records.len()));
    }
    Ok(())
}

/// Reads lines on a thread of their own: whoever types may take their time.
fn read_lines() -> Receiver<std::io::Result<String>> {
    let (lines, read) = sync_channel(LINES_AHEAD);
    std::thread::spawn(move || {
        let mut input = stdin().lock();
        let mut line = Vec::new();
        loop {
            line.clear();
            let sent = match input.read_until(b'\n', &mut line) {
                Ok(0) => return,
                Ok(_) => {
                    if line.ends_with(b"\n") {
                        line.pop();
                    }
                    if line.ends_with(b"\r") {
                        line.pop();
                    }
                    lines.send(Ok(String::from_utf8_lossy(&line).into_owned()))
                }
                Err(error) => lines.send(Err(error)),
            };
            if sent.is_err() {
                return;
            }
        }
    });
    read
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as i64
}
