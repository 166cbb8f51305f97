//! Redrive: each dead letter's record, or its copy where the record is gone, is written to the partition that
//! it came from. Records and progress are one transaction, so that none goes back twice, however often the
//! tool is stopped and started; two at once fence each other.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use barnabas_protocol::records::Compression;

use super::letter::Letter;
use super::originals;
use super::progress::{self, Progress};
use crate::client::Cluster;
use crate::client::exactly_once::ExactlyOnce;
use crate::client::fetch::{FetchSettings, Fetcher};
use crate::client::leaders::TopicPartition;
use crate::client::new_record::{NewRecord, ProduceSettings};
use crate::client::offsets::{EARLIEST, LATEST};
use crate::client::produce::Producer;
use crate::client::records::Fetched;
use crate::failure::{Outcome, said};

/// Dead letters of one transaction, and bytes of their copies, at most.
const LETTERS_MAX: usize = 500;
const BYTES_MAX: usize = 4 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(1);
/// How often nothing may come though there should be something.
const TRIES: u32 = 30;

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The dead letter topic.
    pub topic: &'a str,
    /// Only what these groups have given up; of all where it is empty.
    pub groups: Vec<&'a str>,
    /// Only what was in these topics; in any where it is empty.
    pub from_topics: Vec<&'a str>,
    /// Where to, in place of where each came from.
    pub to_topic: Option<&'a str>,
    /// The group whose committed offsets say what is done.
    pub progress_group: &'a str,
    /// Only so many, the oldest first.
    pub most: u64,
    /// Whether it is done, or only said.
    pub executes: bool,
}

/// What was done, or would be.
#[derive(Debug, Default)]
pub struct Account {
    /// Dead letters that go back, by group, topic of the record, and where it goes.
    pub back: BTreeMap<(String, String, String), u64>,
    /// Those that stay: the record is gone and was not copied, or its topic is gone.
    pub gone: u64,
    /// Those that stay because they are not asked for.
    pub left: u64,
}

/// The group that notes what has gone back, unless another is named.
pub fn progress_group_of(topic: &str) -> String {
    format!("redrive.{topic}")
}

/// Takes dead letters back, or says which would go.
///
/// # Errors
/// The cluster's; what was written before stays noted.
pub fn redrive(cluster: &Cluster, wanted: &Wanted<'_>) -> Outcome<Account> {
    let group = wanted.progress_group;
    // Before the progress is read: who was at it before is done with it now.
    let mut writer = match wanted.executes {
        true => Some(ExactlyOnce::new(cluster, group, producer_of(cluster, group)?)),
        false => None,
    };
    let mut reader = Reader::new(cluster, wanted.topic, group)?;
    let mut account = Account::default();
    let mut back = 0;
    while back < wanted.most {
        let most = usize::try_from(wanted.most - back)
            .unwrap_or(usize::MAX)
            .min(LETTERS_MAX);
        let letters = reader.next(wanted, most, &mut account)?;
        if letters.is_empty() {
            break;
        }
        let read = (&mut reader, letters);
        back += step(cluster, wanted, read, writer.as_mut(), &mut account)?;
    }
    Ok(account)
}

/// A transaction's worth; answers how many records go back.
fn step(
    cluster: &Cluster,
    wanted: &Wanted<'_>,
    (reader, letters): (&mut Reader<'_>, Vec<(Letter, Fetched)>),
    writer: Option<&mut ExactlyOnce<'_>>,
    account: &mut Account,
) -> Outcome<u64> {
    let asked: Vec<Letter> = letters.iter().map(|(letter, _)| letter.clone()).collect();
    let mut originals = originals::read(cluster, &asked)?;
    let mut records: BTreeMap<TopicPartition, Vec<NewRecord>> = BTreeMap::new();
    let mut back = 0;
    for (letter, dead) in letters {
        let at = (dead.topic.clone(), dead.partition);
        let original = originals.remove(&(letter.topic.clone(), letter.partition, letter.offset));
        let topic = wanted.to_topic.unwrap_or(&letter.topic);
        let target = reader.partition_of(topic, letter.partition)?;
        let (Some(record), Some(target)) = (restored(original, &dead), target) else {
            account.gone += 1;
            reader.left(&at, dead.offset);
            continue;
        };
        records
            .entry((topic.to_owned(), target))
            .or_default()
            .push(record);
        *account
            .back
            .entry((letter.group, letter.topic.clone(), topic.to_owned()))
            .or_default() += 1;
        back += 1;
        reader.done(&at, dead.offset);
    }
    if let Some(writer) = writer.filter(|_| back > 0) {
        let Some(offsets) = reader.noted() else {
            return said(
                "What went back is too scattered among what did not to be noted. Take all dead letters back, \
                 or choose another --progress-group.",
            );
        };
        writer.write(records, wanted.progress_group, &offsets)?;
    }
    Ok(back)
}

/// The record as it was, or its copy; none if both are gone. The copy tells whether a record at the same
/// place is another one, in a topic that was made anew.
fn restored(original: Option<Fetched>, dead: &Fetched) -> Option<NewRecord> {
    let has_copy = dead.key.is_some() || dead.value.is_some();
    let is_same = |found: &Fetched| !has_copy || (found.key == dead.key && found.value == dead.value);
    if let Some(found) = original.filter(is_same) {
        let header =
            |(key, value): (Vec<u8>, Option<Vec<u8>>)| (String::from_utf8_lossy(&key).into_owned(), value);
        return Some(NewRecord {
            key: found.key,
            value: found.value,
            headers: found.headers.into_iter().map(header).collect(),
            timestamp: now_ms(),
        });
    }
    has_copy.then(|| NewRecord {
        key: dead.key.clone(),
        value: dead.value.clone(),
        headers: Vec::new(),
        timestamp: now_ms(),
    })
}

/// Reads the dead letters that are not done, up to the ends that the partitions had in the beginning.
struct Reader<'a> {
    cluster: &'a Cluster,
    fetcher: Fetcher<'a>,
    ends: BTreeMap<TopicPartition, i64>,
    progress: BTreeMap<TopicPartition, Progress>,
    ahead: std::collections::VecDeque<Fetched>,
    partitions: BTreeMap<String, i32>,
}

