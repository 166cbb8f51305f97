//! Reading partitions: one Fetch on its way to each leader, whatever comes first is taken first.

use std::collections::BTreeMap;
use std::time::Duration;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use barnabas_protocol::messages::{FetchRequest, FetchResponse};
use tokio::time::Instant;

use super::leaders::{TopicPartition, by_topic, topics_of};
use super::offsets::{EARLIEST, LATEST};
use super::pending::OnTheirWay;
use super::records::{Fetched, Room, records};
use super::{Cluster, KafkaError, To, topic_name};

/// The newest Fetch that names topics by their names.
const FETCH_BY_NAME: i16 = 12;
/// A pause before a partition that can't be read at the moment is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// How to read.
#[derive(Clone, Debug)]
pub struct FetchSettings {
    /// Whether records of open and aborted transactions are left out.
    pub read_committed: bool,
    /// `fetch.max.wait.ms`.
    pub max_wait: Duration,
    /// `fetch.max.bytes`.
    pub max_bytes: i32,
    /// `max.partition.fetch.bytes`.
    pub partition_max_bytes: i32,
    /// Where to go on where the position is not in the log: [`EARLIEST`], [`LATEST`], or nowhere.
    pub reset: Option<i64>,
    /// What the records of one answer may decompress to, bytes; what comes beyond is fetched again.
    pub decompressed_max: usize,
}

impl Default for FetchSettings {
    fn default() -> Self {
        FetchSettings {
            read_committed: false,
            max_wait: Duration::from_millis(500),
            max_bytes: 50 * 1024 * 1024,
            partition_max_bytes: 1024 * 1024,
            reset: Some(LATEST),
            decompressed_max: 1 << 30,
        }
    }
}

type Answer = Result<(i16, FetchResponse), KafkaError>;

/// Reads partitions from their positions on.
pub struct Fetcher<'a> {
    cluster: &'a Cluster,
    settings: FetchSettings,
    positions: BTreeMap<TopicPartition, i64>,
    leaders: BTreeMap<TopicPartition, i32>,
    on_their_way: OnTheirWay<'a, Answer>,
    /// Not before, where something went wrong.
    next_metadata: Option<Instant>,
}

impl<'a> Fetcher<'a> {
    /// Reads nothing yet.
    pub fn new(cluster: &'a Cluster, settings: FetchSettings) -> Self {
        Fetcher {
            cluster,
            settings,
            positions: BTreeMap::new(),
            leaders: BTreeMap::new(),
            on_their_way: OnTheirWay::new(),
            next_metadata: None,
        }
    }

    /// Reads these partitions from these offsets on; [`EARLIEST`] and [`LATEST`] are found out. Others are
    /// no longer read, and what is on its way is dropped.
    ///
    /// # Errors
    /// An offset can't be found out.
    pub fn assign(&mut self, positions: BTreeMap<TopicPartition, i64>) -> Result<(), KafkaError> {
        let wanted: BTreeMap<TopicPartition, i64> = positions
            .iter()
            .filter(|(_, offset)| **offset < 0)
            .map(|(at, offset)| (at.clone(), *offset))
            .collect();
        self.on_their_way.clear();
        self.positions = positions;
        self.leaders.clear();
        self.next_metadata = Some(Instant::now());
        self.find_out(&wanted)
    }

    fn find_out(&mut self, wanted: &BTreeMap<TopicPartition, i64>) -> Result<(), KafkaError> {
        if wanted.is_empty() {
            return Ok(());
        }
        for (partition, answer) in self.cluster.list_offsets(wanted, self.settings.read_committed)? {
            self.positions.insert(partition, answer?.offset);
        }
        Ok(())
    }

    /// The next offset of each partition.
    pub fn positions(&self) -> &BTreeMap<TopicPartition, i64> {
        &self.positions
    }

    /// Waits for records, `patience` at most; there may be none.
    ///
    /// # Errors
    /// A partition can't be read.
    pub fn poll(&mut self, patience: Duration) -> Result<Vec<Fetched>, KafkaError> {
        let until = Instant::now() + patience;
        loop {
            if self.next_metadata.is_some_and(|at| at <= Instant::now()) {
                self.find_leaders()?;
            }
            self.send();
            let wake = self.next_metadata.map_or(until, |at| at.min(until));
            let first = self.cluster.wait(self.on_their_way.first(wake));
            if let Some((leader, answer)) = first {
                let found = self.take(leader, answer)?;
                if !found.is_empty() {
                    return Ok(found);
                }
            }
            if Instant::now() >= until {
                return Ok(Vec::new());
            }
        }
    }

