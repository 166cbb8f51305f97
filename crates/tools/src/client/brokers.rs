//! The brokers that there are, as the cluster says.

use std::fmt;

use barnabas_protocol::messages::{DescribeClusterResponse, MetadataResponse};

/// A broker and where it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its node id.
    pub id: i32,
    /// Its advertised host.
    pub host: String,
    /// Its advertised port.
    pub port: i32,
    /// Its rack.
    pub rack: Option<String>,
}

impl Broker {
    /// Where to connect: an IPv6 address stands in brackets.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            return format!("[{}]:{}", self.host, self.port);
        }
        format!("{}:{}", self.host, self.port)
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Broker { id, host, port, rack } = self;
        let rack = rack.as_deref().unwrap_or("null");
        write!(f, "{host}:{port} (id: {id} rack: {rack} isFenced: false)")
    }
}

/// The brokers that live, and which of them takes what a controller decides.
#[derive(Clone, Debug, Default)]
pub struct Brokers {
    /// The brokers, as they were listed.
    pub list: Vec<Broker>,
    /// The broker to send to what a controller decides; -1 if there is none.
    pub controller: i32,
}

impl Brokers {
    /// What a Metadata response says.
    pub fn of(response: &MetadataResponse) -> Self {
        let list = response.brokers.iter().map(|broker| Broker {
            id: broker.node_id.0,
            host: broker.host.to_string(),
            port: broker.port,
            rack: broker.rack.as_ref().map(ToString::to_string),
        });
        Brokers {
            list: list.collect(),
            controller: response.controller_id.0,
        }
    }

    /// What a DescribeCluster response says, of controllers too.
    pub fn of_description(response: &DescribeClusterResponse) -> Self {
        let list = response.brokers.iter().map(|broker| Broker {
            id: broker.broker_id.0,
            host: broker.host.to_string(),
            port: broker.port,
            rack: broker.rack.as_ref().map(ToString::to_string),
        });
        Brokers {
            list: list.collect(),
            controller: response.controller_id.0,
        }
    }

    /// The broker with this id.
    pub fn get(&self, id: i32) -> Option<&Broker> {
        self.list.iter().find(|broker| broker.id == id)
    }
}
