//! The types that raft is instantiated with.

use std::borrow::Cow;
use std::fmt;
use std::io::Cursor;

pub use openraft::BasicNode as Node;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::state_machine::Applied;
use crate::records::{MetadataRecord, encoding};

/// What one raft entry carries: the records of some decisions, applied all or not at all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RecordBatch {
    /// The term in which they were decided; `None` in entries of the first format, which were a list of
    /// records alone.
    pub epoch: Option<i32>,
    /// The records.
    #[serde(with = "encoding::records")]
    pub records: Vec<MetadataRecord>,
}

#[derive(Deserialize)]
struct Records(#[serde(with = "encoding::records")] Vec<MetadataRecord>);

impl<'de> Deserialize<'de> for RecordBatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BatchVisitor)
    }
}

/// Reads both formats: `[…]` and `{"epoch":3,"records":[…]}`.
struct BatchVisitor;

impl<'de> Visitor<'de> for BatchVisitor {
    type Value = RecordBatch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a batch of metadata records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<RecordBatch, A::Error> {
        let records = encoding::List.visit_seq(list)?;
        Ok(RecordBatch { epoch: None, records })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<RecordBatch, A::Error> {
        let mut batch = RecordBatch::default();
        while let Some(field) = fields.next_key::<Cow<'de, str>>()? {
            match &*field {
                "epoch" => batch.epoch = fields.next_value()?,
                "records" => batch.records = fields.next_value::<Records>()?.0,
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(batch)
    }
}

openraft::declare_raft_types!(
    /// Barnabas' raft: record batches in, and out whether they count (replies come from decisions, not from
    /// the state machine).
    pub RaftTypes:
        D = RecordBatch,
        R = Applied,
        NodeId = u64,
        Node = Node,
        Entry = openraft::Entry<RaftTypes>,
        SnapshotData = Cursor<Vec<u8>>,
        AsyncRuntime = openraft::TokioRuntime,
);

pub type NodeId = u64;
pub type LogId = openraft::LogId<NodeId>;
pub type Entry = openraft::Entry<RaftTypes>;
pub type Vote = openraft::Vote<NodeId>;
pub type StorageError = openraft::StorageError<NodeId>;
pub type StorageIOError = openraft::StorageIOError<NodeId>;
pub type StoredMembership = openraft::StoredMembership<NodeId, Node>;
pub type SnapshotMeta = openraft::SnapshotMeta<NodeId, Node>;
pub type Snapshot = openraft::Snapshot<RaftTypes>;
pub type Raft = openraft::Raft<RaftTypes>;
