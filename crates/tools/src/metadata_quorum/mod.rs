//! `kafka-metadata-quorum`: Kafka's `MetadataQuorumCommand`.

mod change;

use std::time::{SystemTime, UNIX_EPOCH};

use barnabas_protocol::kafka_uuid;
use barnabas_protocol::messages::describe_quorum_response::{Node, ReplicaState};

use crate::arguments::commands::Commands;
use crate::arguments::{COMMAND_CONFIG, Options, Takes, properties_file, word};
use crate::client::{Cluster, KafkaError, Properties};
use crate::console::Console;
use crate::failure::{Failure, Outcome, said};
use crate::table;

const TOOL: Commands = Commands {
    tool: "kafka-metadata-quorum",
    about: "Tells of the quorum of controllers, and changes it.",
    words: &[
        word(
            "bootstrap-server",
            Takes::Value("host:port,..."),
            "Brokers to connect to.",
        ),
        word(
            "bootstrap-controller",
            Takes::Value("host:port,..."),
            "Controllers to connect to.",
        ),
        COMMAND_CONFIG,
    ],
    commands: &[
        (
            "describe",
            &[
                word("status", Takes::Nothing, "The quorum in short."),
                word("replication", Takes::Nothing, "Each of its nodes."),
                word("human-readable", Takes::Nothing, "Times as so long ago."),
            ],
        ),
        (
            "add-controller",
            &[word("dry-run", Takes::Nothing, "Change nothing.")],
        ),
        (
            "remove-controller",
            &[
                word("controller-id", Takes::Value("id"), "The controller's node id."),
                word(
                    "controller-directory-id",
                    Takes::Value("id"),
                    "The id of its folder.",
                ),
                word("dry-run", Takes::Nothing, "Change nothing."),
                word("unregister", Takes::Nothing, "Also forget its registration."),
            ],
        ),
    ],
    letters: &[("-i", "controller-id"), ("-d", "controller-directory-id")],
};

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(arguments: &[String], console: &mut Console) -> Outcome {
    let (command, options) = TOOL.parse(arguments, &mut |help| console.line(help))?;
    let cluster = connect(&options)?;
    match command {
        "describe" => {
            let (status, replication) = (options.has("status"), options.has("replication"));
            if status && replication {
                return said(
                    "Only one of --status or --replication should be specified with describe sub-command",
                );
            }
            if replication {
                return describe_replication(&cluster, options.has("human-readable"), console);
            }
            if !status {
                return said("One of --status or --replication must be specified with describe sub-command");
            }
            if options.has("human-readable") {
                return said("The option --human-readable is only supported along with --replication");
            }
            describe_status(&cluster, console)
        }
        "add-controller" => change::add(&options, &cluster, console),
        _ => change::remove(&options, &cluster, console),
    }
}

fn connect(options: &Options) -> Outcome<Cluster> {
    let (server, controller) = (
        options.value("bootstrap-server")?,
        options.value("bootstrap-controller")?,
    );
    let (name, servers) = match (server, controller) {
        (Some(servers), None) => ("bootstrap.servers", servers),
        (None, Some(servers)) => ("bootstrap.controllers", servers),
        (None, None) => {
            return TOOL.refuse("one of the arguments --bootstrap-server --bootstrap-controller is required");
        }
        _ => {
            return TOOL
                .refuse("argument --bootstrap-controller: not allowed with argument --bootstrap-server");
        }
    };
    let file = options.value("command-config")?;
    let mut properties = file
        .map(properties_file)
        .transpose()?
        .unwrap_or_else(Properties::new);
    properties.insert(name.to_owned(), servers.to_owned());
    Ok(Cluster::new(&properties)?)
}

fn no_leader() -> Failure {
    Failure::Kafka(KafkaError::plain("the quorum has no leader"))
}

