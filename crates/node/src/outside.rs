//! What a node takes from outside: nothing in it reaches for the machine's clock, disks, network or threads
//! by itself.

use barnabas_environment::Environment;
use barnabas_metadata::quorum::MetadataDisk;
use barnabas_network::Network;
use barnabas_storage::Disk;

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
}

impl Outside {
    /// The machine.
    pub fn system() -> Outside {
        Outside {
            environment: Environment::system(),
            disk: Disk::Real,
            metadata: None,
            network: Network::System,
        }
    }
}
