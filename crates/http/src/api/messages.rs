//! Records of a topic: from an offset or a timestamp on, or the last ones; all, or those that match.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use barnabas_tools::client::fetch::{FetchSettings, Fetcher};
use barnabas_tools::client::leaders::TopicPartition;
use barnabas_tools::client::records::Fetched;
use barnabas_tools::client::topics::TopicDescription;
use barnabas_tools::client::{Cluster, KafkaError};
use serde_json::{Value, json};

use super::asked::Asked;
use super::decoding::Decoding;
use super::failure::Failure;
use super::filter::Filter;
use super::topics::{bounds, describe};
use super::{Asking, shown};

/// Records of one answer.
const RECORDS_MAX: i64 = 500;
/// So long is searched before the person is asked whether to go on.
const SEARCH_MAX: Duration = Duration::from_secs(5);
/// A value that is asked for by itself is shown up to here.
const WHOLE_BYTES: usize = 2 << 20;
const PATIENCE: Duration = Duration::from_millis(100);

/// How the console reads: little at a time, and never more than this of compressed records at once.
pub fn reading(asked: &Asked) -> FetchSettings {
    FetchSettings {
        read_committed: asked.text("isolation") == Some("read_committed"),
        max_wait: Duration::from_millis(500),
        max_bytes: 4 << 20,
        partition_max_bytes: 1 << 20,
        reset: Some(barnabas_tools::client::offsets::EARLIEST),
        decompressed_max: 32 << 20,
    }
}

/// The partitions that are asked for: the one that is named, or all.
///
/// # Errors
/// There is no such topic or partition.
pub fn partitions(cluster: &Cluster, asked: &Asked) -> Result<TopicDescription, Failure> {
    let mut topic = describe(cluster, asked.needed("topic")?)?;
    if let Some(wanted) = asked.int("partition")? {
        topic.partitions.retain(|at| at.index == wanted);
        if topic.partitions.is_empty() {
            return Err(
                KafkaError::of_code(3, Some(&format!("{} has no partition {wanted}", topic.name))).into(),
            );
        }
    }
    Ok(topic)
}

/// `messages?topic=…`, with `from=last|earliest|offset|timestamp` and `at=`, or `next=` of the answer before.
pub fn answer(asking: &Asking) -> Result<Value, Failure> {
    let topic = partitions(&asking.cluster, &asking.asked)?;
    found(asking, &topic, &|_| true, &|_, _| ())
}

/// The records that are asked for, of those that `is_wanted`; `add` may say more of each.
///
/// # Errors
/// What is asked makes no sense, or the cluster's.
pub fn found(
    asking: &Asking,
    topic: &TopicDescription,
    is_wanted: &dyn Fn(&Fetched) -> bool,
    add: &dyn Fn(&Fetched, &mut Value),
) -> Result<Value, Failure> {
    let (cluster, asked) = (&asking.cluster, &asking.asked);
    let settings = reading(asked);
    let bounds = bounds(cluster, topic, settings.read_committed)?;
    let count = asked.number("count")?.unwrap_or(50).clamp(1, RECORDS_MAX) as usize;
    let filter = Filter::of(asked)?;
    let takes = |record: &Fetched| is_wanted(record) && filter.takes(record);
    let starts = starts(cluster, asked, &topic.name, &bounds, count)?;
    let newest_first = asked.text("from").is_none_or(|from| from == "last") && asked.value("next").is_none();
    // The last ones of all partitions together are among the last ones of each.
    let room = if newest_first {
        count * bounds.len().max(1)
    } else {
        count
    };
    let search = search(cluster, settings, &topic.name, starts, &bounds, &takes, room)?;
    let mut found = search.found;
    if newest_first {
        found.sort_by_key(|record| (record.timestamp, record.partition, record.offset));
        found.drain(..found.len().saturating_sub(count));
    }
    let most = if asked.flag("whole") {
        WHOLE_BYTES
    } else {
        shown::CUT_BYTES
    };
    let mut decoding = Decoding::default();
    decoding.learn(asking, found.iter());
    let records = found.iter().map(|record| {
        let mut row = shown::record(record, most);
        decoding.add(record, &mut row, most);
        add(record, &mut row);
        row
    });
    let bounds = bounds
        .iter()
        .map(|(index, (start, end))| json!([index, start, end]));
    Ok(json!({
        "records": records.collect::<Vec<_>>(),
        "bounds": bounds.collect::<Vec<_>>(),
        "next": search.next,
        "scanned": search.scanned,
        "complete": search.complete,
    }))
}

