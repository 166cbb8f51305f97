//! What each node of a cluster on one machine is started with.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use barnabas_environment::Environment;
use barnabas_metadata::quorum::QUIET;
use barnabas_storage::{Disk, Folder, MetaProperties, kafka_uuid};

use crate::cli::Start;

/// A cluster's nodes before they run.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// By node id, from 1 on.
    pub nodes: Vec<Planned>,
    /// The cluster's id.
    pub cluster_id: String,
}

/// One node before it runs.
#[derive(Debug, PartialEq, Eq)]
pub struct Planned {
    /// Its id.
    pub id: usize,
    /// Where clients reach it.
    pub address: String,
    /// Its command line.
    pub arguments: Vec<String>,
}

/// The id of the cluster that lies in the nodes' folders, or a new one.
///
/// # Errors
/// A folder can't be read.
pub fn cluster_id(folder: &Path, count: usize) -> Result<String, String> {
    for id in 1..=count {
        let folder = Folder::new(&Disk::Real, node_folder(folder, id));
        if let Some(found) = MetaProperties::read(&folder).map_err(|error| error.to_string())? {
            return Ok(found.cluster_id);
        }
    }
    Ok(kafka_uuid::encode(Environment::system().random.uuid()))
}

/// Ports that are free on this machine now.
///
/// # Errors
/// There are none.
pub fn free_ports(count: usize) -> Result<Vec<u16>, String> {
    let open = || TcpListener::bind(("127.0.0.1", 0));
    let port = |listener: &TcpListener| Ok(listener.local_addr()?.port());
    // All are held until the last is there, so that none comes twice.
    let held: std::io::Result<Vec<TcpListener>> = (0..count).map(|_| open()).collect();
    let ports = held.and_then(|held| held.iter().map(port).collect());
    ports.map_err(|error| format!("there is no free port: {error}"))
}

/// A node's folder.
pub fn node_folder(folder: &Path, id: usize) -> PathBuf {
    folder.join(format!("node-{id}"))
}

/// The nodes of a cluster that keeps its data in `folder`, each listening on a port of `ports`, and its
/// controller on one of `controllers`.
pub fn plan(
    start: &Start,
    folder: &Path,
    cluster_id: &str,
    (host, ports, controllers): (&str, &[u16], &[u16]),
) -> Plan {
    let count = ports.len();
    let voters: Vec<String> = (1..)
        .zip(controllers)
        .map(|(id, port)| format!("{id}@localhost:{port}"))
        .collect();
    let replicas = count.min(3);
    let minimum = replicas.min(2);
    let node = |(id, (port, controller)): (usize, (&u16, &u16))| {
        let settings = [
            ("node.id", id.to_string()),
            ("cluster.id", cluster_id.to_owned()),
            ("controller.quorum.voters", voters.join(",")),
            (
                "listeners",
                format!("PLAINTEXT://{host}:{port},CONTROLLER://localhost:{controller}"),
            ),
            ("log.dirs", node_folder(folder, id).display().to_string()),
            ("default.replication.factor", replicas.to_string()),
            ("min.insync.replicas", minimum.to_string()),
            ("offsets.topic.replication.factor", replicas.to_string()),
            ("transaction.state.log.replication.factor", replicas.to_string()),
            ("transaction.state.log.min.isr", minimum.to_string()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value));
        let overrides = settings.iter().chain(&start.overrides);
        let mut arguments: Vec<String> = start.file.iter().map(|file| file.display().to_string()).collect();
        arguments
            .extend(overrides.flat_map(|(name, value)| ["--override".to_owned(), format!("{name}={value}")]));
        arguments.extend([
            "--log".to_owned(),
            start.log.clone().unwrap_or_else(|| format!("warn,{QUIET}")),
        ]);
        let shown = if host.is_empty() { "localhost" } else { host };
        Planned {
            id,
            address: format!("{shown}:{port}"),
            arguments,
        }
    };
    Plan {
        nodes: (1..).zip(ports.iter().zip(controllers)).map(node).collect(),
        cluster_id: cluster_id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Command, parse};
    use barnabas_config::load::{Sources, load};

    /// What each node would run with.
    fn loaded(arguments: &[String]) -> barnabas_config::load::StartSettings {
        let Ok(Command::Start(start)) = parse(arguments.iter().map(Into::into)) else {
            panic!("{arguments:?}")
        };
        let sources = Sources {
            overrides: start.overrides,
            ..Sources::default()
        };
        load(&sources).unwrap()
    }

    #[test]
    fn three_nodes_are_one_cluster() {
        let start = Start {
            overrides: vec![("num.partitions".to_owned(), "4".to_owned())],
            ..Start::default()
        };
        let plan = plan(
            &start,
            Path::new("/data"),
            "abc",
            ("localhost", &[9092, 9093, 9094], &[1, 2, 3]),
        );
        let settings: Vec<_> = plan.nodes.iter().map(|node| loaded(&node.arguments)).collect();
        for (id, node) in (1..).zip(&settings) {
            assert_eq!((node.config.node_id, node.config.num_partitions), (id, 4));
            assert_eq!(node.config.cluster_id, "abc");
            assert_eq!(node.quorum, settings[0].quorum);
            assert_eq!(node.data_dir, Path::new(&format!("/data/node-{id}")));
            assert_eq!(node.config.offsets_topic_replication_factor, 3);
            assert_eq!(node.config.min_insync_replicas, 2);
        }
        assert_eq!(settings[0].quorum.voters.len(), 3);
        assert_eq!(plan.nodes[2].address, "localhost:9094");
    }

    #[test]
    fn a_cluster_keeps_its_id_and_ports_differ() {
        let folder = tempfile::tempdir().unwrap();
        assert_ne!(
            cluster_id(folder.path(), 3).unwrap(),
            cluster_id(folder.path(), 3).unwrap()
        );
        let second = node_folder(folder.path(), 2);
        std::fs::create_dir(&second).unwrap();
        std::fs::write(
            second.join("meta.properties"),
            "version=1\nnode.id=2\ncluster.id=kept\n",
        )
        .unwrap();
        assert_eq!(cluster_id(folder.path(), 3).unwrap(), "kept");
        let mut ports = free_ports(6).unwrap();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 6);
    }
}
