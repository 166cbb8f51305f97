//! `kafka-consumer-perf-test` and `kafka-share-consumer-perf-test`: Kafka's `ConsumerPerformance` and
//! `ShareConsumerPerformance`.

mod options;
pub mod share;

use std::time::{Duration, Instant};

use options::{
    COMMAND_PROPERTY, DATE_FORMAT, DETAILED, FETCH_SIZE, GROUP, HIDE_HEADER, Measuring, NUM_RECORDS,
    OLD_CONFIG, OLD_NUM_RECORDS, PRINT_METRICS, REPORTING_INTERVAL, SOCKET_BUFFER, TIMEOUT, TOPIC, megabytes,
    now_ms, size_of,
};

use crate::arguments::{BOOTSTRAP_SERVER, COMMAND_CONFIG, Options, Takes, Word, word};
use crate::client::{Cluster, Properties};
use crate::console::Console;
use crate::console_consumer::{Source, Topics};
use crate::failure::{Outcome, said};
use crate::java;

/// The tool's options.
#[rustfmt::skip]
pub const WORDS: &[Word] = &[
    BOOTSTRAP_SERVER, TOPIC,
    word("include", Takes::Value("regex"), "A regular expression of the topics to read."),
    GROUP, FETCH_SIZE, COMMAND_PROPERTY,
    word("from-latest", Takes::Nothing, "Begin with the next record rather than the first, where nothing was committed."),
    SOCKET_BUFFER, OLD_CONFIG, COMMAND_CONFIG, PRINT_METRICS, DETAILED, TIMEOUT, OLD_NUM_RECORDS, NUM_RECORDS,
    REPORTING_INTERVAL, DATE_FORMAT, HIDE_HEADER,
];

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(options: &Options, console: &mut Console) -> Outcome {
    options.stop_for_help("Measures how fast a topic can be read.")?;
    options.require(&["bootstrap-server"])?;
    options.require_one_of(&["topic", "include"])?;
    let measuring = Measuring::of(options, console)?;
    if measuring.interval.is_zero() {
        return said("Reporting interval must be greater than 0.");
    }
    let (format, detailed) = (measuring.format, measuring.detailed);
    if !options.has("hide-header") {
        let first = if detailed {
            "time, threadId"
        } else {
            "start.time, end.time"
        };
        console.line(format!(
            "{first}, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, \
             fetch.MB.sec, fetch.nMsg.sec"
        ));
    }
    let properties = properties(options)?;
    let cluster = Cluster::new(&properties)?;
    let began_ms = now_ms();
    let began = Instant::now();
    let (bytes, records, joined) = consume(&measuring, options, &cluster, &properties, began, console)?;
    if !detailed {
        let elapsed = began.elapsed();
        let seconds = elapsed.as_secs_f64();
        let megabytes = megabytes(bytes);
        let fetching = elapsed.saturating_sub(joined);
        console.line(format!(
            "{}, {}, {megabytes:.4}, {:.4}, {records}, {:.4}, {}, {}, {:.4}, {:.4}",
            java::date(began_ms, format),
            java::date(now_ms(), format),
            megabytes / seconds,
            records as f64 / seconds,
            joined.as_millis(),
            fetching.as_millis(),
            megabytes / fetching.as_secs_f64(),
            records as f64 / fetching.as_secs_f64()
        ));
    }
    Ok(())
}

/// Reads; answers bytes, records, and how long it took until there were partitions to read.
fn consume(
    measuring: &Measuring<'_>,
    options: &Options,
    cluster: &Cluster,
    properties: &Properties,
    began: Instant,
    console: &mut Console,
) -> Outcome<(u64, i64, Duration)> {
    let topics = match options.value("topic")? {
        Some(topic) => Topics::One(topic.to_owned()),
        None => Topics::Matching(options.value("include")?.unwrap_or_default().to_owned()),
    };
    let group = properties.get("group.id").cloned();
    let reset = properties
        .get("auto.offset.reset")
        .map_or("earliest", String::as_str);
    let mut source = Source::new(cluster, properties, topics, group, reset)?;
    let (mut bytes, mut records) = (0u64, 0i64);
    let (mut last_bytes, mut last_records) = (0, 0);
    let (mut last_report, mut last_record) = (began, Instant::now());
    let mut joined = None;
    while records < measuring.wanted && last_record.elapsed() <= measuring.timeout {
        let found = source.poll(Duration::from_millis(100))?;
        if joined.is_none() && source.is_assigned() {
            joined = Some(began.elapsed());
        }
        let now = Instant::now();
        if !found.is_empty() {
            last_record = now;
        }
        for record in &found {
            records += 1;
            bytes += size_of(record);
            source.delivered(record);
        }
        let elapsed = now.duration_since(last_report);
        if elapsed >= measuring.interval && !found.is_empty() {
            if measuring.detailed {
                let more_megabytes = megabytes(bytes - last_bytes);
                let (seconds, more) = (elapsed.as_secs_f64(), (records - last_records) as f64);
                console.line(format!(
                    "{}, 0, {:.4}, {:.4}, {records}, {:.4}, 0, {}, {:.4}, {:.4}",
                    java::date(now_ms(), measuring.format),
                    megabytes(bytes),
                    more_megabytes / seconds,
                    more / seconds,
                    elapsed.as_millis(),
                    more_megabytes / seconds,
                    more / seconds
                ));
                console.flush();
            }
            (last_report, last_bytes, last_records) = (now, bytes, records);
        }
    }
    if records < measuring.wanted {
        measuring.warn(console);
    }
    source.close();
    Ok((bytes, records, joined.unwrap_or_default()))
}

fn properties(options: &Options) -> Outcome<Properties> {
    let mut properties = options::properties(options, "perf-consumer-client")?;
    let mut set = |name: &str, value: &str| properties.insert(name.to_owned(), value.to_owned());
    if let Some(group) = options.value("group")? {
        set("group.id", group);
    }
    let reset = match options.has("from-latest") {
        true => "latest",
        false => "earliest",
    };
    set("auto.offset.reset", reset);
    set(
        "max.partition.fetch.bytes",
        &options::fetch_size(options)?.to_string(),
    );
    Ok(properties)
}
