//! The arguments.

use crate::arguments::{BOOTSTRAP_SERVER, Options, Takes, Word, key_values, properties_file, word};
use crate::client::Properties;
use crate::client::offsets::{EARLIEST, LATEST};
use crate::console::Console;
use crate::failure::{Failure, Outcome, usage};

use super::formatter::Formatter;

const PROPERTY: Takes = Takes::Value("key=value");
const FILE: Takes = Takes::Value("file");

/// The tool's options.
#[rustfmt::skip]
pub const WORDS: &[Word] = &[
    BOOTSTRAP_SERVER,
    word("topic", Takes::Value("topic"), "The topic to read."),
    word("include", Takes::Value("regex"), "A regular expression of the topics to read."),
    word("partition", Takes::Value("number"), "The partition to read, from its end on unless --offset says otherwise."),
    word("offset", Takes::Value("offset"), "With --partition: a number, earliest or latest (the default)."),
    word("from-beginning", Takes::Nothing, "Begin with the first record rather than with the next, where nothing was committed."),
    word("max-messages", Takes::Value("number"), "End after so many records."),
    word("timeout-ms", Takes::Value("ms"), "End when no record has come for so long."),
    word("group", Takes::Value("group"), "The group to read in."),
    word("isolation-level", Takes::Value("level"), "read_uncommitted (the default) or read_committed."),
    word("formatter", Takes::Value("class"), "How to show records: the name of a class of Kafka's."),
    word("formatter-property", PROPERTY, "What to show: print.key, print.value, print.timestamp, print.partition, print.offset, \
        print.epoch, print.headers, key.separator, line.separator, headers.separator, null.literal, ...deserializer; may be repeated."),
    word("property", PROPERTY, "The old name of --formatter-property."),
    word("formatter-config", FILE, "A file with such properties."),
    word("key-deserializer", Takes::Value("class"), "How keys are read."),
    word("value-deserializer", Takes::Value("class"), "How values are read."),
    word("command-property", PROPERTY, "A property of the client; may be repeated."),
    word("consumer-property", PROPERTY, "The old name of --command-property."),
    word("command-config", FILE, "A file with properties of the client."),
    word("consumer.config", FILE, "The old name of --command-config."),
    word("skip-message-on-error", Takes::Nothing, "Pass over records that can't be shown."),
    word("enable-systest-events", Takes::Nothing, "Say also when it ends."),
];

/// What is to be read, and how it is shown.
pub struct Reading {
    /// The client's properties.
    pub properties: Properties,
    /// The topics.
    pub topics: Topics,
    /// The group, where one was named.
    pub group: Option<String>,
    /// Where to begin without a commit.
    pub reset: String,
    /// How to show it.
    pub formatter: Formatter,
    /// After so many records it ends.
    pub max_messages: Option<i64>,
    /// After so many milliseconds without a record it ends.
    pub timeout_ms: Option<u64>,
    /// Whether records that can't be shown are passed over.
    pub skips_errors: bool,
}

/// Which topics are read.
#[derive(Clone, Debug)]
pub enum Topics {
    /// One of them.
    One(String),
    /// One partition, from an offset, [`EARLIEST`] or [`LATEST`] on.
    Partition(String, i32, i64),
    /// Those whose names a regular expression matches.
    Matching(String),
}

