//! Which dynamic configs are taken over: those that this broker knows and accepts.

use barnabas_inspect::cluster::Cluster;
use barnabas_metadata::controller::validate_configs;
use barnabas_metadata::image::ConfigMap;
use barnabas_metadata::records::{ConfigResource, ConfigResourceType};

use super::Plan;
use barnabas_config::load::StartSettings;
use barnabas_config::{ControllerRules, Settings, validate};

impl Plan {
    /// The configs of topics that are taken over, of the node under its new id, of all brokers, groups and
    /// subscriptions.
    pub(super) fn configs_of_cluster(&mut self, cluster: &Cluster, node_id: i32, settings: &StartSettings) {
        let rules = ControllerRules::new(settings.layers.clone());
        for ((code, name), configs) in &cluster.configs {
            let kind =
                ConfigResourceType::from_code(*code).filter(|kind| *kind != ConfigResourceType::BrokerLogger);
            let Some(kind) = kind else {
                self.left_out
                    .push(format!("configs of resource {name:?} of the unknown type {code}"));
                continue;
            };
            let mut resource = ConfigResource::new(kind, name.clone());
            match kind {
                // A topic that is left out has been named.
                ConfigResourceType::Topic if !self.topics.iter().any(|topic| topic.name == *name) => continue,
                ConfigResourceType::Broker if *name == node_id.to_string() => {
                    resource = ConfigResource::broker(settings.config.node_id);
                }
                ConfigResourceType::Broker if !name.is_empty() => {
                    self.left_out.push(format!("configs of node {name}"));
                    continue;
                }
                _ => {}
            }
            let mut taken = ConfigMap::new();
            for (config, value) in configs {
                let one = Settings::from([(config.clone(), value.clone())]);
                let refused = match kind {
                    ConfigResourceType::Broker => {
                        validate::dynamic_broker(&settings.layers, &one, !resource.name.is_empty())
                            .err()
                            .map(|error| error.to_string())
                    }
                    _ => validate_configs(&rules, &resource, &one)
                        .err()
                        .map(|error| error.to_string()),
                };
                match refused {
                    None => drop(taken.insert(config.clone(), value.clone())),
                    Some(why) => self
                        .left_out
                        .push(format!("config {config} of {resource}: {why}")),
                }
            }
            if let Err(error) = validate_configs(&rules, &resource, &taken) {
                self.left_out.push(format!("configs of {resource}: {error}"));
            } else if !taken.is_empty() {
                self.configs.push((resource, taken));
            }
        }
    }
}
