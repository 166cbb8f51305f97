//! UpdateFeatures (key 57, KIP-584): raises and lowers finalized levels. Kafka's `FeatureControlManager`.

use std::collections::BTreeMap;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::UpdateFeaturesRequest;

use serde::{Deserialize, Serialize};

use super::{ApiError, Decide, DecideContext, Decision, wire};
use crate::features::{
    self, ELIGIBLE_LEADER_REPLICAS_VERSION, ELR_METADATA_VERSION, KRAFT_VERSION, METADATA_CHANGES,
    METADATA_VERSION,
};
use crate::image::MetadataImage;
use crate::records::MetadataRecord;

/// Updates features: all or none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateFeatures(#[serde(with = "wire::request")] pub UpdateFeaturesRequest);

/// `FeatureUpdate.UpgradeType`.
#[derive(Clone, Copy, PartialEq)]
enum UpgradeType {
    Unknown,
    Upgrade,
    SafeDowngrade,
    UnsafeDowngrade,
}

impl UpgradeType {
    fn from_code(code: i8) -> Self {
        match code {
            1 => Self::Upgrade,
            2 => Self::SafeDowngrade,
            3 => Self::UnsafeDowngrade,
            _ => Self::Unknown,
        }
    }
}

impl Decide for UpdateFeatures {
    type Reply = Result<(), ApiError>;

    fn decide(self, image: &MetadataImage, ctx: &mut DecideContext<'_>) -> Decision<Self::Reply> {
        let asked: BTreeMap<&str, (i16, UpgradeType)> = self
            .0
            .feature_updates
            .iter()
            .map(|update| {
                (
                    &*update.feature,
                    (
                        update.max_version_level,
                        UpgradeType::from_code(update.upgrade_type),
                    ),
                )
            })
            .collect();
        let mut records = Vec::new();
        for (name, (level, upgrade_type)) in &asked {
            if let Err(error) = check(name, *level, *upgrade_type, &asked, image, ctx) {
                return Decision {
                    records: Vec::new(),
                    reply: Err(error),
                };
            }
            records.push(MetadataRecord::FeatureLevel {
                name: (*name).to_owned(),
                level: *level,
            });
        }
        if self.0.validate_only {
            records.clear();
        }
        Decision {
            records,
            reply: Ok(()),
        }
    }
}

fn check(
    name: &str,
    level: i16,
    upgrade_type: UpgradeType,
    asked: &BTreeMap<&str, (i16, UpgradeType)>,
    image: &MetadataImage,
    ctx: &DecideContext<'_>,
) -> Result<(), ApiError> {
    let invalid = |message: &str| {
        let message = format!("Invalid update version {level} for feature {name}. {message}");
        Err(ApiError::new(ErrorCode::InvalidUpdateVersion, message))
    };
    if upgrade_type == UpgradeType::Unknown {
        return invalid("The controller does not support the given upgrade type.");
    }
    if level < 0 {
        return invalid("A feature version cannot be less than 0.");
    }
    let node_id = ctx.settings.node_id;
    match features::feature(name) {
        None if level == 0 => return invalid(&format!("Feature {name} not found.")),
        None => {
            return invalid(&format!(
                "Local controller {node_id} does not support this feature."
            ));
        }
        Some(known) if !(known.min..=known.max).contains(&level) => {
            let range = format!("{}-{}", known.min, known.max);
            return invalid(&format!(
                "Local controller {node_id} only supports versions {range}"
            ));
        }
        Some(_) => {}
    }
    let current = image.features.level(name);
    if level < current && upgrade_type == UpgradeType::Upgrade {
        return invalid(
            "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe \
             downgrade.",
        );
    }
    if level > current && upgrade_type != UpgradeType::Upgrade {
        return invalid("Can't downgrade to a newer version.");
    }
    let metadata_version = asked
        .get(METADATA_VERSION)
        .map_or(image.features.metadata_version(), |(level, _)| *level);
    match name {
        METADATA_VERSION => check_metadata_version(current, level, upgrade_type),
        KRAFT_VERSION if level < current => invalid("Can't downgrade the version of this feature."),
        ELIGIBLE_LEADER_REPLICAS_VERSION if level > 0 && metadata_version < ELR_METADATA_VERSION => {
            invalid(&format!(
                "{name} could not be set to {level} because it depends on metadata.version level {ELR_METADATA_VERSION}"
            ))
        }
        _ => Ok(()),
    }
}

fn check_metadata_version(current: i16, level: i16, upgrade_type: UpgradeType) -> Result<(), ApiError> {
    let changed = METADATA_CHANGES
        .iter()
        .any(|change| (level + 1..=current).contains(change));
    if !changed {
        return Ok(());
    }
    let reason = match upgrade_type {
        UpgradeType::UnsafeDowngrade => "Unsafe metadata downgrade is not supported in this version.",
        _ => "Refusing to perform the requested downgrade because it might delete metadata information.",
    };
    let message = format!("Unsupported metadata.version downgrade from {current} to {level}. {reason}");
    Err(ApiError::new(ErrorCode::InvalidUpdateVersion, message))
}
