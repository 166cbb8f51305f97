//! A consumer of a share group (KIP-932) that accepts each record it is given, with its next ShareFetch.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use barnabas_protocol::api::ApiKey;
use barnabas_protocol::messages::{
    Decodable, GroupId, ShareFetchRequest, ShareFetchResponse, StrBytes, share_fetch_request,
};
use bytes::Bytes;
use uuid::Uuid;

use crate::engine::Role;
use crate::error::Failure;
use crate::frames::{FetchLimits, request};
use crate::shared::{Class, Phase, Shared};

const SHARE_FETCH: i16 = 1;
/// Bytes of the header in front of an answer: correlation id, tags.
const HEADER: usize = 5;
/// What KafkaShareConsumer asks for (`max.poll.records`).
const RECORDS_MAX: i32 = 500;
const ACCEPT: i8 = 1;

/// One member.
#[derive(Debug)]
pub struct ShareConsumer {
    group: GroupId,
    member_id: StrBytes,
    topic_id: Uuid,
    partitions: i32,
    /// Bytes that a record takes in its batch.
    record_bytes: u64,
    limits: FetchLimits,
    /// Epoch of the share session's next request.
    epoch: i32,
    /// Records it has and hasn't accepted yet, by partition.
    acquired: BTreeMap<i32, Vec<RangeInclusive<i64>>>,
    /// Accepted so far; offsets where there is one partition and one consumer.
    accepted: u64,
    since: Option<u64>,
}

impl ShareConsumer {
    /// A member of `group` that reads all partitions of the topic.
    pub fn new(
        group: &str,
        member_id: Uuid,
        (topic_id, partitions): (Uuid, i32),
        record_bytes: u64,
        limits: FetchLimits,
    ) -> ShareConsumer {
        ShareConsumer {
            group: GroupId(StrBytes::from_string(group.to_owned())),
            member_id: StrBytes::from_string(member_id.to_string()),
            topic_id,
            partitions,
            record_bytes,
            limits,
            epoch: 0,
            acquired: BTreeMap::new(),
            accepted: 0,
            since: None,
        }
    }

    /// The next request: the first names all partitions, the later ones those with something to accept.
    fn share_fetch(&mut self) -> Result<Bytes, Failure> {
        let mut acquired = std::mem::take(&mut self.acquired);
        let named: Vec<i32> = match self.epoch {
            0 => (0..self.partitions).collect(),
            _ => acquired.keys().copied().collect(),
        };
        let partitions: Vec<_> = named
            .into_iter()
            .map(|index| {
                let accepted = acquired.remove(&index).unwrap_or_default();
                share_fetch_request::FetchPartition::default()
                    .with_partition_index(index)
                    .with_acknowledgement_batches(accepted.iter().map(acceptance).collect())
            })
            .collect();
        let topics = if partitions.is_empty() {
            Vec::new()
        } else {
            let topic = share_fetch_request::FetchTopic::default().with_topic_id(self.topic_id);
            vec![topic.with_partitions(partitions)]
        };
        let body = ShareFetchRequest::default()
            .with_group_id(Some(self.group.clone()))
            .with_member_id(Some(self.member_id.clone()))
            .with_share_session_epoch(self.epoch)
            .with_max_wait_ms(self.limits.max_wait_ms)
            .with_min_bytes(self.limits.min_bytes)
            .with_max_bytes(self.limits.partition_bytes_max)
            .with_max_records(RECORDS_MAX)
            .with_batch_size(RECORDS_MAX)
            .with_topics(topics);
        self.epoch += 1;
        Ok(request(ApiKey::ShareFetch, SHARE_FETCH, &body)?.freeze())
    }
}

fn acceptance(records: &RangeInclusive<i64>) -> share_fetch_request::AcknowledgementBatch {
    share_fetch_request::AcknowledgementBatch::default()
        .with_first_offset(*records.start())
        .with_last_offset(*records.end())
        .with_acknowledge_types(vec![ACCEPT])
}

impl Role for ShareConsumer {
    fn kept(&self) -> usize {
        usize::MAX / 2
    }

    fn next(&mut self, shared: &mut Shared) -> Result<Option<Bytes>, Failure> {
        let following = shared.tail.as_ref().is_some_and(|tail| !tail.is_delivered());
        if self.since.is_some() || (shared.phase == Phase::Drain && !following) {
            return Ok(None);
        }
        self.since = Some(shared.now);
        self.share_fetch().map(Some)
    }

    fn answered(&mut self, front: &[u8], _size: usize, shared: &mut Shared) -> Result<(), Failure> {
        let mut body = Bytes::copy_from_slice(front.get(HEADER..).unwrap_or_default());
        let answer = ShareFetchResponse::decode(&mut body, SHARE_FETCH)
            .map_err(|error| Failure::Unexpected(format!("ShareFetch: {error}")))?;
        let refused = |what, code| {
            if code == 0 {
                Ok(())
            } else {
                Err(Failure::Refused { what, code })
            }
        };
        refused("ShareFetch", answer.error_code)?;
        let mut records = 0;
        for partition in answer.responses.iter().flat_map(|topic| &topic.partitions) {
            refused("ShareFetch", partition.error_code)?;
            refused("an acknowledgement", partition.acknowledge_error_code)?;
            for acquired in &partition.acquired_records {
                let range = acquired.first_offset..=acquired.last_offset;
                records += (range.end() - range.start() + 1).max(0) as u64;
                self.acquired
                    .entry(partition.partition_index)
                    .or_default()
                    .push(range);
            }
        }
        let since = self.since.take().unwrap_or(shared.now);
        if records > 0 {
            shared.count(Class::Fetch, since, records * self.record_bytes, records);
        }
        self.accepted += records;
        shared.delivered(0, self.accepted);
        Ok(())
    }

    fn is_idle(&self) -> bool {
        self.since.is_none()
    }

    fn is_gated(&self) -> bool {
        true
    }
}
