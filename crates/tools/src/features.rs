//! `kafka-features`: Kafka's `FeatureCommand`.

use std::collections::BTreeMap;

use barnabas_protocol::messages::UpdateFeaturesRequest;
use barnabas_protocol::messages::update_features_request::FeatureUpdateKey;

use crate::arguments::commands::Commands;
use crate::arguments::{COMMAND_CONFIG, Options, Takes, Word, connect, word};
use crate::client::{Cluster, KafkaError, To, wire};
use crate::console::Console;
use crate::failure::{Failure, Outcome, said};

const METADATA: &str = "metadata.version";
/// The names of its levels, from level 7 on.
const METADATA_VERSIONS: &[&str] = &[
    "3.3-IV3", "3.4-IV0", "3.5-IV0", "3.5-IV1", "3.5-IV2", "3.6-IV0", "3.6-IV1", "3.6-IV2", "3.7-IV0",
    "3.7-IV1", "3.7-IV2", "3.7-IV3", "3.7-IV4", "3.8-IV0", "3.9-IV0", "4.0-IV0", "4.0-IV1", "4.0-IV2",
    "4.0-IV3", "4.1-IV0", "4.1-IV1", "4.2-IV0", "4.2-IV1", "4.3-IV0", "4.4-IV0", "4.4-IV1", "4.4-IV2",
    "4.5-IV0",
];
const FIRST_METADATA_LEVEL: i16 = 7;

const FEATURE: Word = word(
    "feature",
    Takes::Value("name=level"),
    "The feature and its level; may be repeated.",
);
const UNSAFE: Word = word("unsafe", Takes::Nothing, "Also where metadata may be lost.");
const DRY_RUN: Word = word("dry-run", Takes::Nothing, "Only say whether it could be done.");
const OLD_METADATA: Word = word(
    "metadata",
    Takes::Value("version"),
    "The old way to name a level of metadata.version.",
);

const TOOL: Commands = Commands {
    tool: "kafka-features",
    about: "Tells of features and their levels, and changes them.",
    words: &[
        word(
            "bootstrap-server",
            Takes::Value("host:port,..."),
            "Brokers to connect to.",
        ),
        word(
            "bootstrap-controller",
            Takes::Value("host:port,..."),
            "Controllers to connect to.",
        ),
        COMMAND_CONFIG,
    ],
    commands: &[
        (
            "describe",
            &[word("node-id", Takes::Value("id"), "The node to ask.")],
        ),
        ("upgrade", &[FEATURE, OLD_METADATA, DRY_RUN]),
        ("downgrade", &[FEATURE, OLD_METADATA, UNSAFE, DRY_RUN]),
        ("disable", &[FEATURE, UNSAFE, DRY_RUN]),
    ],
    letters: &[],
};

const UPGRADE: i8 = 1;
const SAFE_DOWNGRADE: i8 = 2;
const UNSAFE_DOWNGRADE: i8 = 3;

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(arguments: &[String], console: &mut Console) -> Outcome {
    let (command, options) = TOOL.parse(arguments, &mut |help| console.line(help))?;
    match (
        options.has("bootstrap-server"),
        options.has("bootstrap-controller"),
    ) {
        (true, true) => {
            return said("You cannot specify both --bootstrap-controller and --bootstrap-server.");
        }
        (false, false) => {
            return said("You must specify either --bootstrap-controller or --bootstrap-server.");
        }
        _ => {}
    }
    let cluster = connect(&options, "command-config")?;
    match command {
        "describe" => describe(&options, &cluster, console),
        _ => update(command, &options, &cluster, console),
    }
}

fn shown(feature: &str, level: i16) -> String {
    if feature != METADATA {
        return level.to_string();
    }
    let index = usize::try_from(level - FIRST_METADATA_LEVEL).ok();
    let name = index.and_then(|index| METADATA_VERSIONS.get(index));
    name.map_or_else(|| format!("UNKNOWN {level}"), |name| (*name).to_owned())
}

