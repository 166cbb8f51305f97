//! Where a consumer's records come from: partitions by themselves, or as a member of a group.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use regex::Regex;

use super::options::Topics;
use crate::client::fetch::{FetchSettings, Fetcher, reset_of};
use crate::client::leaders::{TopicPartition, topics_of};
use crate::client::member::Member;
use crate::client::membership::{MemberSettings, Offsets};
use crate::client::offsets::{EARLIEST, LATEST};
use crate::client::records::Fetched;
use crate::client::share_session::ShareSettings;
use crate::client::{Cluster, KafkaError, Properties};
use crate::failure::{Failure, Outcome, usage};

/// How often is looked for a topic that there isn't yet.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Where records come from.
pub struct Source<'a> {
    cluster: &'a Cluster,
    fetcher: Fetcher<'a>,
    topics: Wanted,
    reset: Option<i64>,
    member: Option<Member<'a>>,
    /// The group and its settings, until it has been joined.
    group: Option<(String, MemberSettings)>,
    /// The next offset of what was delivered and the epoch before it, where it is to be committed.
    delivered: Option<BTreeMap<TopicPartition, (i64, i32)>>,
    commit_interval: Duration,
    last_commit: Instant,
    metadata_max_age: Duration,
    last_look: Option<Instant>,
    known: Vec<TopicPartition>,
}

enum Wanted {
    One(String),
    Matching(Regex),
    /// What is read doesn't change.
    Fixed,
}

impl<'a> Source<'a> {
    /// Reads these topics, as a member of a group if one is named.
    ///
    /// # Errors
    /// A property makes no sense, or a partition is not there.
    pub fn new(
        cluster: &'a Cluster,
        properties: &Properties,
        topics: Topics,
        group: Option<String>,
        reset: &str,
    ) -> Outcome<Self> {
        let reset = reset_of(reset);
        let settings = fetch_settings(properties, reset)?;
        let auto_commit = properties
            .get("enable.auto.commit")
            .is_none_or(|value| value.trim() != "false");
        let mut source = Source {
            cluster,
            fetcher: Fetcher::new(cluster, settings),
            topics: Wanted::Fixed,
            reset,
            member: None,
            group: None,
            delivered: (group.is_some() && auto_commit).then(BTreeMap::new),
            commit_interval: millis(properties, "auto.commit.interval.ms", 5000)?,
            last_commit: Instant::now(),
            metadata_max_age: millis(properties, "metadata.max.age.ms", 300_000)?,
            last_look: None,
            known: Vec::new(),
        };
        match topics {
            Topics::Partition(topic, partition, offset) => {
                cluster.leaders(std::slice::from_ref(&topic), true)?;
                source
                    .fetcher
                    .assign(BTreeMap::from([((topic, partition), offset)]))?;
            }
            Topics::One(topic) => source.topics = Wanted::One(topic),
            Topics::Matching(pattern) => {
                let pattern = Regex::new(&format!("^(?:{pattern})$"));
                source.topics = Wanted::Matching(pattern.map_err(|error| Failure::Said(error.to_string()))?);
            }
        }
        if let Some(group) = group {
            source.group = Some((group, member_settings(properties)?));
        }
        Ok(source)
    }

    /// The partitions that there are to read, also of topics that come later.
    fn look(&self) -> Result<Vec<TopicPartition>, KafkaError> {
        let topics = match &self.topics {
            Wanted::One(topic) => vec![topic.clone()],
            Wanted::Matching(pattern) => {
                let topics = self.cluster.list_topics()?.into_iter();
                let matching = topics.filter(|topic| !topic.is_internal && pattern.is_match(&topic.name));
                matching.map(|topic| topic.name).collect()
            }
            Wanted::Fixed => return Ok(Vec::new()),
        };
        if topics.is_empty() {
            return Ok(Vec::new());
        }
        let leaders = self.cluster.leaders(&topics, true)?;
        Ok(leaders.into_keys().collect())
    }

    /// Takes up partitions that have come.
    fn refresh(&mut self) -> Result<(), KafkaError> {
        if matches!(self.topics, Wanted::Fixed) {
            return Ok(());
        }
        let pause = if self.known.is_empty() {
            LOOK_AGAIN
        } else {
            self.metadata_max_age
        };
        if self.last_look.is_some_and(|at| at.elapsed() < pause) {
            return Ok(());
        }
        let found = self.look()?;
        let is_first = self.last_look.is_none();
        self.last_look = Some(Instant::now());
        if found.is_empty() || found == self.known {
            return Ok(());
        }
        self.known = found.clone();
        if self.group.is_some() || self.member.is_some() {
            return self.rejoin();
        }
        // Who reads from the end on misses nothing of a partition that has come since.
        let start = if is_first { self.reset } else { Some(EARLIEST) };
        let mut positions = self.fetcher.positions().clone();
        for partition in found {
            positions.entry(partition).or_insert(start.unwrap_or(LATEST));
        }
        self.fetcher.assign(positions)
    }

