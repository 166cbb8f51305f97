//! The broker: what all handlers share.

use std::sync::Arc;

use arc_swap::Guard;
use barnabas_environment::{Clock, Environment, Random};
use barnabas_metadata::ControllerClient;
use barnabas_metadata::controller::ApiError;
use barnabas_metadata::features::{GROUP_VERSION, STREAMS_VERSION};
use barnabas_metadata::image::MetadataImage;
use barnabas_metadata::records::BrokerRegistration;
use barnabas_protocol::error::ErrorCode;
use parking_lot::{Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;

use crate::broker_peers::BrokerPeers;
use crate::coordinator::{GroupCoordinator, ShareCoordinator, TransactionCoordinator};
use crate::fetch::session_cache::SessionCache;
use crate::forwarding;
use crate::metadata_publisher::MetadataPublisher;
use crate::producer_ids::ProducerIds;
use crate::request::RequestContext;
use crate::share::{ShareSettings, Shares};
use crate::telemetry::{MetricsReceiver, Telemetry};
use barnabas_config::{BrokerConfig, Layers, Settings};
use barnabas_controller::admin::AdminNode;
use barnabas_controller::forward::Forwardable;
use barnabas_controller::throttling::Throttling;
use barnabas_network::Listener;
use barnabas_network::metrics::RequestMetrics;
use barnabas_network::request_memory::RequestMemory;
use barnabas_replica::ReplicaManager;
use barnabas_replica::partition::registry::Partitions;
use barnabas_security::{AllowAll, Authorizer, Requester, Rights};

/// One broker process.
pub struct Broker {
    /// This node's id.
    pub node_id: i32,
    /// The time.
    pub clock: Clock,
    /// Numbers and ids.
    pub random: Random,
    /// Image, settings and partitions.
    pub metadata: Arc<MetadataPublisher>,
    /// The way to the active controller.
    pub controller: ControllerClient,
    /// Who may do what.
    pub authorizer: Arc<dyn Authorizer>,
    /// What this broker has of replicas.
    pub replicas: Arc<ReplicaManager>,
    /// What clients may connect to.
    pub listeners: Vec<Arc<Listener>>,
    /// Ids for idempotent producers.
    pub producer_ids: ProducerIds,
    /// What requests may take of the process's memory.
    pub request_memory: Arc<RequestMemory>,
    /// Cancelled when the process stops: who is parked answers at once.
    pub stopping: CancellationToken,
    /// Where requests are counted; `None` where nobody asks.
    pub metrics: Option<Arc<RequestMetrics>>,
    /// Takes the metrics that clients push; `None` where nobody does.
    pub telemetry: Option<Telemetry>,
    fetch_sessions: Mutex<SessionCache>,
}

impl AdminNode for Broker {
    fn node_id(&self) -> i32 {
        self.node_id
    }

    fn is_broker(&self) -> bool {
        true
    }

    fn rights<'a>(&'a self, context: &'a RequestContext) -> Rights<'a> {
        Broker::rights(self, context)
    }

    fn mutate(&self, context: &RequestContext, changes: usize, is_strict: bool) -> Result<i32, i32> {
        self.throttling().mutate(context, changes, is_strict)
    }

    async fn forwarded<R: Forwardable>(
        &self,
        context: &RequestContext,
        request: &R,
    ) -> Option<Result<R::Response, ApiError>> {
        forwarding::forwarded(self, context, request).await
    }

    fn controllers(&self) -> &ControllerClient {
        &self.controller
    }

    fn image(&self) -> Arc<MetadataImage> {
        Arc::clone(&Broker::image(self))
    }

    fn layers(&self) -> Arc<Layers> {
        Arc::clone(&self.metadata.layers())
    }

    fn check_listeners(&self, layers: &Layers, new: &Settings) -> Result<(), String> {
        for listener in &self.listeners {
            let Some(tls) = &listener.tls else { continue };
            let prefix = format!("listener.name.{}.ssl.", listener.name.to_lowercase());
            // Who changes something else is not held up by a file that is gone meanwhile.
            if new.keys().any(|name| name.starts_with(&prefix)) {
                tls.check(layers, &barnabas_config::files::read)
                    .map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    fn allows_topic_deletion(&self) -> bool {
        self.config().delete_topic_enable
    }
}

impl Broker {
    /// Puts the parts together.
    pub fn new(
        node_id: i32,
        environment: Environment,
        metadata: Arc<MetadataPublisher>,
        controller: ControllerClient,
        replicas: Arc<ReplicaManager>,
        listeners: Vec<Arc<Listener>>,
        stopping: CancellationToken,
    ) -> Self {
        let request_memory = RequestMemory::new(metadata.config().queued_max_request_bytes);
        let slots = usize::try_from(metadata.config().max_incremental_fetch_session_cache_slots).unwrap_or(0);
        let fetch_sessions = Mutex::new(SessionCache::new(slots));
        Broker {
            node_id,
            metadata,
            controller,
            authorizer: Arc::new(AllowAll),
            replicas,
            listeners,
            producer_ids: ProducerIds::default(),
            request_memory,
            stopping,
            metrics: None,
            telemetry: None,
            clock: environment.clock,
            random: environment.random,
            fetch_sessions,
        }
    }

    /// Has `authorizer` decide who may do what. Without one everybody may do everything.
    pub fn authorized_by(self, authorizer: Arc<dyn Authorizer>) -> Self {
        Broker { authorizer, ..self }
    }

    /// Has requests counted.
    pub fn counted_by(self, metrics: Option<Arc<RequestMetrics>>) -> Self {
        Broker { metrics, ..self }
    }

    /// Has clients' metrics taken.
    pub fn received_by(self, receiver: Option<Arc<dyn MetricsReceiver>>) -> Self {
        let telemetry = receiver.map(Telemetry::new);
        Broker { telemetry, ..self }
    }

    /// What the client may do that sent a request.
    pub fn rights<'a>(&'a self, context: &'a RequestContext) -> Rights<'a> {
        let requester = Requester {
            principal: &context.principal,
            host: context.connection.client_host,
            request: context.api_key.name(),
        };
        Rights::new(&*self.authorizer, requester)
    }

    /// The latest metadata image.
    pub fn image(&self) -> Guard<Arc<MetadataImage>> {
        self.metadata.image()
    }

    /// The broker's settings in effect.
    pub fn config(&self) -> Guard<Arc<BrokerConfig>> {
        self.metadata.config()
    }

    /// The partitions of which this broker has a replica.
    pub fn partitions(&self) -> &Partitions {
        self.replicas.partitions()
    }

    /// The group coordinator.
    pub fn groups(&self) -> &GroupCoordinator {
        self.metadata.groups()
    }

    /// The transaction coordinator.
    pub fn transactions(&self) -> &TransactionCoordinator {
        self.metadata.transactions()
    }

    /// The share coordinator.
    pub fn share_states(&self) -> &ShareCoordinator {
        self.metadata.share_states()
    }

    /// What this broker knows of share groups.
    pub fn shares(&self) -> &Shares {
        self.metadata.shares()
    }

    /// Whether there are groups of the kind that a feature brings: its level is above 0, and
    /// `group.coordinator.rebalance.protocols` names their protocol. Share groups go by the level alone, as
    /// in Apache Kafka.
    pub fn has_groups(&self, feature: &str) -> bool {
        let config = self.config();
        let speaks = |protocol: &str| {
            let mut spoken = config.group_coordinator_rebalance_protocols.iter();
            spoken.any(|one| one.eq_ignore_ascii_case(protocol))
        };
        let is_spoken = match feature {
            GROUP_VERSION => speaks("consumer"),
            STREAMS_VERSION => speaks("streams"),
            _ => true,
        };
        is_spoken && self.image().features.level(feature) > 0
    }

    /// The settings of a share group.
    pub fn share_settings(&self, group: &str) -> ShareSettings {
        ShareSettings::of(&self.image(), &self.config(), group)
    }

    /// What clients may take.
    pub fn throttling(&self) -> &Arc<Throttling> {
        self.metadata.throttling()
    }

    /// The other brokers.
    pub fn peers(&self) -> &BrokerPeers {
        self.metadata.peers()
    }

    /// Whether clients are told of a broker: it is alive, or was a moment ago.
    pub fn is_told(&self, broker: &BrokerRegistration) -> bool {
        self.metadata.is_told(broker)
    }

    /// A producer id that was never given out.
    ///
    /// # Errors
    /// COORDINATOR_NOT_AVAILABLE: the controller could not be asked.
    pub async fn next_producer_id(&self) -> Result<i64, ErrorCode> {
        let broker_epoch = self
            .image()
            .brokers
            .get(&self.node_id)
            .map_or(-1, |this| this.broker_epoch);
        let next = self
            .producer_ids
            .next(&self.controller, self.node_id, broker_epoch);
        next.await.map_err(|cause| {
            tracing::warn!(%cause, "no block of producer ids");
            ErrorCode::CoordinatorNotAvailable
        })
    }

    /// The fetch sessions.
    pub fn fetch_sessions(&self) -> MutexGuard<'_, SessionCache> {
        self.fetch_sessions.lock()
    }
}
