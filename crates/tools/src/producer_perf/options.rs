//! The arguments.

use std::time::Duration;

use crate::arguments::{Options, Takes, Word, properties_file, text_file, usage, word};
use crate::client::Properties;
use crate::client::new_record::ProduceSettings;
use crate::console::Console;
use crate::console_producer::produce_settings;
use crate::failure::{Failure, Outcome, said};

const TOOL: &str = "kafka-producer-perf-test";
const NUMBER: Takes = Takes::Value("number");
const FILE: Takes = Takes::Value("file");
const PAIRS: Takes = Takes::Value("key=value ...");

#[rustfmt::skip]
const WORDS: &[Word] = &[
    word("bootstrap-server", Takes::Value("host:port,..."), "Where to connect."),
    word("topic", Takes::Value("topic"), "The topic to write to (required)."),
    word("num-records", NUMBER, "How many records (required)."),
    word("record-size", NUMBER, "So many random bytes in each; or:"),
    word("payload-file", FILE, "Values from this file; or:"),
    word("payload-monotonic", Takes::Nothing, "Values that count up."),
    word("payload-delimiter", Takes::Value("text"), "What stands between the values of the file (by default a line's end)."),
    word("throughput", NUMBER, "Records a second; -1 for as many as possible (required)."),
    word("command-property", PAIRS, "Properties of the client."),
    word("producer-props", PAIRS, "The old name of --command-property."),
    word("command-config", FILE, "A file with properties of the client."),
    word("producer.config", FILE, "The old name of --command-config."),
    word("print-metrics", Takes::Nothing, "Without effect: there are no metrics of a Java client."),
    word("transactional-id", Takes::Value("id"), "Not served."),
    word("transaction-duration-ms", NUMBER, "Not served."),
    word("warmup-records", NUMBER, "So many records are not counted in a second summary."),
    word("reporting-interval", NUMBER, "How often is reported, in ms (by default 5000)."),
    word("record-key-range", NUMBER, "Keys are numbers below this."),
    word("key-distribution", Takes::Value("kind"), "none (the default), range or random."),
    word("random-seed", NUMBER, "What random values begin with (by default 0)."),
];

/// What values are.
pub enum Payloads {
    /// So many random bytes.
    Size(usize),
    /// One of these.
    Given(Vec<Vec<u8>>),
    /// Numbers that count up.
    Numbers,
}

/// What keys are.
pub enum Keys {
    /// There are none.
    None,
    /// Numbers below this, one after the other.
    Range(u64),
    /// Numbers below this.
    Random(u64),
}

/// What is to be done.
pub struct Load {
    /// The client's properties.
    pub properties: Properties,
    /// How records are written.
    pub settings: ProduceSettings,
    /// The topic.
    pub topic: String,
    /// How many records.
    pub records: u64,
    /// How many of them are to warm up.
    pub warmup: u64,
    /// Records a second at most.
    pub throughput: Option<f64>,
    /// The values.
    pub payloads: Payloads,
    /// The keys.
    pub keys: Keys,
    /// How often is reported.
    pub interval: Duration,
    /// What random numbers begin with.
    pub seed: u64,
}

fn refuse<T>(why: &str) -> Outcome<T> {
    said(format!("usage: {TOOL} [-h] ...\n{TOOL}: error: {why}"))
}

/// Reads the arguments.
pub fn parse(arguments: &[String], console: &mut Console) -> Outcome<Load> {
    let wants_help = arguments
        .iter()
        .any(|argument| argument == "-h" || argument == "--help");
    if arguments.is_empty() || wants_help {
        console.line(format!("usage: {TOOL} [options]\n\n{}", usage(WORDS)));
        return Err(Failure::Exit(0));
    }
    let options = match Options::parse(WORDS, &one_by_one(arguments)) {
        Ok(options) if options.others.is_empty() => options,
        Ok(options) => return refuse(&format!("unrecognized arguments: '{}'", options.others[0])),
        Err(why) => return refuse(&why),
    };
    for name in ["topic", "num-records", "throughput"] {
        if !options.has(name) {
            return refuse(&format!("argument --{name} is required"));
        }
    }
    let of_payload = ["record-size", "payload-file", "payload-monotonic"];
    match of_payload.iter().filter(|name| options.has(name)).count() {
        1 => {}
        0 => {
            return refuse(
                "one of the arguments --record-size --payload-file --payload-monotonic is required",
            );
        }
        _ => return refuse("--record-size, --payload-file and --payload-monotonic exclude each other"),
    }
    if options.has("transactional-id") || options.has("transaction-duration-ms") {
        return said("transactions are not served by this tool");
    }
    let positive = |name: &str, default: u64| match options.number::<i64>(name)? {
        None => Ok(default),
        Some(number) if number > 0 => Ok(number as u64),
        Some(_) => refuse(&format!("--{name} should be greater than zero.")),
    };
    let records = positive("num-records", 1)?;
    let warmup = options.number::<i64>("warmup-records")?.unwrap_or(0).max(0) as u64;
    if warmup >= records {
        return refuse(
            "The value for --warmup-records must be strictly fewer than the number of records in the test, \
             --num-records.",
        );
    }
    let size = positive("record-size", 1)? as usize;
    check_properties(&options)?;
    let interval = Duration::from_millis(positive("reporting-interval", 5000)?);
    let keys = keys(&options, positive("record-key-range", 1)?)?;
    let payloads = match options.value("payload-file")? {
        Some(path) => Payloads::Given(read_payloads(path, &options, console)?),
        None if options.has("record-size") => Payloads::Size(size),
        None => Payloads::Numbers,
    };
    let properties = properties(&options, console)?;
    let throughput: f64 = options.number("throughput")?.unwrap_or(-1.0);
    Ok(Load {
        settings: settings(&properties)?,
        properties,
        topic: options.value("topic")?.unwrap_or_default().to_owned(),
        records,
        warmup,
        throughput: Some(throughput).filter(|rate| *rate > 0.0),
        payloads,
        keys,
        interval,
        seed: options.number::<i64>("random-seed")?.unwrap_or(0) as u64,
    })
}

