//! The features that a new cluster begins with: those of a release of Apache Kafka, and what is asked for
//! beside it (`--release-version`, `--feature`).

use barnabas_metadata::features::{
    ELIGIBLE_LEADER_REPLICAS_VERSION, FEATURES, GROUP_VERSION, KRAFT_VERSION, METADATA_VERSION,
    TRANSACTION_VERSION, feature,
};

use super::Levels;

/// The least metadata.version with SCRAM credentials.
pub const SCRAM_METADATA_VERSION: i16 = 11;

/// The least metadata.version under which eligible leader replicas can be on.
const ELR_METADATA_VERSION: i16 = 23;

/// The names of the levels of metadata.version, from the first on.
const RELEASES: [&str; 27] = [
    "3.3-IV3", "3.4-IV0", "3.5-IV0", "3.5-IV1", "3.5-IV2", "3.6-IV0", "3.6-IV1", "3.6-IV2", "3.7-IV0",
    "3.7-IV1", "3.7-IV2", "3.7-IV3", "3.7-IV4", "3.8-IV0", "3.9-IV0", "4.0-IV0", "4.0-IV1", "4.0-IV2",
    "4.0-IV3", "4.1-IV0", "4.1-IV1", "4.2-IV0", "4.2-IV1", "4.3-IV0", "4.4-IV0", "4.4-IV1", "4.4-IV2",
];

const FIRST: i16 = 7;

/// From which metadata.version on a new cluster begins with a feature at which level
/// (`kafka-storage.sh version-mapping`).
const DEFAULTS: [(i16, &str, i16); 6] = [
    (22, GROUP_VERSION, 1),
    (24, TRANSACTION_VERSION, 2),
    (26, ELIGIBLE_LEADER_REPLICAS_VERSION, 1),
    (28, "share.version", 1),
    (29, "streams.version", 1),
    (31, "share.version", 2),
];

/// What a level of metadata.version is called.
pub fn release_name(level: i16) -> &'static str {
    let index = usize::try_from(level - FIRST).unwrap_or(usize::MAX);
    RELEASES.get(index).copied().unwrap_or("?")
}

/// The level of a release: `4.0-IV3`, or the last one of `4.0` and `4.0.1`.
fn level_of(release: &str) -> Result<i16, String> {
    let short: Vec<&str> = release.split('.').take(2).collect();
    let prefix = format!("{}-", short.join("."));
    let found = RELEASES
        .iter()
        .rposition(|name| *name == release || name.starts_with(&prefix));
    found.map_or_else(
        || {
            let known = RELEASES.join(", ");
            Err(format!(
                "Unknown metadata.version '{release}'. Supported metadata.version are: {known}"
            ))
        },
        |index| Ok(FIRST + index as i16),
    )
}

/// The levels above 0; kraft.version is not among them.
pub fn of(release: Option<&str>, asked: &[String], is_static: bool) -> Result<Levels, String> {
    let mut levels = Levels::new();
    for text in asked {
        let (name, level) = parse(text)?;
        if name == METADATA_VERSION && release.is_some() {
            return Err(
                "Use --release-version instead of --feature metadata.version=X to avoid ambiguity."
                    .to_owned(),
            );
        }
        check_level(&name, level)?;
        levels.insert(name, level);
    }
    match levels.remove(KRAFT_VERSION) {
        Some(1) if is_static => return Err(
            "Cannot set kraft.version to 1 unless controller.quorum.voters is empty and one of the flags --standalone, \
             --initial-controllers, or --no-initial-controllers is used. For dynamic controllers support, try using one of \
             --standalone, --initial-controllers, or --no-initial-controllers and removing controller.quorum.voters."
                .to_owned(),
        ),
        Some(0) if !is_static => return Err(
            "Cannot set kraft.version to 0 if controller.quorum.voters is empty and one of the flags --standalone, \
             --initial-controllers, or --no-initial-controllers is used. For dynamic controllers support, try removing the \
             --feature flag for kraft.version."
                .to_owned(),
        ),
        _ => {}
    }
    let newest = FIRST + RELEASES.len() as i16 - 1;
    let given = release.map(level_of).transpose()?;
    let given = given.or_else(|| levels.get(METADATA_VERSION).copied());
    let metadata_version = given.unwrap_or(newest);
    levels.insert(METADATA_VERSION.to_owned(), metadata_version);
    let mut defaults = Levels::new();
    for (from, name, level) in DEFAULTS {
        if from <= metadata_version {
            let known = defaults.entry(name.to_owned()).or_insert(level);
            *known = level.max(*known);
        }
    }
    for (name, level) in defaults {
        levels.entry(name).or_insert(level);
    }
    let eligible = levels.get(ELIGIBLE_LEADER_REPLICAS_VERSION);
    if eligible.is_some_and(|level| *level > 0) && metadata_version < ELR_METADATA_VERSION {
        return Err(format!(
            "{ELIGIBLE_LEADER_REPLICAS_VERSION} could not be set to 1 because it depends on metadata.version level \
             {ELR_METADATA_VERSION}"
        ));
    }
    levels.retain(|_, level| *level > 0);
    Ok(levels)
}

