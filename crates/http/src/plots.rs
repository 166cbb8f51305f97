//! What the console plots: rates and latencies of this node, in a ring of a fixed size, of the last hour.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use barnabas_network::metrics::{RequestMetrics, RequestSums};
use barnabas_protocol::api::ApiKey;
use parking_lot::Mutex;
use serde_json::{Value, json};

/// How often a point is taken.
const STEP: Duration = Duration::from_secs(15);
/// How many: an hour of them.
const POINTS: usize = 240;

/// What happened between a point and the one before, by second where it is a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Point {
    ms: i64,
    messages_in: f32,
    bytes_in: f32,
    bytes_out: f32,
    requests: f32,
    produce_p99_ms: f32,
    fetch_local_p99_ms: f32,
    connections: u32,
}

/// The ring.
#[derive(Default)]
pub struct Plots {
    points: Mutex<VecDeque<Point>>,
}

impl Plots {
    /// Takes points, for ever.
    pub async fn keep(&self, requests: &RequestMetrics) {
        let mut turns = tokio::time::interval(STEP);
        turns.tick().await;
        let mut before = requests.sum();
        loop {
            turns.tick().await;
            let now = requests.sum();
            let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let ms = i64::try_from(wall.as_millis()).unwrap_or(0);
            let mut points = self.points.lock();
            if points.len() == POINTS {
                points.pop_front();
            }
            points.push_back(between(&before, &now, ms));
            before = now;
        }
    }

    /// The points by what they tell of, the oldest first.
    pub fn shown(&self) -> Value {
        let points = self.points.lock();
        let series = |of: fn(&Point) -> f64| points.iter().map(of).collect::<Vec<f64>>();
        json!({
            "step": STEP.as_millis() as u64,
            "times": points.iter().map(|point| point.ms).collect::<Vec<_>>(),
            "messagesIn": series(|point| f64::from(point.messages_in)),
            "bytesIn": series(|point| f64::from(point.bytes_in)),
            "bytesOut": series(|point| f64::from(point.bytes_out)),
            "requests": series(|point| f64::from(point.requests)),
            "produceP99": series(|point| f64::from(point.produce_p99_ms)),
            "fetchLocalP99": series(|point| f64::from(point.fetch_local_p99_ms)),
            "connections": series(|point| f64::from(point.connections)),
        })
    }
}

fn between(before: &RequestSums, now: &RequestSums, ms: i64) -> Point {
    let rate = |before: u64, now: u64| now.saturating_sub(before) as f32 / STEP.as_secs_f32();
    let (was, is) = (&before.all_topics, &now.all_topics);
    let answered = |sums: &RequestSums| -> u64 { sums.apis.values().map(|api| api.total.count).sum() };
    let p99 = |key: ApiKey, is_local: bool| {
        let of = |sums: &RequestSums| {
            let api = sums.apis.get(&(key as i16));
            api.map(|api| {
                if is_local {
                    api.local.clone()
                } else {
                    api.total.clone()
                }
            })
            .unwrap_or_default()
        };
        let lately = of(now).since(&of(before));
        if lately.count == 0 {
            0.0
        } else {
            lately.percentile_ms(0.99) as f32
        }
    };
    let connections = now.connections.iter().flat_map(|thread| thread.values());
    let connections: u64 = connections
        .map(|counts| counts.opened.saturating_sub(counts.closed))
        .sum();
    Point {
        ms,
        messages_in: rate(was.messages_in, is.messages_in),
        bytes_in: rate(was.bytes_in, is.bytes_in),
        bytes_out: rate(was.bytes_out, is.bytes_out),
        requests: rate(answered(before), answered(now)),
        produce_p99_ms: p99(ApiKey::Produce, false),
        fetch_local_p99_ms: p99(ApiKey::Fetch, true),
        connections: u32::try_from(connections).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_of_its_step() {
        let mut before = RequestSums::default();
        before.all_topics.messages_in = 100;
        let mut now = before.clone();
        now.all_topics.messages_in += 30;
        now.all_topics.bytes_out += 150;
        let point = between(&before, &now, 7);
        assert_eq!((point.ms, point.messages_in, point.bytes_out), (7, 2.0, 10.0));
        assert_eq!(
            between(&now, &now, 8),
            Point {
                ms: 8,
                ..Point::default()
            }
        );
    }
}
