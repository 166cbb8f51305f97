//! What a node is in its cluster: a voter, or an observer of those that vote, and how it reaches them.

use std::path::Path;
use std::sync::Arc;

use barnabas_config::{Address, BrokerConfig, Layers, QuorumSettings};
use barnabas_controller::{NodePeers, QuorumChannel, QuorumChannelOptions};
use barnabas_environment::Environment;
use barnabas_metadata::quorum::{
    AddressBook, ControllerEndpoint, Joining, MetadataDisk, Observer, ObserverOptions, Quorum, QuorumOptions,
    QuorumTiming, SNAPSHOT_EVERY, StartingQuorum, VoterNode, Voters,
};
use barnabas_metadata::{ControllerClient, MetadataDelta, MetadataImage};
use barnabas_network::Network;
use barnabas_network::client::Connector;
use barnabas_protocol::kraft_voters::{KRaftVoter, VoterEndpoint};
use tokio::runtime::Handle;
use uuid::Uuid;

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

/// Has the voters count that the log directory was formatted with, where the settings name none. A controller
/// that is none of them joins them (KIP-853).
///
/// # Errors
/// It has no listener by which it could.
pub fn take_formatted(
    quorum: &mut QuorumSettings,
    node_id: i32,
    formatted: Option<&Bootstrap>,
    has_controller_listener: bool,
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
    let finds_others = !quorum.bootstrap_servers.is_empty();
    let can_change =
        formatted.is_some_and(|formatted| formatted.kraft_version > 0) && has_controller_listener;
    if !is_voter && finds_others && !has_controller_listener {
        return Err(StartError::NoVoter { node_id });
    }
    // Others may come to a voter; who is none goes to the others.
    quorum.is_dynamic = can_change && (is_voter || finds_others);
    Ok(())
}

/// A voter as the quorum has it.
pub fn voter_node(voter: &KRaftVoter) -> VoterNode {
    let endpoint = |endpoint: &VoterEndpoint| ControllerEndpoint {
        name: endpoint.name.clone(),
        host: endpoint.host.clone(),
        port: endpoint.port,
    };
    VoterNode {
        directory_id: voter.directory_id,
        endpoints: voter.endpoints.iter().map(endpoint).collect(),
    }
}

/// Where the controllers' listeners are, as far as the settings say. Those of which only the address is known
/// have ids that no node has.
pub fn addresses(quorum: &QuorumSettings) -> AddressBook {
    let voters = quorum.voters().iter();
    let known = voters.map(|(id, address)| (*id, address.to_string()));
    let unknown = (i32::MIN..).zip(&quorum.bootstrap_servers);
    let unknown = unknown.map(|(id, address)| (id, address.to_string()));
    // Where the voters are known nobody else need be asked, unless they have all gone since.
    let unknown = unknown.filter(|_| quorum.voters().is_empty() || quorum.is_dynamic);
    AddressBook::new(known.chain(unknown).collect())
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
    /// Where the controllers are.
    pub addresses: &'a AddressBook,
    /// The directory of the metadata.
    pub directory_id: Uuid,
    /// Where this node's controller listens.
    pub endpoints: &'a [ControllerEndpoint],
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
        let options = ObserverOptions {
            node_id: self.config.node_id,
            cluster_id: self.cluster_id.to_owned(),
            snapshots,
            snapshot_every: SNAPSHOT_EVERY,
            addresses: self.addresses.clone(),
            peers: Arc::new(self.peers()),
            environment: self.environment.clone(),
        };
        Ok(Observer::start(options, publish, given_up).await?)
    }

    /// What there is before the log: the users that the folder was formatted with. Voters that log in to each
    /// other by SCRAM could make no log without them.
    pub fn formatted_image(&self) -> Arc<MetadataImage> {
        let records = self
            .formatted
            .map(|formatted| formatted.records(self.config.min_insync_replicas));
        let (image, _) = MetadataImage::empty().apply(&records.unwrap_or_default(), -1, 0);
        Arc::new(image)
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
            controllers: self.addresses.clone(),
            connector: self.to_controllers.clone(),
            runtime: Handle::current(),
        })))
    }

    /// The way to the other voters; `None` where there is no other.
    fn voters(&self) -> Option<Voters> {
        if self.quorum.is_alone() {
            return None;
        }
        Some(Voters {
            ids: self.quorum.voters().keys().copied().collect(),
            peers: Arc::new(self.peers()),
            timing: self.timing(),
            addresses: self.addresses.clone(),
            joining: self.quorum.is_dynamic.then(|| self.joining()),
        })
    }

    fn joining(&self) -> Joining {
        let initial = self.formatted.map_or(&[][..], |formatted| &formatted.voters);
        Joining {
            node: VoterNode {
                directory_id: self.directory_id,
                endpoints: self.endpoints.to_vec(),
            },
            initial: initial
                .iter()
                .map(|voter| (voter.id, voter_node(voter)))
                .collect(),
            votes: self.config.controller_quorum_auto_join_enable,
        }
    }

    fn peers(&self) -> NodePeers {
        let runtime = Handle::current();
        let addresses = self.addresses.clone();
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
