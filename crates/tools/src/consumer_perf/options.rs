//! What both tools take.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::arguments::{Options, Takes, Word, key_values, properties_file, word};
use crate::client::Properties;
use crate::client::records::Fetched;
use crate::console::Console;
use crate::failure::Outcome;

const NUMBER: Takes = Takes::Value("number");

pub const TOPIC: Word = word("topic", Takes::Value("topic"), "The topic to read.");
pub const GROUP: Word = word("group", Takes::Value("group"), "The group to read in.");
#[rustfmt::skip]
pub const FETCH_SIZE: Word = word("fetch-size", NUMBER, "So many bytes are fetched at once (by default 1048576).");
#[rustfmt::skip]
pub const COMMAND_PROPERTY: Word =
    word("command-property", Takes::Value("key=value"), "A property of the client; may be repeated.");
pub const SOCKET_BUFFER: Word = word("socket-buffer-size", NUMBER, "Without effect.");
#[rustfmt::skip]
pub const OLD_CONFIG: Word = word("consumer.config", Takes::Value("file"), "The old name of --command-config.");
#[rustfmt::skip]
pub const PRINT_METRICS: Word =
    word("print-metrics", Takes::Nothing, "Without effect: there are no metrics of a Java client.");
#[rustfmt::skip]
pub const DETAILED: Word = word("show-detailed-stats", Takes::Nothing, "Report at intervals, too.");
#[rustfmt::skip]
pub const TIMEOUT: Word =
    word("timeout", Takes::Perhaps("ms"), "End when no record has come for so long (by default 10000).");
pub const OLD_NUM_RECORDS: Word = word("messages", NUMBER, "The old name of --num-records.");
pub const NUM_RECORDS: Word = word("num-records", NUMBER, "How many records to read (required).");
#[rustfmt::skip]
pub const REPORTING_INTERVAL: Word =
    word("reporting-interval", Takes::Value("ms"), "How often is reported (by default 5000).");
#[rustfmt::skip]
pub const DATE_FORMAT: Word =
    word("date-format", Takes::Value("format"), "How times are shown (by default yyyy-MM-dd HH:mm:ss:SSS).");
pub const HIDE_HEADER: Word = word(
    "hide-header",
    Takes::Nothing,
    "Without the line that names the columns.",
);

/// How much is read, and what is told of it.
pub struct Measuring<'o> {
    /// How often is reported; not zero, or it is refused.
    pub interval: Duration,
    /// It ends when no record has come for so long.
    pub timeout: Duration,
    /// How times are shown.
    pub format: &'o str,
    /// Whether is reported at intervals.
    pub detailed: bool,
    /// How many records to read.
    pub wanted: i64,
}

impl<'o> Measuring<'o> {
    /// Reads the arguments; also says which of them are out of date.
    pub fn of(options: &'o Options, console: &mut Console) -> Outcome<Self> {
        options.require_one_of(&["messages", "num-records"])?;
        options.exclude("consumer.config", &["command-config"])?;
        for (old, new) in [("messages", "num-records"), ("consumer.config", "command-config")] {
            if options.has(old) {
                console.line(format!("Warning: --{old} is deprecated. Use --{new} instead."));
            }
        }
        let wanted = options.number::<i64>("messages")?;
        let timeout = match options.value("timeout")? {
            None | Some("") => 10_000,
            Some(_) => options.number::<u64>("timeout")?.unwrap_or_default(),
        };
        let interval = options.number::<i64>("reporting-interval")?.unwrap_or(5000);
        Ok(Measuring {
            interval: Duration::from_millis(u64::try_from(interval).unwrap_or_default()),
            timeout: Duration::from_millis(timeout),
            format: options.value("date-format")?.unwrap_or("yyyy-MM-dd HH:mm:ss:SSS"),
            detailed: options.has("show-detailed-stats"),
            wanted: wanted.or(options.number("num-records")?).unwrap_or(0),
        })
    }

    /// Says that not enough has come.
    pub fn warn(&self, console: &mut Console) {
        console.line(format!(
            "WARNING: Exiting before consuming the expected number of records: timeout ({} ms) exceeded. You can use \
             the --timeout option to increase the timeout.",
            self.timeout.as_millis()
        ));
    }
}

/// The client's properties, as far as both tools have the same.
pub fn properties(options: &Options, client_id: &str) -> Outcome<Properties> {
    let file = options
        .value("consumer.config")?
        .or(options.value("command-config")?);
    let mut properties = file.map(properties_file).transpose()?.unwrap_or_default();
    properties.extend(key_values(&options.values("command-property")));
    let servers = options.value("bootstrap-server")?.unwrap_or_default();
    properties.insert("bootstrap.servers".to_owned(), servers.to_owned());
    properties
        .entry("client.id".to_owned())
        .or_insert_with(|| client_id.to_owned());
    Ok(properties)
}

/// How many bytes are fetched at once.
pub fn fetch_size(options: &Options) -> Outcome<i32> {
    Ok(options.number("fetch-size")?.unwrap_or(1024 * 1024))
}

/// The bytes of a record that count.
pub fn size_of(record: &Fetched) -> u64 {
    let size = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len) as u64;
    size(&record.key) + size(&record.value)
}

/// Bytes in megabytes of 2^20.
pub fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as i64
}
