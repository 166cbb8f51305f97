//! What a variable is about, by its name: a setting, an address in an older form, or something that a broker
//! without a JVM and without ZooKeeper has no use for.

use crate::definitions;

/// What a variable is about.
#[derive(Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A setting, by its name.
    Setting(String),
    /// `BARNABAS_LISTEN`.
    Listen,
    /// `BARNABAS_DATA`.
    Data,
    /// A host or a port as before KIP-103; `addresses` knows what to make of them.
    Address,
    /// `KAFKA_CREATE_TOPICS`.
    Topics,
    /// Options of a JVM, one of which names a file with users.
    JavaOptions,
    /// A user or a password of bitnami/kafka; `logins` knows what to make of them.
    Login,
    /// What bitnami/kafka says of certificates; `certificates` knows what to make of it.
    Certificates,
    /// ZooKeeper's.
    ZooKeeper,
    /// A setting of Confluent's server that Apache Kafka does not have.
    Confluent,
    /// Nothing that this program knows of, in its own name.
    Unknown,
    /// What is passed over without a word.
    Nothing,
}

/// This program's own variables, beside those of its settings. `BARNABAS_LOG`, `_LOG_FORMAT` and `_APPLY`
/// are read where the flags of those names are, `BARNABAS_IMPORT` where a node starts.
pub const OWN: &[&str] = &[
    "BARNABAS_APPLY",
    "BARNABAS_DATA",
    "BARNABAS_IMPORT",
    "BARNABAS_LISTEN",
    "BARNABAS_LOG",
    "BARNABAS_LOG_FORMAT",
    "BARNABAS_TOPICS",
];

/// Variables of a JVM, of the images' scripts and of other programs in them.
#[rustfmt::skip]
const PASSED_OVER: &[&str] = &[
    // The exclusions of apache/kafka and cp-kafka.
    "VERSION", "HEAP_OPTS", "LOG4J_OPTS", "JMX_OPTS", "JVM_PERFORMANCE_OPTS", "GC_LOG_OPTS",
    "LOG4J_ROOT_LOGLEVEL", "LOG4J_LOGGERS", "TOOLS_LOG4J_LOGLEVEL", "JMX_HOSTNAME", "JMX_PORT",
    // wurstmeister's.
    "HOME", "DEBUG", "LOG",
    // bitnami's.
    "BASE_DIR", "CLIENT_LISTENER_NAME", "CONF_DIR", "CONF_FILE", "DAEMON_GROUP", "DAEMON_USER", "DATA_DIR", "ENABLE_KRAFT",
    "EXTRA_FLAGS", "INITIAL_CONTROLLERS", "INITSCRIPTS_DIR", "KRAFT_CLUSTER_ID", "MOUNTED_CONF_DIR", "NODE_ID_COMMAND",
    "SKIP_KRAFT_STORAGE_INIT", "VOLUME_DIR",
    // These have ways of their own.
    "CLUSTER_ID", "CREATE_TOPICS_SEPARATOR",
];

/// Users and passwords of bitnami/kafka.
#[rustfmt::skip]
const LOGINS: &[&str] = &[
    "CLIENT_USERS", "CLIENT_PASSWORDS", "INTER_BROKER_USER", "INTER_BROKER_PASSWORD", "CONTROLLER_USER", "CONTROLLER_PASSWORD",
];

/// What bitnami/kafka says of certificates.
#[rustfmt::skip]
const CERTIFICATES: &[&str] = &[
    "CERTIFICATE_PASSWORD", "CERTS_DIR", "TLS_CLIENT_AUTH", "TLS_TRUSTSTORE_FILE", "TLS_TYPE",
];

/// Names that bitnami/kafka gives settings of other names.
const RENAMED: &[(&str, &str)] = &[
    ("LOGS_DIRS", "log.dirs"),
    ("SEGMENT_BYTES", "log.segment.bytes"),
    ("MAX_MESSAGE_BYTES", "message.max.bytes"),
];

/// Addresses as before KIP-103.
const ADDRESSES: &[&str] = &["ADVERTISED_HOST_NAME", "ADVERTISED_PORT", "HOST_NAME", "PORT"];

