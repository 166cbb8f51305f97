//! Redpanda's way of saying where to listen, in terms of Kafka's settings: the flags of `rpk redpanda start`
//! and `redpanda.yaml`.

use serde_yaml::Value;

/// Listeners and what else has a counterpart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redpanda {
    /// `NAME://HOST:PORT` each, or without the name.
    pub listeners: Vec<String>,
    /// The same, as clients are told.
    pub advertised: Vec<String>,
    /// Where its admin API, its schema registry and its proxy are, by [`PORTS`]' order.
    pub http: [Option<String>; 3],
    /// Further settings.
    pub settings: Vec<(String, String)>,
}

/// The ports of the admin API, the schema registry and the proxy; all three are one listener here.
pub const PORTS: [u16; 3] = [9644, 8081, 8082];

/// The name of a listener that has none.
const NAMELESS: &str = "PLAINTEXT";

impl Redpanda {
    /// Reads `redpanda.yaml`. What has no counterpart is passed over.
    ///
    /// # Errors
    /// It is no YAML.
    pub fn of_yaml(bytes: &[u8]) -> Result<Redpanda, String> {
        let root: Value = serde_yaml::from_slice(bytes).map_err(|error| error.to_string())?;
        let mut found = Redpanda::default();
        let broker = &root["redpanda"];
        found.listeners = endpoints(&broker["kafka_api"]);
        found.advertised = endpoints(&broker["advertised_kafka_api"]);
        let http = [
            &broker["admin"],
            &root["schema_registry"]["schema_registry_api"],
            &root["pandaproxy"]["pandaproxy_api"],
        ];
        found.http = http.map(|place| {
            let first = endpoints(place).into_iter().next()?;
            Some(first.rsplit_once("://")?.1.to_owned())
        });
        for (name, value) in broker.as_mapping().into_iter().flatten() {
            if let (Some(name), Some(value)) = (name.as_str(), scalar(value)) {
                found.set(name, &value);
            }
        }
        Ok(found)
    }

    /// Takes over one of its settings, if there is such a one here.
    pub fn set(&mut self, name: &str, value: &str) {
        let setting = match name.strip_prefix("redpanda.").unwrap_or(name) {
            "auto_create_topics_enabled" => "auto.create.topics.enable",
            "default_topic_partitions" => "num.partitions",
            "default_topic_replications" => "default.replication.factor",
            "kafka_batch_max_bytes" => "message.max.bytes",
            "log_retention_ms" => "log.retention.ms",
            "log_segment_size" => "log.segment.bytes",
            "group_initial_rebalance_delay" => "group.initial.rebalance.delay.ms",
            "node_id" => "node.id",
            "cluster_id" => "cluster.id",
            "rack" => "broker.rack",
            _ => return,
        };
        self.settings.push((setting.to_owned(), value.to_owned()));
    }

    /// Where the HTTP listener is.
    pub fn http_listener(&self) -> String {
        let both = self.http.iter().zip(PORTS);
        let all = both.map(|(given, port)| given.clone().unwrap_or_else(|| format!("0.0.0.0:{port}")));
        all.collect::<Vec<_>>().join(",")
    }

    /// All of it as Kafka's settings.
    pub fn into_settings(self) -> Vec<(String, String)> {
        let named = |entry: &String| {
            let entry = entry.trim();
            match entry.split_once("://") {
                Some((name, rest)) => (name.to_uppercase(), rest.to_owned()),
                None => (NAMELESS.to_owned(), entry.to_owned()),
            }
        };
        let listeners: Vec<(String, String)> = self.listeners.iter().map(named).collect();
        let advertised: Vec<(String, String)> = self.advertised.iter().map(named).collect();
        let list = |endpoints: &[(String, String)]| {
            let each = endpoints
                .iter()
                .map(|(name, address)| format!("{name}://{address}"));
            each.collect::<Vec<_>>().join(",")
        };
        let mut settings = Vec::new();
        let mut set = |name: &str, value: String| settings.push((name.to_owned(), value));
        if let Some((first, _)) = listeners.first() {
            set("listeners", list(&listeners));
            let protocols = listeners.iter().map(|(name, _)| format!("{name}:PLAINTEXT"));
            let protocols: Vec<_> = protocols.chain(["CONTROLLER:PLAINTEXT".to_owned()]).collect();
            set("listener.security.protocol.map", protocols.join(","));
            set("inter.broker.listener.name", first.clone());
        }
        // One that nobody listens on would stop the start.
        let advertised: Vec<_> = advertised
            .into_iter()
            .filter(|(name, _)| listeners.is_empty() || listeners.iter().any(|(other, _)| other == name))
            .collect();
        if !advertised.is_empty() {
            set("advertised.listeners", list(&advertised));
        }
        settings.extend(self.settings);
        settings
    }
}

