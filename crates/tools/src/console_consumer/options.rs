//! The arguments.

use std::time::Duration;

use crate::arguments::{BOOTSTRAP_SERVER, Options, Takes, Word, key_values, properties_file, word};
use crate::client::Properties;
use crate::client::offsets::{EARLIEST, LATEST};
use crate::client::share_session::AcknowledgeType;
use crate::console::Console;
use crate::failure::{Failure, Outcome, usage};

use super::formatter::Formatter;

const PROPERTY: Takes = Takes::Value("key=value");
const FILE: Takes = Takes::Value("file");

/// The tool's options.
#[rustfmt::skip]
pub const WORDS: &[Word] = &[
    BOOTSTRAP_SERVER,
    TOPIC,
    word("include", Takes::Value("regex"), "A regular expression of the topics to read."),
    word("partition", Takes::Value("number"), "The partition to read, from its end on unless --offset says otherwise."),
    word("offset", Takes::Value("offset"), "With --partition: a number, earliest or latest (the default)."),
    word("from-beginning", Takes::Nothing, "Begin with the first record rather than with the next, where nothing was committed."),
    MAX_MESSAGES, TIMEOUT_MS, GROUP,
    word("isolation-level", Takes::Value("level"), "read_uncommitted (the default) or read_committed."),
    FORMATTER, FORMATTER_PROPERTY, OLD_FORMATTER_PROPERTY, FORMATTER_CONFIG, KEY_DESERIALIZER, VALUE_DESERIALIZER,
    COMMAND_PROPERTY, OLD_COMMAND_PROPERTY, CLIENT_CONFIG,
    word("consumer.config", FILE, "The old name of --command-config."),
    word("skip-message-on-error", Takes::Nothing, "Pass over records that can't be shown."),
    SYSTEST,
];

/// The options of the console share consumer.
#[rustfmt::skip]
pub const SHARE_WORDS: &[Word] = &[
    BOOTSTRAP_SERVER, TOPIC, MAX_MESSAGES, TIMEOUT_MS, GROUP,
    FORMATTER, FORMATTER_PROPERTY, OLD_FORMATTER_PROPERTY, FORMATTER_CONFIG, KEY_DESERIALIZER, VALUE_DESERIALIZER,
    COMMAND_PROPERTY, OLD_COMMAND_PROPERTY, CLIENT_CONFIG,
    word("consumer-config", FILE, "The old name of --command-config."),
    word("reject", Takes::Nothing, "Reject each record that was shown."),
    word("release", Takes::Nothing, "Release each record that was shown."),
    word("reject-message-on-error", Takes::Nothing, "Reject records that can't be shown."),
    SYSTEST,
];

const TOPIC: Word = word("topic", Takes::Value("topic"), "The topic to read.");
const MAX_MESSAGES: Word = word(
    "max-messages",
    Takes::Value("number"),
    "End after so many records.",
);
const TIMEOUT_MS: Word = word(
    "timeout-ms",
    Takes::Value("ms"),
    "End when no record has come for so long.",
);
const GROUP: Word = word("group", Takes::Value("group"), "The group to read in.");
const FORMATTER: Word = word(
    "formatter",
    Takes::Value("class"),
    "How to show records: the name of a class of Kafka's.",
);
#[rustfmt::skip]
const FORMATTER_PROPERTY: Word = word("formatter-property", PROPERTY, "What to show: print.key, print.value, print.timestamp, \
    print.partition, print.offset, print.delivery, print.epoch, print.headers, key.separator, line.separator, \
    headers.separator, null.literal, ...deserializer; may be repeated.");
const OLD_FORMATTER_PROPERTY: Word = word("property", PROPERTY, "The old name of --formatter-property.");
const FORMATTER_CONFIG: Word = word("formatter-config", FILE, "A file with such properties.");
const KEY_DESERIALIZER: Word = word("key-deserializer", Takes::Value("class"), "How keys are read.");
const VALUE_DESERIALIZER: Word = word(
    "value-deserializer",
    Takes::Value("class"),
    "How values are read.",
);
const COMMAND_PROPERTY: Word = word(
    "command-property",
    PROPERTY,
    "A property of the client; may be repeated.",
);
const OLD_COMMAND_PROPERTY: Word = word(
    "consumer-property",
    PROPERTY,
    "The old name of --command-property.",
);
const CLIENT_CONFIG: Word = word("command-config", FILE, "A file with properties of the client.");
const SYSTEST: Word = word("enable-systest-events", Takes::Nothing, "Say also when it ends.");

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
    /// How it is shown.
    pub showing: Showing,
}