/// Whether the variable may concern this program at all.
pub fn is_ours(name: &str) -> bool {
    name.starts_with("KAFKA_")
        || name.starts_with("BARNABAS_")
        || matches!(name, "CLUSTER_ID" | "CLUSTER_ID_FILE")
}

/// What the variable is about. A value tells a service link of Kubernetes from a port.
pub fn meaning(name: &str, value: &str) -> Meaning {
    if let Some(own) = name.strip_prefix("BARNABAS_") {
        return own_meaning(own, value);
    }
    let (rest, setting) = match (name.strip_prefix("KAFKA_CFG_"), name.strip_prefix("KAFKA_")) {
        (Some(rest), _) => (rest, bitnami_name(rest)),
        (None, Some(rest)) => (rest, kafka_name(rest)),
        (None, None) => return Meaning::Nothing,
    };
    if PASSED_OVER.contains(&rest) || is_service_link(rest, value) || rest.is_empty() {
        return Meaning::Nothing;
    }
    if let Some((_, setting)) = RENAMED.iter().find(|(variable, _)| *variable == rest) {
        return Meaning::Setting((*setting).to_owned());
    }
    match rest {
        "CREATE_TOPICS" => return Meaning::Topics,
        "OPTS" => return Meaning::JavaOptions,
        _ if LOGINS.contains(&rest) => return Meaning::Login,
        _ if CERTIFICATES.contains(&rest) => return Meaning::Certificates,
        _ => {}
    }
    if ADDRESSES.contains(&rest) {
        return Meaning::Address;
    }
    if rest.starts_with("ZOOKEEPER_") {
        return Meaning::ZooKeeper;
    }
    if rest.starts_with("REST_") || rest.starts_with("LOG4J_") || rest.starts_with("JMX_") {
        return Meaning::Nothing;
    }
    if setting.starts_with("confluent.") {
        return Meaning::Confluent;
    }
    Meaning::Setting(setting)
}

fn own_meaning(rest: &str, value: &str) -> Meaning {
    match rest {
        "LISTEN" => Meaning::Listen,
        "DATA" => Meaning::Data,
        "LOG" | "LOG_FORMAT" | "APPLY" | "IMPORT" | "ENDS_WITH_INPUT" => Meaning::Nothing,
        _ if is_service_link(rest, value) => Meaning::Nothing,
        _ => {
            let setting = format!("barnabas.{}", kafka_name(rest));
            match definitions::broker().get(&setting) {
                Some(_) => Meaning::Setting(setting),
                None => Meaning::Unknown,
            }
        }
    }
}

/// As in apache/kafka and cp-kafka: `_` is a dot, `__` an underscore, `___` a dash, what is longer is read
/// from its beginning.
pub fn kafka_name(rest: &str) -> String {
    rest.to_lowercase()
        .replace('_', ".")
        .replace("...", "-")
        .replace("..", "_")
}

/// As in bitnami/kafka: every `_` is a dot, but for those in the names of security protocols.
pub fn bitnami_name(rest: &str) -> String {
    rest.to_lowercase()
        .replace('_', ".")
        .replace("sasl.ssl", "sasl_ssl")
        .replace("sasl.plaintext", "sasl_plaintext")
}

/// Kubernetes tells every container of each service: one called `kafka` gives `KAFKA_SERVICE_HOST`,
/// `KAFKA_PORT=tcp://10.0.0.1:9092`, `KAFKA_PORT_9092_TCP_ADDR`; one called `kafka-x` the same with
/// `KAFKA_X_`.
fn is_service_link(rest: &str, value: &str) -> bool {
    let ends = |name: &str| rest == name || rest.ends_with(&format!("_{name}"));
    if ends("SERVICE_HOST") || ends("SERVICE_PORT") || rest.contains("SERVICE_PORT_") {
        return true;
    }
    if ends("PORT") {
        return value.contains("://");
    }
    let Some((_, port)) = rest.split_once("PORT_") else {
        return false;
    };
    let mut words = port.split('_');
    let number = words.next().unwrap_or_default();
    let protocol = words.next().unwrap_or_default();
    !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
        && matches!(protocol, "TCP" | "UDP" | "SCTP")
}
