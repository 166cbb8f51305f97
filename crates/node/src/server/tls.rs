//! TLS of a node by its settings: of its own listeners, and towards those of the others; and its reading
//! again when settings or files change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use barnabas_config::files;
use barnabas_config::{DynamicBrokerConfig, Layers, ListenerConfig, ListenerProtocol};
use barnabas_network::Network;
use barnabas_network::client::Connector;
use barnabas_security::tls::{ClientTls, ServerTls, TlsError};
use tokio_util::sync::CancellationToken;

use super::error::StartError;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// All of a node's TLS.
pub struct NodeTls {
    servers: Vec<Arc<ServerTls>>,
    clients: Vec<Arc<ClientTls>>,
}

impl NodeTls {
    /// With that of what listens beside the node.
    pub fn beside(other: Option<Arc<ServerTls>>) -> NodeTls {
        NodeTls {
            servers: other.into_iter().collect(),
            clients: Vec::new(),
        }
    }

    /// A listener's end of TLS, where its protocol has it.
    ///
    /// # Errors
    /// Its settings or stores can't be used.
    pub fn server(
        &mut self,
        layers: &Layers,
        listener: &ListenerConfig,
    ) -> Result<Option<Arc<ServerTls>>, StartError> {
        if !listener.protocol.is_encrypted() {
            return Ok(None);
        }
        let name = &listener.name;
        let tls = ServerTls::read(name, listener.protocol, layers, &files::read);
        let tls = Arc::new(tls.map_err(|source| of_listener(name, source))?);
        for warning in tls.warnings() {
            tracing::warn!(listener = name, "{warning}");
        }
        self.servers.push(tls.clone());
        Ok(Some(tls))
    }

    /// The way to others by their listener of this name.
    ///
    /// # Errors
    /// Its settings or stores can't be used.
    pub fn connector(
        &mut self,
        network: &Network,
        layers: &Layers,
        listener: &ListenerProtocol,
    ) -> Result<Connector, StartError> {
        let connector = Connector::from(network.clone());
        if !listener.protocol.is_encrypted() {
            return Ok(connector);
        }
        let tls = ClientTls::read(&listener.name, listener.protocol, layers, &files::read);
        let tls = Arc::new(tls.map_err(|source| of_listener(&listener.name, source))?);
        self.clients.push(tls.clone());
        Ok(connector.with_tls(tls))
    }

    /// Reads all of it again whenever settings change at run time or a file does, until `stopping` is
    /// cancelled.
    pub fn follow(self, settings: &Arc<DynamicBrokerConfig>, stopping: CancellationToken) {
        if self.servers.is_empty() && self.clients.is_empty() {
            return;
        }
        let tls = Arc::new(self);
        let told = tls.clone();
        settings.follow_by(move |layers| told.reload(layers));
        let settings = settings.clone();
        let looking = async move {
            let mut known = tls.times(&settings.layers());
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                let layers = settings.layers().clone();
                let found = tls.times(&layers);
                if found != known {
                    tls.reload(&layers);
                    known = found;
                }
            }
        };
        tokio::spawn(async move { stopping.run_until_cancelled(looking).await });
    }

    fn reload(&self, layers: &Layers) {
        let servers = self.servers.iter();
        let servers = servers.map(|tls| (tls.listener(), tls.reload(layers, &files::read)));
        let clients = self.clients.iter();
        let clients = clients.map(|tls| (tls.listener(), tls.reload(layers, &files::read)));
        for (listener, reloaded) in servers.chain(clients) {
            match reloaded {
                Ok(true) => tracing::info!(listener, "new keys or trust: new connections begin with them"),
                Ok(false) => {}
                Err(error) => tracing::error!(listener, %error, "TLS stays as it was"),
            }
        }
    }

    /// When the files were written.
    fn times(&self, layers: &Layers) -> BTreeMap<PathBuf, Option<SystemTime>> {
        let servers = self.servers.iter().flat_map(|tls| tls.files(layers));
        let clients = self.clients.iter().flat_map(|tls| tls.files(layers));
        let written = |path: &Path| std::fs::metadata(path).and_then(|file| file.modified()).ok();
        let files = servers.chain(clients);
        files.map(|path| (path.clone(), written(&path))).collect()
    }
}

fn of_listener(listener: &str, source: TlsError) -> StartError {
    StartError::Tls {
        listener: listener.to_owned(),
        source,
    }
}
