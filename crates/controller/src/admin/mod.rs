//! What administrators ask of brokers and controllers alike, one file per API, sorted by key. A broker has
//! the active controller decide; a controller decides, or says that it isn't the active one.

pub mod config_changes;
pub mod delegation_tokens;
pub mod k17_sasl_handshake;
pub mod k19_create_topics;
pub mod k20_delete_topics;
pub mod k29_describe_acls;
pub mod k30_create_acls;
pub mod k31_delete_acls;
pub mod k32_describe_configs;
pub mod k33_alter_configs;
pub mod k36_sasl_authenticate;
pub mod k37_create_partitions;
pub mod k38_create_delegation_token;
pub mod k39_renew_delegation_token;
pub mod k40_expire_delegation_token;
pub mod k43_elect_leaders;
pub mod k44_incremental_alter_configs;
pub mod k45_alter_partition_reassignments;
pub mod k46_list_partition_reassignments;
pub mod k49_alter_client_quotas;
pub mod k50_describe_user_scram_credentials;
pub mod k51_alter_user_scram_credentials;
pub mod k57_update_features;
pub mod k80_add_raft_voter;
pub mod k81_remove_raft_voter;
pub mod k94_unregister_controller;
mod mutations;
pub mod raft_voters;

use std::sync::Arc;

use barnabas_config::{Layers, Settings};
use barnabas_metadata::controller::ApiError;
use barnabas_metadata::{ControllerClient, MetadataImage};
use barnabas_network::rpc::RequestContext;
use barnabas_security::Rights;

use crate::forward::Forwardable;

/// A node that answers its administrators.
pub trait AdminNode {
    /// Whether its listeners could go on with `layers`, of which `new` was set for this node at run time.
    ///
    /// # Errors
    /// Why one could not.
    fn check_listeners(&self, layers: &Layers, new: &Settings) -> Result<(), String>;

    /// This node's id.
    fn node_id(&self) -> i32;

    /// Whether it is asked as a broker, which judges its own settings before the controller does.
    fn is_broker(&self) -> bool;

    /// What the client may do that sent a request.
    fn rights<'a>(&'a self, context: &'a RequestContext) -> Rights<'a>;

    /// Takes changes of metadata of a client's quota; the number is for how many milliseconds it pauses.
    ///
    /// # Errors
    /// The quota is used up, and the client knows what that is.
    fn mutate(&self, _context: &RequestContext, _changes: usize, _is_strict: bool) -> Result<i32, i32> {
        Ok(0)
    }

    /// Has the active controller answer a client's request, where that is another node; `None` where this
    /// node goes on by itself.
    fn forwarded<R: Forwardable>(
        &self,
        _context: &RequestContext,
        _request: &R,
    ) -> impl Future<Output = Option<Result<R::Response, ApiError>>> {
        std::future::ready(None)
    }

    /// Who decides.
    fn controllers(&self) -> &ControllerClient;

    /// The latest image.
    fn image(&self) -> Arc<MetadataImage>;

    /// The node's settings.
    fn layers(&self) -> Arc<Layers>;

    /// `delete.topic.enable`.
    fn allows_topic_deletion(&self) -> bool;
}

impl<N: AdminNode> AdminNode for Arc<N> {
    fn check_listeners(&self, layers: &Layers, new: &Settings) -> Result<(), String> {
        (**self).check_listeners(layers, new)
    }

    fn node_id(&self) -> i32 {
        N::node_id(self)
    }

    fn is_broker(&self) -> bool {
        N::is_broker(self)
    }

    fn rights<'a>(&'a self, context: &'a RequestContext) -> Rights<'a> {
        N::rights(self, context)
    }

    fn mutate(&self, context: &RequestContext, changes: usize, is_strict: bool) -> Result<i32, i32> {
        N::mutate(self, context, changes, is_strict)
    }

    fn forwarded<R: Forwardable>(
        &self,
        context: &RequestContext,
        request: &R,
    ) -> impl Future<Output = Option<Result<R::Response, ApiError>>> {
        N::forwarded(self, context, request)
    }

    fn controllers(&self) -> &ControllerClient {
        N::controllers(self)
    }

    fn image(&self) -> Arc<MetadataImage> {
        N::image(self)
    }

    fn layers(&self) -> Arc<Layers> {
        N::layers(self)
    }

    fn allows_topic_deletion(&self) -> bool {
        N::allows_topic_deletion(self)
    }
}
