//! A share session: what a member has asked of one leader so far, and what it tells it next. A leader keeps
//! the partitions of a session; a request names only what is new, what is gone, and what became of records.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use barnabas_protocol::messages::share_acknowledge_request::{
    AcknowledgePartition, AcknowledgeTopic, AcknowledgementBatch as SettledBatch,
};
use barnabas_protocol::messages::share_fetch_request::{
    AcknowledgementBatch, FetchPartition, FetchTopic, ForgottenTopic,
};
use barnabas_protocol::messages::{ShareAcknowledgeRequest, ShareFetchRequest};
use uuid::Uuid;

use super::{group_id, wire};

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcknowledgeType {
    /// There is no record at that offset.
    Gap = 0,
    /// It is done.
    Accept = 1,
    /// It may be delivered again.
    Release = 2,
    /// It is not to be delivered again.
    Reject = 3,
    /// More time is needed.
    Renew = 4,
}

/// How to read.
#[derive(Clone, Debug)]
pub struct ShareSettings {
    /// `fetch.max.wait.ms`.
    pub max_wait: Duration,
    /// `fetch.max.bytes`.
    pub max_bytes: i32,
    /// `max.poll.records`.
    pub max_records: i32,
    /// What the records of one answer may decompress to, bytes; what comes beyond is released.
    pub decompressed_max: usize,
}

impl Default for ShareSettings {
    fn default() -> Self {
        ShareSettings {
            max_wait: Duration::from_millis(500),
            max_bytes: 50 * 1024 * 1024,
            max_records: 500,
            decompressed_max: 1 << 30,
        }
    }
}

/// A partition by the id of its topic.
pub type IdPartition = (Uuid, i32);

/// What became of records, by partition and offset.
pub type Settled = BTreeMap<IdPartition, BTreeMap<i64, AcknowledgeType>>;

/// The epoch of a request that ends its session.
const FINAL: i32 = -1;

/// See the module.
#[derive(Debug, Default)]
pub struct ShareSession {
    /// Of the next request; 0 begins a session.
    epoch: i32,
    partitions: BTreeSet<IdPartition>,
}

impl ShareSession {
    /// Whether the next request begins it. Nothing can be acknowledged then.
    pub fn is_new(&self) -> bool {
        self.epoch == 0
    }

    /// The epoch of a request, and moves on to the next.
    fn step(&mut self) -> i32 {
        let epoch = self.epoch;
        self.epoch = self.epoch.checked_add(1).unwrap_or(1);
        epoch
    }

    /// Asks for records of these partitions, and tells what became of others.
    pub fn fetch(
        &mut self,
        (group, member): (&str, &str),
        settings: &ShareSettings,
        wanted: BTreeSet<IdPartition>,
        settled: &Settled,
    ) -> ShareFetchRequest {
        let new = wanted.difference(&self.partitions);
        let named: BTreeSet<IdPartition> = new.chain(settled.keys()).copied().collect();
        let topics = by_id(named.into_iter()).into_iter().map(|(id, indexes)| {
            let partitions = indexes.into_iter().map(|index| {
                let batches = runs(settled.get(&(id, index))).into_iter().map(|run| {
                    AcknowledgementBatch::default()
                        .with_first_offset(run.0)
                        .with_last_offset(run.1)
                        .with_acknowledge_types(vec![run.2 as i8])
                });
                FetchPartition::default()
                    .with_partition_index(index)
                    .with_acknowledgement_batches(batches.collect())
            });
            FetchTopic::default()
                .with_topic_id(id)
                .with_partitions(partitions.collect())
        });
        let gone = self.partitions.difference(&wanted).copied();
        let forgotten = by_id(gone).into_iter().map(|(id, indexes)| {
            ForgottenTopic::default()
                .with_topic_id(id)
                .with_partitions(indexes)
        });
        let request = ShareFetchRequest::default()
            .with_group_id(Some(group_id(group)))
            .with_member_id(Some(wire(member)))
            .with_max_wait_ms(settings.max_wait.as_millis() as i32)
            .with_min_bytes(1)
            .with_max_bytes(settings.max_bytes)
            .with_max_records(settings.max_records)
            .with_batch_size(settings.max_records)
            .with_topics(topics.collect())
            .with_forgotten_topics_data(forgotten.collect());
        self.partitions = wanted;
        request.with_share_session_epoch(self.step())
    }

