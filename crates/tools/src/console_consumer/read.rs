//! Reading until there is enough.

use std::time::{Duration, Instant};

use super::options::{Reading, Showing};
use super::source::Source;
use crate::arguments::Options;
use crate::client::records::Fetched;
use crate::client::{Cluster, KafkaError, Stop};
use crate::console::Console;
use crate::failure::{Failure, Outcome};

/// How long is waited for records at once.
const TURN: Duration = Duration::from_millis(200);

/// Where records come from.
pub trait Incoming {
    /// Waits for records, so long at most; there may be none.
    ///
    /// # Errors
    /// Nothing can be read.
    fn poll(&mut self, patience: Duration) -> Result<Vec<Fetched>, KafkaError>;

    /// Hears of each record whether it could be shown.
    fn shown(&mut self, record: &Fetched, is_shown: bool);
}

impl Incoming for Source<'_> {
    fn poll(&mut self, patience: Duration) -> Result<Vec<Fetched>, KafkaError> {
        self.poll(patience)
    }

    fn shown(&mut self, record: &Fetched, _: bool) {
        self.delivered(record);
    }
}

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(options: &Options, console: &mut Console) -> Outcome {
    let reading = Reading::of(options, console)?;
    let cluster = Cluster::new(&reading.properties)?;
    let stop = Stop::listen(&cluster)?;
    let mut shown = 0;
    let done = read(&cluster, &reading, &stop, console, &mut shown);
    end(options, done, shown, &stop, console)
}

/// Says how many records were shown, and how the tool ends.
///
/// # Errors
/// That end.
pub fn end(options: &Options, done: Outcome, shown: i64, stop: &Stop, console: &mut Console) -> Outcome {
    console.error(format!("Processed a total of {shown} messages"));
    if options.has("enable-systest-events") {
        console.line("shutdown_complete");
    }
    match done {
        // As Kafka's tool: what goes wrong while it reads ends it, and is no failure.
        Err(Failure::Kafka(error)) => {
            console.error(error.to_string());
            Ok(())
        }
        Ok(()) => stop.code().map_or(Ok(()), |code| Err(Failure::Exit(code))),
        other => other,
    }
}

fn read(
    cluster: &Cluster,
    reading: &Reading,
    stop: &Stop,
    console: &mut Console,
    shown: &mut i64,
) -> Outcome {
    let mut source = Source::new(
        cluster,
        &reading.properties,
        reading.topics.clone(),
        reading.group.clone(),
        &reading.reset,
    )?;
    show(&mut source, &reading.showing, stop, console, shown)?;
    source.close();
    Ok(())
}

/// Shows records until there are enough of them, or none come any more.
///
/// # Errors
/// Nothing can be read, or a record can't be shown.
pub fn show(
    incoming: &mut impl Incoming,
    showing: &Showing,
    stop: &Stop,
    console: &mut Console,
    shown: &mut i64,
) -> Outcome {
    let mut last = Instant::now();
    let mut line = Vec::new();
    while showing.max_messages.is_none_or(|most| *shown < most) && !stop.is_set() {
        let left = showing
            .timeout
            .map_or(TURN, |timeout| timeout.saturating_sub(last.elapsed()).min(TURN));
        let records = incoming.poll(left)?;
        for record in &records {
            line.clear();
            if showing.max_messages.is_some_and(|most| *shown >= most) {
                break;
            }
            *shown += 1;
            let written = showing.formatter.write(record, &mut line);
            match &written {
                Ok(()) => console.bytes(&line),
                Err(why) if showing.skips_errors => console.error(why),
                Err(why) => {
                    console.error(why);
                    return Err(Failure::Exit(1));
                }
            }
            incoming.shown(record, written.is_ok());
        }
        if !console.flush() {
            console.error("Unable to write to standard out, closing consumer.");
            break;
        }
        if !records.is_empty() {
            last = Instant::now();
        } else if showing.timeout.is_some_and(|timeout| last.elapsed() >= timeout) {
            console.error("org.apache.kafka.common.errors.TimeoutException");
            break;
        }
    }
    Ok(())
}