fn parse(text: &str) -> Result<(String, i16), String> {
    let Some((name, level)) = text.split_once('=') else {
        return Err(format!(
            "Can't parse feature=level string {text}: equals sign not found."
        ));
    };
    let (name, level) = (name.trim(), level.trim());
    let parsed = level.parse();
    let parsed = parsed.map_err(|_| {
        format!("Can't parse feature=level string {text}: unable to parse {level} as a short.")
    })?;
    Ok((name.to_owned(), parsed))
}

fn check_level(name: &str, level: i16) -> Result<(), String> {
    let Some(known) = feature(name) else {
        let names = FEATURES.iter().map(|feature| feature.name);
        let names: Vec<&str> = names.filter(|name| *name != METADATA_VERSION).collect();
        return Err(format!(
            "Unsupported feature: {name}. Supported features are: {}",
            names.join(", ")
        ));
    };
    if (known.min..=known.max).contains(&level) {
        return Ok(());
    }
    Err(if name == METADATA_VERSION {
        format!("No MetadataVersion with feature level {level}")
    } else {
        format!("No feature:{name} with feature level {level}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(release: Option<&str>, asked: &[&str]) -> Result<String, String> {
        let asked: Vec<String> = asked.iter().map(|text| (*text).to_owned()).collect();
        let levels = of(release, &asked, true)?;
        let pairs: Vec<String> = levels
            .iter()
            .map(|(name, level)| format!("{name}={level}"))
            .collect();
        Ok(pairs.join(" ").replace(".version", ""))
    }

    #[test]
    fn each_release_has_its_features() {
        let newest = "eligible.leader.replicas=1 group=1 metadata=33 share=2 streams=1 transaction=2";
        let table: &[(Option<&str>, &[&str], &str)] = &[
            (None, &[], newest),
            (Some("3.7.1"), &[], "metadata=19"),
            (Some("4.0-IV3"), &["group.version=0"], "metadata=25 transaction=2"),
            (Some("3.8"), &["group.version=1"], "group=1 metadata=20"),
            (None, &["metadata.version=20"], "metadata=20"),
            (
                None,
                &["group.version=0", "group.version=1", "kraft.version=0"],
                newest,
            ),
        ];
        for (release, asked, expected) in table {
            assert_eq!(shown(*release, asked).as_deref(), Ok(*expected));
        }
        assert_eq!((release_name(33), release_name(7)), ("4.4-IV2", "3.3-IV3"));
    }

    #[test]
    fn what_cannot_be_is_refused_in_kafkas_words() {
        let table: &[(Option<&str>, &str, &str)] = &[
            (
                Some("9.9"),
                "group.version=1",
                "Unknown metadata.version '9.9'. Supported metadata.version are: 3.3-IV3, ",
            ),
            (
                None,
                "nope=1",
                "Unsupported feature: nope. Supported features are: eligible.leader.replicas.version, group.version, kraft.version, share.version, ",
            ),
            (
                None,
                "group.version=9",
                "No feature:group.version with feature level 9",
            ),
            (
                None,
                "group.version",
                "Can't parse feature=level string group.version: equals sign not found.",
            ),
            (
                None,
                "group.version=x",
                "Can't parse feature=level string group.version=x: unable to parse x as a short.",
            ),
            (
                None,
                "kraft.version=1",
                "Cannot set kraft.version to 1 unless controller.quorum.voters is empty",
            ),
            (
                Some("4.0"),
                "metadata.version=20",
                "Use --release-version instead of --feature metadata.version=X",
            ),
            (
                Some("3.9"),
                "eligible.leader.replicas.version=1",
                "eligible.leader.replicas.version could not be set to 1 because it depends on metadata.version level 23",
            ),
        ];
        for (release, asked, expected) in table {
            let said = shown(*release, &[asked]).unwrap_err();
            assert!(said.starts_with(expected), "{said}");
        }
    }
}
