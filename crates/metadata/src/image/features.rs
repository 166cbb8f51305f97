//! Finalized feature levels.

use std::collections::BTreeMap;

/// Finalized feature levels by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeaturesImage {
    /// The level of each finalized feature; a feature at level 0 isn't here.
    pub levels: BTreeMap<String, i16>,
}

impl FeaturesImage {
    /// The finalized level of a feature, 0 if it isn't finalized.
    pub fn level(&self, name: &str) -> i16 {
        self.levels.get(name).copied().unwrap_or(0)
    }

    /// The finalized metadata.version.
    pub fn metadata_version(&self) -> i16 {
        self.level(crate::features::METADATA_VERSION)
    }
}
