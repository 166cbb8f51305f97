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
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use barnabas_protocol::messages::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, AlterPartitionRequest, AlterPartitionResponse,
    AssignReplicasToDirsRequest, AssignReplicasToDirsResponse, BrokerHeartbeatRequest,
    BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse, EnvelopeRequest,
};
use bytes::Bytes;

use crate::controller::{ControllerReply, ControllerRequest, Request};
use crate::error::MetadataError;
use crate::quorum::{Changed, QuorumStatus, VoterChange};

/// An answer that is on its way.
pub type Answer<T> = Pin<Box<dyn Future<Output = Result<T, MetadataError>> + Send>>;

/// What has come of a client's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enveloped {
    /// The active controller has answered: the response with its header.
    Answered(Bytes),
    /// The node that was asked has to go on by itself: it is the active controller by now, or the one that is
    /// doesn't take a client's request as it came.
    Here,
}

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

    /// A change of metadata for which this node answers. When it is answered, the image that it led to has
    /// taken effect on this node.
    fn forward(&self, request: ControllerRequest) -> Answer<ControllerReply>;

    /// Whether this node decides, as far as it knows: it is the active controller, or the only one.
    fn is_here(&self) -> bool {
        true
    }

    /// A client's request with who has sent it (key 58), for the active controller to answer as if the client
    /// had asked there. When it is answered, the image that it led to has taken effect on this node.
    fn envelope(&self, request: EnvelopeRequest, patience: Duration) -> Answer<Enveloped> {
        drop((request, patience));
        Box::pin(std::future::ready(Ok(Enveloped::Here)))
    }

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
pub struct ControllerClient {
    channel: Arc<dyn ControllerChannel>,
    was_elsewhere: Arc<AtomicBool>,
}

impl ControllerClient {
    /// Over this channel.
    pub fn new(channel: Arc<dyn ControllerChannel>) -> Self {
        ControllerClient {
            channel,
            was_elsewhere: Arc::default(),
        }
    }

    /// One over the same channel that knows for itself whether it [was told](Self::was_elsewhere) to ask
    /// elsewhere.
    #[must_use]
    pub fn apart(&self) -> Self {
        ControllerClient::new(self.channel.clone())
    }

    /// Whether something was not decided, since another node is the active controller.
    pub fn was_elsewhere(&self) -> bool {
        self.was_elsewhere.load(Ordering::Relaxed)
    }

    /// Whether this node decides, as far as it knows.
    pub fn is_here(&self) -> bool {
        self.channel.is_here()
    }

    /// Has a request decided. When it returns, the image that the request led to has taken effect on this
    /// node.
    ///
    /// # Errors
    /// No active controller was found in time, or it has failed.
    pub async fn submit<R: Request>(&self, request: R) -> Result<R::Reply, MetadataError> {
        let reply = self.noted(self.channel.forward(request.into()).await)?;
        R::reply_of(reply).ok_or_else(|| MetadataError::Storage("the reply is to another request".into()))
    }

    /// How the quorum stands, as the active controller sees it.
    ///
    /// # Errors
    /// No active controller was found in time.
    pub async fn status(&self) -> Result<QuorumStatus, MetadataError> {
        self.noted(self.channel.status().await)
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
        self.noted(self.channel.change_voters(change, patience).await)
    }

    /// What lies under it: the rest that a broker asks.
    pub fn channel(&self) -> &Arc<dyn ControllerChannel> {
        &self.channel
    }

    fn noted<T>(&self, answer: Result<T, MetadataError>) -> Result<T, MetadataError> {
        if let Err(MetadataError::NotController { .. } | MetadataError::ShuttingDown) = answer {
            self.was_elsewhere.store(true, Ordering::Relaxed);
        }
        answer
    }
}

impl fmt::Debug for dyn ControllerChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ControllerChannel")
    }
}