/// One endpoint or a list of them.
fn endpoints(value: &Value) -> Vec<String> {
    let one = |value: &Value| {
        let address = value["address"].as_str()?;
        let port = value["port"].as_u64()?;
        let name = value["name"].as_str().unwrap_or(NAMELESS);
        Some(format!("{name}://{address}:{port}"))
    };
    match value {
        Value::Sequence(all) => all.iter().filter_map(one).collect(),
        single => one(single).into_iter().collect(),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(value) => Some(value.to_string()),
        Value::String(value) => Some(value.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(redpanda: Redpanda) -> String {
        let settings = redpanda.into_settings().into_iter();
        settings
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn a_file_is_read() {
        let text = "redpanda:\n  node_id: 3\n  seed_servers: []\n  auto_create_topics_enabled: true\n  kafka_api:\n    \
                    - address: 0.0.0.0\n      name: external\n      port: 9092\n    - address: 0.0.0.0\n      name: internal\n      \
                    port: 9093\n  advertised_kafka_api:\n    - address: localhost\n      name: external\n      port: 32768\n    \
                    - {address: 127.0.0.1, name: internal, port: 9093}\n    - {address: x, name: other, port: 1}\nrpk: {}\n";
        assert_eq!(
            shown(Redpanda::of_yaml(text.as_bytes()).unwrap()),
            "listeners=EXTERNAL://0.0.0.0:9092,INTERNAL://0.0.0.0:9093\n\
             listener.security.protocol.map=EXTERNAL:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
             inter.broker.listener.name=EXTERNAL\n\
             advertised.listeners=EXTERNAL://localhost:32768,INTERNAL://127.0.0.1:9093\n\
             node.id=3\nauto.create.topics.enable=true"
        );
        for odd in [
            "",
            "redpanda: 5",
            "a: [1]",
            "redpanda: {kafka_api: {address: a, port: x}}",
        ] {
            assert_eq!(shown(Redpanda::of_yaml(odd.as_bytes()).unwrap()), "", "{odd}");
        }
        assert!(Redpanda::of_yaml(b"a: [").is_err());
    }

    #[test]
    fn its_http_apis_have_their_ports() {
        assert_eq!(
            Redpanda::default().http_listener(),
            "0.0.0.0:9644,0.0.0.0:8081,0.0.0.0:8082"
        );
        let text = "redpanda:\n  admin: {address: 127.0.0.1, port: 1}\nschema_registry:\n  schema_registry_api:\n    - address: a\n      \
                    name: main\n      port: 2\n";
        let found = Redpanda::of_yaml(text.as_bytes()).unwrap();
        assert_eq!(found.http_listener(), "127.0.0.1:1,a:2,0.0.0.0:8082");
    }

    #[test]
    fn flags_are_read() {
        let redpanda = Redpanda {
            listeners: vec!["0.0.0.0:9092".to_owned(), "outside://0.0.0.0:1".to_owned()],
            advertised: vec!["redpanda:9092".to_owned()],
            ..Redpanda::default()
        };
        assert_eq!(
            shown(redpanda),
            "listeners=PLAINTEXT://0.0.0.0:9092,OUTSIDE://0.0.0.0:1\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,OUTSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
             inter.broker.listener.name=PLAINTEXT\nadvertised.listeners=PLAINTEXT://redpanda:9092"
        );
    }
}
