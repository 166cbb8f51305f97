//! What a node takes from outside: nothing in it reaches for the machine's clock, disks, network or threads
//! by itself.

use std::sync::Arc;

use barnabas_broker::telemetry::MetricsReceiver;
use barnabas_environment::Environment;
use barnabas_metadata::quorum::MetadataDisk;
use barnabas_network::Network;
use barnabas_network::metrics::RequestMetrics;
use barnabas_security::tls::ServerTls;
use barnabas_storage::Disk;
use tokio_util::sync::CancellationToken;

/// What one node is given.
pub struct Outside {
    /// Time, randomness and threads.
    pub environment: Environment,
    /// Where its log directories are.
    pub disk: Disk,
    /// Where its metadata is, if not in a folder of the system's disk.
    pub metadata: Option<MetadataDisk>,
    /// Where it listens and connects.
    pub network: Network,
    /// Where the requests of its clients are counted, if anybody looks.
    pub metrics: Option<Arc<RequestMetrics>>,
    /// Takes the metrics that clients push, if anybody does.
    pub receiver: Option<Arc<dyn MetricsReceiver>>,
    /// TLS of what listens beside the node: it is read again with the node's own.
    pub tls: Option<Arc<ServerTls>>,
    /// Cancelled when the node is to go while it is still starting: a voter waits for the others.
    pub given_up: CancellationToken,
}

impl Outside {
    /// The machine.
    pub fn system() -> Outside {
        Outside {
            environment: Environment::system(),
            disk: Disk::Real,
            metadata: None,
            network: Network::System,
            metrics: None,
            receiver: None,
            tls: None,
            given_up: CancellationToken::new(),
        }
    }
}
