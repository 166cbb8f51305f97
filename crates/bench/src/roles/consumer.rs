//! A consumer that fetches one partition after the other, or follows the tail of one.

use bytes::Bytes;
use uuid::Uuid;

use crate::answers::{FETCH_HEAD_BYTES, FetchHead};
use crate::engine::Role;
use crate::error::Failure;
use crate::frames::{FetchLimits, FetchSession, fetch};
use crate::shared::{Class, Phase, Shared};

/// All batches of a topic are alike: how many records and bytes one has.
#[derive(Debug, Clone, Copy)]
pub struct BatchShape {
    /// Bytes of a batch.
    pub bytes: usize,
    /// Records of a batch.
    pub records: u32,
}

impl BatchShape {
    /// Records in whole batches among so many fetched bytes; the last batch of an answer may be cut off.
    pub fn records_in(self, bytes: usize) -> u64 {
        (bytes / self.bytes) as u64 * u64::from(self.records)
    }
}

/// One consumer.
#[derive(Debug)]
pub struct Consumer {
    topic_id: Uuid,
    /// Partitions and the next offset in each.
    partitions: Vec<(i32, u64)>,
    at: usize,
    shape: BatchShape,
    limits: FetchLimits,
    /// The number among the consumers of the tail; else it begins anew at the end of a partition.
    tail: Option<usize>,
    since: Option<u64>,
}

impl Consumer {
    /// A consumer of these partitions from their start.
    pub fn new(
        topic_id: Uuid,
        partitions: impl IntoIterator<Item = i32>,
        shape: BatchShape,
        limits: FetchLimits,
        tail: Option<usize>,
    ) -> Consumer {
        let partitions = partitions.into_iter().map(|partition| (partition, 0)).collect();
        Consumer {
            topic_id,
            partitions,
            at: 0,
            shape,
            limits,
            tail,
            since: None,
        }
    }
}

impl Role for Consumer {
    fn kept(&self) -> usize {
        FETCH_HEAD_BYTES
    }

    fn next(&mut self, shared: &mut Shared) -> Result<Option<Bytes>, Failure> {
        let following = self.tail.is_some() && shared.tail.as_ref().is_some_and(|tail| !tail.is_delivered());
        if self.since.is_some() || (shared.phase == Phase::Drain && !following) {
            return Ok(None);
        }
        self.since = Some(shared.now);
        let (partition, offset) = self.partitions[self.at];
        fetch(
            self.topic_id,
            [(partition, offset as i64)],
            FetchSession::NONE,
            self.limits,
        )
        .map(Some)
    }

    fn answered(&mut self, front: &[u8], _size: usize, shared: &mut Shared) -> Result<(), Failure> {
        let head = FetchHead::parse(front)?;
        let since = self.since.take().unwrap_or(shared.now);
        let records = self.shape.records_in(head.records_bytes);
        if head.records_bytes > 0 && records == 0 {
            return Err(Failure::Unexpected("a Fetch without a whole batch".to_owned()));
        }
        let (_, offset) = &mut self.partitions[self.at];
        *offset += records;
        match self.tail {
            Some(number) => {
                let offset = *offset;
                shared.delivered(number, offset);
                if records == 0 {
                    return Ok(()); // The wait of an idle tail says nothing.
                }
            }
            None => {
                if head
                    .high_watermark
                    .is_some_and(|end| *offset >= end.max(0) as u64)
                {
                    if *offset == 0 {
                        return Err(Failure::Unexpected("Fetch: the partition is empty".to_owned()));
                    }
                    *offset = 0;
                    self.at = (self.at + 1) % self.partitions.len();
                }
            }
        }
        shared.count(Class::Fetch, since, head.records_bytes as u64, records);
        Ok(())
    }

    fn is_idle(&self) -> bool {
        self.since.is_none()
    }

    fn is_gated(&self) -> bool {
        self.tail.is_some()
    }
}