    /// Tells what became of records; nothing more comes after that where it is the last request.
    pub fn acknowledge(
        &mut self,
        (group, member): (&str, &str),
        settled: &Settled,
        is_last: bool,
    ) -> ShareAcknowledgeRequest {
        let topics = by_id(settled.keys().copied()).into_iter().map(|(id, indexes)| {
            let partitions = indexes.into_iter().map(|index| {
                let batches = runs(settled.get(&(id, index))).into_iter().map(|run| {
                    SettledBatch::default()
                        .with_first_offset(run.0)
                        .with_last_offset(run.1)
                        .with_acknowledge_types(vec![run.2 as i8])
                });
                AcknowledgePartition::default()
                    .with_partition_index(index)
                    .with_acknowledgement_batches(batches.collect())
            });
            AcknowledgeTopic::default()
                .with_topic_id(id)
                .with_partitions(partitions.collect())
        });
        let renews = settled
            .values()
            .flat_map(BTreeMap::values)
            .any(|kind| *kind == AcknowledgeType::Renew);
        ShareAcknowledgeRequest::default()
            .with_group_id(Some(group_id(group)))
            .with_member_id(Some(wire(member)))
            .with_share_session_epoch(if is_last { FINAL } else { self.step() })
            .with_is_renew_ack(renews)
            .with_topics(topics.collect())
    }
}

/// Partitions by the ids of their topics.
fn by_id(partitions: impl Iterator<Item = IdPartition>) -> BTreeMap<Uuid, Vec<i32>> {
    let mut topics: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
    for (id, index) in partitions {
        topics.entry(id).or_default().push(index);
    }
    topics
}

/// Offsets that follow each other and had the same fate, as one: the first, the last, the fate.
fn runs(settled: Option<&BTreeMap<i64, AcknowledgeType>>) -> Vec<(i64, i64, AcknowledgeType)> {
    let mut runs: Vec<(i64, i64, AcknowledgeType)> = Vec::new();
    for (offset, kind) in settled.into_iter().flatten() {
        match runs.last_mut() {
            Some(run) if run.1 + 1 == *offset && run.2 == *kind => run.1 = *offset,
            _ => runs.push((*offset, *offset, *kind)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: (&str, &str) = ("g", "m");

    #[test]
    fn a_session_names_only_what_changes() {
        let settings = ShareSettings::default();
        let id = Uuid::from_u128(1);
        let mut session = ShareSession::default();
        let mut shown = |wanted: &[i32], settled: &Settled| {
            let wanted = wanted.iter().map(|index| (id, *index)).collect();
            let request = session.fetch(WHO, &settings, wanted, settled);
            let named: Vec<i32> = request
                .topics
                .iter()
                .flat_map(|topic| topic.partitions.iter().map(|partition| partition.partition_index))
                .collect();
            let gone = request.forgotten_topics_data.iter();
            let gone: Vec<i32> = gone.flat_map(|topic| topic.partitions.clone()).collect();
            (request.share_session_epoch, named, gone)
        };
        let settled = Settled::from([((id, 1), BTreeMap::from([(7, AcknowledgeType::Accept)]))]);
        assert_eq!(shown(&[0, 1], &Settled::new()), (0, vec![0, 1], vec![]));
        assert_eq!(shown(&[0, 1], &Settled::new()), (1, vec![], vec![]));
        assert_eq!(shown(&[0, 1], &settled), (2, vec![1], vec![]));
        assert_eq!(shown(&[1, 2], &Settled::new()), (3, vec![2], vec![0]));
    }

    #[test]
    fn the_last_request_ends_the_session() {
        let id = Uuid::from_u128(1);
        let kinds = [
            AcknowledgeType::Accept,
            AcknowledgeType::Accept,
            AcknowledgeType::Renew,
        ];
        let settled = Settled::from([((id, 0), (4..).zip(kinds).collect())]);
        let mut session = ShareSession::default();
        session.fetch(WHO, &ShareSettings::default(), BTreeSet::new(), &Settled::new());
        let request = session.acknowledge(WHO, &settled, false);
        assert!(request.is_renew_ack && request.share_session_epoch == 1);
        let batches = &request.topics[0].partitions[0].acknowledgement_batches;
        let batches = batches.iter().map(|batch| {
            let (first, last) = (batch.first_offset, batch.last_offset);
            (first, last, batch.acknowledge_types.clone())
        });
        assert_eq!(batches.collect::<Vec<_>>(), [(4, 5, vec![1]), (6, 6, vec![4])]);
        let last = session.acknowledge(WHO, &Settled::new(), true);
        assert!(!last.is_renew_ack && last.share_session_epoch == FINAL);
    }
}