impl<'a> Reader<'a> {
    fn new(cluster: &'a Cluster, topic: &str, group: &str) -> Outcome<Self> {
        let leaders = cluster.leaders(&[topic.to_owned()], false)?;
        let partitions: Vec<TopicPartition> = leaders.into_keys().collect();
        if partitions.is_empty() {
            return said(format!("There is no topic {topic}."));
        }
        let at = |time: i64| partitions.iter().map(|at| (at.clone(), time)).collect();
        let mut ends = BTreeMap::new();
        for (at, end) in cluster.list_offsets(&at(LATEST), true)? {
            ends.insert(at, end?.offset);
        }
        let mut begins = BTreeMap::new();
        for (at, begin) in cluster.list_offsets(&at(EARLIEST), true)? {
            begins.insert(at, begin?.offset);
        }
        let progress = progress::read(cluster, group, &begins)?;
        let settings = FetchSettings {
            read_committed: true,
            reset: Some(EARLIEST),
            ..FetchSettings::default()
        };
        let mut fetcher = Fetcher::new(cluster, settings);
        let open = progress
            .iter()
            .filter(|(at, progress)| ends[*at] > progress.offset);
        let positions = open.map(|(at, progress)| (at.clone(), progress.offset));
        fetcher.assign(positions.collect())?;
        Ok(Reader {
            cluster,
            fetcher,
            ends,
            progress,
            ahead: std::collections::VecDeque::new(),
            partitions: BTreeMap::new(),
        })
    }

    /// The next dead letters that are wanted; none at the end.
    fn next(
        &mut self,
        wanted: &Wanted<'_>,
        most: usize,
        account: &mut Account,
    ) -> Outcome<Vec<(Letter, Fetched)>> {
        let (mut letters, mut bytes, mut misses) = (Vec::new(), 0, 0);
        while letters.len() < most && bytes < BYTES_MAX {
            let Some(record) = self.ahead.pop_front() else {
                if self.is_at_end() {
                    break;
                }
                let fetched = self.fetcher.poll(PATIENCE)?;
                misses = if fetched.is_empty() { misses + 1 } else { 0 };
                if misses > TRIES {
                    return said(format!("{} can't be read to its end.", wanted.topic));
                }
                let ends = &self.ends;
                let in_time = fetched.into_iter().filter(|record| {
                    let end = ends.get(&(record.topic.clone(), record.partition));
                    end.is_some_and(|end| record.offset < *end)
                });
                self.ahead.extend(in_time);
                continue;
            };
            let at = (record.topic.clone(), record.partition);
            if self
                .progress
                .get(&at)
                .is_some_and(|progress| progress.is_done(record.offset))
            {
                continue;
            }
            match Letter::of(&record).filter(|letter| is_wanted(wanted, letter)) {
                Some(letter) => {
                    bytes += record.value.as_ref().map_or(0, Vec::len);
                    letters.push((letter, record));
                }
                None => {
                    account.left += 1;
                    self.left(&at, record.offset);
                }
            }
        }
        Ok(letters)
    }

    fn is_at_end(&self) -> bool {
        let mut positions = self.fetcher.positions().iter();
        positions.all(|(at, position)| self.ends.get(at).is_none_or(|end| position >= end))
    }

    fn done(&mut self, at: &TopicPartition, offset: i64) {
        if let Some(progress) = self.progress.get_mut(at) {
            progress.done(offset);
        }
    }

    fn left(&mut self, at: &TopicPartition, offset: i64) {
        if let Some(progress) = self.progress.get_mut(at) {
            progress.left(offset);
        }
    }

    fn noted(&mut self) -> Option<BTreeMap<TopicPartition, (i64, String)>> {
        let noted = self.progress.iter_mut().map(|(at, progress)| {
            progress.settle();
            Some((at.clone(), (progress.offset, progress.noted()?)))
        });
        noted.collect()
    }

    /// The partition of a topic that a record of this partition goes to: the same, as far as there are so
    /// many; none if there is no such topic.
    fn partition_of(&mut self, topic: &str, partition: i32) -> Outcome<Option<i32>> {
        if !self.partitions.contains_key(topic) {
            let leaders = self.cluster.leaders(&[topic.to_owned()], false)?;
            let count = i32::try_from(leaders.len()).unwrap_or(i32::MAX);
            self.partitions.insert(topic.to_owned(), count);
        }
        Ok(partition.checked_rem(self.partitions[topic]))
    }
}

fn is_wanted(wanted: &Wanted<'_>, letter: &Letter) -> bool {
    let among = |names: &[&str], name: &str| names.is_empty() || names.contains(&name);
    among(&wanted.groups, &letter.group) && among(&wanted.from_topics, &letter.topic)
}

fn producer_of(cluster: &Cluster, id: &str) -> Outcome<(i64, i16)> {
    let settings = ProduceSettings {
        acks: -1,
        compression: Compression::None,
        batch_size: 0,
        max_request_size: 0,
        request_timeout: cluster.settings().request_timeout,
        delivery_timeout: cluster.settings().api_timeout,
        max_block: cluster.settings().api_timeout,
        retries: 0,
        is_idempotent: true,
        transactional_id: Some(id.to_owned()),
    };
    Ok(Producer::new(cluster, settings, 0).init_producer_id()?)
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