fn describe(options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let brokers = cluster.brokers("describeFeatures")?;
    let node = match options.number::<i32>("node-id")? {
        Some(id) if id < 0 => return said(format!("Invalid node id {id}: must be non-negative.")),
        Some(id) => brokers.get(id),
        None => brokers.list.first(),
    };
    let unknown = || Failure::Kafka(KafkaError::plain("there is no such node"));
    let served = cluster.served(&node.ok_or_else(unknown)?.address())?;
    let finalized: BTreeMap<&str, i16> = served
        .finalized_features
        .iter()
        .map(|feature| (feature.name.as_str(), feature.max_version_level))
        .collect();
    let epoch = served.finalized_features_epoch;
    let epoch = if epoch >= 0 {
        epoch.to_string()
    } else {
        "-".to_owned()
    };
    let mut supported: Vec<_> = served.supported_features.iter().collect();
    supported.sort_by(|a, b| a.name.cmp(&b.name));
    for feature in supported {
        let name = feature.name.as_str();
        let level = finalized.get(name).copied().unwrap_or(0);
        console.line(format!(
            "Feature: {name:<40}  SupportedMinVersion: {:<15}  SupportedMaxVersion: {:<15}  FinalizedVersionLevel: \
             {:<15}  Epoch: {epoch}",
            shown(name, feature.min_version),
            shown(name, feature.max_version),
            shown(name, level)
        ));
    }
    Ok(())
}

fn updates(command: &str, options: &Options, console: &mut Console) -> Outcome<BTreeMap<String, i16>> {
    let mut updates = BTreeMap::new();
    if let Some(version) = options.value("metadata")? {
        console.line(" `metadata` flag is deprecated and may be removed in a future release.");
        let index = METADATA_VERSIONS.iter().position(|known| *known == version);
        let Some(index) = index else {
            return said(format!("Version {version} is not a valid version."));
        };
        updates.insert(METADATA.to_owned(), FIRST_METADATA_LEVEL + index as i16);
    }
    for given in options.values("feature") {
        let (name, level) = if command == "disable" {
            (given, 0)
        } else {
            let Some((name, level)) = given.split_once('=') else {
                return said(format!(
                    "Can't parse feature=level string {given}: equals sign not found."
                ));
            };
            let level = level.trim();
            match level.parse() {
                Ok(number) => (name.trim(), number),
                Err(_) => {
                    return said(format!(
                        "Can't parse feature=level string {given}: unable to parse {level} as a short."
                    ));
                }
            }
        };
        if updates.insert(name.to_owned(), level).is_some() {
            return said(format!("Feature {name} was specified more than once."));
        }
    }
    Ok(updates)
}

fn update(command: &str, options: &Options, cluster: &Cluster, console: &mut Console) -> Outcome {
    let updates = updates(command, options, console)?;
    if updates.is_empty() {
        return said(format!("You must specify at least one feature to {command}"));
    }
    let kind = match (command, options.has("unsafe")) {
        ("upgrade", _) => UPGRADE,
        (_, true) => UNSAFE_DOWNGRADE,
        (_, false) => SAFE_DOWNGRADE,
    };
    let dry_run = options.has("dry-run");
    let request = |version| {
        let update = |(name, level): (&String, &i16)| {
            let update = FeatureUpdateKey::default()
                .with_feature(wire(name))
                .with_max_version_level(*level);
            if version >= 1 {
                update.with_upgrade_type(kind)
            } else {
                update.with_allow_downgrade(kind != UPGRADE)
            }
        };
        UpdateFeaturesRequest::default()
            .with_timeout_ms(30_000)
            .with_feature_updates(updates.iter().map(update).collect())
            .with_validate_only(dry_run && version >= 1)
    };
    let (_, response) = cluster.ask_with(To::Controller, "updateFeatures", request)?;
    let mut errors: BTreeMap<&str, KafkaError> = BTreeMap::new();
    if let Err(error) = KafkaError::check(response.error_code, response.error_message.as_deref()) {
        errors.extend(updates.keys().map(|name| (name.as_str(), error.clone())));
    }
    for result in &response.results {
        if let Err(error) = KafkaError::check(result.error_code, result.error_message.as_deref()) {
            errors.insert(result.feature.as_str(), error);
        }
    }
    for (name, level) in &updates {
        console.line(match errors.get(name.as_str()) {
            Some(error) => {
                let could = if dry_run { "Can not" } else { "Could not" };
                let to = if command == "disable" {
                    String::new()
                } else {
                    format!(" to {level}")
                };
                format!("{could} {command} {name}{to}. {}", error.message)
            }
            None => {
                let verb = if dry_run { "can be" } else { "was" };
                let done = match command {
                    "disable" => "disabled.".to_owned(),
                    command => format!("{command}d to {level}."),
                };
                format!("{name} {verb} {done}")
            }
        });
    }
    match errors.len() {
        0 => Ok(()),
        failed => said(format!("{failed} out of {} operation(s) failed.", updates.len())),
    }
}
