//! The store behind the raft log: which keys there are and how entries are cut into values.
//!
//! ```text
//! "v"                       the vote, JSON
//! "c"                       the last log id known to be committed, JSON (not synced: it is only a hint)
//! "p"                       the last purged log id, JSON
//! "e" index:u64be part:u16be  a part of an entry's JSON, at most PART_BYTES_MAX
//! ```
//! Entries are cut because sled keeps values over a quarter of a segment in files of their own and leaks
//! them. Nothing here is durable until [`LogDb::flush`] has returned.

use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::disk::{Changes, KeyRange, LogDisk};
use super::types::{Entry, LogId, Vote};
use crate::error::MetadataError;

const PART_BYTES_MAX: usize = 16 * 1024;
const VOTE: &[u8] = b"v";
const COMMITTED: &[u8] = b"c";
const PURGED: &[u8] = b"p";
const ENTRY: u8 = b'e';

/// The raft log's database. Clones share it.
#[derive(Clone, Debug)]
pub struct LogDb {
    disk: Arc<dyn LogDisk>,
}

impl LogDb {
    /// The database on a disk.
    pub fn new(disk: Arc<dyn LogDisk>) -> Self {
        Self { disk }
    }

    /// Makes everything written so far durable.
    pub fn flush(&self) -> io::Result<()> {
        self.disk.sync()
    }

    /// The vote.
    pub fn vote(&self) -> Result<Option<Vote>, MetadataError> {
        self.get(VOTE)
    }

    /// Sets the vote.
    pub fn set_vote(&self, vote: &Vote) -> Result<(), MetadataError> {
        self.set(VOTE, vote)
    }

    /// The last log id known to be committed.
    pub fn committed(&self) -> Result<Option<LogId>, MetadataError> {
        self.get(COMMITTED)
    }

    /// Sets the last log id known to be committed.
    pub fn set_committed(&self, committed: &Option<LogId>) -> Result<(), MetadataError> {
        match committed {
            Some(log_id) => self.set(COMMITTED, log_id),
            None => self.disk.change(Changes {
                removed: vec![COMMITTED.to_vec()],
                ..Changes::default()
            }),
        }
    }

    /// The last purged log id.
    pub fn purged(&self) -> Result<Option<LogId>, MetadataError> {
        self.get(PURGED)
    }

    /// Adds entries, all or none.
    pub fn append(&self, entries: impl IntoIterator<Item = Entry>) -> Result<(), MetadataError> {
        let mut changes = Changes::default();
        for entry in entries {
            let json = self.encode(&entry)?;
            for (part, bytes) in (0u16..).zip(json.chunks(PART_BYTES_MAX)) {
                let key = entry_key(entry.log_id.index, part);
                changes.set.push((key, bytes.to_vec()));
            }
        }
        self.disk.change(changes)
    }

    /// The entries in a range of indexes.
    pub fn entries(&self, range: impl RangeBounds<u64>) -> Result<Vec<Entry>, MetadataError> {
        let mut entries = Vec::new();
        let (mut index, mut json) = (None, Vec::new());
        for (key, part) in self.disk.range(key_range(range))? {
            let of = index_of(&key);
            if of != index && !json.is_empty() {
                entries.push(self.decode(&json)?);
                json.clear();
            }
            index = of;
            json.extend_from_slice(&part);
        }
        if !json.is_empty() {
            entries.push(self.decode(&json)?);
        }
        Ok(entries)
    }

    /// The id of the last entry; `None` when there are no entries.
    pub fn last(&self) -> Result<Option<LogId>, MetadataError> {
        let last = self.disk.last_key(key_range(..))?;
        let Some(index) = last.and_then(|key| index_of(&key)) else {
            return Ok(None);
        };
        Ok(self.entries(index..=index)?.pop().map(|entry| entry.log_id))
    }

    /// Removes the entries from `index` on.
    pub fn truncate(&self, index: u64) -> Result<(), MetadataError> {
        self.remove(index.., None)
    }

    /// Removes the entries up to `log_id`, inclusive, and remembers it.
    pub fn purge(&self, log_id: &LogId) -> Result<(), MetadataError> {
        self.remove(..=log_id.index, Some(log_id))
    }

    fn remove(&self, range: impl RangeBounds<u64>, purged: Option<&LogId>) -> Result<(), MetadataError> {
        let keys = self.disk.range(key_range(range))?;
        let mut changes = Changes {
            removed: keys.into_iter().map(|(key, _)| key).collect(),
            ..Changes::default()
        };
        if let Some(log_id) = purged {
            changes.set.push((PURGED.to_vec(), self.encode(log_id)?));
        }
        self.disk.change(changes)
    }

    fn get<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, MetadataError> {
        let value = self.disk.get(key)?;
        value.map(|json| self.decode(&json)).transpose()
    }

    fn set<T: Serialize>(&self, key: &[u8], value: &T) -> Result<(), MetadataError> {
        self.disk.change(Changes {
            set: vec![(key.to_vec(), self.encode(value)?)],
            ..Changes::default()
        })
    }

    fn encode<T: Serialize>(&self, value: &T) -> Result<Vec<u8>, MetadataError> {
        serde_json::to_vec(value).map_err(|error| self.broken(error))
    }

    fn decode<T: DeserializeOwned>(&self, json: &[u8]) -> Result<T, MetadataError> {
        serde_json::from_slice(json).map_err(|error| self.broken(error))
    }

    fn broken(&self, error: serde_json::Error) -> MetadataError {
        self.disk.corrupt(error.to_string())
    }
}

fn entry_key(index: u64, part: u16) -> Vec<u8> {
    let mut key = vec![ENTRY; 11];
    key[1..9].copy_from_slice(&index.to_be_bytes());
    key[9..].copy_from_slice(&part.to_be_bytes());
    key
}

fn index_of(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(1..9)?.try_into().ok()?))
}

fn key_range(range: impl RangeBounds<u64>) -> KeyRange {
    let start = match range.start_bound() {
        Bound::Included(&index) => Bound::Included(entry_key(index, 0)),
        Bound::Excluded(&index) => Bound::Excluded(entry_key(index, u16::MAX)),
        Bound::Unbounded => Bound::Included(entry_key(0, 0)),
    };
    let end = match range.end_bound() {
        Bound::Included(&index) => Bound::Included(entry_key(index, u16::MAX)),
        Bound::Excluded(&index) => Bound::Excluded(entry_key(index, 0)),
        Bound::Unbounded => Bound::Included(entry_key(u64::MAX, u16::MAX)),
    };
    (start, end)
}
