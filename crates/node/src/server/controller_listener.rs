//! The controller's part of a node: its listener, open from the moment on when the node votes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use barnabas_config::{BrokerConfig, DynamicBrokerConfig};
use barnabas_controller::throttling::Throttling;
use barnabas_controller::{ControllerService, ControllerServiceOptions, registration};
use barnabas_environment::Threads;
use barnabas_metadata::quorum::{ControllerEndpoint, StartingQuorum};
use barnabas_metadata::records::{BrokerEndpoint, ControllerRegistration};
use barnabas_metadata::{ControllerClient, features};
use barnabas_network::request_memory::RequestMemory;
use barnabas_network::{Limits, Service};
use barnabas_security::Authorizer;
use tokio_util::sync::CancellationToken;

use super::bind::Bound;
use super::membership::{self, Membership};
use super::serving::Serving;
use crate::format::checkpoint::Bootstrap;

/// See the module. It is served where the quorum runs, by no thread of its own: what voters say to each other
/// waits neither for clients nor for a handoff.
pub struct ControllerListener {
    endpoints: Vec<BrokerEndpoint>,
    serving: Serving,
    stopping: CancellationToken,
}

/// Where the others find this controller: as it is advertised, or else as the list of voters says that its
/// folder was formatted with.
pub fn endpoints(
    listeners: &[Bound],
    node_id: i32,
    formatted: Option<&Bootstrap>,
) -> Vec<ControllerEndpoint> {
    let voters = formatted.map_or(&[][..], |formatted| &formatted.voters);
    let own = voters.iter().find(|voter| voter.id == node_id);
    if let Some(own) = own
        && listeners.iter().any(|bound| bound.listener.tells_address)
    {
        return membership::voter_node(own).endpoints;
    }
    let listeners = listeners.iter().map(|bound| ControllerEndpoint {
        name: bound.listener.name.clone(),
        host: bound.listener.advertised_host.clone(),
        port: bound.listener.advertised_port,
    });
    listeners.collect()
}

impl ControllerListener {
    /// Answers at `listeners`; `None` where there are none.
    ///
    /// # Errors
    /// The system refuses a resource.
    pub fn start(
        listeners: Vec<Bound>,
        quorum: &StartingQuorum,
        membership: &Membership<'_>,
        (settings, throttling): (&Arc<DynamicBrokerConfig>, Arc<Throttling>),
        authorizer: Arc<dyn Authorizer>,
    ) -> io::Result<Option<ControllerListener>> {
        if listeners.is_empty() {
            return Ok(None);
        }
        let (config, stopping) = (membership.config, CancellationToken::new());
        let grace_ms = u64::try_from(config.barnabas_broker_disconnect_grace_ms).unwrap_or(0);
        let service = Arc::new(ControllerService::new(ControllerServiceOptions {
            node_id: config.node_id,
            cluster_id: membership.cluster_id.into(),
            door: quorum.door(),
            handle: quorum.handle(),
            authorizer,
            settings: settings.clone(),
            throttling,
            limits: limits(config),
            request_memory: RequestMemory::new(config.queued_max_request_bytes),
            network: membership.network.clone(),
            disconnect_grace: Duration::from_millis(grace_ms),
            stopping: stopping.clone(),
        }));
        if !membership.quorum.is_alone() {
            tokio::spawn(service.watch_brokers());
        }
        let endpoints = listeners.iter().map(|bound| BrokerEndpoint {
            listener: bound.listener.name.clone(),
            host: bound.listener.advertised_host.clone(),
            port: bound.listener.advertised_port,
            security_protocol: bound.listener.security_protocol.id(),
        });
        let endpoints = endpoints.collect();
        let service: Arc<dyn Service> = service;
        let serving = Serving::start(listeners, &service, (1, Threads::Runtime), &stopping)?;
        Ok(Some(ControllerListener {
            endpoints,
            serving,
            stopping,
        }))
    }

    /// Tells all others of this controller, if it is not alone.
    pub fn register(&self, client: ControllerClient, membership: &Membership<'_>) {
        if membership.quorum.is_alone() {
            return;
        }
        let own = ControllerRegistration {
            controller_id: membership.config.node_id,
            incarnation_id: membership.environment.random.uuid(),
            endpoints: self.endpoints.clone(),
            features: features::broker_features(),
        };
        let stopping = self.stopping.clone();
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = registration::register(client, own) => {}
                () = stopping.cancelled() => {}
            }
        });
    }

    /// Answers no more.
    pub async fn stop(self) {
        self.stopping.cancel();
        self.serving.ended().await;
    }
}

fn limits(config: &BrokerConfig) -> Limits {
    let count = |setting: i32| usize::try_from(setting).unwrap_or(0);
    let idle_ms = u64::try_from(config.connections_max_idle_ms).unwrap_or(u64::MAX);
    Limits {
        connections_max: count(config.max_connections),
        frame_bytes_max: count(config.socket_request_max_bytes),
        idle_max: Duration::from_millis(idle_ms),
    }
}
