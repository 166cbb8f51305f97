//! Requests that fill the memory set aside for them: a bound, and a way out of it.

use std::io::Write;

use barnabas_protocol::messages::{ApiVersionsRequest, ProduceRequest};
use tempfile::TempDir;

use crate::connections::{PRODUCE, produce};
use crate::node::{Client, Node};

const LIMIT: usize = 300_000;
const VALUE: usize = 200_000;
const CLIENTS: usize = 12;
const THREADS: usize = 2;

/// A client whose request lacks its last byte.
fn half_sent(node: &Node, frame: &[u8]) -> Client {
    let mut client = node.connect();
    client.stream.write_all(&frame[..frame.len() - 1]).unwrap();
    client
}

#[test]
fn half_requests_are_held_to_the_limit_and_come_through_in_the_end() {
    let (limit, threads) = (LIMIT.to_string(), THREADS.to_string());
    let settings = [
        ("num.network.threads", threads.as_str()),
        ("socket.request.max.bytes", limit.as_str()),
        ("queued.max.request.bytes", &limit),
    ];
    let node = Node::start_in(TempDir::new().unwrap(), &settings);
    node.create_topic("t", 1);
    let (frame, _) = node.connect().frame(PRODUCE, &produce("t", -1, &[&[7; VALUE]]));
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| half_sent(&node, &frame)).collect();
    // Some hold their share, one more has its turn, the others wait.
    node.until(|broker| broker.request_memory.used_bytes() >= LIMIT);
    let mut witness = node.connect();
    for _ in 0..100 {
        let sent = witness.send(2, &ApiVersionsRequest::default());
        assert_eq!(
            witness.receive::<ApiVersionsRequest>(2).0,
            sent,
            "small requests pass"
        );
        let used = node.broker.request_memory.used_bytes();
        assert!(
            used < LIMIT + (THREADS + 1) * frame.len() + CLIENTS * 16_384,
            "{used}"
        );
    }
    for client in &mut clients {
        client.stream.write_all(&frame[frame.len() - 1..]).unwrap();
    }
    for client in &mut clients {
        let (_, response) = client.receive::<ProduceRequest>(PRODUCE);
        assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
    }
    node.until(|broker| broker.request_memory.used_bytes() == 0);
}
