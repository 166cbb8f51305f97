//! `/faults`: rules that come and go by HTTP, and requests that are let go.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::process::{Node, api_versions};

const DEADLINE: Duration = Duration::from_secs(60);

fn ask(address: &str, request: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let length = body.len();
    let head = format!("{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}");
    write!(stream, "{head}Content-Length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    format!("{status} {}", body.trim_end())
}

fn started(more: &[&str]) -> (Node, String) {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let http = free.local_addr().unwrap().to_string();
    drop(free);
    let arguments = ["--ephemeral", "--port", "0", "--http", &http];
    (Node::start(&[&arguments, more].concat()), http)
}

#[test]
fn rules_come_and_go_by_http() {
    let (node, http) = started(&["--fault", "seed=7; heartbeat drop"]);
    let tell = |request: &str, body: &str| ask(&http, request, "", body);
    let rule = |rule: &str| format!(r#"{{"applied":0,"matched":0,"rule":"{rule}"}}"#);
    let shown = |rules: &[&str], seed: u64| {
        let rules: Vec<String> = rules.iter().map(|text| rule(text)).collect();
        format!(r#"200 {{"held":0,"rules":[{}],"seed":{seed}}}"#, rules.join(","))
    };
    for (request, body, expected) in [
        ("GET /faults", "", shown(&["heartbeat drop"], 7)),
        (
            "POST /faults",
            "fetch hold; produce nth=3 close=after",
            shown(&["fetch hold", "produce nth=3 close=after", "heartbeat drop"], 7),
        ),
        (
            "DELETE /faults/1",
            "",
            shown(&["produce nth=3 close=after", "heartbeat drop"], 7),
        ),
        ("DELETE /faults/9", "", "404 there is no such rule".to_owned()),
        ("PUT /faults", "seed=2; * delay=1ms\n", shown(&["* delay=1ms"], 2)),
        ("POST /faults/release", "", shown(&["* delay=1ms"], 2)),
        ("DELETE /faults", "", shown(&[], 0)),
    ] {
        assert_eq!(tell(request, body), expected, "{request} {body}");
    }
    assert!(tell("POST /faults", "produce sing").starts_with("400 "));
    assert!(tell("PATCH /faults", "").starts_with("405 "));
    for header in ["Origin: http://localhost\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        let refused = ask(&http, "POST /faults", header, "produce drop");
        assert_eq!(refused, "403 fault rules are for programs, not for pages");
    }
    assert_eq!(node.end(Signal::TERM), Some(0));
}

#[test]
fn who_is_held_is_let_go_while_the_rule_stays() {
    let (node, http) = started(&["--fault", "api-versions hold"]);
    let broker = node.address().to_owned();
    let asking = std::thread::spawn(move || api_versions(&broker));
    let until = Instant::now() + DEADLINE;
    while !ask(&http, "GET /faults", "", "").contains(r#""held":1"#) {
        assert!(Instant::now() < until && !asking.is_finished());
        std::thread::yield_now();
    }
    assert!(ask(&http, "POST /faults/release", "", "").starts_with("200 "));
    assert_eq!(asking.join().unwrap().1, 0);
    let left = ask(&http, "GET /faults", "", "");
    assert!(
        left.contains(r#""applied":1,"matched":1,"rule":"api-versions hold""#),
        "{left}"
    );
    assert_eq!(node.end(Signal::TERM), Some(0));
}

#[test]
fn a_node_without_faults_takes_none() {
    let (node, http) = started(&[]);
    for request in ["GET /faults", "POST /faults", "DELETE /faults"] {
        assert!(ask(&http, request, "", "* drop").starts_with("403 faults are off"));
    }
    assert_eq!(node.end(Signal::TERM), Some(0));
}
