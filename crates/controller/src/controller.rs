//! The controller: what all handlers of its listener share.

use std::sync::Arc;

use barnabas_config::{DynamicBrokerConfig, Layers, Settings};
use barnabas_metadata::controller::{ApiError, FenceBroker};
use barnabas_metadata::quorum::ControllerHandle;
use barnabas_metadata::records::BrokerEndpoint;
use barnabas_metadata::{ControllerClient, MetadataImage};
use barnabas_network::ConnectionContext;
use barnabas_network::rpc::RequestContext;
use barnabas_protocol::error::ErrorCode;
use barnabas_security::{Authorizer, KafkaPrincipal, Requester, Rights};
use parking_lot::Mutex;

use crate::admin::AdminNode;
use crate::sessions::{Incarnation, Sessions};
use crate::throttling::Throttling;

/// One controller; clones share all of it.
#[derive(Clone)]
pub struct Controller {
    /// This node's id.
    pub node_id: i32,
    /// Where requests go.
    pub handle: ControllerHandle,
    /// The same, as one asks for changes of metadata.
    pub client: ControllerClient,
    /// The node's settings.
    pub settings: Arc<DynamicBrokerConfig>,
    /// Who may do what.
    pub authorizer: Arc<dyn Authorizer>,
    /// What clients may take.
    pub throttling: Arc<Throttling>,
    /// By which connection each broker was heard.
    pub sessions: Arc<Mutex<Sessions>>,
}

impl AdminNode for Controller {
    fn node_id(&self) -> i32 {
        self.node_id
    }

    fn is_broker(&self) -> bool {
        false
    }

    fn rights<'a>(&'a self, context: &'a RequestContext) -> Rights<'a> {
        Controller::rights(self, context)
    }

    fn mutate(&self, context: &RequestContext, changes: usize, is_strict: bool) -> Result<i32, i32> {
        self.throttling.mutate(context, changes, is_strict)
    }

    fn controllers(&self) -> &ControllerClient {
        &self.client
    }

    fn image(&self) -> Arc<MetadataImage> {
        self.handle.image()
    }

    fn check_listeners(&self, _layers: &Layers, _new: &Settings) -> Result<(), String> {
        // Settings of one broker are checked by that broker.
        Ok(())
    }

    fn layers(&self) -> Arc<Layers> {
        Arc::clone(&self.settings.layers())
    }

    fn allows_topic_deletion(&self) -> bool {
        self.settings.config().delete_topic_enable
    }
}

impl Controller {
    /// The same controller for one request, whose `client` tells whether the request has to go elsewhere.
    pub fn for_one_request(&self) -> Controller {
        Controller {
            client: self.client.apart(),
            ..self.clone()
        }
    }

    /// What the client may do that sent a request.
    pub fn rights<'a>(&'a self, context: &'a RequestContext) -> Rights<'a> {
        self.rights_of(&context.principal, &context.connection, context.api_key.name())
    }

    /// What whoever is at the other end of a connection may do, by a request of this name.
    pub fn rights_of<'a>(
        &'a self,
        principal: &'a KafkaPrincipal,
        connection: &ConnectionContext,
        request: &'static str,
    ) -> Rights<'a> {
        let requester = Requester {
            principal,
            host: connection.client_host,
            request,
        };
        Rights::new(&*self.authorizer, requester)
    }

    /// Where a broker is reached, while its registration lasts.
    pub fn address_of(&self, broker: Incarnation) -> Option<String> {
        let image = self.handle.image();
        let registered = image.brokers.get(&broker.broker_id)?;
        let known = registered.broker_epoch == broker.broker_epoch;
        known.then(|| registered.endpoints.first().map(BrokerEndpoint::address))?
    }

    /// Fences a broker that is gone, if this is the active controller.
    pub async fn fence(&self, broker: Incarnation) {
        let Incarnation {
            broker_id,
            broker_epoch,
        } = broker;
        if !self.handle.is_active() {
            return;
        }
        tracing::info!(broker_id, "the broker's connection has ended: it is fenced");
        let request = FenceBroker {
            broker_id,
            broker_epoch,
        };
        if let Err(error) = self.handle.decide(request.into()).await {
            tracing::warn!(broker_id, %error, "the broker could not be fenced");
        }
    }

    /// NOT_CONTROLLER, where another one is to be asked.
    pub fn check_active(&self) -> Result<(), ApiError> {
        match self.handle.is_active() {
            true => Ok(()),
            false => Err(ApiError::bare(ErrorCode::NotController)),
        }
    }

    /// Where a controller is reached: host and port.
    pub fn endpoint(&self, id: i32) -> Option<(String, u16)> {
        let address = self.handle.addresses().address(id)?;
        let (host, port) = address.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some((host.to_owned(), port.parse().ok()?))
    }
}
