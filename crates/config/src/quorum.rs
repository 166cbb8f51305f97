//! What a node is in its cluster: its roles, and who keeps the metadata (`process.roles`,
//! `controller.quorum.voters`, `controller.quorum.bootstrap.servers`), as Kafka's `QuorumConfig` and
//! `KafkaConfig.validateValues` read them.

use std::collections::BTreeMap;
use std::fmt;

use super::ConfigException;
use super::typed::BrokerConfig;

/// A host and a port that another node listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Address {
    /// Reads `host:port`, where an IPv6 address stands in brackets.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.trim().rsplit_once(':')?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        (!host.is_empty()).then_some(())?;
        Some(Self {
            host: host.to_owned(),
            port: port.parse().ok()?,
        })
    }
}

/// `host:port`, as it is set.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Who keeps the metadata, as a node's settings say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuorumSettings {
    /// Whether this node answers clients.
    pub is_broker: bool,
    /// Whether this node is one of the controllers.
    pub is_controller: bool,
    /// `controller.quorum.voters`, by node id.
    pub voters: BTreeMap<i32, Address>,
    /// The voters that the log directory was formatted with, where the settings name none.
    pub formatted_voters: BTreeMap<i32, Address>,
    /// The voters are in the metadata, and others may join this one, or it joins them.
    pub is_dynamic: bool,
    /// `controller.quorum.bootstrap.servers`: where controllers can be found.
    pub bootstrap_servers: Vec<Address>,
}

impl QuorumSettings {
    /// What `config` says.
    ///
    /// # Errors
    /// In Kafka's words: the node has no controllers, or its id and its roles contradict the voters.
    pub fn of(config: &BrokerConfig) -> Result<Self, ConfigException> {
        let has_role = |role: &str| config.process_roles.iter().any(|given| given == role);
        let voters = config.controller_quorum_voters.iter().filter_map(|voter| {
            let (id, address) = voter.trim().split_once('@')?;
            Some((id.trim().parse().ok()?, Address::parse(address)?))
        });
        let servers = config.controller_quorum_bootstrap_servers.iter();
        let settings = Self {
            is_broker: has_role("broker"),
            is_controller: has_role("controller"),
            voters: voters.collect(),
            formatted_voters: BTreeMap::new(),
            is_dynamic: false,
            bootstrap_servers: servers.filter_map(|server| Address::parse(server)).collect(),
        };
        settings.check(config.node_id)?;
        Ok(settings)
    }

    fn check(&self, node_id: i32) -> Result<(), ConfigException> {
        let ids: Vec<String> = self.voters.keys().map(ToString::to_string).collect();
        let fails = |why: String| Err(ConfigException::new(why));
        let is_voter = self.voters.contains_key(&node_id);
        if !self.is_controller && is_voter {
            return fails(format!(
                "requirement failed: If process.roles contains just the 'broker' role, the node id {node_id} must not be \
                 included in the set of voters controller.quorum.voters=Set({})",
                ids.join(", ")
            ));
        }
        if self.is_controller && !self.voters.is_empty() && !is_voter {
            return fails(format!(
                "requirement failed: If process.roles contains the 'controller' role, the node id {node_id} must be \
                 included in the set of voters controller.quorum.voters=Set({})",
                ids.join(", ")
            ));
        }
        // A node with both roles is a cluster without being told.
        let is_by_itself = self.is_controller && self.is_broker;
        if self.controllers().is_empty() && !is_by_itself {
            return fails(
                "If using process.roles, either controller.quorum.bootstrap.servers must contain the set of bootstrap \
                 controllers or controller.quorum.voters must contain a parseable set of controllers."
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// Whether this node is the only controller, and stays it.
    pub fn is_alone(&self) -> bool {
        if !self.formatted_voters.is_empty() {
            return self.is_controller && !self.is_dynamic && self.formatted_voters.len() == 1;
        }
        self.is_controller && !self.is_dynamic && self.voters.len() <= 1 && self.bootstrap_servers.len() <= 1
    }

    /// Whether the voters are in the metadata, and this node is the first.
    pub fn begins_alone(&self) -> bool {
        self.is_dynamic && self.formatted_voters.len() == 1
    }

    /// The voters, as far as this node knows them before it has heard of them.
    pub fn voters(&self) -> &BTreeMap<i32, Address> {
        if self.voters.is_empty() {
            &self.formatted_voters
        } else {
            &self.voters
        }
    }

    /// Whether the voters are those of the settings (`kraft.version` 0), not those of the metadata.
    pub fn is_static(&self) -> bool {
        !self.voters.is_empty()
    }

    /// Where controllers can be asked: the voters, or else the bootstrap servers.
    pub fn controllers(&self) -> Vec<Address> {
        if self.voters().is_empty() {
            self.bootstrap_servers.clone()
        } else {
            self.voters().values().cloned().collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layers;

    fn read(pairs: &[(&str, &str)]) -> Result<QuorumSettings, String> {
        let mut all = vec![("node.id", "1"), ("controller.listener.names", "CONTROLLER")];
        all.extend_from_slice(pairs);
        let settings = all
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = BrokerConfig::resolve(&Layers::of_static(settings.collect())).unwrap();
        QuorumSettings::of(&config).map_err(|error| error.to_string())
    }

    const ROLES: &str = "process.roles";
    const VOTERS: &str = "controller.quorum.voters";
    const SERVERS: &str = "controller.quorum.bootstrap.servers";

    #[test]
    fn voters_and_servers_are_read() {
        let three = read(&[(ROLES, "broker,controller"), (VOTERS, "2@[::1]:2,1@a:1, 3@c:3")]).unwrap();
        let shown: Vec<String> = three.controllers().iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["a:1", "[::1]:2", "c:3"]);
        assert!(three.is_static() && !three.is_alone());
        let alone = read(&[(ROLES, "broker,controller"), (SERVERS, "localhost:9093")]).unwrap();
        assert!(alone.is_alone() && !alone.is_static());
        let broker = read(&[(ROLES, "broker"), (VOTERS, "2@a:1")]).unwrap();
        assert!(!broker.is_alone() && broker.is_broker && !broker.is_controller);
        assert!(
            read(&[(ROLES, "controller"), (VOTERS, "1@a:1")])
                .unwrap()
                .is_alone()
        );
        assert!(read(&[(ROLES, "broker,controller")]).unwrap().is_alone());
    }

    #[test]
    fn what_contradicts_the_voters_is_refused() {
        let nobody = "If using process.roles, either controller.quorum.bootstrap.servers must contain the set of \
                      bootstrap controllers or controller.quorum.voters must contain a parseable set of controllers.";
        let table: &[(&[(&str, &str)], &str)] = &[
            (
                &[(ROLES, "broker"), (VOTERS, "2@b:1,1@a:1")],
                "requirement failed: If process.roles contains just the 'broker' role, the node id 1 must not be \
                 included in the set of voters controller.quorum.voters=Set(1, 2)",
            ),
            (
                &[(ROLES, "controller"), (VOTERS, "2@b:1")],
                "requirement failed: If process.roles contains the 'controller' role, the node id 1 must be included in \
                 the set of voters controller.quorum.voters=Set(2)",
            ),
            (&[(ROLES, "broker")], nobody),
            (&[(ROLES, "controller")], nobody),
        ];
        for (pairs, expected) in table {
            assert_eq!(read(pairs).unwrap_err(), *expected);
        }
    }
}
