//! Reading until there is enough.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use regex::Regex;

use super::options::{Reading, Topics};
use crate::arguments::Options;
use crate::client::fetch::{FetchSettings, Fetcher, reset_of};
use crate::client::leaders::{TopicPartition, topics_of};
use crate::client::membership::{MemberSettings, Membership};
use crate::client::offsets::{EARLIEST, LATEST};
use crate::client::records::Fetched;
use crate::client::{Cluster, KafkaError, Properties, Stop};
use crate::console::Console;
use crate::failure::{Failure, Outcome, usage};

/// How long is waited for records at once.
const TURN: Duration = Duration::from_millis(200);
/// How often is looked for a topic that there isn't yet.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(options: &Options, console: &mut Console) -> Outcome {
    let reading = Reading::of(options, console)?;
    let cluster = Cluster::new(&reading.properties)?;
    let stop = Stop::listen(&cluster)?;
    let mut shown = 0;
    let done = read(&cluster, &reading, &stop, console, &mut shown);
    console.error(format!("Processed a total of {shown} messages"));
    if options.has("enable-systest-events") {
        console.line("shutdown_complete");
    }
    match done {
        // As Kafka's tool: what goes wrong while it reads ends it, and is no failure.
        Err(Failure::Kafka(error)) => {
            console.error(error.to_string());
            Ok(())
        }
        Ok(()) => stop.code().map_or(Ok(()), |code| Err(Failure::Exit(code))),
        other => other,
    }
}

fn read(
    cluster: &Cluster,
    reading: &Reading,
    stop: &Stop,
    console: &mut Console,
    shown: &mut i64,
) -> Outcome {
    let mut source = Source::new(cluster, reading)?;
    let mut last = Instant::now();
    let mut line = Vec::new();
    let timeout = reading.timeout_ms.map(Duration::from_millis);
    while reading.max_messages.is_none_or(|most| *shown < most) && !stop.is_set() {
        let left = timeout.map_or(TURN, |timeout| timeout.saturating_sub(last.elapsed()).min(TURN));
        let records = source.poll(left)?;
        for record in &records {
            line.clear();
            if reading.max_messages.is_some_and(|most| *shown >= most) {
                break;
            }
            *shown += 1;
            match reading.formatter.write(record, &mut line) {
                Ok(()) => console.bytes(&line),
                Err(why) if reading.skips_errors => console.error(why),
                Err(why) => {
                    console.error(why);
                    return Err(Failure::Exit(1));
                }
            }
            source.delivered(record);
        }
        if !console.flush() {
            console.error("Unable to write to standard out, closing consumer.");
            break;
        }
        if !records.is_empty() {
            last = Instant::now();
        } else if timeout.is_some_and(|timeout| last.elapsed() >= timeout) {
            console.error("org.apache.kafka.common.errors.TimeoutException");
            break;
        }
    }
    source.close();
    Ok(())
}

/// Where records come from.
struct Source<'a> {
    cluster: &'a Cluster,
    fetcher: Fetcher<'a>,
    topics: Wanted,
    reset: Option<i64>,
    member: Option<Membership<'a>>,
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
    fn new(cluster: &'a Cluster, reading: &Reading) -> Outcome<Self> {
        let properties = &reading.properties;
        let reset = reset_of(&reading.reset);
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
            delivered: (reading.group.is_some() && auto_commit).then(BTreeMap::new),
            commit_interval: millis(properties, "auto.commit.interval.ms", 5000)?,
            last_commit: Instant::now(),
            metadata_max_age: millis(properties, "metadata.max.age.ms", 300_000)?,
            last_look: None,
            known: Vec::new(),
        };
        match &reading.topics {
            Topics::Partition(topic, partition, offset) => {
                cluster.leaders(std::slice::from_ref(topic), true)?;
                source
                    .fetcher
                    .assign(BTreeMap::from([((topic.clone(), *partition), *offset)]))?;
            }
            Topics::One(topic) => source.topics = Wanted::One(topic.clone()),
            Topics::Matching(pattern) => {
                let pattern = Regex::new(&format!("^(?:{pattern})$"));
                source.topics = Wanted::Matching(pattern.map_err(|error| Failure::Said(error.to_string()))?);
            }
        }
        if let Some(group) = &reading.group {
            source.group = Some((group.clone(), member_settings(properties)?));
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
                let (member, assigned) = Membership::join(self.cluster, &group, settings, &topics)?;
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

    fn poll(&mut self, patience: Duration) -> Result<Vec<Fetched>, KafkaError> {
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
    fn delivered(&mut self, record: &Fetched) {
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

    fn close(mut self) {
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

fn fetch_settings(properties: &Properties, reset: Option<i64>) -> Outcome<FetchSettings> {
    let default = FetchSettings::default();
    let bytes = |name: &str, default: i32| match properties.get(name) {
        None => Ok(default),
        Some(text) => text.trim().parse().map_err(|_| {
            Failure::Said(format!(
                "Invalid value {text} for configuration {name}: Not a number of type INT"
            ))
        }),
    };
    Ok(FetchSettings {
        read_committed: properties
            .get("isolation.level")
            .is_some_and(|level| level == "read_committed"),
        max_wait: millis(properties, "fetch.max.wait.ms", 500)?,
        max_bytes: bytes("fetch.max.bytes", default.max_bytes)?,
        partition_max_bytes: bytes("max.partition.fetch.bytes", default.partition_max_bytes)?,
        reset,
    })
}

fn member_settings(properties: &Properties) -> Outcome<MemberSettings> {
    Ok(MemberSettings {
        session_timeout: millis(properties, "session.timeout.ms", 45_000)?,
        heartbeat_interval: millis(properties, "heartbeat.interval.ms", 3000)?,
        rebalance_timeout: millis(properties, "max.poll.interval.ms", 300_000)?,
        instance: properties.get("group.instance.id").cloned(),
    })
}
