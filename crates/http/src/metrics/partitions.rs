//! Topics, partitions and log directories of this broker.

use std::collections::BTreeMap;
use std::path::PathBuf;

use barnabas_broker::broker::Broker;
use barnabas_network::metrics::{RequestSums, TopicCounts};

use super::page::{Labels, Page};
use super::table;

/// `sums` has what clients wrote and read.
pub fn look(page: &mut Page, broker: &Broker, sums: &RequestSums) {
    topics(page, broker, sums);
    replicas(page, broker);
    logs(page, broker);
    cleaner(page, broker);
    let state = match (broker.stopping.is_cancelled(), is_alive(broker)) {
        (true, _) => 6,
        (false, true) => 3,
        (false, false) => 1,
    };
    page.count(&table::BROKER_STATE, &[], state);
    page.count(
        &table::REQUEST_MEMORY,
        &[],
        broker.request_memory.used_bytes() as u64,
    );
}

fn is_alive(broker: &Broker) -> bool {
    broker.image().alive_broker(broker.node_id).is_some()
}

fn topics(page: &mut Page, broker: &Broker, sums: &RequestSums) {
    counts(page, &[], &sums.all_topics);
    page.count(
        &table::TOPIC_REPLICATION_BYTES_OUT,
        &[],
        sums.all_topics.replication_bytes_out,
    );
    let image = broker.image();
    for (topic_id, of_topic) in &sums.topics {
        if let Some(topic) = image.topics.by_id(topic_id) {
            counts(page, &[("topic", &topic.name)], of_topic);
        }
    }
}

fn counts(page: &mut Page, labels: Labels<'_>, counts: &TopicCounts) {
    page.count(&table::TOPIC_MESSAGES_IN, labels, counts.messages_in);
    page.count(&table::TOPIC_BYTES_IN, labels, counts.bytes_in);
    page.count(&table::TOPIC_BYTES_OUT, labels, counts.bytes_out);
    page.count(&table::TOPIC_FAILED_PRODUCES, labels, counts.failed_produces);
    page.count(&table::TOPIC_FAILED_FETCHES, labels, counts.failed_fetches);
}

/// What the metadata says of this broker's replicas.
fn replicas(page: &mut Page, broker: &Broker) {
    let (mut all, mut led, mut lacking, mut under, mut at, mut offline, mut moving) = (0, 0, 0, 0, 0, 0, 0);
    let image = broker.image();
    for partition in broker.partitions().all() {
        let id = partition.id();
        all += 1;
        offline += u64::from(partition.check_online().is_err());
        let Some(state) = image.topics.partition(&id.topic, id.partition) else {
            continue;
        };
        if state.leader != broker.node_id {
            continue;
        }
        led += 1;
        moving += u64::from(state.is_reassigning());
        let wanted = usize::try_from(partition.settings().config.min_insync_replicas).unwrap_or(1);
        under += u64::from(state.isr.len() < wanted);
        at += u64::from(state.isr.len() == wanted);
        if state.isr.len() < state.replicas.len() - state.adding_replicas.len() {
            lacking += 1;
            let labels = [("topic", &*id.topic), ("partition", &id.partition.to_string())];
            page.count(&table::PARTITION_UNDER_REPLICATED, &labels, 1);
        }
    }
    page.count(&table::PARTITION_COUNT, &[], all);
    page.count(&table::LEADER_COUNT, &[], led);
    page.count(&table::UNDER_REPLICATED, &[], lacking);
    page.count(&table::UNDER_MIN_ISR, &[], under);
    page.count(&table::AT_MIN_ISR, &[], at);
    page.count(&table::OFFLINE_REPLICAS, &[], offline);
    page.count(&table::REASSIGNING, &[], moving);
    let (shrinks, expands) = broker.partitions().shared().isr_changes.counts();
    page.count(&table::ISR_SHRINKS, &[], shrinks);
    page.count(&table::ISR_EXPANDS, &[], expands);
}

/// The log cleaner.
fn cleaner(page: &mut Page, broker: &Broker) {
    let cleanings = broker.partitions().cleanings();
    let totals = cleanings.totals();
    page.put(&table::CLEANER_DIRTIEST, &[], 100.0 * totals.dirtiest);
    page.count(
        &table::CLEANER_SINCE_LOOK,
        &[],
        totals.since_look.as_millis() as u64,
    );
    page.put(&table::CLEANER_MAP, &[], 100.0 * totals.map_utilization);
    page.put(&table::CLEANER_RECOPIED, &[], 100.0 * totals.recopied);
    page.put(&table::CLEANER_LONGEST, &[], totals.longest.as_secs_f64());
    let directories = broker.replicas.log_dirs().all().iter();
    let mut given_up: BTreeMap<PathBuf, (u64, u64)> =
        directories.map(|dir| (dir.path().to_owned(), (0, 0))).collect();
    for partition in broker.partitions().all() {
        if cleanings.is_uncleanable(&partition) {
            let bytes = partition.with_log(|log, _| log.size_bytes()).unwrap_or(0);
            let sums = given_up.entry(partition.dir().path().to_owned()).or_default();
            *sums = (sums.0 + 1, sums.1 + bytes);
        }
    }
    for (path, (count, bytes)) in given_up {
        let path = path.to_string_lossy();
        let labels = [("logdirectory", &*path)];
        page.count(&table::UNCLEANABLE, &labels, count);
        page.count(&table::UNCLEANABLE_BYTES, &labels, bytes);
    }
}

fn logs(page: &mut Page, broker: &Broker) {
    let mut directories: BTreeMap<PathBuf, u64> = BTreeMap::new();
    for partition in broker.partitions().all() {
        let id = partition.id();
        let number = id.partition.to_string();
        let labels = [("topic", &*id.topic), ("partition", number.as_str())];
        let found =
            partition.with_log(|log, _| (log.size_bytes(), log.log_start_offset(), log.log_end_offset()));
        let Some((bytes, start, end)) = found else {
            continue;
        };
        page.count(&table::LOG_SIZE, &labels, bytes);
        page.put(&table::LOG_START, &labels, start as f64);
        page.put(&table::LOG_END, &labels, end as f64);
        *directories.entry(partition.dir().path().to_owned()).or_default() += bytes;
    }
    let mut failed = 0;
    for directory in broker.replicas.log_dirs().all() {
        let path = directory.path().to_string_lossy();
        let labels = [("logdirectory", &*path)];
        failed += u64::from(directory.is_failed());
        page.count(
            &table::DIRECTORY_OFFLINE,
            &labels,
            u64::from(directory.is_failed()),
        );
        let bytes = directories.get(directory.path()).copied();
        page.count(&table::DIRECTORY_BYTES, &labels, bytes.unwrap_or(0));
    }
    page.count(&table::DIRECTORIES_OFFLINE, &[], failed);
}
