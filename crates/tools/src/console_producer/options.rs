//! The arguments.

use std::time::Duration;

use barnabas_protocol::records::Compression;

use crate::arguments::{
    BOOTSTRAP_SERVER, Options, Takes, Word, check_servers, key_values, properties_file, word,
};
use crate::client::Properties;
use crate::client::new_record::ProduceSettings;
use crate::console::Console;
use crate::failure::{Failure, Outcome, said, usage};

use super::line_reader::LineReader;

const PROPERTY: Takes = Takes::Value("key=value");
const FILE: Takes = Takes::Value("file");
const NUMBER: Takes = Takes::Value("number");
const MS: Takes = Takes::Value("ms");
const LINE_READER: &str = "org.apache.kafka.tools.LineMessageReader";

/// The tool's options.
#[rustfmt::skip]
pub const WORDS: &[Word] = &[
    word("topic", Takes::Value("topic"), "The topic to write to (required)."),
    BOOTSTRAP_SERVER,
    word("sync", Takes::Nothing, "Wait for each record before the next."),
    word("compression-codec", Takes::Perhaps("codec"), "none (the default), gzip (without a value), snappy, lz4 or zstd."),
    word("batch-size", NUMBER, "So many bytes of a partition are sent together (batch.size, by default 16384)."),
    word("max-partition-memory-bytes", NUMBER, "The old name of --batch-size."),
    word("message-send-max-retries", NUMBER, "So often is tried again (retries, by default 3)."),
    word("retry-backoff-ms", MS, "The pause before (retry.backoff.ms)."),
    word("timeout", MS, "linger.ms; records are sent as soon as no line waits."),
    word("request-required-acks", Takes::Value("acks"), "-1 or all (the default), 0 or 1."),
    word("request-timeout-ms", MS, "How long the broker may take (request.timeout.ms, by default 1500)."),
    word("metadata-expiry-ms", MS, "metadata.max.age.ms; without effect."),
    word("max-block-ms", MS, "How long is waited for the topic (max.block.ms, by default 60000)."),
    word("max-memory-bytes", NUMBER, "buffer.memory; without effect."),
    word("socket-buffer-size", NUMBER, "send.buffer.bytes; without effect."),
    word("line-reader", Takes::Value("class"), "How lines are read: Kafka's LineMessageReader."),
    word("reader-property", PROPERTY, "How lines are read: parse.key, key.separator, parse.headers, headers.delimiter, headers.separator, \
        headers.key.separator, null.marker, ignore.error; may be repeated."),
    word("property", PROPERTY, "The old name of --reader-property."),
    word("reader-config", FILE, "A file with such properties."),
    word("command-property", PROPERTY, "A property of the client; may be repeated."),
    word("producer-property", PROPERTY, "The old name of --command-property."),
    word("command-config", FILE, "A file with properties of the client."),
    word("producer.config", FILE, "The old name of --command-config."),
];

/// What is to be written, and how.
pub struct Writing {
    /// The client's properties.
    pub properties: Properties,
    /// How lines are read.
    pub reader: LineReader,
    /// How records are written.
    pub settings: ProduceSettings,
    /// Whether each record is waited for.
    pub sync: bool,
}

impl Writing {
    /// Reads the arguments; also says which of them are out of date.
    pub fn of(options: &Options, console: &mut Console) -> Outcome<Writing> {
        options.stop_for_help("Writes the lines of the standard input to a topic.")?;
        options.require(&["topic"])?;
        let pairs = [
            ("command-config", "producer.config"),
            ("command-property", "producer-property"),
            ("reader-property", "property"),
        ];
        for (new, old) in pairs {
            if options.has(new) && options.has(old) {
                return usage(format!(
                    "Options --{new} and --{old} cannot be specified together."
                ));
            }
        }
        let mut renamed = |new: &'static str, old: &'static str| {
            if !options.has(old) {
                return new;
            }
            console.line(format!(
                "Warning: --{old} is deprecated and will be removed in a future version. Use --{new} instead."
            ));
            old
        };
        let properties_word = renamed("command-property", "producer-property");
        let file_word = renamed("command-config", "producer.config");
        let reader_word = renamed("reader-property", "property");
        if options.has("max-partition-memory-bytes") {
            console.line(
                "Warning: --max-partition-memory-bytes is deprecated and will be removed in Apache Kafka 5.0. Use \
                 --batch-size instead.",
            );
        }
        let servers = options.value("bootstrap-server")?.unwrap_or_default();
        check_servers(servers)?;
        let class = options.value("line-reader")?.unwrap_or(LINE_READER);
        if class != LINE_READER {
            return said(format!("java.lang.ClassNotFoundException: {class}"));
        }
        let mut of_reader = options
            .value("reader-config")?
            .map(properties_file)
            .transpose()?
            .unwrap_or_default();
        of_reader.extend(key_values(&options.values(reader_word)));
        let topic = options.value("topic")?.unwrap_or_default();
        let topic = of_reader.get("topic").map_or(topic, String::as_str).to_owned();
        let reader = LineReader::of(topic, &of_reader)?;

        let mut properties = options
            .value(file_word)?
            .map(properties_file)
            .transpose()?
            .unwrap_or_default();
        properties.extend(key_values(&options.values(properties_word)));
        properties.insert("bootstrap.servers".to_owned(), servers.to_owned());
        properties
            .entry("client.id".to_owned())
            .or_insert_with(|| "console-producer".to_owned());
        properties.insert("compression.type".to_owned(), codec(options)?.to_owned());
        let settings = settings(options, &mut properties)?;
        Ok(Writing {
            properties,
            reader,
            settings,
            sync: options.has("sync"),
        })
    }
}

