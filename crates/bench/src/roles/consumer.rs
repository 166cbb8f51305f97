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

/// What a consumer does at the end of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Begins anew with the next partition.
    AgainAndAgain,
    /// Waits for more.
    Follow,
    /// Waits for more, and the producer for it; its number among the consumers of the tail.
    Tail(usize),
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
    way: Way,
    since: Option<u64>,
}

impl Consumer {
    /// A consumer of these partitions from their start.
    pub fn new(
        topic_id: Uuid,
        partitions: impl IntoIterator<Item = i32>,
        shape: BatchShape,
        limits: FetchLimits,
        way: Way,
    ) -> Consumer {
        let partitions = partitions.into_iter().map(|partition| (partition, 0)).collect();
        Consumer {
            topic_id,
            partitions,
            at: 0,
            shape,
            limits,
            way,
            since: None,
        }
    }
}

impl Role for Consumer {
    fn kept(&self) -> usize {
        FETCH_HEAD_BYTES
    }

    fn next(&mut self, shared: &mut Shared) -> Result<Option<Bytes>, Failure> {
        let following =
            matches!(self.way, Way::Tail(_)) && shared.tail.as_ref().is_some_and(|tail| !tail.is_delivered());
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
        match self.way {
            Way::Tail(number) => {
                let offset = *offset;
                shared.delivered(number, offset);
            }
            Way::Follow => {}
            Way::AgainAndAgain => {
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
        if records == 0 {
            return Ok(()); // How long an idle tail waits says nothing.
        }
        shared.count(Class::Fetch, since, head.records_bytes as u64, records);
        Ok(())
    }

    fn is_idle(&self) -> bool {
        self.since.is_none()
    }

    fn is_gated(&self) -> bool {
        matches!(self.way, Way::Tail(_))
    }
}
