//! TLS of a node by its settings: of its own listeners, and towards those of the others.

use std::path::Path;
use std::sync::Arc;

use barnabas_config::{Layers, ListenerConfig, ListenerProtocol, ListenerSettings, SecurityProtocol};
use barnabas_network::Network;
use barnabas_network::client::Connector;
use barnabas_security::tls::{ClientTls, ServerTls, Stores, TlsError, TlsSettings};

use super::error::StartError;

/// A listener's end of TLS, where its protocol has it.
///
/// # Errors
/// Its settings or stores can't be used.
pub fn server(layers: &Layers, listener: &ListenerConfig) -> Result<Option<Arc<ServerTls>>, StartError> {
    if !listener.protocol.is_encrypted() {
        return Ok(None);
    }
    let tls = read(layers, &listener.name, listener.protocol, true)
        .and_then(|(settings, stores)| ServerTls::new(&settings, stores));
    let tls = tls.map_err(|source| of_listener(&listener.name, source))?;
    Ok(Some(Arc::new(tls)))
}

/// The way to others by their listener of this name.
///
/// # Errors
/// Its settings or stores can't be used.
pub fn connector(
    network: &Network,
    layers: &Layers,
    listener: &ListenerProtocol,
) -> Result<Connector, StartError> {
    let connector = Connector::from(network.clone());
    if !listener.protocol.is_encrypted() {
        return Ok(connector);
    }
    let tls = read(layers, &listener.name, listener.protocol, false)
        .and_then(|(settings, stores)| ClientTls::new(&settings, stores));
    let tls = tls.map_err(|source| of_listener(&listener.name, source))?;
    Ok(connector.with_tls(Arc::new(tls)))
}

fn read(
    layers: &Layers,
    listener: &str,
    protocol: SecurityProtocol,
    warns: bool,
) -> Result<(TlsSettings, Stores), TlsError> {
    let settings = TlsSettings::of(&ListenerSettings::new(layers, listener), protocol)?;
    if warns {
        for warning in &settings.warnings {
            tracing::warn!(listener, "{warning}");
        }
    }
    let stores = Stores::read(&settings, &|path: &Path| std::fs::read(path))?;
    Ok((settings, stores))
}

fn of_listener(listener: &str, source: TlsError) -> StartError {
    StartError::Tls {
        listener: listener.to_owned(),
        source,
    }
}
