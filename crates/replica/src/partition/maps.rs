//! The two maps of the registry: topics by name, and their partitions by topic id.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use barnabas_metadata::image::TopicImage;
use barnabas_protocol::error::ErrorCode;
use uuid::Uuid;

use super::Partition;

/// The partitions of one topic; the index is the partition's number. `None` where this broker has no replica.
pub(super) type LocalPartitions = Vec<Option<Arc<Partition>>>;

#[derive(Default)]
pub(super) struct Maps {
    pub(super) by_name: HashMap<Arc<str>, Uuid>,
    pub(super) by_id: HashMap<Uuid, LocalPartitions, BuildHasherDefault<OfRandom>>,
}

/// A topic id's own bits are its hash: brokers draw them at random, and clients only look them up.
#[derive(Default)]
pub(super) struct OfRandom(u64);

impl Hasher for OfRandom {
    fn write(&mut self, id: &[u8]) {
        let (halves, _) = id.as_chunks();
        for half in halves {
            self.0 ^= u64::from_be_bytes(*half);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Maps {
    pub(super) fn put(&mut self, topic: &TopicImage, index: i32, partition: Option<Arc<Partition>>) {
        self.by_name.insert(topic.name.clone(), topic.id);
        let locals = self.by_id.entry(topic.id).or_default();
        let place = index as usize;
        if locals.len() <= place {
            locals.resize(place + 1, None);
        }
        locals[place] = partition;
    }

    /// `None` where there is no such topic.
    pub(super) fn find(&self, topic_id: &Uuid, partition: i32) -> Option<Result<Arc<Partition>, ErrorCode>> {
        let locals = self.by_id.get(topic_id)?;
        let place = usize::try_from(partition).ok();
        Some(match place.and_then(|place| locals.get(place)) {
            Some(Some(partition)) => Ok(partition.clone()),
            Some(None) => Err(ErrorCode::NotLeaderOrFollower),
            None => Err(ErrorCode::UnknownTopicOrPartition),
        })
    }

    pub(super) fn local(&self, topic_id: &Uuid, partition: i32) -> Option<Arc<Partition>> {
        self.by_id
            .get(topic_id)?
            .get(usize::try_from(partition).ok()?)?
            .clone()
    }
}