    fn rejoin(&mut self) -> Result<(), KafkaError> {
        let topics = topics_of(&self.known);
        self.commit()?;
        let assigned = match (&mut self.member, self.group.take()) {
            (Some(member), _) => member.rejoin(&topics)?,
            (None, Some((group, settings))) => {
                let (member, assigned) = Member::join(self.cluster, &group, settings, &topics)?;
                self.member = Some(member);
                assigned
            }
            (None, None) => return Ok(()),
        };
        let committed = match &self.member {
            Some(member) if !assigned.is_empty() => {
                self.cluster.committed(member.group(), Some(&assigned))?
            }
            _ => BTreeMap::new(),
        };
        let mut positions = BTreeMap::new();
        for partition in assigned {
            let offset = match (committed.get(&partition), self.reset) {
                (Some(committed), _) => committed.offset,
                (None, Some(reset)) => reset,
                (None, None) => {
                    return Err(KafkaError::plain(format!(
                        "Undefined offset with no reset policy for partitions: [{}-{}]",
                        partition.0, partition.1
                    )));
                }
            };
            positions.insert(partition, offset);
        }
        self.fetcher.assign(positions)?;
        // Also where nothing has been read yet is committed.
        if let Some(delivered) = &mut self.delivered {
            let positions = self.fetcher.positions().iter();
            *delivered = positions
                .map(|(at, offset)| (at.clone(), (*offset, -1)))
                .collect();
        }
        Ok(())
    }

    /// Waits for records, `patience` at most; there may be none.
    ///
    /// # Errors
    /// The topics or the group can't be read.
    pub fn poll(&mut self, patience: Duration) -> Result<Vec<Fetched>, KafkaError> {
        self.refresh()?;
        if let Some(member) = &mut self.member
            && member.heartbeat()?
        {
            self.rejoin()?;
        }
        if self.last_commit.elapsed() >= self.commit_interval {
            self.commit()?;
        }
        let patience = if self.fetcher.positions().is_empty() {
            patience.min(LOOK_AGAIN)
        } else {
            patience
        };
        self.fetcher.poll(patience)
    }

    /// Notes what has been shown.
    pub fn delivered(&mut self, record: &Fetched) {
        if let Some(delivered) = &mut self.delivered {
            let at = (record.topic.clone(), record.partition);
            delivered.insert(at, (record.offset + 1, record.leader_epoch));
        }
    }

    fn commit(&mut self) -> Result<(), KafkaError> {
        self.last_commit = Instant::now();
        match (&mut self.member, &mut self.delivered) {
            (Some(member), Some(delivered)) => member.commit(delivered),
            _ => Ok(()),
        }
    }

    /// Commits these offsets for the group, beside what is committed at intervals.
    ///
    /// # Errors
    /// The group doesn't take them.
    pub fn commit_offsets(&self, offsets: &Offsets) -> Result<(), KafkaError> {
        match &self.member {
            Some(member) if !offsets.is_empty() => member.commit(offsets),
            _ => Ok(()),
        }
    }

    /// The partitions that are read.
    pub fn assigned(&self) -> Vec<TopicPartition> {
        self.fetcher.positions().keys().cloned().collect()
    }

    /// Whether there is something to read.
    pub fn is_assigned(&self) -> bool {
        !self.fetcher.positions().is_empty()
    }

    /// Commits what was delivered, and leaves the group.
    pub fn close(mut self) {
        // Whatever is lost here is read again.
        drop(self.commit());
        if let Some(member) = self.member {
            member.leave();
        }
    }
}

fn millis(properties: &Properties, name: &str, default: u64) -> Outcome<Duration> {
    match properties.get(name) {
        None => Ok(Duration::from_millis(default)),
        Some(text) => match text.trim().parse() {
            Ok(ms) => Ok(Duration::from_millis(ms)),
            Err(_) => usage(format!(
                "Invalid value {text} for configuration {name}: Not a number of type LONG"
            )),
        },
    }
}

fn int(properties: &Properties, name: &str, default: i32) -> Outcome<i32> {
    let Some(text) = properties.get(name) else {
        return Ok(default);
    };
    text.trim().parse().map_err(|_| {
        Failure::Said(format!(
            "Invalid value {text} for configuration {name}: Not a number of type INT"
        ))
    })
}

/// How a member of a share group reads, by its client's properties.
///
/// # Errors
/// One of them makes no sense.
pub fn share_settings(properties: &Properties) -> Outcome<ShareSettings> {
    let default = ShareSettings::default();
    Ok(ShareSettings {
        max_wait: millis(properties, "fetch.max.wait.ms", 500)?,
        max_bytes: int(properties, "fetch.max.bytes", default.max_bytes)?,
        max_records: int(properties, "max.poll.records", default.max_records)?,
        ..default
    })
}

fn fetch_settings(properties: &Properties, reset: Option<i64>) -> Outcome<FetchSettings> {
    let default = FetchSettings::default();
    Ok(FetchSettings {
        read_committed: properties
            .get("isolation.level")
            .is_some_and(|level| level == "read_committed"),
        max_wait: millis(properties, "fetch.max.wait.ms", 500)?,
        max_bytes: int(properties, "fetch.max.bytes", default.max_bytes)?,
        partition_max_bytes: int(
            properties,
            "max.partition.fetch.bytes",
            default.partition_max_bytes,
        )?,
        reset,
        ..default
    })
}

fn member_settings(properties: &Properties) -> Outcome<MemberSettings> {
    let by_consumer_protocol = match properties
        .get("group.protocol")
        .map(|name| name.trim().to_lowercase())
    {
        None => false,
        Some(name) if name == "classic" => false,
        Some(name) if name == "consumer" => true,
        Some(name) => {
            return usage(format!(
                "Invalid value {name} for configuration group.protocol: String must be one of (case insensitive): \
                 CLASSIC, CONSUMER"
            ));
        }
    };
    Ok(MemberSettings {
        session_timeout: millis(properties, "session.timeout.ms", 45_000)?,
        heartbeat_interval: millis(properties, "heartbeat.interval.ms", 3000)?,
        rebalance_timeout: millis(properties, "max.poll.interval.ms", 300_000)?,
        instance: properties.get("group.instance.id").cloned(),
        by_consumer_protocol,
    })
}
