//! SASL of a node's listeners: its settings, read before anything is started, and what the listeners get of
//! them; and how the node logs in at those of others.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use barnabas_config::files::{self, FILE_BYTES_MAX};
use barnabas_config::{
    BrokerConfig, ConfigException, Layers, ListenerConfig, ListenerProtocol, ListenerSettings, definitions,
};
use barnabas_controller::ImageCredentials;
use barnabas_environment::{Environment, Random};
use barnabas_kerberos::SystemKerberos;
use barnabas_metadata::MetadataImage;
use barnabas_network::client::{ClientSasl, Connector};
use barnabas_network::{Listener, SaslAuthentication};
use barnabas_security::delegation_tokens::TokenSecret;
use barnabas_security::sasl::{JaasFile, ListenerSasl, SaslMechanism, SaslSettings, SaslSettingsError};

use tokio_util::sync::CancellationToken;

use super::bind::Bound;
use super::jwks;

/// See the module.
#[derive(Debug)]
pub struct NodeSasl {
    /// By the names of the listeners that have SASL.
    listeners: BTreeMap<String, Arc<ListenerSasl>>,
    receive_bytes_max: usize,
    failure_delay: Duration,
    tokens: Option<TokenSecret>,
}

impl NodeSasl {
    /// Reads the settings of those of `listeners` that have SASL.
    ///
    /// # Errors
    /// As Kafka's, which stop the start: a mechanism without a JAAS entry, one that is not there, an entry
    /// that can't be read.
    pub fn read<'a>(
        layers: &Layers,
        config: &BrokerConfig,
        listeners: impl Iterator<Item = &'a ListenerConfig>,
    ) -> Result<NodeSasl, ConfigException> {
        let with_sasl: Vec<&ListenerConfig> = listeners
            .filter(|listener| listener.protocol.has_sasl())
            .collect();
        let jaas_file = match &config.java_security_auth_login_config {
            Some(path) if !with_sasl.is_empty() => Some(read_jaas_file(path)?),
            _ => None,
        };
        let read = |listener: &ListenerConfig| {
            let sasl = with_settings(layers, &listener.name, jaas_file.as_ref(), ListenerSasl::read)?;
            if sasl.takes_unsecured_tokens() {
                tracing::warn!(
                    listener = %listener.name,
                    "OAUTHBEARER takes tokens that nobody has signed: any client can be anybody"
                );
            }
            Ok((listener.name.clone(), Arc::new(sasl)))
        };
        let delay_ms = u64::try_from(config.connection_failed_authentication_delay_ms).unwrap_or(0);
        Ok(NodeSasl {
            listeners: with_sasl
                .into_iter()
                .map(read)
                .collect::<Result<_, ConfigException>>()?,
            receive_bytes_max: usize::try_from(config.sasl_server_max_receive_size).unwrap_or(0),
            failure_delay: Duration::from_millis(delay_ms),
            tokens: config
                .delegation_token_secret_key
                .as_ref()
                .and_then(|key| TokenSecret::new(&key.0)),
        })
    }

    /// Fetches the keys by which tokens are verified, until `stopping` is cancelled.
    ///
    /// # Errors
    /// It is not said where from, or whom to trust there.
    pub fn follow_keys(&self, stopping: &CancellationToken) -> Result<(), ConfigException> {
        for endpoint in self.listeners.values().filter_map(|sasl| sasl.jwks()) {
            let place = jwks::Place::of(endpoint)?;
            jwks::follow(endpoint.clone(), place, stopping.clone());
        }
        Ok(())
    }

    /// Has the clients of listeners with SASL authenticate; users are those of the latest image.
    pub fn protect(
        &self,
        listeners: Vec<Bound>,
        environment: &Environment,
        image: impl Fn() -> Arc<MetadataImage> + Send + Sync + 'static,
    ) -> Vec<Bound> {
        let credentials = Arc::new(ImageCredentials::new(
            image,
            self.tokens.clone(),
            environment.clock.clone(),
        ));
        let protect = |bound: Bound| {
            let sasl = self.listeners.get(&bound.listener.name).map(|sasl| {
                Arc::new(SaslAuthentication {
                    sasl: sasl.clone(),
                    receive_bytes_max: self.receive_bytes_max,
                    failure_delay: self.failure_delay,
                    credentials: credentials.clone(),
                    clock: environment.clock.clone(),
                    random: environment.random.clone(),
                })
            });
            let listener = Listener {
                sasl,
                ..(*bound.listener).clone()
            };
            Bound {
                listener: Arc::new(listener),
                ..bound
            }
        };
        listeners.into_iter().map(protect).collect()
    }
}

/// Has the connections of `connector` log in at the others' listener, where that has SASL; `mechanism` is the
/// value of the setting `named`.
///
/// # Errors
/// There is no such mechanism, or the listener's JAAS entry doesn't say who this node is.
pub fn logging_in(
    connector: Connector,
    (layers, config): (&Layers, &BrokerConfig),
    listener: &ListenerProtocol,
    (named, mechanism): (&str, &str),
    random: &Random,
) -> Result<Connector, ConfigException> {
    if !listener.protocol.has_sasl() {
        return Ok(connector);
    }
    let known = SaslMechanism::from_name(mechanism).filter(|known| SaslMechanism::OF_NODES.contains(known));
    let Some(known) = known else {
        let names: Vec<&str> = SaslMechanism::OF_NODES.iter().map(|known| known.name()).collect();
        return Err(ConfigException::new(format!(
            "{named}={mechanism} asks for a SASL mechanism that is not there: nodes log in to each other by {}",
            names.join(", ")
        )));
    };
    let jaas_file = config.java_security_auth_login_config.as_deref();
    let jaas_file = jaas_file.map(read_jaas_file).transpose()?;
    let credentials = with_settings(layers, &listener.name, jaas_file.as_ref(), |settings| {
        settings.client(known)
    })?;
    Ok(connector.with_sasl(Arc::new(ClientSasl {
        credentials,
        random: random.clone(),
    })))
}

/// Reads something of the settings of a listener.
fn with_settings<T>(
    layers: &Layers,
    listener: &str,
    jaas_file: Option<&JaasFile>,
    read: impl FnOnce(&SaslSettings<'_>) -> Result<T, SaslSettingsError>,
) -> Result<T, ConfigException> {
    let settings = ListenerSettings::new(layers, listener);
    let setting = |key: &str| {
        let value = match definitions::broker().get(key) {
            Some(definition) => settings.given(key).or(definition.default),
            // One of a mechanism counts with the listener's prefix alone.
            None => settings.given_own(key),
        };
        value.map(str::to_owned)
    };
    let settings = SaslSettings {
        listener,
        setting: &setting,
        jaas_file,
        kerberos: &SystemKerberos,
    };
    read(&settings).map_err(|error| ConfigException::new(error.to_string()))
}

fn read_jaas_file(path: &str) -> Result<JaasFile, ConfigException> {
    let name = "java.security.auth.login.config";
    let text = files::text_given(Path::new(path), FILE_BYTES_MAX)
        .map_err(|error| ConfigException::new(format!("{name}={path} can't be read: {error}")))?;
    JaasFile::parse(&text).map_err(|error| ConfigException::new(format!("{name}={path}: {error}")))
}
