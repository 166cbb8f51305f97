//! `kafka-consumer-perf-test`: Kafka's `ConsumerPerformance`.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::arguments::{
    BOOTSTRAP_SERVER, COMMAND_CONFIG, Options, Takes, Word, key_values, properties_file, word,
};
use crate::client::{Cluster, Properties};
use crate::console::Console;
use crate::console_consumer::{Source, Topics};
use crate::failure::{Outcome, said};
use crate::java;

const NUMBER: Takes = Takes::Value("number");
const MS: Takes = Takes::Value("ms");

/// The tool's options.
#[rustfmt::skip]
pub const WORDS: &[Word] = &[
    BOOTSTRAP_SERVER,
    word("topic", Takes::Value("topic"), "The topic to read."),
    word("include", Takes::Value("regex"), "A regular expression of the topics to read."),
    word("group", Takes::Value("group"), "The group to read in."),
    word("fetch-size", NUMBER, "So many bytes of a partition are fetched at once (by default 1048576)."),
    word("command-property", Takes::Value("key=value"), "A property of the client; may be repeated."),
    word("from-latest", Takes::Nothing, "Begin with the next record rather than the first, where nothing was committed."),
    word("socket-buffer-size", NUMBER, "Without effect."),
    word("consumer.config", Takes::Value("file"), "The old name of --command-config."),
    COMMAND_CONFIG,
    word("print-metrics", Takes::Nothing, "Without effect: there are no metrics of a Java client."),
    word("show-detailed-stats", Takes::Nothing, "Report at intervals in place of once."),
    word("timeout", Takes::Perhaps("ms"), "End when no record has come for so long (by default 10000)."),
    word("messages", NUMBER, "The old name of --num-records."),
    word("num-records", NUMBER, "How many records to read (required)."),
    word("reporting-interval", MS, "How often is reported (by default 5000)."),
    word("date-format", Takes::Value("format"), "How times are shown (by default yyyy-MM-dd HH:mm:ss:SSS)."),
    word("hide-header", Takes::Nothing, "Without the line that names the columns."),
];

const MEGABYTE: f64 = 1024.0 * 1024.0;

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(options: &Options, console: &mut Console) -> Outcome {
    options.stop_for_help("Measures how fast a topic can be read.")?;
    options.require(&["bootstrap-server"])?;
    options.require_one_of(&["topic", "include"])?;
    options.require_one_of(&["messages", "num-records"])?;
    options.exclude("consumer.config", &["command-config"])?;
    if options.has("messages") {
        console.line("Warning: --messages is deprecated. Use --num-records instead.");
    }
    if options.has("consumer.config") {
        console.line("Warning: --consumer.config is deprecated. Use --command-config instead.");
    }
    let wanted = options
        .number::<i64>("messages")?
        .or(options.number("num-records")?)
        .unwrap_or(0);
    let interval: i64 = options.number("reporting-interval")?.unwrap_or(5000);
    if interval <= 0 {
        return said("Reporting interval must be greater than 0.");
    }
    let timeout = match options.value("timeout")? {
        None | Some("") => 10_000,
        Some(_) => options.number::<u64>("timeout")?.unwrap_or_default(),
    };
    let format = options.value("date-format")?.unwrap_or("yyyy-MM-dd HH:mm:ss:SSS");
    let detailed = options.has("show-detailed-stats");
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
    let mut reading = Reading {
        interval: Duration::from_millis(interval as u64),
        timeout: Duration::from_millis(timeout),
        format,
        detailed,
        wanted,
    };
    let (bytes, records, joined) = reading.consume(options, &cluster, &properties, began, console)?;
    if !detailed {
        let elapsed = began.elapsed();
        let seconds = elapsed.as_secs_f64();
        let megabytes = bytes as f64 / MEGABYTE;
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

struct Reading<'o> {
    interval: Duration,
    timeout: Duration,
    format: &'o str,
    detailed: bool,
    wanted: i64,
}

impl Reading<'_> {
    /// Reads; answers bytes, records, and how long it took until there were partitions to read.
    fn consume(
        &mut self,
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
        while records < self.wanted && last_record.elapsed() <= self.timeout {
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
                let size = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len) as u64;
                bytes += size(&record.key) + size(&record.value);
                source.delivered(record);
            }
            let elapsed = now.duration_since(last_report);
            if elapsed >= self.interval && !found.is_empty() {
                if self.detailed {
                    let megabytes = (bytes - last_bytes) as f64 / MEGABYTE;
                    let (seconds, more) = (elapsed.as_secs_f64(), (records - last_records) as f64);
                    console.line(format!(
                        "{}, 0, {:.4}, {:.4}, {records}, {:.4}, 0, {}, {:.4}, {:.4}",
                        java::date(now_ms(), self.format),
                        bytes as f64 / MEGABYTE,
                        megabytes / seconds,
                        more / seconds,
                        elapsed.as_millis(),
                        megabytes / seconds,
                        more / seconds
                    ));
                    console.flush();
                }
                (last_report, last_bytes, last_records) = (now, bytes, records);
            }
        }
        if records < self.wanted {
            console.line(format!(
                "WARNING: Exiting before consuming the expected number of records: timeout ({} ms) exceeded. You can use \
                 the --timeout option to increase the timeout.",
                self.timeout.as_millis()
            ));
        }
        source.close();
        Ok((bytes, records, joined.unwrap_or_default()))
    }
}

fn properties(options: &Options) -> Outcome<Properties> {
    let file = options
        .value("consumer.config")?
        .or(options.value("command-config")?);
    let mut properties = file.map(properties_file).transpose()?.unwrap_or_default();
    properties.extend(key_values(&options.values("command-property")));
    let mut set = |name: &str, value: &str| properties.insert(name.to_owned(), value.to_owned());
    set(
        "bootstrap.servers",
        options.value("bootstrap-server")?.unwrap_or_default(),
    );
    if let Some(group) = options.value("group")? {
        set("group.id", group);
    }
    set(
        "auto.offset.reset",
        if options.has("from-latest") {
            "latest"
        } else {
            "earliest"
        },
    );
    let size: i32 = options.number("fetch-size")?.unwrap_or(1024 * 1024);
    set("max.partition.fetch.bytes", &size.to_string());
    properties
        .entry("client.id".to_owned())
        .or_insert_with(|| "perf-consumer-client".to_owned());
    Ok(properties)
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as i64
}
