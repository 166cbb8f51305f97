//! What the threads that serve connections count, where somebody wants to see it.
//!
//! Each thread has counters of its own, which it alone changes: a count is a load and a store of memory
//! that no other core writes, never an atomic addition. Who shows them adds up the threads'. A node that
//! shows none has no [`RequestMetrics`], and its connections look at one `Option` for each request.

mod durations;
mod topic_counts;

pub use durations::{Durations, Histogram};
pub use topic_counts::TopicCounts;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use uuid::Uuid;

/// API keys that are counted: all that there are, with room.
pub const API_KEYS: usize = 128;
/// Versions of an API that are counted apart.
pub const VERSIONS: usize = 24;
/// A number that one thread counts and others read.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Counts; only the thread that owns it may.
    pub fn add(&self, more: u64) {
        let before = self.0.load(Ordering::Relaxed);
        self.0.store(before.wrapping_add(more), Ordering::Relaxed);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is counted of one API.
#[derive(Debug)]
pub struct ApiMetrics {
    versions: [Count; VERSIONS],
    request_bytes: Count,
    response_bytes: Count,
    total: Histogram,
    local: Histogram,
}

impl Default for ApiMetrics {
    fn default() -> Self {
        ApiMetrics {
            versions: std::array::from_fn(|_| Count::default()),
            request_bytes: Count::default(),
            response_bytes: Count::default(),
            total: Histogram::default(),
            local: Histogram::default(),
        }
    }
}

/// A request that was answered.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// Its API's key.
    pub api_key: i16,
    /// Its version.
    pub api_version: i16,
    /// Its size.
    pub request_bytes: usize,
    /// The size of its answer.
    pub response_bytes: usize,
    /// From its arrival to its answer.
    pub total: Duration,
    /// What of it was work that nobody waited for.
    pub local: Duration,
}

/// Connections of a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionCounts {
    /// All that there were.
    pub opened: u64,
    /// Those that have ended.
    pub closed: u64,
}

/// One thread's counts.
#[derive(Debug)]
pub struct ThreadMetrics {
    apis: [OnceLock<Box<ApiMetrics>>; API_KEYS],
    /// Locked by its thread, and by who shows it: nobody else waits.
    topics: Mutex<BTreeMap<Uuid, TopicCounts>>,
    all_topics: Mutex<TopicCounts>,
    connections: Mutex<BTreeMap<String, ConnectionCounts>>,
}

impl Default for ThreadMetrics {
    fn default() -> Self {
        ThreadMetrics {
            apis: std::array::from_fn(|_| OnceLock::new()),
            topics: Mutex::default(),
            all_topics: Mutex::default(),
            connections: Mutex::default(),
        }
    }
}

impl ThreadMetrics {
    /// Counts a request.
    pub fn answered(&self, answered: &Answered) {
        let key = usize::try_from(answered.api_key).ok();
        let Some(api) = key.and_then(|key| self.apis.get(key)) else {
            return;
        };
        let api = api.get_or_init(Box::default);
        let version = usize::try_from(answered.api_version)
            .unwrap_or(0)
            .min(VERSIONS - 1);
        api.versions[version].add(1);
        api.request_bytes.add(answered.request_bytes as u64);
        api.response_bytes.add(answered.response_bytes as u64);
        api.total.add(answered.total);
        api.local.add(answered.local);
    }

    /// Counts for a topic.
    pub fn of_topic(&self, topic_id: &Uuid, counts: &TopicCounts) {
        self.all_topics.lock().add(counts);
        self.topics.lock().entry(*topic_id).or_default().add(counts);
    }

    /// A connection of this listener has begun.
    pub fn opened(&self, listener: &str) {
        let mut connections = self.connections.lock();
        match connections.get_mut(listener) {
            Some(counts) => counts.opened += 1,
            None => {
                let first = ConnectionCounts { opened: 1, closed: 0 };
                connections.insert(listener.to_owned(), first);
            }
        }
    }

