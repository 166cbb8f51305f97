//! `kafka-features`: Kafka's `FeatureCommand`.

mod levels;

use std::collections::BTreeMap;

use barnabas_protocol::messages::UpdateFeaturesRequest;
use barnabas_protocol::messages::update_features_request::FeatureUpdateKey;

use self::levels::METADATA;
use crate::arguments::commands::Commands;
use crate::arguments::{COMMAND_CONFIG, Options, Takes, Word, connect, word};
use crate::client::{Cluster, KafkaError, To, wire};
use crate::console::Console;
use crate::failure::{Failure, Outcome, said};

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

const RELEASE: Word = word(
    "release-version",
    Takes::Value("version"),
    "The release whose levels all features are to have.",
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
        ("upgrade", &[FEATURE, OLD_METADATA, RELEASE, DRY_RUN]),
        ("downgrade", &[FEATURE, OLD_METADATA, RELEASE, UNSAFE, DRY_RUN]),
        ("disable", &[FEATURE, UNSAFE, DRY_RUN]),
        ("version-mapping", &[RELEASE]),
        ("feature-dependencies", &[FEATURE]),
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
    match command {
        "version-mapping" => return map_version(&options, console),
        "feature-dependencies" => return tell_dependencies(&options, console),
        _ => {}
    }
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
    levels::metadata_name(level).map_or_else(|| format!("UNKNOWN {level}"), str::to_owned)
}

fn map_version(options: &Options, console: &mut Console) -> Outcome {
    let version = options
        .value("release-version")?
        .unwrap_or(levels::LATEST_RELEASE);
    let level = levels::metadata_level(version)?;
    console.line(format!("{METADATA}={level} ({version})"));
    for (name, level) in levels::of_release(level) {
        console.line(format!("{name}={level}"));
    }
    Ok(())
}

fn tell_dependencies(options: &Options, console: &mut Console) -> Outcome {
    let features = options.values("feature");
    if features.is_empty() {
        return said("Command line error: argument --feature is required. Type --help for help.");
    }
    for feature in features {
        let (name, level) = name_and_level(feature)?;
        console.text(levels::dependencies(name, level)?);
    }
    Ok(())
}

/// A feature and its level, out of `name=level`.
fn name_and_level(given: &str) -> Outcome<(&str, i16)> {
    let Some((name, level)) = given.split_once('=') else {
        return said(format!(
            "Can't parse feature=level string {given}: equals sign not found."
        ));
    };
    let level = level.trim();
    match level.parse() {
        Ok(number) => Ok((name.trim(), number)),
        Err(_) => said(format!(
            "Can't parse feature=level string {given}: unable to parse {level} as a short."
        )),
    }
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
    if let Some(version) = options.value("release-version")? {
        if options.has("metadata") || options.has("feature") {
            return said("Can not specify `release-version` with other feature flags.");
        }
        let metadata = levels::metadata_level(version)?;
        updates.insert(METADATA.to_owned(), metadata);
        let others = levels::of_release(metadata).filter(|(_, level)| command != "upgrade" || *level > 0);
        updates.extend(others.map(|(name, level)| (name.to_owned(), level)));
        return Ok(updates);
    }
    if let Some(version) = options.value("metadata")? {
        console.line(" `metadata` flag is deprecated and may be removed in a future release.");
        updates.insert(METADATA.to_owned(), levels::metadata_level(version)?);
    }
    for given in options.values("feature") {
        let (name, level) = match command {
            "disable" => (given, 0),
            _ => name_and_level(given)?,
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
