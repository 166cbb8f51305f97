//! What comes to a controller's listener and is neither a voter's, a broker's nor a tool's.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use barnabas_metadata::controller::UnregisterBroker;

use crate::support::{CLUSTER, Cluster, LONG};

const FORWARD: u8 = 64;
const VOTE: u8 = 2;
const APPEND_ENTRIES: u8 = 3;
const INSTALL_SNAPSHOT: u8 = 4;

/// A request of the cluster's own API, without the size.
fn request(version: i16, envelope: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x42, 0x61];
    frame.extend(version.to_be_bytes());
    frame.extend([0, 0, 0, 7, 0, 1, b'x']);
    frame.extend(envelope);
    frame
}

fn envelope(kind: u8, cluster_id: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, 0, 0, 0, 2];
    bytes.extend((cluster_id.len() as u16).to_be_bytes());
    bytes.extend(cluster_id.as_bytes());
    bytes.extend(body);
    bytes
}

/// A message of the quorum: a length, JSON, and data.
fn message(length: u32, head: &str) -> Vec<u8> {
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend(head.as_bytes());
    bytes
}

fn honest(head: &str) -> Vec<u8> {
    message(head.len() as u32, head)
}

fn framed(frame: &[u8]) -> Vec<u8> {
    let mut bytes = (frame.len() as i32).to_be_bytes().to_vec();
    bytes.extend(frame);
    bytes
}

/// Sends bytes to a node; answers what comes back until the connection ends, or one frame.
fn send(cluster: &Cluster, node: i32, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(cluster.addresses[&node]).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut size = [0; 4];
    match stream.read_exact(&mut size) {
        Ok(()) => {
            let mut answer = vec![0; i32::from_be_bytes(size) as usize];
            stream.read_exact(&mut answer).unwrap();
            Some(answer)
        }
        Err(error) if [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset].contains(&error.kind()) => None,
        Err(error) => panic!("neither an answer nor an end: {error}"),
    }
}

fn vote(term: u64, node: u64, committed: bool) -> String {
    format!(r#"{{"leader_id":{{"term":{term},"node_id":{node}}},"committed":{committed}}}"#)
}

fn append_entries(term: u64, node: u64) -> String {
    let vote = vote(term, node, true);
    format!(r#"{{"vote":{vote},"prev_log_id":null,"entries":[],"leader_commit":null}}"#)
}

#[test]
fn hostile_frames_end_their_connection_and_change_nothing() {
    let cluster = Cluster::start();
    let leader = cluster.active();
    let before = cluster.nodes[&leader].handle.status();
    let of_ours = |kind, body: &[u8]| framed(&request(0, &envelope(kind, CLUSTER, body)));
    let unknown_voter = honest(&format!(
        r#"{{"vote":{},"last_log_id":null}}"#,
        vote(99, 99, false)
    ));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        (
            "another protocol",
            b"GET / HTTP/1.1\r\nHost: controller\r\n\r\n".to_vec(),
        ),
        ("a negative size", vec![0xff; 32]),
        ("an oversized frame", framed_size(i32::MAX)),
        (
            "a version that isn't known",
            framed(&request(9, &envelope(FORWARD, CLUSTER, b"{}"))),
        ),
        (
            "an envelope that ends too early",
            framed(&request(0, &[VOTE, 0, 0])),
        ),
        (
            "a cluster id that lies about its length",
            framed(&request(0, &[VOTE, 0, 0, 0, 2, 0xff, 0xff, b'c'])),
        ),
        ("a kind that isn't known", of_ours(33, b"")),
        (
            "another cluster",
            framed(&request(0, &envelope(VOTE, "cluster-b", b""))),
        ),
        (
            "a head that lies about its length",
            of_ours(APPEND_ENTRIES, &message(u32::MAX, "{}")),
        ),
        (
            "a head that is no JSON",
            of_ours(APPEND_ENTRIES, &honest("\u{0}\u{1}")),
        ),
        (
            "a head that nests",
            of_ours(APPEND_ENTRIES, &honest(&"[".repeat(100_000))),
        ),
        ("no head at all", of_ours(VOTE, b"")),
        ("a voter that is none", of_ours(VOTE, &unknown_voter)),
        (
            "entries of a voter that is none",
            of_ours(APPEND_ENTRIES, &honest(&append_entries(99, 99))),
        ),
        (
            "a snapshot that is none",
            of_ours(INSTALL_SNAPSHOT, &honest("{}")),
        ),
        (
            "a forwarded request that is none",
            of_ours(FORWARD, br#"{"CreateWorlds":{}}"#),
        ),
        (
            "a forwarded request that lies about its lengths",
            of_ours(FORWARD, br#"{"CreateTopics":[7,[127,255,255,255,15]]}"#),
        ),
        (
            "a request that brokers serve",
            framed(&[0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0]),
        ),
    ];
    for (what, bytes) in cases {
        for node in [leader, cluster.another(leader)] {
            assert_eq!(send(&cluster, node, &bytes), None, "{what}");
        }
    }
    let after = cluster.nodes[&leader].handle.status();
    assert_eq!(
        (after.leader_id, after.leader_epoch),
        (before.leader_id, before.leader_epoch)
    );
    let node = &cluster.nodes[&leader];
    node.wait(node.handle.submit(UnregisterBroker { broker_id: 9 }))
        .unwrap()
        .unwrap_err();
}

fn framed_size(size: i32) -> Vec<u8> {
    let mut bytes = size.to_be_bytes().to_vec();
    bytes.extend(request(0, &envelope(VOTE, CLUSTER, b"")));
    bytes
}

#[test]
fn entries_of_a_term_that_is_over_are_answered_and_change_nothing() {
    let cluster = Cluster::start();
    let leader = cluster.active();
    let follower = cluster.another(leader);
    let before = cluster.nodes[&leader].handle.status();
    let replayed = honest(&append_entries(0, follower as u64));
    let replayed = framed(&request(0, &envelope(APPEND_ENTRIES, CLUSTER, &replayed)));
    for node in [leader, follower] {
        let answer = send(&cluster, node, &replayed).unwrap();
        let text = String::from_utf8_lossy(&answer);
        assert!(text.contains("HigherVote"), "{text}");
    }
    let after = cluster.nodes[&leader].handle.status();
    assert_eq!(
        (after.leader_id, after.leader_epoch),
        (before.leader_id, before.leader_epoch)
    );
}