fn describe_status(cluster: &Cluster, console: &mut Console) -> Outcome {
    let id = cluster
        .describe_cluster(false)?
        .id
        .unwrap_or_else(|| "null".to_owned());
    let (quorum, nodes) = cluster.describe_quorum()?;
    let voters = &quorum.current_voters;
    let leader = voters
        .iter()
        .find(|voter| voter.replica_id == quorum.leader_id)
        .ok_or_else(no_leader)?;
    let last = voters
        .iter()
        .min_by_key(|voter| voter.log_end_offset)
        .ok_or_else(no_leader)?;
    let lag_ms = if last.replica_id == leader.replica_id {
        0
    } else if leader.last_caught_up_timestamp >= 0 && last.last_caught_up_timestamp >= 0 {
        leader.last_caught_up_timestamp - last.last_caught_up_timestamp
    } else {
        -1
    };
    console.line(format!("ClusterId:              {id}"));
    console.line(format!("LeaderId:               {}", quorum.leader_id.0));
    console.line(format!("LeaderEpoch:            {}", quorum.leader_epoch));
    console.line(format!("HighWatermark:          {}", quorum.high_watermark));
    console.line(format!(
        "MaxFollowerLag:         {}",
        leader.log_end_offset - last.log_end_offset
    ));
    console.line(format!("MaxFollowerLagTimeMs:   {lag_ms}"));
    console.line(format!("CurrentVoters:          {}", replicas(voters, &nodes)));
    console.line(format!(
        "CurrentObservers:       {}",
        replicas(&quorum.observers, &nodes)
    ));
    Ok(())
}

fn replicas(replicas: &[ReplicaState], nodes: &[Node]) -> String {
    let replica = |replica: &ReplicaState| {
        let mut text = format!("{{\"id\": {}", replica.replica_id.0);
        if !replica.replica_directory_id.is_nil() {
            text += &format!(
                ", \"directoryId\": \"{}\"",
                kafka_uuid::encode(replica.replica_directory_id)
            );
        }
        let node = nodes.iter().find(|node| node.node_id == replica.replica_id);
        let endpoints = node.into_iter().flat_map(|node| &node.listeners).map(|listener| {
            let host = &listener.host;
            let host = if host.contains(':') {
                format!("[{host}]")
            } else {
                host.to_string()
            };
            format!("\"{}://{host}:{}\"", listener.name, listener.port)
        });
        let endpoints: Vec<String> = endpoints.collect();
        if !endpoints.is_empty() {
            text += &format!(", \"endpoints\": [{}]", endpoints.join(", "));
        }
        text + "}"
    };
    let replicas: Vec<String> = replicas.iter().map(replica).collect();
    format!("[{}]", replicas.join(", "))
}

fn describe_replication(cluster: &Cluster, human_readable: bool, console: &mut Console) -> Outcome {
    let (quorum, _) = cluster.describe_quorum()?;
    let is_leader = |voter: &&ReplicaState| voter.replica_id == quorum.leader_id;
    let leader = quorum
        .current_voters
        .iter()
        .find(is_leader)
        .ok_or_else(no_leader)?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis() as i64;
    let time = |timestamp: i64| match timestamp {
        ..0 => "-1".to_owned(),
        timestamp if human_readable => format!("{} ms ago", now - timestamp),
        timestamp => timestamp.to_string(),
    };
    let row = |replica: &ReplicaState, status: &str| {
        vec![
            replica.replica_id.0.to_string(),
            kafka_uuid::encode(replica.replica_directory_id),
            replica.log_end_offset.to_string(),
            (leader.log_end_offset - replica.log_end_offset).to_string(),
            time(replica.last_fetch_timestamp),
            time(replica.last_caught_up_timestamp),
            status.to_owned(),
        ]
    };
    let mut rows = vec![row(leader, "Leader")];
    let followers = quorum.current_voters.iter().filter(|voter| !is_leader(voter));
    rows.extend(followers.map(|voter| row(voter, "Follower")));
    rows.extend(quorum.observers.iter().map(|observer| row(observer, "Observer")));
    let head = [
        "NodeId",
        "DirectoryId",
        "LogEndOffset",
        "Lag",
        "LastFetchTimestamp",
        "LastCaughtUpTimestamp",
        "Status",
    ];
    table::print(&head, &rows, console);
    Ok(())
}
