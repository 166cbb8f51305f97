//! What a node prints once it answers: a line of its own, and those by which programs that start an Apache
//! Kafka see that it is up.
//!
//! They are no part of the log: no level hides them, and each comes once, when it is true.

use barnabas_controller::log_format::LogFormat;
use barnabas_network::Listener;

use crate::server::Server;

/// Whose lines are said, beside the own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Others {
    /// Apache Kafka's.
    pub kafkas: bool,
    /// Redpanda's.
    pub redpandas: bool,
}

/// What is said.
pub struct Ready<'a> {
    /// The node.
    pub server: &'a Server,
    /// Its data folders.
    pub data_dirs: &'a str,
    /// Since its start, milliseconds.
    pub took_ms: u128,
    /// How the lines look.
    pub format: LogFormat,
    /// Which are among them.
    pub others: Others,
}

impl Ready<'_> {
    /// All lines, with their ends.
    pub fn lines(&self) -> String {
        let server = self.server;
        let addresses: Vec<String> = server
            .listeners()
            .iter()
            .map(|listener| format!("{}://{}", listener.name, reachable(listener)))
            .collect();
        let own = format!(
            "barnabas {} ready in {} ms: {}, node {}, cluster {}, data in {}",
            env!("CARGO_PKG_VERSION"),
            self.took_ms,
            addresses.join(", "),
            server.node_id(),
            server.cluster_id(),
            self.data_dirs,
        );
        let mut lines = self.format.line("barnabas", &own);
        if self.others.kafkas {
            for (class, message) in kafkas(server.node_id(), server.broker().is_some()) {
                lines += &self.format.line(class, &message);
            }
        }
        if self.others.redpandas {
            lines += &self.format.line("redpanda", "kafka - Started Kafka API server");
            lines += &self.format.line("redpanda", "Successfully started Redpanda!");
        }
        lines
    }
}

/// The lines that Testcontainers' modules and others look for: of a broker that is unfenced, of one with
/// ZooKeeper, which old modules expect, and of a node that has started.
fn kafkas(node_id: i32, is_broker: bool) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if is_broker {
        lines.push((
            "kafka.server.BrokerLifecycleManager",
            format!(
                "[BrokerLifecycleManager id={node_id}] The broker has been unfenced. Transitioning from RECOVERY to RUNNING."
            ),
        ));
        lines.push((
            "kafka.server.KafkaServer",
            format!("[KafkaServer id={node_id}] started"),
        ));
    }
    lines.push((
        "kafka.server.KafkaRaftServer",
        format!("[KafkaRaftServer nodeId={node_id}] Kafka Server started"),
    ));
    lines
}

/// `host:port` by which this machine reaches a listener.
pub fn reachable(listener: &Listener) -> String {
    // Each client is told the address by which it came; from here it is this.
    let host = if listener.tells_address {
        "localhost"
    } else {
        &listener.advertised_host
    };
    if host.contains(':') {
        format!("[{host}]:{}", listener.advertised_port)
    } else {
        format!("{host}:{}", listener.advertised_port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_alone_unfences_no_broker() {
        let said = |is_broker| -> Vec<String> {
            kafkas(7, is_broker)
                .into_iter()
                .map(|(_, message)| message)
                .collect()
        };
        assert_eq!(said(false), ["[KafkaRaftServer nodeId=7] Kafka Server started"]);
        let all = said(true).join("\n");
        for pattern in [
            "Transitioning from RECOVERY to RUNNING",
            "[KafkaServer id=7] started",
            "Kafka Server started",
        ] {
            assert_eq!(all.matches(pattern).count(), 1, "{pattern}");
        }
    }
}