/// The offset to begin with in each partition.
fn starts(
    cluster: &Cluster,
    asked: &Asked,
    topic: &str,
    bounds: &BTreeMap<i32, (i64, i64)>,
    count: usize,
) -> Result<BTreeMap<i32, i64>, Failure> {
    if let Some(next) = asked.text("next") {
        return positions(next).ok_or_else(|| Failure::bad("next is not what an answer has said"));
    }
    let at = asked.number("at")?;
    let needed = || at.ok_or_else(|| Failure::bad("at is missing"));
    let each = |of: &dyn Fn(i64, i64) -> i64| {
        bounds
            .iter()
            .map(|(index, (start, end))| (*index, of(*start, *end)))
            .collect()
    };
    Ok(match asked.text("from").unwrap_or("last") {
        "earliest" => each(&|start, _| start),
        "last" => each(&|start, end| (end - count as i64).max(start)),
        "offset" => {
            let offset = needed()?;
            each(&|start, end| offset.clamp(start, end))
        }
        "timestamp" => {
            let timestamp = needed()?;
            let wanted = bounds.keys().map(|index| ((topic.to_owned(), *index), timestamp));
            let found = cluster.list_offsets(&wanted.collect(), false)?;
            let offset = |index: i32, end: i64| match found.get(&(topic.to_owned(), index)) {
                Some(Ok(found)) if found.offset >= 0 => found.offset,
                _ => end,
            };
            bounds
                .iter()
                .map(|(index, (_, end))| (*index, offset(*index, *end)))
                .collect()
        }
        other => {
            return Err(Failure::bad(format!(
                "from={other}: last, earliest, offset or timestamp is expected"
            )));
        }
    })
}

/// Positions as an answer says them: `partition:offset` of each.
pub fn said(positions: impl Iterator<Item = (i32, i64)>) -> String {
    let pairs: Vec<String> = positions
        .map(|(index, offset)| format!("{index}:{offset}"))
        .collect();
    pairs.join(",")
}

/// The same, read; offsets are never negative.
pub fn positions(said: &str) -> Option<BTreeMap<i32, i64>> {
    let part = |pair: &str| {
        let (index, offset) = pair.split_once(':')?;
        let offset: i64 = offset.parse().ok()?;
        Some((index.parse().ok()?, offset)).filter(|_| offset >= 0)
    };
    said.split(',').map(part).collect()
}

struct Search {
    found: Vec<Fetched>,
    /// Where to go on, `partition:offset` of each that has more.
    next: Option<String>,
    scanned: u64,
    /// Whether all was read up to where the partitions ended when the search began.
    complete: bool,
}

fn search(
    cluster: &Cluster,
    settings: FetchSettings,
    topic: &str,
    starts: BTreeMap<i32, i64>,
    bounds: &BTreeMap<i32, (i64, i64)>,
    takes: &dyn Fn(&Fetched) -> bool,
    room: usize,
) -> Result<Search, Failure> {
    let end = |index: i32| bounds.get(&index).map_or(0, |(_, end)| *end);
    let open = starts.iter().filter(|(index, offset)| **offset < end(**index));
    let positions: BTreeMap<TopicPartition, i64> = open
        .map(|(index, offset)| ((topic.to_owned(), *index), *offset))
        .collect();
    let until = Instant::now() + SEARCH_MAX;
    let (mut found, mut scanned) = (Vec::new(), 0);
    let mut left_at: BTreeMap<i32, i64> = BTreeMap::new();
    let mut fetcher = Fetcher::new(cluster, settings);
    fetcher.assign(positions)?;
    let is_open = |fetcher: &Fetcher<'_>| fetcher.positions().iter().any(|(at, offset)| *offset < end(at.1));
    while is_open(&fetcher) && found.len() < room && Instant::now() < until {
        for record in fetcher.poll(PATIENCE)? {
            if record.offset >= end(record.partition) {
                continue;
            }
            if found.len() >= room {
                left_at.entry(record.partition).or_insert(record.offset);
                continue;
            }
            scanned += 1;
            if takes(&record) {
                found.push(record);
            }
        }
    }
    let rest = fetcher.positions().iter().map(|(at, offset)| {
        let offset = left_at.get(&at.1).copied().unwrap_or(*offset);
        (at.1, offset)
    });
    let rest = rest.filter(|(index, offset)| *offset < end(*index));
    let rest = said(rest);
    Ok(Search {
        found,
        complete: rest.is_empty(),
        next: Some(rest).filter(|rest| !rest.is_empty()),
        scanned,
    })
}
