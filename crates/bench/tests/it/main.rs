//! The generator against the floor program: that the whole of it works, and what its output looks like. Nothing is timed.

#![allow(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use std::net::{SocketAddr, TcpListener};

use barnabas_bench::engine::Report;
use barnabas_bench::error::Failure;
use barnabas_bench::options::Options;
use barnabas_bench::{floor, load};

/// Bytes the floor answers a Fetch with.
const FETCH_BYTES: usize = 200_000;

/// A floor that runs as long as the test process; what it writes goes with the folder.
fn floor() -> (SocketAddr, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let path = folder.path().to_owned();
    std::thread::spawn(move || floor::serve(&listener, &path, 2, FETCH_BYTES).unwrap());
    (address, folder)
}

fn with_floor(measure: impl Fn(&str) -> Result<Report, Failure>) -> Report {
    let (address, _folder) = floor();
    let pid = std::process::id();
    measure(&format!(
        "--floor --address {address} --pid {pid} --warm-up 0 --seconds 0.1"
    ))
    .unwrap()
}

fn options(line: &str) -> Options {
    Options::parse(line.split_whitespace().map(str::to_owned)).unwrap()
}

#[test]
fn produces_in_closed_and_open_loops() {
    for (more, batch_bytes) in [
        ("--batch 16K --connections 3 --partitions 2", 16_000..16_385),
        ("--batch 1M --in-flight 1", 1_000_000..1_048_577),
        ("--batch 138 --record 100 --connections 30 --rate 2000", 100..139),
    ] {
        let report = with_floor(|line| load::produce(options(&format!("{line} {more}"))));
        let class = &report.classes["produce"];
        assert!(class.requests > 0, "{more}");
        assert!(
            batch_bytes.contains(&(class.bytes / class.requests)),
            "{more}: {class:?}"
        );
        assert!(class.latency_us.unwrap().count > 0, "{more}");
    }
}

#[test]
fn without_acks_what_the_socket_takes_is_counted() {
    let report = with_floor(|line| {
        load::produce(options(&format!(
            "{line} --batch 138 --record 100 --connections 3 --acks 0"
        )))
    });
    let class = &report.classes["produce"];
    assert!(class.requests > 0);
    assert!((100..139).contains(&(class.bytes / class.requests)), "{class:?}");
    assert!(class.latency_us.is_none(), "{class:?}");
    assert!(
        report.seconds >= 0.1,
        "the measured time ends though no socket is ever full"
    );
}

#[test]
fn fetches_whole_answers() {
    let report = with_floor(|line| load::fetch(options(&format!("{line} --batch 16K"))));
    let class = &report.classes["fetch"];
    assert!(class.requests > 0);
    assert_eq!(class.bytes, class.requests * FETCH_BYTES as u64);
}

#[test]
fn fills_with_keyed_batches() {
    let (address, _folder) = floor();
    let line = format!("--floor --address {address} --bytes 1M --batch 16K --keys 100 --partitions 3");
    let filled = load::fill(options(&line)).unwrap();
    assert!((1_000_000..=1 << 20).contains(&filled.bytes), "{filled:?}");
    assert_eq!(filled.records, 64 * 16, "a record of 1 KB each");
}

#[test]
fn bytes_end_a_measurement_early() {
    let most = "--batch 64K --bytes-max 64K --seconds 1000";
    let report = with_floor(|line| load::produce(options(&line.replace("--seconds 0.1", most))));
    assert!(report.seconds < 1000.0);
    assert!(report.classes["produce"].bytes >= 64 << 10);
}

#[test]
fn the_printed_report_has_what_scripts_bench_reads() {
    let report = with_floor(|line| load::produce(options(line)));
    let json = serde_json::to_value(&report).unwrap();
    assert!(json["seconds"].as_f64().unwrap() > 0.0);
    let class = &json["classes"]["produce"];
    for field in ["requests", "bytes", "records"] {
        assert!(class[field].as_u64().unwrap() > 0, "{field}");
    }
    for field in ["p50", "p99", "p999", "max"] {
        assert!(class["latency_us"][field].as_f64().unwrap() > 0.0, "{field}");
    }
    assert_eq!(json["cpu_seconds"].is_number(), cfg!(target_os = "linux"));
    assert_eq!(json["resident_bytes"].is_number(), cfg!(target_os = "linux"));
}

#[test]
fn a_server_that_is_not_there_is_an_error() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let failed = load::produce(options(&format!("--floor --address {free} --seconds 0.1")));
    assert!(matches!(failed, Err(Failure::Io { .. })), "{failed:?}");
}
