//! docs/METRICS.md says what the table of metrics says, and the HTTP listener answers as it is described.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use barnabas_http::metrics::table::METRICS;

use crate::process::{Node, barnabas, refused};
use crate::workspace::root;
use rustix::process::Signal;

const BEGIN: &str = "<!-- the table is written by a test, see below -->\n";
const END: &str = "<!-- end of the table -->\n";

fn table() -> String {
    let mut text = String::from("| metric | type | labels | |\n| --- | --- | --- | --- |\n");
    for metric in METRICS {
        let (name, kind) = (metric.name, metric.kind.name());
        let labels = metric.labels.join(", ");
        writeln!(text, "| `{name}` | {kind} | {labels} | {} |", metric.help).unwrap();
    }
    text
}

/// `UPDATE_DOCS=1 cargo test -p barnabas-node --test it metrics` writes the table instead.
#[test]
fn the_page_lists_every_metric() {
    let path = root().join("docs/METRICS.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page
        .split_once(BEGIN)
        .expect("the page has a place for the table");
    let (written, after) = rest.split_once(END).expect("the table has an end");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
        return;
    }
    assert_eq!(
        written,
        table(),
        "write the table anew: UPDATE_DOCS=1 cargo test -p barnabas-node --test it metrics"
    );
}

fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // Who is refused may find the connection reset.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(address: &str, path: &str) -> String {
    ask(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"),
    )
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

#[test]
fn health_and_metrics_are_served_beside_the_broker() {
    let address = format!("127.0.0.1:{}", free_port());
    let node = Node::start(&["--ephemeral", "--port", "0", "--http", &address]);
    for (path, status) in [
        ("/healthz", "200 OK"),
        ("/readyz", "200 OK"),
        ("/metrics", "200 OK"),
        ("/console", "200 OK"),
        ("/console/assets/app.js", "200 OK"),
        ("/console/assets/../../Cargo.toml", "404 Not Found"),
        ("/console/api/overview", "200 OK"),
        ("/console/api/nothing", "404 Not Found"),
        ("/nothing", "404 Not Found"),
        ("/../../etc/passwd", "404 Not Found"),
        ("/%2e%2e/metrics", "404 Not Found"),
    ] {
        let answer = get(&address, path);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{path}: {answer}"
        );
    }
    let page = get(&address, "/metrics");
    for line in [
        "\nkafka_controller_kafkacontroller_activecontrollercount 1\n",
        "\nkafka_server_replicamanager_underreplicatedpartitions 0\n",
        "\nkafka_server_kafkaserver_brokerstate 3\n",
    ] {
        assert!(page.contains(line), "{line} in {page}");
    }
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(64 * 1024));
    for bad in [
        "POST /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "nonsense\r\n\r\n",
        &long,
    ] {
        let answer = ask(&address, bad);
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert!(get(&address, "/readyz").starts_with("HTTP/1.1 200"));
    assert_eq!(node.end(Signal::TERM), Some(0));
}

#[test]
fn who_asks_for_a_port_in_use_gets_no_node() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = refused(&["--ephemeral", "--port", "0", "--http", &address]);
    assert!(
        said.contains(&format!("barnabas.http.listener={address}")),
        "{said}"
    );
    let said = refused(&["--ephemeral", "--http", "9644"]);
    assert!(said.contains("HOST:PORT is expected"), "{said}");
    let node = Node::spawn(barnabas().args(["--ephemeral", "--port", "0", "--http", "off"]));
    assert_eq!(node.threads("http"), 0);
}