/// Gives each of several values behind an option the option in front.
fn one_by_one(arguments: &[String]) -> Vec<String> {
    let mut single = Vec::new();
    let mut several: Option<&str> = None;
    for argument in arguments {
        match several {
            _ if argument == "--producer-props" || argument == "--command-property" => {
                several = Some(argument)
            }
            Some(option) if !argument.starts_with("--") => {
                single.push(format!("{option}={argument}"));
            }
            _ => {
                several = None;
                single.push(argument.clone());
            }
        }
    }
    single
}

fn check_properties(options: &Options) -> Outcome {
    let given = [
        "bootstrap-server",
        "command-property",
        "producer-props",
        "producer.config",
        "command-config",
    ];
    if given.iter().all(|name| !options.has(name)) {
        return refuse(
            "At least one of --bootstrap-server, --command-property, --producer-props, --producer.config or \
             --command-config must be specified.",
        );
    }
    for (new, old) in [
        ("command-property", "producer-props"),
        ("command-config", "producer.config"),
    ] {
        if options.has(new) && options.has(old) {
            return refuse(&format!("--{new} and --{old} cannot be specified together."));
        }
    }
    Ok(())
}

fn keys(options: &Options, range: u64) -> Outcome<Keys> {
    let has_range = options.has("record-key-range");
    match options.value("key-distribution")?.unwrap_or("none") {
        "none" if has_range => {
            refuse("--key-distribution must be 'range' or 'random' when --record-key-range is specified.")
        }
        "none" => Ok(Keys::None),
        "range" | "random" if !has_range => {
            refuse("--record-key-range is required when --key-distribution is 'range' or 'random'.")
        }
        "range" => Ok(Keys::Range(range)),
        "random" => Ok(Keys::Random(range)),
        other => refuse(&format!(
            "argument --key-distribution: invalid choice: '{other}' (choose from {{none,range,random}})"
        )),
    }
}

fn read_payloads(path: &str, options: &Options, console: &mut Console) -> Outcome<Vec<Vec<u8>>> {
    let shown = std::path::absolute(path).map_or_else(|_| path.to_owned(), |path| path.display().to_string());
    console.line(format!("Reading payloads from: {shown}"));
    let text = text_file(path).unwrap_or_default();
    if text.is_empty() {
        return said("File does not exist or empty file provided.");
    }
    let delimiter = match options.value("payload-delimiter")? {
        None | Some("\\n") => "\n",
        Some(delimiter) => delimiter,
    };
    let text = text.strip_suffix(delimiter).unwrap_or(&text);
    let payloads: Vec<Vec<u8>> = text
        .split(delimiter)
        .map(|part| part.as_bytes().to_vec())
        .collect();
    console.line(format!("Number of records read: {}", payloads.len()));
    Ok(payloads)
}

fn properties(options: &Options, console: &mut Console) -> Outcome<Properties> {
    let mut renamed = |new: &'static str, old: &'static str| {
        if !options.has(old) {
            return new;
        }
        console.line(format!(
            "Option --{old} has been deprecated and will be removed in a future version. Use --{new} instead."
        ));
        old
    };
    let word = renamed("command-property", "producer-props");
    let file = renamed("command-config", "producer.config");
    let mut properties = options
        .value(file)?
        .map(properties_file)
        .transpose()?
        .unwrap_or_default();
    for pair in options.values(word) {
        match pair.split_once('=') {
            Some((name, value)) if !value.is_empty() && !value.contains('=') => {
                properties.insert(name.to_owned(), value.to_owned());
            }
            _ => return said(format!("Invalid property: {pair}")),
        }
    }
    if let Some(servers) = options.value("bootstrap-server")? {
        properties.insert("bootstrap.servers".to_owned(), servers.to_owned());
    }
    properties
        .entry("client.id".to_owned())
        .or_insert_with(|| "perf-producer-client".to_owned());
    if properties.contains_key("transactional.id") {
        return said("transactions are not served by this tool");
    }
    Ok(properties)
}

/// The producer's settings, by the defaults of Kafka's producer.
fn settings(properties: &Properties) -> Outcome<ProduceSettings> {
    let or = |name: &str, default: &'static str| properties.get(name).map_or(default, String::as_str);
    produce_settings(
        properties,
        or("acks", "all"),
        or("request.timeout.ms", "30000"),
        or("retries", "2147483647"),
        or("batch.size", "16384"),
        or("max.block.ms", "60000"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_values_get_the_option_each() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<String>>();
        let given = words("--topic t --producer-props a=b c=d --throughput -1 --command-property e=f");
        let expected = words(
            "--topic t --producer-props=a=b --producer-props=c=d --throughput -1 --command-property=e=f",
        );
        assert_eq!(one_by_one(&given), expected);
    }
}