/// How records are shown, and how many.
pub struct Showing {
    /// How to show one.
    pub formatter: Formatter,
    /// After so many records it ends.
    pub max_messages: Option<i64>,
    /// After so long without a record it ends.
    pub timeout: Option<Duration>,
    /// Whether records that can't be shown are passed over.
    pub skips_errors: bool,
}

impl Showing {
    /// As the arguments say; `skip` is the option by which errors are passed over.
    pub fn of(options: &Options, skip: &str, console: &mut Console) -> Outcome<Showing> {
        let timeout_ms = options
            .number::<i64>("timeout-ms")?
            .and_then(|ms| u64::try_from(ms).ok());
        Ok(Showing {
            formatter: Formatter::of(options, formatter_properties(options, console)?)?,
            max_messages: options
                .number::<i64>("max-messages")?
                .filter(|count| *count != -1),
            timeout: timeout_ms.map(Duration::from_millis),
            skips_errors: options.has(skip),
        })
    }
}

/// What a share consumer reads, and how it is shown.
pub struct ShareReading {
    /// The client's properties.
    pub properties: Properties,
    /// The topic.
    pub topic: String,
    /// The group.
    pub group: String,
    /// What becomes of records that were shown.
    pub kind: AcknowledgeType,
    /// How it is shown.
    pub showing: Showing,
}

impl ShareReading {
    /// Reads the arguments; also says which of them are out of date.
    pub fn of(options: &Options, console: &mut Console) -> Outcome<ShareReading> {
        options.stop_for_help(
            "Shows the records of a topic on the standard output, as a member of a share group.",
        )?;
        if !options.has("topic") {
            return usage("--topic is a required argument");
        }
        options.require(&["bootstrap-server"])?;
        let kind = match (options.has("reject"), options.has("release")) {
            (true, true) => return usage("At most one of --reject and --release may be specified."),
            (true, false) => AcknowledgeType::Reject,
            (false, true) => AcknowledgeType::Release,
            (false, false) => AcknowledgeType::Accept,
        };
        let (properties, group) = client(options, "consumer-config", "console-share-consumer", console)?;
        Ok(ShareReading {
            properties,
            topic: options.value("topic")?.unwrap_or_default().to_owned(),
            group: group.unwrap_or_else(|| "console-share-consumer".to_owned()),
            kind,
            showing: Showing::of(options, "reject-message-on-error", console)?,
        })
    }
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
        let (mut properties, group) = client(options, "consumer.config", "console-consumer", console)?;
        if group.is_some() && partition.is_some() {
            return usage("Options group and partition cannot be specified together.");
        }
        let reset = reset(options, &properties, console)?;
        if let Some(level) = options.value("isolation-level")? {
            properties.insert("isolation.level".to_owned(), level.to_owned());
        }
        let offset = offset(options)?;
        let showing = Showing::of(options, "skip-message-on-error", console)?;
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
            showing,
        })
    }
}

/// The client's properties and the group that was named; `old_file` is the old name of `--command-config`.
fn client(
    options: &Options,
    old_file: &'static str,
    client_id: &str,
    console: &mut Console,
) -> Outcome<(Properties, Option<String>)> {
    let properties_word = renamed(options, console, "consumer-property", "command-property")?;
    let file_word = renamed(options, console, old_file, "command-config")?;
    let file = options.value(file_word)?.map(properties_file).transpose()?;
    let mut properties = file.unwrap_or_default();
    let given = key_values(&options.values(properties_word));
    let group = group(options, &properties, &given)?;
    properties.extend(given);
    let servers = options.value("bootstrap-server")?.unwrap_or_default();
    properties.insert("bootstrap.servers".to_owned(), servers.to_owned());
    properties
        .entry("client.id".to_owned())
        .or_insert_with(|| client_id.to_owned());
    Ok((properties, group))
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
fn group(options: &Options, file: &Properties, given: &Properties) -> Outcome<Option<String>> {
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
