//! The HTTP listener beside a node: it answers from before the node's start to its end.

use std::io::ErrorKind;

use barnabas_config::http::HttpListener;
use barnabas_http::{Http, Running};

use crate::server::Server;

/// Opens it where the settings say; `None` where they say that there is none, or where nobody has asked
/// for it and its port is in use.
///
/// # Errors
/// It was asked for and can't be had.
pub fn start(config: Option<&HttpListener>) -> Result<Option<Http>, String> {
    let Some(config) = config else { return Ok(None) };
    match Http::start(config) {
        Ok(http) => Ok(Some(http)),
        Err(error) if config.by_default => {
            match error.kind() {
                ErrorKind::AddrInUse => tracing::info!(
                    "{config} is in use: there are no metrics here (--http HOST:PORT has them elsewhere)"
                ),
                _ => tracing::warn!(%error, "{config} can't be had: there are no metrics"),
            }
            Ok(None)
        }
        Err(error) => Err(format!("barnabas.http.listener={config}: {error}")),
    }
}

/// What it is told of a node that has started.
pub fn running(server: &Server) -> Running {
    Running {
        node_id: server.node_id(),
        cluster_id: server.cluster_id().to_owned(),
        broker: server.broker().cloned(),
        controller: server.controller(),
    }
}