impl Reading {
    /// Reads the arguments; also says which of them are out of date.
    pub fn of(options: &Options, console: &mut Console) -> Outcome<Reading> {
        options.stop_for_help("Shows the records of topics on the standard output.")?;
        options.require_one_of(&["topic", "include"])?;
        let partition: Option<i32> = options.number("partition")?;
        if partition.is_some() {
            if !options.has("topic") {
                return usage("The topic is required when partition is specified.");
            }
            if options.has("from-beginning") && options.has("offset") {
                return usage("Options from-beginning and offset cannot be specified together.");
            }
        } else if options.has("offset") {
            return usage("The partition is required when offset is specified.");
        }
        options.require(&["bootstrap-server"])?;
        let properties_word = renamed(options, console, "consumer-property", "command-property")?;
        let file_word = renamed(options, console, "consumer.config", "command-config")?;
        let file = options
            .value(file_word)?
            .map(properties_file)
            .transpose()?
            .unwrap_or_default();
        let given = key_values(&options.values(properties_word));
        let group = group(options, &file, &given, partition.is_some())?;
        let mut properties = file;
        properties.extend(given);
        let reset = reset(options, &properties, console)?;
        let servers = options.value("bootstrap-server")?.unwrap_or_default();
        properties.insert("bootstrap.servers".to_owned(), servers.to_owned());
        properties
            .entry("client.id".to_owned())
            .or_insert_with(|| "console-consumer".to_owned());
        if let Some(level) = options.value("isolation-level")? {
            properties.insert("isolation.level".to_owned(), level.to_owned());
        }
        let offset = offset(options)?;
        let timeout_ms = options
            .number::<i64>("timeout-ms")?
            .and_then(|ms| u64::try_from(ms).ok());
        let formatter = Formatter::of(options, formatter_properties(options, console)?)?;
        let topic = options.value("topic")?.unwrap_or_default().to_owned();
        let topics = match (partition, options.value("include")?) {
            (Some(partition), _) => Topics::Partition(topic, partition, offset),
            (None, Some(pattern)) => Topics::Matching(pattern.to_owned()),
            (None, None) => Topics::One(topic),
        };
        Ok(Reading {
            properties,
            topics,
            group,
            reset,
            formatter,
            max_messages: options
                .number::<i64>("max-messages")?
                .filter(|count| *count != -1),
            timeout_ms,
            skips_errors: options.has("skip-message-on-error"),
        })
    }
}

/// The name of an option, or the old one where that was given.
fn renamed(
    options: &Options,
    console: &mut Console,
    old: &'static str,
    new: &'static str,
) -> Outcome<&'static str> {
    if !options.has(old) {
        return Ok(new);
    }
    if options.has(new) {
        return usage(format!(
            "Options --{old} and --{new} cannot be specified together."
        ));
    }
    console.line(format!(
        "Option --{old} is deprecated and will be removed in a future version. Use --{new} instead."
    ));
    Ok(old)
}

fn formatter_properties(options: &Options, console: &mut Console) -> Outcome<Properties> {
    let word = renamed(options, console, "property", "formatter-property")?;
    let mut properties = match options.value("formatter-config")? {
        Some(path) => properties_file(path)?,
        None => Properties::new(),
    };
    for kind in ["key", "value"] {
        if let Some(class) = options
            .value(&format!("{kind}-deserializer"))?
            .filter(|class| !class.is_empty())
        {
            properties.insert(format!("{kind}.deserializer"), class.to_owned());
        }
    }
    properties.extend(key_values(&options.values(word)));
    Ok(properties)
}

/// The group's id, which all who name it must agree on.
fn group(
    options: &Options,
    file: &Properties,
    given: &Properties,
    has_partition: bool,
) -> Outcome<Option<String>> {
    let mut named: Vec<&str> = options.value("group")?.into_iter().collect();
    named.extend(
        [file, given]
            .iter()
            .filter_map(|from| from.get("group.id"))
            .map(String::as_str),
    );
    named.sort_unstable();
    named.dedup();
    if named.len() > 1 {
        let named: Vec<String> = named.iter().map(|group| format!("'{group}'")).collect();
        return usage(format!(
            "The group ids given in several places are not the same: {}",
            named.join(", ")
        ));
    }
    if !named.is_empty() && has_partition {
        return usage("Options group and partition cannot be specified together.");
    }
    Ok(named.first().map(|group| (*group).to_owned()))
}

fn reset(options: &Options, properties: &Properties, console: &mut Console) -> Outcome<String> {
    let from_beginning = options.has("from-beginning");
    match properties.get("auto.offset.reset") {
        Some(reset) if from_beginning && reset != "earliest" => {
            console.error(format!(
                "Can't simultaneously specify --from-beginning and 'auto.offset.reset={reset}', please remove one \
                 option"
            ));
            Err(Failure::Exit(1))
        }
        Some(reset) => Ok(reset.clone()),
        None if from_beginning => Ok("earliest".to_owned()),
        None => Ok("latest".to_owned()),
    }
}

fn offset(options: &Options) -> Outcome<i64> {
    let Some(text) = options.value("offset")? else {
        return Ok(if options.has("from-beginning") {
            EARLIEST
        } else {
            LATEST
        });
    };
    match text.to_lowercase().as_str() {
        "earliest" => Ok(EARLIEST),
        "latest" => Ok(LATEST),
        _ => match text.parse::<i64>() {
            Ok(offset) if offset >= 0 => Ok(offset),
            _ => usage(format!(
                "The provided offset value '{text}' is incorrect. Valid values are 'earliest', 'latest', or a \
                 non-negative long."
            )),
        },
    }
}
