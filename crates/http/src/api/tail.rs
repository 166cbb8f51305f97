//! `tail?topic=…`: records as they come, by server-sent events, for as long as the page is open.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::LazyLock;
use std::time::Duration;

use barnabas_tools::client::fetch::Fetcher;
use barnabas_tools::client::leaders::TopicPartition;
use barnabas_tools::client::offsets::LATEST;
use bytes::Bytes;
use hyper::{Response, StatusCode};
use tokio::sync::{Semaphore, mpsc};

use super::decoding::Decoding;
use super::failure::Failure;
use super::filter::Filter;
use super::messages::{partitions, positions, reading, said};
use super::{Asking, shown};
use crate::body::{self, Body};

/// Pages that follow topics at a time: each holds a thread.
const TAILS_MAX: usize = 6;
/// Events that wait for a page that is slow; it then gets no new ones until it has taken some.
const EVENTS_MAX: usize = 16;
/// Partitions of which a page that comes back says where it was.
const PLACES_MAX: usize = 200;
/// Records of one event.
const RECORDS_MAX: usize = 100;
const PATIENCE: Duration = Duration::from_millis(500);

static PLACES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(TAILS_MAX)));

/// Answers with events until the page goes; goes on behind what it has seen by a connection that was lost.
///
/// # Errors
/// Too many pages follow topics already.
pub fn answer(
    begin: impl FnOnce() -> Result<Asking, Failure> + Send + 'static,
    seen: Option<String>,
) -> Result<Response<Body>, Failure> {
    let place = PLACES.clone().try_acquire_owned().map_err(|_| {
        Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{TAILS_MAX} pages follow topics already: close one"),
        )
    })?;
    let (sender, events) = mpsc::channel(EVENTS_MAX);
    tokio::task::spawn_blocking(move || {
        let _place = place;
        if let Err(failure) = begin().and_then(|asking| follow(&asking, seen.as_deref(), &sender)) {
            // Nobody may be there to hear it.
            let _ = sender.blocking_send(event("failure", &failure.body()));
        }
    });
    Ok(body::events(events))
}

fn event(kind: &str, data: &serde_json::Value) -> Bytes {
    format!("event: {kind}\ndata: {data}\n\n").into()
}

fn follow(asking: &Asking, seen: Option<&str>, events: &mpsc::Sender<Bytes>) -> Result<(), Failure> {
    let topic = partitions(&asking.cluster, &asking.asked)?;
    let filter = Filter::of(&asking.asked)?;
    let seen = seen.and_then(positions).unwrap_or_default();
    let from: BTreeMap<TopicPartition, i64> = topic
        .partitions
        .iter()
        .map(|at| {
            (
                (topic.name.clone(), at.index),
                seen.get(&at.index).copied().unwrap_or(LATEST),
            )
        })
        .collect();
    let mut fetcher = Fetcher::new(&asking.cluster, reading(&asking.asked));
    fetcher.assign(from)?;
    let send = |kind: &str, data: &serde_json::Value| events.blocking_send(event(kind, data)).is_ok();
    if !send(
        "begin",
        &serde_json::json!({ "partitions": topic.partitions.len() }),
    ) {
        return Ok(());
    }
    let mut decoding = Decoding::default();
    let mut idle = 0;
    loop {
        let records = fetcher.poll(PATIENCE)?;
        let positions = fetcher.positions().iter().map(|(at, offset)| (at.1, *offset));
        let id = said(positions);
        let taken: Vec<_> = records.iter().filter(|record| filter.takes(record)).collect();
        decoding.learn(asking, taken.iter().copied());
        for part in taken.chunks(RECORDS_MAX) {
            let part: Vec<_> = part
                .iter()
                .map(|record| {
                    let mut row = shown::record(record, shown::CUT_BYTES);
                    decoding.add(record, &mut row, shown::CUT_BYTES);
                    row
                })
                .collect();
            if !send("records", &part.into()) {
                return Ok(());
            }
        }
        // The place is that behind all of them.
        let is_kept = taken.is_empty() || topic.partitions.len() > PLACES_MAX;
        if !is_kept
            && events
                .blocking_send(format!("id: {id}\nevent: place\ndata:\n\n").into())
                .is_err()
        {
            return Ok(());
        }
        idle += 1;
        // So that a connection that is gone is noticed.
        if events.is_closed() || (idle % 20 == 0 && !send("alive", &serde_json::Value::Null)) {
            return Ok(());
        }
    }
}
