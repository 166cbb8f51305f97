//! The latest metadata image and what this broker derived from it.
//!
//! [`MetadataPublisher::publish`] is the one place where an image takes effect, in one order: settings,
//! partitions, coordinators, the image itself. Whoever finds something in the image finds the rest done.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, Guard};
use barnabas_environment::Clock;
use barnabas_metadata::image::{MetadataDelta, MetadataImage};
use barnabas_metadata::records::{BrokerRegistration, ConfigResource, ConfigResourceType};

use crate::broker_peers::BrokerPeers;
use crate::connection_limits::ConnectionLimits;
use crate::coordinator::{GroupCoordinator, ShareCoordinator, TransactionCoordinator};
use crate::faults::Faults;
use crate::lifecycle::BrokerLifecycle;
use crate::lost_brokers::LostBrokers;
use crate::share::Shares;
use barnabas_config::{BrokerConfig, DynamicBrokerConfig, Layers, Settings, effect};
use barnabas_controller::throttling::Throttling;
use barnabas_replica::ReplicaManager;
use barnabas_replica::partition::registry::Partitions;

/// Image, settings, partitions and coordinators of this broker.
pub struct MetadataPublisher {
    image: ArcSwap<MetadataImage>,
    settings: Arc<DynamicBrokerConfig>,
    replicas: Arc<ReplicaManager>,
    groups: GroupCoordinator,
    transactions: TransactionCoordinator,
    share_states: ShareCoordinator,
    shares: Shares,
    peers: BrokerPeers,
    throttling: Arc<Throttling>,
    faults: Faults,
    connection_limits: ConnectionLimits,
    lost: LostBrokers,
    clock: Clock,
    /// Who tells the controllers how far this broker is.
    lifecycle: OnceLock<BrokerLifecycle>,
}

impl MetadataPublisher {
    /// The cache of a broker that has not loaded an image yet.
    pub fn new(
        settings: Arc<DynamicBrokerConfig>,
        replicas: Arc<ReplicaManager>,
        peers: BrokerPeers,
    ) -> Self {
        let environment = replicas.environment().clone();
        let groups = GroupCoordinator::new(&settings.config(), environment.clone());
        let transactions = TransactionCoordinator::new(&settings.config(), environment.clone());
        let share_states = ShareCoordinator::new(&settings.config(), environment.clone());
        let sessions_max = usize::try_from(settings.config().group_share_max_share_sessions).unwrap_or(0);
        let shares = Shares::new(sessions_max);
        let throttling = Arc::new(Throttling::new(&settings.config(), environment.clock.clone()));
        let faults = Faults::default();
        Self::take_faults(&faults, &settings);
        let connection_limits = ConnectionLimits::new(settings.clone(), environment.clock.clone());
        MetadataPublisher {
            faults,
            image: ArcSwap::from_pointee(MetadataImage::empty()),
            settings,
            replicas,
            throttling,
            connection_limits,
            groups,
            transactions,
            share_states,
            shares,
            peers,
            lost: LostBrokers::default(),
            clock: environment.clock,
            lifecycle: OnceLock::new(),
        }
    }

    /// Tells `lifecycle` of the image that is in effect, and of every further one.
    pub fn follow_by(&self, lifecycle: BrokerLifecycle) {
        let lifecycle = self.lifecycle.get_or_init(|| lifecycle);
        lifecycle.image_published(&self.image());
    }

    /// The latest image.
    pub fn image(&self) -> Guard<Arc<MetadataImage>> {
        self.image.load()
    }

    /// The layers that the broker's settings come from.
    pub fn layers(&self) -> Guard<Arc<Layers>> {
        self.settings.layers()
    }

    /// The broker's settings in effect.
    pub fn config(&self) -> Guard<Arc<BrokerConfig>> {
        self.settings.config()
    }

    /// The partitions of which this broker has a replica.
    pub fn partitions(&self) -> &Partitions {
        self.replicas.partitions()
    }

    /// The group coordinator.
    pub fn groups(&self) -> &GroupCoordinator {
        &self.groups
    }

    /// The transaction coordinator.
    pub fn transactions(&self) -> &TransactionCoordinator {
        &self.transactions
    }

    /// The share coordinator.
    pub fn share_states(&self) -> &ShareCoordinator {
        &self.share_states
    }

    /// What this broker knows of share groups.
    pub fn shares(&self) -> &Shares {
        &self.shares
    }

    /// What clients may take.
    pub fn throttling(&self) -> &Arc<Throttling> {
        &self.throttling
    }

    /// The faults that clients are to see.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// How many connections may come, and how fast.
    pub fn connection_limits(&self) -> &ConnectionLimits {
        &self.connection_limits
    }

    /// The other brokers.
    pub fn peers(&self) -> &BrokerPeers {
        &self.peers
    }

    /// Whether clients are told of a broker: it is alive, or was a moment ago.
    pub fn is_told(&self, broker: &BrokerRegistration) -> bool {
        !broker.fenced || self.lost.is_told(broker.broker_id, self.clock.monotonic_ms())
    }

    /// Lets an image take effect. Called by the quorum, for one image after the other.
    pub fn publish(&self, image: Arc<MetadataImage>, delta: &MetadataDelta) {
        if delta
            .configs_changed
            .iter()
            .any(|resource| resource.kind == ConfigResourceType::Broker)
        {
            self.reconfigure(&image);
        }
        self.replicas.apply(&image, delta);
        self.groups
            .apply(&image, delta, self.partitions(), &self.config());
        self.transactions.apply(&image, delta, self.partitions());
        self.share_states.apply(&image, delta, self.partitions());
        self.shares.apply(&image, delta, self.config().node_id);
        Self::warn_of_ineffective(&image, delta);
        let now_ms = self.clock.monotonic_ms();
        self.lost.apply(&self.image(), &image, delta, now_ms);
        self.throttling.apply(&image, delta);
        if delta.quotas_changed {
            self.connection_limits.apply(&image);
        }
        self.image.store(image.clone());
        self.peers.apply(&image, delta);
        if let Some(lifecycle) = self.lifecycle.get() {
            lifecycle.image_published(&image);
        }
    }

    /// Says which of the settings that changed do nothing yet.
    fn warn_of_ineffective(image: &MetadataImage, delta: &MetadataDelta) {
        let mut names = BTreeSet::new();
        for resource in &delta.configs_changed {
            let Some(settings) = image.configs.get(resource) else {
                continue;
            };
            names.extend(
                settings
                    .keys()
                    .filter(|name| effect::is_missed(resource.kind, name)),
            );
        }
        if !names.is_empty() {
            let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
            tracing::warn!("settings that have no effect yet were set: {}", names.join(", "));
        }
    }

    fn reconfigure(&self, image: &MetadataImage) {
        let settings = |resource: ConfigResource| -> Settings {
            image
                .configs
                .get(&resource)
                .map(|map| (**map).clone())
                .unwrap_or_default()
        };
        let node_id = self.config().node_id;
        let updated = self.settings.update(
            settings(ConfigResource::default_broker()),
            settings(ConfigResource::broker(node_id)),
        );
        // The controller validated it, so only an older or newer release's value gets here.
        if let Err(error) = updated {
            tracing::error!(%error, "a dynamic setting is not valid; the settings stay as they are");
        }
        Self::take_faults(&self.faults, &self.settings);
    }

    fn take_faults(faults: &Faults, settings: &DynamicBrokerConfig) {
        if let Err(error) = faults.replace(&settings.config().barnabas_faults) {
            tracing::error!(%error, "fault rules make no sense; they stay as they were");
        }
    }
}
