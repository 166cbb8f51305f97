//! Dynamic configs by resource, as set by AlterConfigs, IncrementalAlterConfigs and CreateTopics.
//!
//! Only what was set is here. Defaults, static values and synonyms are the broker's affair.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ShardedMap;
use crate::records::{ConfigResource, ConfigResourceType};

/// The configs that are set on one resource, by name.
pub type ConfigMap = BTreeMap<String, String>;

/// Dynamic configs by resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfigsImage {
    resources: ShardedMap<ConfigResource, Arc<ConfigMap>>,
}

impl ConfigsImage {
    /// The configs set on a resource; `None` when it has none.
    pub fn get(&self, resource: &ConfigResource) -> Option<&Arc<ConfigMap>> {
        self.resources.get(resource)
    }

    /// One config of a resource.
    pub fn value(&self, resource: &ConfigResource, name: &str) -> Option<&str> {
        self.get(resource)?.get(name).map(String::as_str)
    }

    /// Every resource that has configs, in no useful order.
    pub fn iter(&self) -> impl Iterator<Item = (&ConfigResource, &Arc<ConfigMap>)> {
        self.resources.iter()
    }

    /// The names of the resources of a kind that have configs, sorted.
    pub fn names(&self, kind: ConfigResourceType) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .iter()
            .filter(|(r, _)| r.kind == kind)
            .map(|(r, _)| r.name.as_str())
            .collect();
        names.sort_unstable();
        names
    }

    pub(super) fn set(&mut self, resource: &ConfigResource, name: &str, value: Option<&str>) {
        let mut configs = self.resources.get(resource).cloned().unwrap_or_default();
        let map = Arc::make_mut(&mut configs);
        match value {
            Some(value) => map.insert(name.to_owned(), value.to_owned()),
            None => map.remove(name),
        };
        if map.is_empty() {
            self.resources.remove(resource);
        } else {
            self.resources.insert(resource.clone(), configs);
        }
    }

    /// Forgets a resource; says whether it had configs.
    pub(super) fn remove(&mut self, resource: &ConfigResource) -> bool {
        self.resources.remove(resource).is_some()
    }
}
