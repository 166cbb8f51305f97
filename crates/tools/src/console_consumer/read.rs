//! Reading until there is enough.

use std::time::{Duration, Instant};

use super::options::Reading;
use super::source::Source;
use crate::arguments::Options;
use crate::client::{Cluster, Stop};
use crate::console::Console;
use crate::failure::{Failure, Outcome};

/// How long is waited for records at once.
const TURN: Duration = Duration::from_millis(200);

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
    let mut last = Instant::now();
    let mut line = Vec::new();
    let timeout = reading.timeout_ms.map(Duration::from_millis);
    while reading.max_messages.is_none_or(|most| *shown < most) && !stop.is_set() {
        let left = timeout.map_or(TURN, |timeout| timeout.saturating_sub(last.elapsed()).min(TURN));
        let records = source.poll(left)?;
        for record in &records {
            line.clear();
            if reading.max_messages.is_some_and(|most| *shown >= most) {
                break;
            }
            *shown += 1;
            match reading.formatter.write(record, &mut line) {
                Ok(()) => console.bytes(&line),
                Err(why) if reading.skips_errors => console.error(why),
                Err(why) => {
                    console.error(why);
                    return Err(Failure::Exit(1));
                }
            }
            source.delivered(record);
        }
        if !console.flush() {
            console.error("Unable to write to standard out, closing consumer.");
            break;
        }
        if !records.is_empty() {
            last = Instant::now();
        } else if timeout.is_some_and(|timeout| last.elapsed() >= timeout) {
            console.error("org.apache.kafka.common.errors.TimeoutException");
            break;
        }
    }
    source.close();
    Ok(())
}
