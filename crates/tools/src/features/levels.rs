//! The features of Apache Kafka 4.4 and which of their levels belong to which release: `MetadataVersion`
//! and `Feature`.

use crate::failure::{Outcome, said};

/// The feature whose levels are releases.
pub const METADATA: &str = "metadata.version";
/// The names of its levels, from [`FIRST_METADATA_LEVEL`] on.
const METADATA_VERSIONS: &[&str] = &[
    "3.3-IV3", "3.4-IV0", "3.5-IV0", "3.5-IV1", "3.5-IV2", "3.6-IV0", "3.6-IV1", "3.6-IV2", "3.7-IV0",
    "3.7-IV1", "3.7-IV2", "3.7-IV3", "3.7-IV4", "3.8-IV0", "3.9-IV0", "4.0-IV0", "4.0-IV1", "4.0-IV2",
    "4.0-IV3", "4.1-IV0", "4.1-IV1", "4.2-IV0", "4.2-IV1", "4.3-IV0", "4.4-IV0", "4.4-IV1", "4.4-IV2",
    "4.5-IV0",
];
const FIRST_METADATA_LEVEL: i16 = 7;
/// What a release of these tools' version is.
pub const LATEST_RELEASE: &str = "4.4-IV2";

/// A feature, its highest level, and from which metadata.version on which level is the one of a release.
type Feature = (&'static str, i16, &'static [(i16, i16)]);

/// The other features in Kafka's order.
const FEATURES: &[Feature] = &[
    ("kraft.version", 1, &[(21, 1)]),
    ("transaction.version", 2, &[(24, 2)]),
    ("group.version", 1, &[(22, 1)]),
    ("eligible.leader.replicas.version", 1, &[(26, 1)]),
    ("share.version", 2, &[(28, 1), (31, 2)]),
    ("streams.version", 1, &[(29, 1)]),
];

/// A level of metadata.version by its name.
pub fn metadata_name(level: i16) -> Option<&'static str> {
    let index = usize::try_from(level - FIRST_METADATA_LEVEL).ok()?;
    METADATA_VERSIONS.get(index).copied()
}

/// The level of metadata.version that a text names: a level of its own, or the newest of a release (`4.1`).
///
/// # Errors
/// There is none.
pub fn metadata_level(version: &str) -> Outcome<i16> {
    let is_release = |known: &&str| {
        known
            .split_once("-IV")
            .is_some_and(|(release, _)| release == version)
    };
    let whole = METADATA_VERSIONS.iter().position(|known| *known == version);
    let found = whole.or_else(|| METADATA_VERSIONS.iter().rposition(is_release));
    match found {
        Some(index) => Ok(FIRST_METADATA_LEVEL + index as i16),
        None => said(format!(
            "Unknown metadata.version '{version}'. Supported metadata.version are: {}",
            METADATA_VERSIONS.join(", ")
        )),
    }
}

/// The levels of the other features that belong to a level of metadata.version.
pub fn of_release(metadata: i16) -> impl Iterator<Item = (&'static str, i16)> {
    FEATURES.iter().map(move |(name, _, steps)| {
        let reached = steps.iter().rev().find(|(from, _)| metadata >= *from);
        (*name, reached.map_or(0, |(_, level)| *level))
    })
}

/// What a level of a feature needs, as the tool says it.
///
/// # Errors
/// There is no such feature or level.
pub fn dependencies(name: &str, level: i16) -> Outcome<String> {
    if name == METADATA {
        return match metadata_name(level) {
            Some(version) => Ok(format!("{METADATA}={level} ({version}) has no dependencies.\n")),
            None => said(format!("Unknown metadata.version {level}")),
        };
    }
    let Some((_, highest, _)) = FEATURES.iter().find(|(known, ..)| *known == name) else {
        return said(format!("Unknown feature: {name}"));
    };
    if !(0..=*highest).contains(&level) {
        return said(format!("No feature:{name} with feature level {level}"));
    }
    Ok(match (name, level) {
        ("eligible.leader.replicas.version", 1) => {
            format!("{name}={level} requires:\n    {METADATA}=23 (4.0-IV1)\n")
        }
        _ => format!("{name}={level} has no dependencies.\n"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Printed by Apache Kafka 4.4's tool.
    #[test]
    fn releases_have_their_levels() {
        for (version, metadata, others) in [
            ("3.3-IV3", 7, [0, 0, 0, 0, 0, 0]),
            ("3.9-IV0", 21, [1, 0, 0, 0, 0, 0]),
            ("4.0-IV1", 23, [1, 0, 1, 0, 0, 0]),
            ("4.0-IV2", 24, [1, 2, 1, 0, 0, 0]),
            ("4.1", 27, [1, 2, 1, 1, 0, 0]),
            ("4.2-IV0", 28, [1, 2, 1, 1, 1, 0]),
            ("4.3", 30, [1, 2, 1, 1, 1, 1]),
            ("4.4-IV0", 31, [1, 2, 1, 1, 2, 1]),
        ] {
            let level = metadata_level(version).unwrap();
            assert_eq!(level, metadata, "{version}");
            let levels: Vec<i16> = of_release(level).map(|(_, level)| level).collect();
            assert_eq!(levels, others, "{version}");
        }
        assert!(metadata_level("3.2").is_err());
    }
}
