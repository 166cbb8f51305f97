//! `/healthz` and `/readyz`: whether the process lives, and whether it does its work.

use crate::node::Node;

/// Why the node does not do its work; `Ok` if it does.
///
/// # Errors
/// A line for whoever looks.
pub fn readiness(node: &Node) -> Result<(), &'static str> {
    let Some(running) = node.running() else {
        return Err("starting");
    };
    let Some(broker) = &running.broker else {
        return Ok(());
    };
    if broker.stopping.is_cancelled() {
        return Err("stopping");
    }
    let log_dirs = broker.replicas.log_dirs();
    if log_dirs.all().iter().all(|dir| dir.is_failed()) {
        return Err("all log directories have failed");
    }
    if broker.image().alive_broker(running.node_id).is_none() {
        return Err("fenced: the controllers do not count on this broker");
    }
    Ok(())
}
