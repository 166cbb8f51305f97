//! What a node is started with: the settings of a file, the command line's on top of them, checked and
//! complete.
//!
//! Order, weakest first: what one node needs (`process.roles` …), the file or, without one, the defaults of a
//! node for development, environment variables where they are asked for, `--override`s. What Kafka knows and
//! this broker does not heed yet is reported as a warning.

use std::path::{Path, PathBuf};

use super::definitions::{self, ConfigKey};
use super::effect;
use super::http::HttpListener;
use super::layers::{Layers, Settings};
use super::listeners::{ListenerConfig, ListenerProtocol, node_listeners};
use super::providers::{self, Machine};
use super::quorum::QuorumSettings;
use super::start_topics::{self, StartTopic};
use super::typed::BrokerConfig;
use super::value::Value;
use super::variables::{self, ScramUser, Variables};
use super::{ConfigException, authorizer, ineffective, paths, properties, unknown, validate, yaml};

/// Where the settings come from.
#[derive(Debug, Default)]
pub struct Sources {
    /// The file, with its bytes.
    pub file: Option<(PathBuf, Vec<u8>)>,
    /// What environment variables say; `None` where nobody has asked for them.
    pub variables: Option<Variables>,
    /// Where to listen, and there only, whatever the file says of listeners: `HOST:PORT`.
    pub listen: Option<String>,
    /// `--override`s in the order given.
    pub overrides: Vec<(String, String)>,
    /// The user's data folder for a node started without a file.
    pub default_data_dir: PathBuf,
}

/// Settings a node can start with.
#[derive(Debug)]
pub struct StartSettings {
    /// All static settings.
    pub layers: Layers,
    /// Their typed view.
    pub config: BrokerConfig,
    /// The id of the cluster that a node without data founds or belongs to, where `cluster.id` is not set.
    /// One with data keeps its own.
    pub new_cluster_id: Option<String>,
    /// Users that a cluster founded by this node begins with.
    pub new_users: Vec<ScramUser>,
    /// Topics that are there when the node is ready.
    pub topics: Vec<StartTopic>,
    /// The broker's listeners to open; none without that role.
    pub listeners: Vec<ListenerConfig>,
    /// The controller's.
    pub controller_listeners: Vec<ListenerConfig>,
    /// Where health and metrics are; `None` where they are not.
    pub http: Option<HttpListener>,
    /// By which brokers ask each other.
    pub inter_broker: ListenerProtocol,
    /// By which the controllers are asked.
    pub to_controllers: ListenerProtocol,
    /// The node's roles, and who keeps the metadata.
    pub quorum: QuorumSettings,
    /// The data folder with the metadata: the first, or `metadata.log.dir`.
    pub data_dir: PathBuf,
    /// All data folders.
    pub data_dirs: Vec<PathBuf>,
    /// What the user should know: unknown settings, settings without effect.
    pub warnings: Vec<String>,
    /// Given settings without effect of which nobody has to know.
    pub silent: Vec<String>,
}

/// Why settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is not well-formed.
    #[error("{}: {why}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A setting has a value it cannot have.
    #[error("{name}={value} is not valid: {why} (valid: {valid})")]
    Value {
        /// The setting.
        name: String,
        /// Its value.
        value: String,
        /// What is wrong with it.
        why: ConfigException,
        /// What would be right.
        valid: String,
    },
    /// Settings do not fit together.
    #[error(transparent)]
    Conflict(#[from] ConfigException),
    /// A setup that Kafka has and this broker has not yet.
    #[error("{0}")]
    Unsupported(String),
    /// One of these, and the environment variables behind it.
    #[error("{why} (set by {})", variables.join(", "))]
    Variables {
        /// What is wrong.
        why: Box<LoadError>,
        /// Names and values.
        variables: Vec<String>,
    },
}

/// What any node here is, where nothing else is said.
const NODE_DEFAULTS: &[(&str, &str)] = &[
    ("node.id", "1"),
    ("process.roles", "broker,controller"),
    ("controller.listener.names", "CONTROLLER"),
];

/// Where a node for development listens: on loopback only.
const DEVELOPMENT_LISTENERS: &str = "PLAINTEXT://localhost:9092";

