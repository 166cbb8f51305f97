//! A consumer of many partitions in one fetch session (KIP-227): after the first request only what changed is
//! named.

use barnabas_protocol::messages::{Decodable, FetchResponse};
use bytes::Bytes;
use uuid::Uuid;

use super::consumer::BatchShape;
use crate::engine::Role;
use crate::error::Failure;
use crate::frames::{FETCH, FetchLimits, FetchSession, fetch};
use crate::shared::{Class, Phase, Shared};

/// Bytes of the header in front of an answer: correlation id, tags.
const HEADER: usize = 5;

/// The consumer and its session.
#[derive(Debug)]
pub struct SessionConsumer {
    topic_id: Uuid,
    offsets: Vec<u64>,
    /// Partitions whose offset the server doesn't know yet.
    changed: Vec<i32>,
    session: FetchSession,
    shape: BatchShape,
    limits: FetchLimits,
    since: Option<u64>,
}

impl SessionConsumer {
    /// A consumer of all partitions, each from its offset.
    pub fn new(topic_id: Uuid, offsets: Vec<u64>, shape: BatchShape, limits: FetchLimits) -> SessionConsumer {
        SessionConsumer {
            topic_id,
            changed: (0..offsets.len() as i32).collect(),
            offsets,
            session: FetchSession { id: 0, epoch: 0 },
            shape,
            limits,
            since: None,
        }
    }
}

impl Role for SessionConsumer {
    fn kept(&self) -> usize {
        usize::MAX / 2
    }

    fn next(&mut self, shared: &mut Shared) -> Result<Option<Bytes>, Failure> {
        if self.since.is_some() || shared.phase == Phase::Drain {
            return Ok(None);
        }
        self.since = Some(shared.now);
        let named = self.changed.drain(..);
        let from = named.map(|partition| (partition, self.offsets[partition as usize] as i64));
        fetch(self.topic_id, from, self.session, self.limits).map(Some)
    }

    fn answered(&mut self, front: &[u8], _size: usize, shared: &mut Shared) -> Result<(), Failure> {
        let mut body = Bytes::copy_from_slice(front.get(HEADER..).unwrap_or_default());
        let answer = FetchResponse::decode(&mut body, FETCH)
            .map_err(|error| Failure::Unexpected(format!("Fetch: {error}")))?;
        let refused = |code| {
            if code == 0 {
                Ok(())
            } else {
                Err(Failure::Refused { what: "Fetch", code })
            }
        };
        refused(answer.error_code)?;
        self.session = FetchSession {
            id: answer.session_id,
            epoch: self.session.epoch + 1,
        };
        let (mut bytes, mut records) = (0, 0);
        for partition in answer.responses.iter().flat_map(|topic| &topic.partitions) {
            refused(partition.error_code)?;
            let fetched = partition.records.as_ref().map_or(0, Bytes::len);
            let offset = usize::try_from(partition.partition_index)
                .ok()
                .and_then(|index| self.offsets.get_mut(index));
            let Some(offset) = offset.filter(|_| fetched > 0) else {
                continue;
            };
            *offset += self.shape.records_in(fetched);
            self.changed.push(partition.partition_index);
            bytes += fetched as u64;
            records += self.shape.records_in(fetched);
        }
        let since = self.since.take().unwrap_or(shared.now);
        if records > 0 {
            shared.count(Class::Fetch, since, bytes, records);
        }
        Ok(())
    }

    fn is_idle(&self) -> bool {
        self.since.is_none()
    }
}
