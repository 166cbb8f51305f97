//! The sled tree behind the raft log: which keys there are and how entries are cut into values.
//!
//! ```text
//! "v"                       the vote, JSON
//! "c"                       the last log id known to be committed, JSON (not synced: it is only a hint)
//! "p"                       the last purged log id, JSON
//! "e" index:u64be part:u16be  a part of an entry's JSON, at most PART_BYTES_MAX
//! ```
//! Entries are cut because sled keeps values over a quarter of a segment in files of their own and leaks them.
//! Nothing here is durable until [`LogDb::flush`] has returned.

use std::fs::File;
use std::ops::{Bound, RangeBounds};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sled::IVec;

use super::types::{Entry, LogId, Vote};
use crate::error::MetadataError;

const PART_BYTES_MAX: usize = 16 * 1024;
const CACHE_BYTES: u64 = 1024 * 1024;
const SEGMENT_BYTES: usize = 128 * 1024;
const VOTE: &[u8] = b"v";
const COMMITTED: &[u8] = b"c";
const PURGED: &[u8] = b"p";
const ENTRY: u8 = b'e';

/// The raft log's database. Clones share it.
#[derive(Clone, Debug)]
pub struct LogDb {
    db: sled::Db,
    path: PathBuf,
}

impl LogDb {
    /// Opens or creates the database in a folder of its own.
    pub fn open(path: &Path) -> Result<Self, MetadataError> {
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(CACHE_BYTES)
            .segment_size(SEGMENT_BYTES)
            .flush_every_ms(None);
        let db = config.open().map_err(|error| match error {
            sled::Error::Io(source) => MetadataError::Io {
                path: path.to_owned(),
                source,
            },
            other => MetadataError::Corrupt {
                path: path.to_owned(),
                reason: other.to_string(),
            },
        })?;
        Ok(Self {
            db,
            path: path.to_owned(),
        })
    }

    /// A second handle on the database's file, to sync it with.
    pub fn file(&self) -> Result<File, MetadataError> {
        let path = self.path.join("db");
        File::open(&path).map_err(|source| MetadataError::Io { path, source })
    }

    /// Makes everything written so far durable. sled's own flush on Linux is sync_file_range, which doesn't reach the disk's
    /// platter nor the file's size; the sync of `file` (see [`LogDb::file`]) does.
    pub fn flush(&self, file: &File) -> std::io::Result<()> {
        self.db.flush()?;
        file.sync_data()
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
            None => self
                .db
                .remove(COMMITTED)
                .map(drop)
                .map_err(|error| self.broken(error)),
        }
    }

    /// The last purged log id.
    pub fn purged(&self) -> Result<Option<LogId>, MetadataError> {
        self.get(PURGED)
    }

    /// Adds entries, all or none.
    pub fn append(&self, entries: impl IntoIterator<Item = Entry>) -> Result<(), MetadataError> {
        let mut batch = sled::Batch::default();
        for entry in entries {
            let json = serde_json::to_vec(&entry).map_err(|error| self.broken(error))?;
            for (part, bytes) in (0u16..).zip(json.chunks(PART_BYTES_MAX)) {
                batch.insert(&entry_key(entry.log_id.index, part), bytes);
            }
        }
        self.db.apply_batch(batch).map_err(|error| self.broken(error))
    }

    /// The entries in a range of indexes.
    pub fn entries(&self, range: impl RangeBounds<u64>) -> Result<Vec<Entry>, MetadataError> {
        let mut entries = Vec::new();
        let (mut index, mut json) = (None, Vec::new());
        for item in self.db.range(key_range(range)) {
            let (key, part) = item.map_err(|error| self.broken(error))?;
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
        let last = self
            .db
            .range(key_range(..))
            .next_back()
            .transpose()
            .map_err(|error| self.broken(error))?;
        let Some(index) = last.and_then(|(key, _)| index_of(&key)) else {
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
        let mut batch = sled::Batch::default();
        for key in self.db.range(key_range(range)).keys() {
            batch.remove(key.map_err(|error| self.broken(error))?);
        }
        if let Some(log_id) = purged {
            batch.insert(
                PURGED,
                serde_json::to_vec(log_id).map_err(|error| self.broken(error))?,
            );
        }
        self.db.apply_batch(batch).map_err(|error| self.broken(error))
    }

    fn get<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, MetadataError> {
        let value: Option<IVec> = self.db.get(key).map_err(|error| self.broken(error))?;
        value.map(|json| self.decode(&json)).transpose()
    }

    fn set<T: Serialize>(&self, key: &[u8], value: &T) -> Result<(), MetadataError> {
        let json = serde_json::to_vec(value).map_err(|error| self.broken(error))?;
        self.db
            .insert(key, json)
            .map(drop)
            .map_err(|error| self.broken(error))
    }

    fn decode<T: DeserializeOwned>(&self, json: &[u8]) -> Result<T, MetadataError> {
        serde_json::from_slice(json).map_err(|error| self.broken(error))
    }

    fn broken(&self, reason: impl ToString) -> MetadataError {
        MetadataError::Corrupt {
            path: self.path.clone(),
            reason: reason.to_string(),
        }
    }
}

fn entry_key(index: u64, part: u16) -> [u8; 11] {
    let mut key = [ENTRY; 11];
    key[1..9].copy_from_slice(&index.to_be_bytes());
    key[9..].copy_from_slice(&part.to_be_bytes());
    key
}

fn index_of(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(1..9)?.try_into().ok()?))
}

fn key_range(range: impl RangeBounds<u64>) -> (Bound<[u8; 11]>, Bound<[u8; 11]>) {
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
