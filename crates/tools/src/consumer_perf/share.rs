//! `kafka-share-consumer-perf-test`: members of a share group, a thread each, until together they have
//! enough.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::options::{
    COMMAND_PROPERTY, DATE_FORMAT, DETAILED, FETCH_SIZE, GROUP, HIDE_HEADER, Measuring, NUM_RECORDS,
    OLD_CONFIG, OLD_NUM_RECORDS, PRINT_METRICS, REPORTING_INTERVAL, SOCKET_BUFFER, TIMEOUT, TOPIC,
    fetch_size, megabytes, now_ms, properties, size_of,
};
use crate::arguments::{BOOTSTRAP_SERVER, COMMAND_CONFIG, Options, Takes, Word, word};
use crate::client::share_member::ShareMember;
use crate::client::share_session::AcknowledgeType;
use crate::client::{Cluster, KafkaError, Properties};
use crate::console::Console;
use crate::console_consumer::share_settings;
use crate::failure::{Outcome, said};
use crate::java;

/// The tool's options.
#[rustfmt::skip]
pub const WORDS: &[Word] = &[
    BOOTSTRAP_SERVER, TOPIC, GROUP, FETCH_SIZE, COMMAND_PROPERTY, SOCKET_BUFFER, OLD_CONFIG, COMMAND_CONFIG,
    PRINT_METRICS, DETAILED, TIMEOUT, OLD_NUM_RECORDS, NUM_RECORDS, REPORTING_INTERVAL, DATE_FORMAT, HIDE_HEADER,
    word("threads", Takes::Value("number"), "So many members share the load (by default 1)."),
    word("show-consumer-stats", Takes::Nothing, "Tell of each member, too."),
];

/// How long is waited for records at once.
const TURN: Duration = Duration::from_millis(100);

/// What was read, of one member or of all.
#[derive(Default)]
struct Read {
    records: AtomicI64,
    bytes: AtomicU64,
}

impl Read {
    fn add(&self, bytes: u64) {
        self.records.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The columns that tell of it.
    fn columns(&self, (began_ms, ended_ms): (i64, i64), format: &str) -> String {
        let (records, bytes) = (
            self.records.load(Ordering::Relaxed),
            self.bytes.load(Ordering::Relaxed),
        );
        let seconds = (ended_ms - began_ms) as f64 / 1000.0;
        format!(
            "{}, {}, {:.4}, {:.4}, {:.4}, {records}, {}",
            java::date(began_ms, format),
            java::date(ended_ms, format),
            megabytes(bytes),
            megabytes(bytes) / seconds,
            records as f64 / seconds,
            ended_ms - began_ms
        )
    }
}

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(options: &Options, console: &mut Console) -> Outcome {
    options.stop_for_help("Measures how fast a topic can be read by a share group.")?;
    options.require(&["topic", "bootstrap-server"])?;
    let measuring = Measuring::of(options, console)?;
    if !options.has("hide-header") {
        console.line(
            "start.time, end.time, data.consumed.in.MB, MB.sec, nMsg.sec, data.consumed.in.nMsg, fetch.time.ms",
        );
    }
    let mut properties = properties(options, "perf-share-consumer-client")?;
    properties.insert("fetch.max.bytes".to_owned(), fetch_size(options)?.to_string());
    let threads: i32 = options.number("threads")?.unwrap_or(1);
    if threads < 1 {
        return said(format!("{threads} threads read nothing."));
    }
    let clients: Vec<String> = (1..=threads)
        .map(|index| {
            let id = properties.get("client.id").cloned().unwrap_or_default();
            if threads == 1 { id } else { format!("{id}-{index}") }
        })
        .collect();
    let group = options.value("group")?.unwrap_or("perf-share-consumer");
    let topic = options.value("topic")?.unwrap_or_default();
    let began_ms = now_ms();
    let all = Read::default();
    let each: Vec<Read> = clients.iter().map(|_| Read::default()).collect();
    let shared = Mutex::new(console);
    let reading = std::thread::scope(|scope| {
        let members = clients.iter().zip(&each).zip(1..).map(|((client, own), index)| {
            let mut properties = properties.clone();
            properties.insert("client.id".to_owned(), client.clone());
            let (all, shared, measuring) = (&all, &shared, &measuring);
            scope.spawn(move || {
                let progress = |line: String| {
                    let mut console = shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                    console.line(format!("{line} for share consumer {index}"));
                    console.flush();
                };
                read(measuring, &properties, (group, topic), (all, own), progress)
            })
        });
        let members: Vec<_> = members.collect();
        let outcomes = members
            .into_iter()
            .map(|member| member.join().unwrap_or_else(|_| died()));
        outcomes.collect::<Outcome<Vec<()>>>()
    });
    reading?;
    let console = shared
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let took = (began_ms, now_ms());
    if options.has("show-consumer-stats") {
        for ((client, own), index) in clients.iter().zip(&each).zip(1..) {
            let columns = own.columns(took, measuring.format);
            console.line(format!(
                "Share consumer {index} having client id {client} consumption metrics- {columns}"
            ));
        }
    }
    if all.records.load(Ordering::Relaxed) < measuring.wanted {
        measuring.warn(console);
    }
    console.line(all.columns(took, measuring.format));
    Ok(())
}

fn died() -> Outcome {
    Err(KafkaError::plain("a thread has ended too early").into())
}

/// One member's part.
fn read(
    measuring: &Measuring<'_>,
    properties: &Properties,
    (group, topic): (&str, &str),
    (all, own): (&Read, &Read),
    progress: impl Fn(String),
) -> Outcome {
    let cluster = Cluster::new(properties)?;
    let mut member = ShareMember::join(&cluster, group, share_settings(properties)?, topic)?;
    let mut last_record = Instant::now();
    let (mut reported, mut since, mut reported_ms) = (Instant::now(), Read::default(), now_ms());
    let is_enough = || all.records.load(Ordering::Relaxed) >= measuring.wanted;
    while !is_enough() && last_record.elapsed() <= measuring.timeout {
        let found = member.poll(TURN)?;
        if !found.is_empty() {
            last_record = Instant::now();
        }
        for record in &found {
            let bytes = size_of(record);
            all.add(bytes);
            own.add(bytes);
            since.add(bytes);
            member.settle(record, AcknowledgeType::Accept);
            if reported.elapsed() < measuring.interval {
                continue;
            }
            if measuring.interval.is_zero() {
                return said("Reporting interval must be greater than 0.");
            }
            if measuring.detailed {
                let now = now_ms();
                let elapsed = (now - reported_ms).max(1) as f64;
                let more = since.records.load(Ordering::Relaxed) as f64;
                progress(format!(
                    "{}, {}, {:.4}, {:.4}, {:.4}, {}, {}",
                    java::date(reported_ms, measuring.format),
                    java::date(now, measuring.format),
                    megabytes(own.bytes.load(Ordering::Relaxed)),
                    1000.0 * megabytes(since.bytes.load(Ordering::Relaxed)) / elapsed,
                    1000.0 * more / elapsed,
                    own.records.load(Ordering::Relaxed),
                    now - reported_ms
                ));
            }
            (reported, since, reported_ms) = (Instant::now(), Read::default(), now_ms());
        }
    }
    member.close();
    Ok(())
}
