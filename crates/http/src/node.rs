//! What the HTTP listener knows of the node beside it.

use std::sync::{Arc, OnceLock};

use barnabas_broker::broker::Broker;
use barnabas_metadata::quorum::ControllerHandle;
use barnabas_network::metrics::RequestMetrics;

use crate::api::door::Door;
use crate::lags::Lags;
use crate::metrics::history::History;
use crate::plots::Plots;
use crate::registry::Kept;
use crate::telemetry::PushedMetrics;

/// A node that has started.
pub struct Running {
    /// Its id.
    pub node_id: i32,
    /// Its cluster's.
    pub cluster_id: String,
    /// Its part as a broker; `None` where it has none.
    pub broker: Option<Arc<Broker>>,
    /// Whether fault rules may be given to it by HTTP.
    pub takes_faults: bool,
    /// Its part as a controller that votes.
    pub controller: Option<ControllerHandle>,
    /// How its console gets in.
    pub door: Door,
}

/// The node, from before its start on.
#[derive(Default)]
pub struct Node {
    running: OnceLock<Running>,
    /// What the network's threads count.
    pub requests: Arc<RequestMetrics>,
    /// What clients push.
    pub pushed: Arc<PushedMetrics>,
    /// The schema registry.
    pub(crate) schemas: Kept,
    /// What they had counted.
    pub(crate) history: History,
    /// What the console plots.
    pub(crate) plots: Plots,
    /// How far groups were behind.
    pub(crate) lags: Lags,
}

impl Node {
    /// The node answers from now on.
    pub fn started(&self, running: Running) {
        // There is one start.
        let _ = self.running.set(running);
    }

    /// The node; `None` while it starts.
    pub fn running(&self) -> Option<&Running> {
        self.running.get()
    }
}
