//! What a node is in its cluster: a voter, or an observer of those that vote, and how it reaches them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use barnabas_config::{Address, BrokerConfig, Layers, QuorumSettings};
use barnabas_controller::{NodePeers, QuorumChannel, QuorumChannelOptions};
use barnabas_environment::Environment;
use barnabas_metadata::quorum::{
    MetadataDisk, Observer, ObserverOptions, Quorum, QuorumOptions, QuorumTiming, SNAPSHOT_EVERY,
    StartingQuorum, Voters,
};
use barnabas_metadata::{ControllerClient, MetadataDelta, MetadataImage};
use barnabas_network::Network;
use barnabas_network::client::Connector;
use barnabas_protocol::kraft_voters::KRaftVoter;
use tokio::runtime::Handle;

use super::error::StartError;
use crate::format::checkpoint::Bootstrap;

/// What an image's taking effect means.
pub type Publish = Box<dyn FnMut(Arc<MetadataImage>, &MetadataDelta) + Send>;

/// Where a node has the metadata from.
pub enum Metadata {
    /// It keeps it, with the other voters.
    Voter(Box<Quorum>),
    /// It follows those that do.
    Observer(Observer),
}

impl Metadata {
    /// Gives the leadership away, if this node has it.
    pub async fn hand_over(&self) {
        if let Metadata::Voter(quorum) = self {
            quorum.hand_over().await;
        }
    }

    /// Nothing takes effect any more.
    pub async fn shutdown(self) {
        match self {
            Metadata::Voter(quorum) => {
                if let Err(error) = quorum.shutdown().await {
                    tracing::error!(%error, "the quorum did not stop cleanly");
                }
            }
            Metadata::Observer(observer) => observer.shutdown().await,
        }
    }
}

/// Has the voters count that the log directory was formatted with, where the settings name none.
///
/// # Errors
/// This controller is none of them.
pub fn take_formatted(
    quorum: &mut QuorumSettings,
    node_id: i32,
    formatted: Option<&Bootstrap>,
) -> Result<(), StartError> {
    // Without a word a node that knows of no other controller is a quorum by itself.
    if !quorum.is_controller || quorum.is_static() || (formatted.is_none() && quorum.is_alone()) {
        return Ok(());
    }
    let address = |voter: &KRaftVoter| {
        let endpoint = voter.endpoints.first()?;
        let (host, port) = (endpoint.host.clone(), endpoint.port);
        Some((voter.id, Address { host, port }))
    };
    let voters = formatted.map_or(&[][..], |formatted| &formatted.voters);
    quorum.formatted_voters = voters.iter().filter_map(address).collect();
    let is_voter = quorum.formatted_voters.contains_key(&node_id);
    if !is_voter && !quorum.controllers().is_empty() {
        return Err(StartError::NoVoter { node_id });
    }
    Ok(())
}

/// What a node is in its cluster.
pub struct Membership<'a> {
    /// Its settings, in layers.
    pub layers: &'a Layers,
    /// The same, typed.
    pub config: &'a BrokerConfig,
    /// Who keeps the metadata.
    pub quorum: &'a QuorumSettings,
    /// What its log directory was formatted with.
    pub formatted: Option<&'a Bootstrap>,
    /// The cluster's id.
    pub cluster_id: &'a str,
    /// Time, randomness and threads.
    pub environment: &'a Environment,
    /// The network that it is in.
    pub network: &'a Network,
    /// The way to the controllers' listeners.
    pub to_controllers: &'a Connector,
}

impl Membership<'_> {
    /// Begins to vote.
    ///
    /// # Errors
    /// The metadata's folder can't be used.
    pub async fn vote(
        &self,
        disk: Option<MetadataDisk>,
        data_dir: &Path,
        publish: Publish,
    ) -> Result<StartingQuorum, StartError> {
        let disk = match disk {
            Some(disk) => disk,
            None => MetadataDisk::in_log_dir(data_dir)?,
        };
        let mut options = QuorumOptions::of_node(
            disk,
            self.cluster_id,
            (self.layers, self.config),
            self.environment.clone(),
            self.voters(),
        );
        if let Some(formatted) = self.formatted {
            options.bootstrap = formatted.records(self.config.min_insync_replicas);
        }
        Ok(Quorum::open(options, publish).await?)
    }

    /// Follows the metadata without a vote, until `given_up` or caught up.
    ///
    /// # Errors
    /// The metadata's folder can't be used, or the controllers are of another cluster.
    pub async fn observe(
        &self,
        disk: Option<MetadataDisk>,
        data_dir: &Path,
        publish: Publish,
        given_up: impl Future<Output = ()>,
    ) -> Result<Observer, StartError> {
        let snapshots = match disk {
            Some(disk) => disk.snapshots,
            None => MetadataDisk::snapshots_in_log_dir(data_dir)?,
        };
        let addresses = self.addresses();
        let options = ObserverOptions {
            node_id: self.config.node_id,
            cluster_id: self.cluster_id.to_owned(),
            snapshots,
            snapshot_every: SNAPSHOT_EVERY,
            controllers: addresses.keys().copied().collect(),
            peers: Arc::new(self.peers(&addresses)),
            environment: self.environment.clone(),
        };
        Ok(Observer::start(options, publish, given_up).await?)
    }

    /// Where the controllers' listeners are. Those of which only the address is known have ids that no node
    /// has.
    pub fn addresses(&self) -> BTreeMap<i32, String> {
        let voters = self.quorum.voters();
        if !voters.is_empty() {
            let voters = voters.iter();
            return voters.map(|(id, address)| (*id, address.to_string())).collect();
        }
        let unknown = (i32::MIN..).zip(&self.quorum.bootstrap_servers);
        unknown.map(|(id, address)| (id, address.to_string())).collect()
    }

    /// The broker's way to the active controller: here, where there is no other.
    pub fn channel(&self, metadata: &Metadata) -> ControllerClient {
        let (local, published) = match metadata {
            Metadata::Voter(quorum) => {
                let handle = quorum.handle();
                if self.quorum.is_alone() {
                    return ControllerClient::new(Arc::new(handle));
                }
                let published = handle.published();
                (Some(handle), published)
            }
            Metadata::Observer(observer) => (None, observer.published()),
        };
        ControllerClient::new(Arc::new(QuorumChannel::new(QuorumChannelOptions {
            node_id: self.config.node_id,
            cluster_id: self.cluster_id.into(),
            published,
            local,
            controllers: self.addresses(),
            connector: self.to_controllers.clone(),
            runtime: Handle::current(),
        })))
    }

    /// The way to the other voters; `None` where there is no other.
    fn voters(&self) -> Option<Voters> {
        if self.quorum.is_alone() {
            return None;
        }
        let addresses = self.addresses();
        let peers = self.peers(&addresses);
        Some(Voters {
            ids: addresses.keys().copied().collect(),
            peers: Arc::new(peers),
            timing: self.timing(),
        })
    }

    fn peers(&self, addresses: &BTreeMap<i32, String>) -> NodePeers {
        let runtime = Handle::current();
        NodePeers::new(
            self.config.node_id,
            addresses,
            self.timing(),
            self.to_controllers,
            &runtime,
        )
    }

    fn timing(&self) -> QuorumTiming {
        QuorumTiming::of(self.layers, self.config)
    }
}
