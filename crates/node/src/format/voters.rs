//! The voters that a quorum begins with which can change them (`--standalone`, `--initial-controllers`).

use barnabas_config::ListenerConfig;
use barnabas_protocol::kraft_voters::{KRaftVoter, VoterEndpoint};
use barnabas_storage::kafka_uuid;
use uuid::Uuid;

/// The levels of kraft.version that a node of ours can run.
const KRAFT_VERSIONS: (i16, i16) = (0, 1);

/// This node, by the address that others are told of its listener.
pub fn this_node(id: i32, listener: &ListenerConfig, directory_id: Uuid) -> KRaftVoter {
    let host = listener.advertised_host.as_ref().or(listener.host.as_ref());
    let port = match listener.advertised_port {
        0 => listener.port,
        port => port,
    };
    voter(
        id,
        &listener.name,
        host.map_or("localhost", String::as_str),
        port,
        directory_id,
    )
}

/// Reads `ID@HOST:PORT:DIRECTORY_ID,…`.
pub fn parse(list: &str, listener: &str) -> Result<Vec<KRaftVoter>, String> {
    let mut voters: Vec<KRaftVoter> = Vec::new();
    for text in list.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        let voter = parse_one(text, listener)?;
        if voters.iter().any(|known| known.id == voter.id) {
            return Err(format!("Node id {} was specified more than once.", voter.id));
        }
        voters.push(voter);
    }
    if voters.is_empty() {
        return Err("No voters given.".to_owned());
    }
    voters.sort_by_key(|voter| voter.id);
    Ok(voters)
}

fn parse_one(text: &str, listener: &str) -> Result<KRaftVoter, String> {
    let (id, rest) = text
        .split_once('@')
        .ok_or("No @ found in dynamic voter string.")?;
    let id = id.parse().ok().filter(|id: &i32| *id >= 0);
    let id = id.ok_or("Failed to parse node id in dynamic voter string.")?;
    let (host, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest
            .split_once("]:")
            .ok_or("Hostname began with left bracket, but no right bracket was found.")?,
        None => rest
            .split_once(':')
            .ok_or("No colon following hostname could be found.")?,
    };
    let (port, directory) = rest
        .split_once(':')
        .ok_or("No colon following port could be found.")?;
    let port = port
        .parse()
        .map_err(|_| "Failed to parse port in dynamic voter string.")?;
    let directory_id =
        kafka_uuid::decode(directory).ok_or("Failed to parse directory ID in dynamic voter string.")?;
    Ok(voter(id, listener, host, port, directory_id))
}

fn voter(id: i32, listener: &str, host: &str, port: u16, directory_id: Uuid) -> KRaftVoter {
    KRaftVoter {
        id,
        directory_id,
        endpoints: vec![VoterEndpoint {
            name: listener.to_owned(),
            host: host.to_owned(),
            port,
        }],
        kraft_versions: KRAFT_VERSIONS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voters_are_read() {
        let list = "2@[::1]:8083:MvDxzVmcRsaTz33bUuRU6A,0@a:8082:JEXY6aqzQY-32P5TStzaFg";
        let voters = parse(list, "CONTROLLER").unwrap();
        let shown: Vec<String> = voters
            .iter()
            .map(|voter| {
                let endpoint = &voter.endpoints[0];
                let id = kafka_uuid::encode(voter.directory_id);
                format!("{}@{}:{}:{id}", voter.id, endpoint.host, endpoint.port)
            })
            .collect();
        assert_eq!(
            shown,
            [
                "0@a:8082:JEXY6aqzQY-32P5TStzaFg",
                "2@::1:8083:MvDxzVmcRsaTz33bUuRU6A"
            ]
        );
        let table = [
            ("", "No voters given."),
            ("a:1", "No @ found in dynamic voter string."),
            ("x@a:1:b", "Failed to parse node id in dynamic voter string."),
            ("1@a", "No colon following hostname could be found."),
            ("1@a:1", "No colon following port could be found."),
            ("1@a:x:b", "Failed to parse port in dynamic voter string."),
            ("1@a:1:b", "Failed to parse directory ID in dynamic voter string."),
            (
                "1@a:1:JEXY6aqzQY-32P5TStzaFg,1@b:1:JEXY6aqzQY-32P5TStzaFg",
                "Node id 1 was specified more than once.",
            ),
        ];
        for (list, expected) in table {
            assert_eq!(parse(list, "CONTROLLER"), Err(expected.to_owned()), "{list}");
        }
    }
}
