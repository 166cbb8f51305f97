//! The controller's door: where requests go in, on any node.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, oneshot};

use super::QuorumStatus;
use super::address_book::AddressBook;
use super::decider::{Decided, Job};
use super::feed::Feed;
use super::leadership::Leadership;
use super::network::Network;
use super::published::Published;
use super::publisher::Publisher;
use super::replicas::Replicas;
use super::state_machine::StateMachine;
use super::types::Raft;
use crate::controller::{ControllerReply, ControllerRequest, Request};
use crate::error::MetadataError;
use crate::image::MetadataImage;

/// Sends requests to this node's controller, from any thread. Clones are cheap.
#[derive(Clone)]
pub struct ControllerHandle {
    pub(super) jobs: mpsc::Sender<Job>,
    pub(super) raft: Raft,
    pub(super) leadership: Leadership,
    pub(super) state_machine: StateMachine,
    pub(super) publisher: Publisher,
    pub(super) followers: Arc<Replicas>,
    pub(super) feed: Arc<Feed>,
    pub(super) network: Network,
    /// Who changes the voters.
    pub(super) turn: Arc<Mutex<()>>,
}

impl ControllerHandle {
    /// Has a request decided and its records committed, and returns the reply. When it returns, the image
    /// that the request led to has taken effect on this node.
    ///
    /// # Errors
    /// [`MetadataError::NotController`]: another node decides; it tells which, if this one knows. When the
    /// node lost its majority meanwhile, the request may yet take effect.
    pub async fn submit<R: Request>(&self, request: R) -> Result<R::Reply, MetadataError> {
        let reply = self.submit_any(request.into()).await?;
        R::reply_of(reply).ok_or_else(|| MetadataError::Storage("the reply is to another request".into()))
    }

    /// [`ControllerHandle::submit`] for a request that came as data.
    ///
    /// # Errors
    /// Those of [`ControllerHandle::submit`].
    pub async fn submit_any(&self, request: ControllerRequest) -> Result<ControllerReply, MetadataError> {
        let Decided { reply, offset } = self.decide(request).await?;
        match self.publisher.published(offset).await {
            true => Ok(reply),
            false => Err(MetadataError::ShuttingDown),
        }
    }

    /// Has a request decided and its records committed. Other than with [`ControllerHandle::submit`], the
    /// image may not have taken effect yet, on this node or any other.
    ///
    /// # Errors
    /// Those of [`ControllerHandle::submit`].
    pub async fn decide(&self, request: ControllerRequest) -> Result<Decided, MetadataError> {
        let (reply_to, reply) = oneshot::channel();
        let job = Job { request, reply_to };
        let stopped = || MetadataError::ShuttingDown;
        self.jobs.send(job).await.map_err(|_| stopped())?;
        reply.await.map_err(|_| stopped())?
    }

    /// The latest image; it may not have taken effect yet.
    pub fn image(&self) -> Arc<MetadataImage> {
        self.state_machine.image()
    }

    /// How far the images have taken effect on this node.
    pub fn published(&self) -> Published {
        self.publisher.subscribe()
    }

    /// How the quorum stands.
    pub fn status(&self) -> QuorumStatus {
        QuorumStatus::of(&self.raft, &self.followers, &self.feed)
    }

    /// Who leads, as far as this node knows; it may have lost its majority, or be gone.
    pub fn leader_id(&self) -> Option<i32> {
        self.leadership.leader_id()
    }

    /// Where the controllers are.
    pub fn addresses(&self) -> &AddressBook {
        &self.network.addresses
    }

    /// Ready when this node is the active controller; never, once the quorum has stopped.
    pub async fn gained(&self) {
        self.leadership.gained().await;
    }

    /// Ready when this node is not the active controller; never, once the quorum has stopped.
    pub async fn lost(&self) {
        self.leadership.lost().await;
    }

    /// Whether this node is the active controller: it leads, and most voters still follow it.
    pub fn is_active(&self) -> bool {
        self.leadership.is_active()
    }
}
