//! The broker's way to the controllers: all that a broker asks of them, as Apache Kafka's brokers do.
//!
//! The requests and answers are Kafka's own messages, so that one day a broker may serve under Apache Kafka's
//! controllers. Whoever implements the trait finds the active controller (in this process or over the
//! network), and tries again elsewhere while the answer is NOT_CONTROLLER; what else is answered is the
//! caller's affair.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use barnabas_protocol::messages::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, AlterPartitionRequest, AlterPartitionResponse,
    AssignReplicasToDirsRequest, AssignReplicasToDirsResponse, BrokerHeartbeatRequest,
    BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse,
};

use crate::controller::{ControllerReply, ControllerRequest, Request};
use crate::error::MetadataError;
use crate::quorum::{Changed, QuorumStatus, VoterChange};

/// An answer that is on its way.
pub type Answer<T> = Pin<Box<dyn Future<Output = Result<T, MetadataError>> + Send>>;

/// See the module. Every call is given up in time: [`MetadataError::TimedOut`] where no active controller
/// was found until then. Whether the request has had its effect is not known then.
pub trait ControllerChannel: Send + Sync {
    /// BrokerRegistration (key 62).
    fn register(&self, request: BrokerRegistrationRequest) -> Answer<BrokerRegistrationResponse>;

    /// BrokerHeartbeat (key 63).
    fn heartbeat(&self, request: BrokerHeartbeatRequest) -> Answer<BrokerHeartbeatResponse>;

    /// Ready when the connection has ended by which the controllers know that this broker lives: a heartbeat
    /// makes another one.
    fn connection_lost(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }

    /// AlterPartition (key 56).
    fn alter_partition(&self, request: AlterPartitionRequest) -> Answer<AlterPartitionResponse>;

    /// AssignReplicasToDirs (key 73).
    fn assign_replicas_to_dirs(
        &self,
        request: AssignReplicasToDirsRequest,
    ) -> Answer<AssignReplicasToDirsResponse>;

    /// AllocateProducerIds (key 67).
    fn allocate_producer_ids(
        &self,
        request: AllocateProducerIdsRequest,
    ) -> Answer<AllocateProducerIdsResponse>;

    /// A change of metadata that a client asks for (Kafka's Envelope, key 58). When it is answered, the image
    /// that it led to has taken effect on this node.
    fn forward(&self, request: ControllerRequest) -> Answer<ControllerReply>;

    /// How the quorum stands, as the active controller sees it.
    fn status(&self) -> Answer<QuorumStatus> {
        Box::pin(std::future::ready(Err(MetadataError::NotController {
            leader_id: None,
        })))
    }

    /// A change of the voters (KIP-853), which may take so long.
    fn change_voters(&self, change: VoterChange, patience: Duration) -> Answer<Changed> {
        drop((change, patience));
        Box::pin(std::future::ready(Err(MetadataError::NotController {
            leader_id: None,
        })))
    }
}

/// The way to the active controller, for whoever asks for changes of metadata. Clones share it.
#[derive(Clone, Debug)]
pub struct ControllerClient(Arc<dyn ControllerChannel>);

impl ControllerClient {
    /// Over this channel.
    pub fn new(channel: Arc<dyn ControllerChannel>) -> Self {
        ControllerClient(channel)
    }

    /// Has a request decided. When it returns, the image that the request led to has taken effect on this
    /// node.
    ///
    /// # Errors
    /// No active controller was found in time, or it has failed.
    pub async fn submit<R: Request>(&self, request: R) -> Result<R::Reply, MetadataError> {
        let reply = self.0.forward(request.into()).await?;
        R::reply_of(reply).ok_or_else(|| MetadataError::Storage("the reply is to another request".into()))
    }

    /// How the quorum stands, as the active controller sees it.
    ///
    /// # Errors
    /// No active controller was found in time.
    pub async fn status(&self) -> Result<QuorumStatus, MetadataError> {
        self.0.status().await
    }

    /// Changes the voters. The errors in it are Kafka's; see
    /// [`change_voters`](crate::quorum::ControllerHandle::change_voters).
    ///
    /// # Errors
    /// No active controller was found in time.
    pub async fn change_voters(
        &self,
        change: VoterChange,
        patience: Duration,
    ) -> Result<Changed, MetadataError> {
        self.0.change_voters(change, patience).await
    }

    /// What lies under it: the rest that a broker asks.
    pub fn channel(&self) -> &Arc<dyn ControllerChannel> {
        &self.0
    }
}

impl fmt::Debug for dyn ControllerChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ControllerChannel")
    }
}