/// A node for development: one replica, no waiting for more group members.
const DEVELOPMENT_DEFAULTS: &[(&str, &str)] = &[
    ("offsets.topic.replication.factor", "1"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
    ("group.initial.rebalance.delay.ms", "0"),
];

/// Reads and checks the settings.
///
/// # Errors
/// The file is malformed, a value is bad, values do not fit together, or they ask for what is not supported
/// yet.
pub fn load(sources: &Sources) -> Result<StartSettings, LoadError> {
    load_all(sources).map_err(|why| {
        let behind = |variables: &Variables| variables.behind(&why.to_string());
        match sources.variables.as_ref().map(behind) {
            Some(variables) if !variables.is_empty() => LoadError::Variables {
                why: Box::new(why),
                variables,
            },
            _ => why,
        }
    })
}

fn load_all(sources: &Sources) -> Result<StartSettings, LoadError> {
    let mut given = Settings::new();
    if let Some((path, bytes)) = &sources.file {
        given.extend(read_file(path, bytes)?);
    }
    if let Some(variables) = &sources.variables {
        given.extend(variables.named_values());
        let advertised = variables.settings.get("advertised.listeners");
        if let (Some(advertised), false) = (advertised, given.contains_key("listeners")) {
            let listeners = variables::listeners_of_advertised(&advertised.value);
            given.insert("listeners".to_owned(), listeners);
        }
    }
    if let Some(address) = &sources.listen {
        given.remove("advertised.listeners");
        given.remove("inter.broker.listener.name");
        given.remove("security.inter.broker.protocol");
        given.insert("listeners".to_owned(), format!("PLAINTEXT://{address}"));
    }
    given.extend(sources.overrides.iter().cloned());
    let given = providers::resolve(given, &Machine::of_process())?;
    ineffective::refuse(
        &given,
        given.get("listeners").map_or("PLAINTEXT://", String::as_str),
    )?;
    if given.contains_key("zookeeper.connect") && !given.contains_key("process.roles") {
        return Err(LoadError::Unsupported(format!(
            "zookeeper.connect={} asks for a cluster kept by ZooKeeper, which is gone since Apache Kafka 4. Remove it, or \
             move the cluster to KRaft with Apache Kafka 3.9 first; barnabas import takes over a KRaft node's data",
            given["zookeeper.connect"]
        )));
    }
    for (name, raw) in &given {
        if let Some(key) = definitions::broker_key(name) {
            check_value(key, name, raw)?;
        }
    }

    let mut settings: Settings = owned(NODE_DEFAULTS);
    if sources.file.is_none() {
        settings.extend(development_defaults(sources, &given));
    }
    if given.contains_key("broker.id") && !given.contains_key("node.id") {
        settings.insert("node.id".to_owned(), given["broker.id"].clone());
    }
    settings.extend(given.clone());

    let layers = Layers::of_static(settings);
    validate::broker(&layers)?;
    let config = BrokerConfig::resolve(&layers)?;
    let quorum = QuorumSettings::of(&config)?;
    if ["inter.broker.listener.name", "security.inter.broker.protocol"]
        .iter()
        .all(|name| given.contains_key(*name))
    {
        return Err(ConfigException::new(
            "Only one of inter.broker.listener.name and security.inter.broker.protocol should be set.",
        )
        .into());
    }
    let listeners = node_listeners(&config, &quorum)?;
    let by_default = sources.file.is_none() && !given.contains_key("barnabas.http.listener");
    let http = HttpListener::of(&config, &listeners, by_default)?;
    let data_dirs = data_dirs(&config)?;
    let data_dir = metadata_dir(&config, &data_dirs)?;
    authorizer::is_standard(&config)?;
    let topics = start_topics(&config, sources.variables.as_ref())?;
    let mut warnings = warnings_for(&given, sources.variables.as_ref());
    if sources.file.is_some() && !given.contains_key("log.dirs") && !given.contains_key("log.dir") {
        warnings.push(format!(
            "log.dirs is not set: data goes to {}, as with Apache Kafka",
            data_dir.display()
        ));
    }
    Ok(StartSettings {
        layers,
        config,
        new_cluster_id: sources.variables.as_ref().and_then(Variables::new_cluster_id),
        new_users: sources
            .variables
            .as_ref()
            .map_or_else(Vec::new, |variables| variables.users.clone()),
        topics,
        listeners: listeners.broker,
        http,
        controller_listeners: listeners.controller,
        inter_broker: listeners.inter_broker,
        to_controllers: listeners.to_controllers,
        quorum,
        data_dir,
        data_dirs,
        warnings,
        silent: ineffective::silent(&given),
    })
}

fn owned(pairs: &[(&str, &str)]) -> Settings {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn read_file(path: &Path, bytes: &[u8]) -> Result<Vec<(String, String)>, LoadError> {
    let syntax = |why| LoadError::Syntax {
        path: path.to_owned(),
        why,
    };
    let extension = path
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or("");
    if matches!(extension, "yaml" | "yml") {
        yaml::parse(bytes).map_err(syntax)
    } else {
        properties::parse(bytes).map_err(|malformed| syntax(malformed.to_string()))
    }
}

fn check_value(key: &ConfigKey, name: &str, raw: &str) -> Result<(), LoadError> {
    Value::parse(key, raw).map(drop).map_err(|why| {
        let rule = key.rule.describe();
        let kind = key.config_type.name().to_lowercase();
        LoadError::Value {
            name: name.to_owned(),
            value: if key.sensitive() {
                "[hidden]".to_owned()
            } else {
                raw.to_owned()
            },
            why,
            valid: if rule.is_empty() {
                kind
            } else {
                format!("{kind}, {rule}")
            },
        }
    })
}

fn data_dirs(config: &BrokerConfig) -> Result<Vec<PathBuf>, LoadError> {
    let folders = config.log_dirs.as_ref().unwrap_or(&config.log_dir);
    if folders.is_empty() {
        return Err(ConfigException::new(
            "requirement failed: At least one log directory must be defined via log.dirs or log.dir.",
        )
        .into());
    }
    let mut distinct: Vec<PathBuf> = Vec::new();
    for folder in folders.iter().map(|folder| paths::absolute(folder)) {
        if !distinct.contains(&folder) {
            distinct.push(folder);
        }
    }
    Ok(distinct)
}

fn metadata_dir(config: &BrokerConfig, data_dirs: &[PathBuf]) -> Result<PathBuf, LoadError> {
    let Some(given) = config.metadata_log_dir.as_deref().map(paths::absolute) else {
        return Ok(data_dirs[0].clone());
    };
    if data_dirs.contains(&given) {
        Ok(given)
    } else {
        Err(LoadError::Unsupported(format!(
            "metadata.log.dir={} is not one of log.dirs: a folder for the metadata alone is not supported yet",
            given.display()
        )))
    }
}

/// The environment's topics win over the file's of the same names.
fn start_topics(config: &BrokerConfig, variables: Option<&Variables>) -> Result<Vec<StartTopic>, LoadError> {
    let list = &config.barnabas_topics;
    let mut topics = start_topics::parse(list).map_err(|why| LoadError::Value {
        name: "barnabas.topics".to_owned(),
        value: list.chars().take(200).collect(),
        why: ConfigException::new(why),
        valid: start_topics::SYNTAX.to_owned(),
    })?;
    let given = variables.map_or_else(Vec::new, |variables| variables.topics.clone());
    start_topics::merge(&mut topics, given);
    Ok(topics)
}

/// What a node without a file is: by itself, unless the environment says otherwise.
fn development_defaults(sources: &Sources, given: &Settings) -> Settings {
    let items = |name: &str| given.get(name).map_or(0, |list| list.split(',').count());
    let is_alone =
        items("controller.quorum.voters") <= 1 && items("controller.quorum.bootstrap.servers") <= 1;
    let variables = sources.variables.as_ref();
    let mut defaults = Settings::new();
    // Several nodes of the images have Apache Kafka's own.
    if is_alone || variables.is_none() {
        defaults.extend(owned(DEVELOPMENT_DEFAULTS));
    }
    let listen = variables.and_then(|variables| variables.listen.as_deref());
    let listeners = listen.map(|address| format!("PLAINTEXT://{address}"));
    let listeners = listeners.unwrap_or_else(|| DEVELOPMENT_LISTENERS.to_owned());
    defaults.insert("listeners".to_owned(), listeners);
    let data_dir = sources.default_data_dir.display().to_string();
    defaults.insert("log.dirs".to_owned(), data_dir);
    defaults
}

fn warnings_for(given: &Settings, variables: Option<&Variables>) -> Vec<String> {
    let is_known = |name: &str| {
        definitions::broker_key(name).is_some()
            || effect::of_broker(name)
            || ineffective::of_broker(name).is_some()
            || providers::is_of_provider(name)
    };
    let unknown = given.keys().filter(|name| !is_known(name));
    let by_variable = |name: &String| variables?.settings.get(name).map(|given| &given.variable);
    let mut warnings: Vec<String> = unknown
        .map(|name| match by_variable(name) {
            Some(variable) => format!("{} (set by {variable})", unknown::describe(name)),
            None => unknown::describe(name),
        })
        .collect();
    warnings.extend(
        variables
            .iter()
            .flat_map(|variables| variables.notes.iter().cloned()),
    );
    warnings.extend(ineffective::warnings(given));
    warnings
}

#[cfg(test)]
mod from_variables;
#[cfg(test)]
mod tests;