    fn find_leaders(&mut self) -> Result<(), KafkaError> {
        self.next_metadata = None;
        let topics = topics_of(self.positions.keys());
        let leaders = self.cluster.leaders(&topics, false)?;
        self.leaders.clear();
        for partition in self.positions.keys() {
            match leaders.get(partition) {
                Some(Some(leader)) => {
                    self.leaders.insert(partition.clone(), *leader);
                }
                _ => self.next_metadata = Some(Instant::now() + PAUSE),
            }
        }
        Ok(())
    }

    /// Sends a Fetch to each leader that has none.
    fn send(&mut self) {
        let mut of_leader: BTreeMap<i32, Vec<(TopicPartition, i64)>> = BTreeMap::new();
        for (partition, leader) in &self.leaders {
            if !self.on_their_way.to(*leader) {
                let position = self.positions.get(partition).copied().unwrap_or_default();
                of_leader
                    .entry(*leader)
                    .or_default()
                    .push((partition.clone(), position));
            }
        }
        for (leader, partitions) in of_leader {
            let request = self.request(partitions);
            let cluster = self.cluster;
            let answer = async move {
                cluster
                    .call(To::Reader(leader), "fetch", FETCH_BY_NAME, |_| request.clone())
                    .await
            };
            self.on_their_way.add(leader, answer);
        }
    }

    fn request(&self, partitions: Vec<(TopicPartition, i64)>) -> FetchRequest {
        let topics = by_topic(partitions).into_iter().map(|(topic, partitions)| {
            let partitions = partitions.into_iter().map(|(index, position)| {
                FetchPartition::default()
                    .with_partition(index)
                    .with_current_leader_epoch(-1)
                    .with_fetch_offset(position)
                    .with_partition_max_bytes(self.settings.partition_max_bytes)
            });
            FetchTopic::default()
                .with_topic(topic_name(&topic))
                .with_partitions(partitions.collect())
        });
        FetchRequest::default()
            .with_replica_id((-1).into())
            .with_max_wait_ms(self.settings.max_wait.as_millis() as i32)
            .with_min_bytes(1)
            .with_max_bytes(self.settings.max_bytes)
            .with_isolation_level(i8::from(self.settings.read_committed))
            .with_session_id(0)
            .with_session_epoch(-1)
            .with_topics(topics.collect())
    }

    fn take(&mut self, leader: i32, answer: Answer) -> Result<Vec<Fetched>, KafkaError> {
        let (_, response) = answer?;
        KafkaError::check(response.error_code, None)?;
        let mut found = Vec::new();
        let mut lost = BTreeMap::new();
        let mut room = Room::new(self.settings.decompressed_max);
        for topic in &response.responses {
            for partition in &topic.partitions {
                let at = (topic.topic.to_string(), partition.partition_index);
                // It may have been given to another reader meanwhile.
                let Some(position) = self.positions.get(&at).copied() else {
                    continue;
                };
                match ErrorCode::from_code(partition.error_code) {
                    Some(ErrorCode::None) => {
                        let aborted = partition.aborted_transactions.as_deref();
                        let bytes = partition.records.as_deref().unwrap_or_default();
                        let (records, next) = records(&at.0, at.1, position, bytes, aborted, &mut room)?;
                        self.positions.insert(at, next);
                        found.extend(records);
                    }
                    Some(ErrorCode::OffsetOutOfRange) => match self.settings.reset {
                        Some(reset) => {
                            lost.insert(at, reset);
                        }
                        None => return Err(KafkaError::of_code(partition.error_code, None)),
                    },
                    Some(error) if error.retriable() => {
                        self.leaders.retain(|_, led_by| *led_by != leader);
                        self.next_metadata = Some(Instant::now() + PAUSE);
                    }
                    _ => return Err(KafkaError::of_code(partition.error_code, None)),
                }
            }
        }
        self.find_out(&lost)?;
        Ok(found)
    }
}

/// What `auto.offset.reset` asks for.
pub fn reset_of(name: &str) -> Option<i64> {
    match name {
        "earliest" => Some(EARLIEST),
        "latest" => Some(LATEST),
        _ => None,
    }
}