    /// It has ended.
    pub fn closed(&self, listener: &str) {
        if let Some(counts) = self.connections.lock().get_mut(listener) {
            counts.closed += 1;
        }
    }
}

/// One API's counts, of all threads.
#[derive(Clone, Debug, Default)]
pub struct ApiSum {
    /// Requests by version.
    pub versions: BTreeMap<usize, u64>,
    /// Bytes of the requests.
    pub request_bytes: u64,
    /// Bytes of their answers.
    pub response_bytes: u64,
    /// From arrival to answer.
    pub total: Durations,
    /// What of it was work.
    pub local: Durations,
}

/// All threads' counts.
#[derive(Clone, Debug, Default)]
pub struct RequestSums {
    /// By API key.
    pub apis: BTreeMap<i16, ApiSum>,
    /// By topic.
    pub topics: BTreeMap<Uuid, TopicCounts>,
    /// Of all topics, also of those that are gone.
    pub all_topics: TopicCounts,
    /// By thread and listener.
    pub connections: Vec<BTreeMap<String, ConnectionCounts>>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct RequestMetrics {
    threads: Mutex<Vec<Arc<ThreadMetrics>>>,
}

impl RequestMetrics {
    /// For one more thread.
    pub fn thread(&self) -> Arc<ThreadMetrics> {
        let thread = Arc::new(ThreadMetrics::default());
        self.threads.lock().push(thread.clone());
        thread
    }

    /// Adds up what all threads have counted.
    pub fn sum(&self) -> RequestSums {
        let mut sums = RequestSums::default();
        for thread in &*self.threads.lock() {
            for (key, api) in thread.apis.iter().enumerate() {
                let Some(api) = api.get() else { continue };
                let sum = sums.apis.entry(key as i16).or_default();
                for (version, count) in api.versions.iter().enumerate() {
                    if count.get() > 0 {
                        *sum.versions.entry(version).or_default() += count.get();
                    }
                }
                sum.request_bytes += api.request_bytes.get();
                sum.response_bytes += api.response_bytes.get();
                sum.total.add(&api.total);
                sum.local.add(&api.local);
            }
            for (topic, counts) in &*thread.topics.lock() {
                sums.topics.entry(*topic).or_default().add(counts);
            }
            sums.all_topics.add(&thread.all_topics.lock());
            sums.connections.push(thread.connections.lock().clone());
        }
        sums
    }

    /// Forgets the counts of topics that are gone.
    pub fn keep_topics(&self, is_there: impl Fn(&Uuid) -> bool) {
        for thread in &*self.threads.lock() {
            thread.topics.lock().retain(|topic, _| is_there(topic));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_added_up() {
        let metrics = RequestMetrics::default();
        let topic = Uuid::from_u128(7);
        for bytes in [10, 20] {
            let thread = metrics.thread();
            thread.opened("A");
            let counts = TopicCounts {
                bytes_in: bytes,
                ..TopicCounts::default()
            };
            thread.of_topic(&topic, &counts);
            thread.answered(&Answered {
                api_key: 3,
                api_version: 12,
                request_bytes: 5,
                response_bytes: 6,
                total: Duration::from_millis(3),
                local: Duration::from_millis(1),
            });
            thread.closed("A");
        }
        let sums = metrics.sum();
        assert_eq!(sums.apis[&3].versions, BTreeMap::from([(12, 2)]));
        assert_eq!(
            (sums.apis[&3].request_bytes, sums.apis[&3].response_bytes),
            (10, 12)
        );
        assert_eq!((sums.topics[&topic].bytes_in, sums.all_topics.bytes_in), (30, 30));
        assert_eq!(
            sums.connections[1]["A"],
            ConnectionCounts { opened: 1, closed: 1 }
        );
        metrics.keep_topics(|_| false);
        let sums = metrics.sum();
        assert!(sums.topics.is_empty() && sums.all_topics.bytes_in == 30);
    }
}
