//! The controller's door: where requests go in, on any node.

use tokio::sync::{mpsc, oneshot};

use super::QuorumStatus;
use super::decider::Job;
use super::leadership::Leadership;
use super::types::Raft;
use crate::controller::{ControllerReply, ControllerRequest, Request};
use crate::error::MetadataError;

/// Sends requests to this node's controller, from any thread. Clones are cheap.
#[derive(Clone)]
pub struct ControllerHandle {
    pub(super) jobs: mpsc::Sender<Job>,
    pub(super) raft: Raft,
    pub(super) leadership: Leadership,
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

    /// [`ControllerHandle::submit`] for a request that came as data, from another node for example.
    ///
    /// # Errors
    /// Those of [`ControllerHandle::submit`].
    pub async fn submit_any(&self, request: ControllerRequest) -> Result<ControllerReply, MetadataError> {
        let (reply_to, reply) = oneshot::channel();
        let job = Job { request, reply_to };
        let stopped = || MetadataError::ShuttingDown;
        self.jobs.send(job).await.map_err(|_| stopped())?;
        reply.await.map_err(|_| stopped())?
    }

    /// How the quorum stands.
    pub fn status(&self) -> QuorumStatus {
        QuorumStatus::of(&self.raft)
    }

    /// Whether this node is the active controller: it leads, and most voters still follow it.
    pub fn is_active(&self) -> bool {
        self.leadership.is_active()
    }
}