fn codec(options: &Options) -> Outcome<&str> {
    Ok(match options.value("compression-codec")? {
        None => "none",
        Some("") => "gzip",
        Some(codec) => codec,
    })
}

/// The producer's settings: an option wins over a property, and that over the option's default.
fn settings(options: &Options, properties: &mut Properties) -> Outcome<ProduceSettings> {
    let mut merged = |word: &str, name: &str, default: &str| -> Outcome<String> {
        if options.has(word) || !properties.contains_key(name) {
            let value = options.value(word)?.unwrap_or(default);
            properties.insert(name.to_owned(), value.to_owned());
        }
        Ok(properties.get(name).cloned().unwrap_or_default())
    };
    for word in [
        "timeout",
        "metadata-expiry-ms",
        "max-memory-bytes",
        "socket-buffer-size",
    ] {
        options.number::<i64>(word)?;
    }
    options.number::<i64>("retry-backoff-ms")?;
    merged("retry-backoff-ms", "retry.backoff.ms", "100")?;
    let acks = merged("request-required-acks", "acks", "-1")?;
    let request_timeout = merged("request-timeout-ms", "request.timeout.ms", "1500")?;
    let retries = merged("message-send-max-retries", "retries", "3")?;
    let size = merged("batch-size", "batch.size", "16384")?;
    let size = if options.has("max-partition-memory-bytes") {
        options
            .value("max-partition-memory-bytes")?
            .unwrap_or_default()
            .to_owned()
    } else {
        size
    };
    let max_block = merged("max-block-ms", "max.block.ms", "60000")?;
    produce_settings(properties, &acks, &request_timeout, &retries, &size, &max_block)
}

/// How records are written, by the producer's properties and what the tool has made of some of them.
///
/// # Errors
/// One of them makes no sense.
pub fn produce_settings(
    properties: &Properties,
    acks: &str,
    request_timeout: &str,
    retries: &str,
    batch_size: &str,
    max_block: &str,
) -> Outcome<ProduceSettings> {
    let number = |name: &str, text: &str| -> Outcome<u64> {
        text.trim().parse().map_err(|_| {
            Failure::Said(format!(
                "Invalid value {text} for configuration {name}: Not a number of type INT"
            ))
        })
    };
    let given = |name: &str, default: u64| match properties.get(name) {
        Some(text) => number(name, text),
        None => Ok(default),
    };
    let acks = match acks {
        "all" | "-1" => -1,
        "0" => 0,
        "1" => 1,
        other => return invalid("acks", other, "String must be one of: all, -1, 0, 1"),
    };
    let compression = match properties.get("compression.type").map_or("none", String::as_str) {
        "none" => Compression::None,
        "gzip" => Compression::Gzip,
        "snappy" => Compression::Snappy,
        "lz4" => Compression::Lz4,
        "zstd" => Compression::Zstd,
        other => {
            let known = "String must be one of: none, gzip, snappy, lz4, zstd";
            return invalid("compression.type", other, known);
        }
    };
    let idempotence = properties
        .get("enable.idempotence")
        .map(|value| value.trim() == "true");
    Ok(ProduceSettings {
        acks,
        compression,
        batch_size: number("batch.size", batch_size)? as usize,
        max_request_size: given("max.request.size", 1024 * 1024)? as usize,
        request_timeout: Duration::from_millis(number("request.timeout.ms", request_timeout)?),
        delivery_timeout: Duration::from_millis(given("delivery.timeout.ms", 120_000)?),
        max_block: Duration::from_millis(number("max.block.ms", max_block)?),
        retries: number("retries", retries)? as u32,
        is_idempotent: idempotence.unwrap_or(acks == -1),
        transactional_id: None,
    })
}

fn invalid<T>(name: &str, value: &str, why: &str) -> Outcome<T> {
    said(format!(
        "org.apache.kafka.common.config.ConfigException: Invalid value {value} for configuration {name}: {why}"
    ))
}
