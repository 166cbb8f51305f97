//! The search for the active controller.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use barnabas_metadata::MetadataError;
use barnabas_metadata::quorum::{AddressBook, ControllerHandle, Published};
use barnabas_network::client::{CallError, Connector, NodeClient};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::envelope::{Envelope, Kind};

/// Pauses between tries: they double up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(200);
/// While an answer is outstanding, it is looked so often whether somebody else leads now.
const LEADER_CHECK: Duration = Duration::from_millis(100);
/// In place of a node's id.
pub const NOBODY: i32 = -1;

/// What all clones of a channel share.
pub struct Shared {
    pub node_id: i32,
    pub cluster_id: Arc<str>,
    pub local: Option<ControllerHandle>,
    /// Where the controllers are.
    pub addresses: AddressBook,
    /// Those that were asked already, with their addresses.
    pub controllers: Mutex<BTreeMap<i32, Controller>>,
    pub connector: Connector,
    pub runtime: Handle,
    pub published: Published,
    /// Who answered last, or was said to be it; [`NOBODY`] when nobody is known.
    pub believed: AtomicI32,
    /// Told when a connection for heartbeats has ended.
    pub lost: Arc<Notify>,
}

/// The ways to one controller.
#[derive(Clone)]
pub struct Controller {
    /// A broker's registration and heartbeats: while this connection lasts, the broker lives.
    pub lives: NodeClient,
    /// Everything else, so that no slow answer takes the heartbeats' connection down.
    pub changes: NodeClient,
    /// Whether it is known to open envelopes.
    pub opens_envelopes: Arc<AtomicBool>,
}

/// Why a try led to nothing.
pub enum Miss {
    /// Somebody else may be asked.
    Elsewhere(Option<i32>),
    /// That is the answer.
    Failed(MetadataError),
}

impl From<CallError> for Miss {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Unencodable(why) => Miss::Failed(MetadataError::Storage(why)),
            error => {
                tracing::debug!(%error, "a controller could not be asked");
                Miss::Elsewhere(None)
            }
        }
    }
}

impl From<MetadataError> for Miss {
    fn from(error: MetadataError) -> Self {
        match error {
            MetadataError::NotController { leader_id } => Miss::Elsewhere(leader_id),
            error => Miss::Failed(error),
        }
    }
}

/// Who is asked.
#[derive(Clone)]
pub enum Target {
    Local(ControllerHandle),
    Remote(Controller),
}

/// A try.
pub type Attempt<T> = Pin<Box<dyn Future<Output = Result<T, Miss>> + Send>>;

impl Shared {
    /// Asks controllers until one of them answers.
    pub async fn find<T>(
        &self,
        deadline: Instant,
        ask: impl Fn(Target, Duration) -> Attempt<T>,
    ) -> Result<T, MetadataError> {
        let mut pause = PAUSE_MIN;
        let mut missed = NOBODY;
        let mut followed = false;
        loop {
            let (id, target) = self.candidate(missed).ok_or(MetadataError::TimedOut)?;
            let left = deadline.saturating_duration_since(Instant::now());
            let hint = match self.unless_deposed(id, ask(target, left), deadline).await {
                Ok(answer) => {
                    self.believed.store(id, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(Miss::Failed(error)) => return Err(error),
                Err(Miss::Elsewhere(hint)) => hint.filter(|hint| *hint != id),
            };
            missed = id;
            self.believed.store(hint.unwrap_or(NOBODY), Ordering::Relaxed);
            // A hint is followed at once, but two nodes that name each other are not asked in turns.
            if hint.is_some() && !std::mem::replace(&mut followed, true) {
                continue;
            }
            followed = false;
            let now = Instant::now();
            if now >= deadline {
                return Err(MetadataError::TimedOut);
            }
            sleep_until((now + pause).min(deadline)).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Who is the active controller most likely; `missed` was asked just now and isn't.
    fn candidate(&self, missed: i32) -> Option<(i32, Target)> {
        let local = self.local.as_ref();
        let here = |handle: &ControllerHandle| (self.node_id, Target::Local(handle.clone()));
        if let Some(active) = local.filter(|handle| handle.is_active()) {
            return Some(here(active));
        }
        let remote = |id: i32| Some((id, Target::Remote(self.controller(id)?)));
        let known = local.and_then(ControllerHandle::leader_id);
        let believed = self.believed.load(Ordering::Relaxed);
        let likely = known.into_iter().chain([believed]).filter(|id| *id != missed);
        likely.filter_map(remote).next().or_else(|| {
            // Nobody is known: one after the other.
            let others: Vec<i32> = self.addresses.ids();
            let mut others = others
                .into_iter()
                .filter(|id| *id != self.node_id || local.is_none());
            let first = others.clone().next();
            let next = others.find(|id| *id > missed).or(first);
            next.and_then(remote).or_else(|| local.map(here))
        })
    }

    /// The ways to a controller, wherever it is now.
    fn controller(&self, id: i32) -> Option<Controller> {
        if id == self.node_id && self.local.is_some() {
            return None;
        }
        let address = self.addresses.address(id)?;
        let mut controllers = self.controllers.lock();
        if let Some(known) = controllers
            .get(&id)
            .filter(|known| *known.lives.address() == *address)
        {
            return Some(known.clone());
        }
        let client = |what: &str, lost: Arc<Notify>| {
            let client_id = format!("broker-{}-{what}", self.node_id);
            NodeClient::watched(self.connector.clone(), &address, &client_id, &self.runtime, lost)
        };
        let controller = Controller {
            lives: client("heartbeats", self.lost.clone()),
            changes: client("changes", Arc::default()),
            opens_envelopes: Arc::default(),
        };
        controllers.insert(id, controller.clone());
        Some(controller)
    }

    /// Waits for an answer, as long as nobody else is known to lead.
    async fn unless_deposed<T>(
        &self,
        id: i32,
        mut attempt: Attempt<T>,
        deadline: Instant,
    ) -> Result<T, Miss> {
        let leader = || self.local.as_ref().and_then(ControllerHandle::leader_id);
        loop {
            let check = (Instant::now() + LEADER_CHECK).min(deadline);
            match timeout_at(check, &mut attempt).await {
                Ok(answered) => return answered,
                Err(_) if Instant::now() >= deadline => return Err(Miss::Elsewhere(None)),
                Err(_) => {
                    if let Some(other) = leader().filter(|leader| *leader != id) {
                        return Err(Miss::Elsewhere(Some(other)));
                    }
                }
            }
        }
    }

    pub async fn exchange(
        &self,
        controller: &Controller,
        kind: Kind,
        body: Bytes,
        patience: Duration,
    ) -> Result<Bytes, Miss> {
        let envelope = Envelope {
            kind,
            sender: self.node_id,
            cluster_id: self.cluster_id.to_string(),
            body,
        };
        Ok(controller.changes.exchange(envelope.request(), patience).await?)
    }

    /// Waits until the image at `offset` has taken effect on this node. What was asked for has been done all
    /// the same where that takes too long.
    pub async fn in_effect(&self, offset: i64, deadline: Instant) -> Result<(), MetadataError> {
        match timeout_at(deadline, self.published.reached(offset)).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(MetadataError::ShuttingDown),
            Err(_) => {
                tracing::warn!(
                    offset,
                    "this node is late: a change has not taken effect here in time"
                );
                Ok(())
            }
        }
    }
}
