//! A disk in memory, for simulations: what wasn't synced is gone when the power is.

use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::disk::{Changes, KeyRange, KeyValue, LogDisk, MetadataDisk, SnapshotDisk};
use crate::error::MetadataError;

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct SimulatedDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    visible: BTreeMap<Vec<u8>, Vec<u8>>,
    /// For each key that changed since the last sync what it was.
    unsynced: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    snapshot: Option<Vec<u8>>,
    powered: bool,
    syncs: usize,
}

impl SimulatedDisk {
    /// An empty disk.
    pub fn new() -> Self {
        let disk = Self::default();
        disk.0.lock().powered = true;
        disk
    }

    /// The disk as a quorum takes it.
    pub fn metadata(&self) -> MetadataDisk {
        MetadataDisk {
            log: Arc::new(self.clone()),
            snapshots: Arc::new(self.clone()),
        }
    }

    /// Takes the power away: what wasn't synced is gone, and nothing is read or written until
    /// [`SimulatedDisk::power_on`].
    pub fn power_off(&self) {
        let mut state = self.0.lock();
        state.powered = false;
        for (key, value) in mem::take(&mut state.unsynced) {
            match value {
                Some(value) => state.visible.insert(key, value),
                None => state.visible.remove(&key),
            };
        }
    }

    /// Gives the power back.
    pub fn power_on(&self) {
        self.0.lock().powered = true;
    }

    /// How often the disk was synced.
    pub fn syncs(&self) -> usize {
        self.0.lock().syncs
    }

    fn powered<T>(&self, work: impl FnOnce(&mut State) -> T) -> io::Result<T> {
        let mut state = self.0.lock();
        if state.powered {
            Ok(work(&mut state))
        } else {
            Err(io::Error::other("the power is off"))
        }
    }

    fn works<T>(&self, work: impl FnOnce(&mut State) -> T) -> Result<T, MetadataError> {
        self.powered(work)
            .map_err(|error| MetadataError::io(Path::new("simulated"), error))
    }
}

impl LogDisk for SimulatedDisk {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, MetadataError> {
        self.works(|state| state.visible.get(key).cloned())
    }

    fn range(&self, keys: KeyRange) -> Result<Vec<KeyValue>, MetadataError> {
        let pair = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        self.works(|state| state.visible.range(keys).map(pair).collect())
    }

    fn last_key(&self, keys: KeyRange) -> Result<Option<Vec<u8>>, MetadataError> {
        self.works(|state| state.visible.range(keys).next_back().map(|(key, _)| key.clone()))
    }

    fn change(&self, changes: Changes) -> Result<(), MetadataError> {
        let removed = changes.removed.into_iter().map(|key| (key, None));
        let set = changes.set.into_iter().map(|(key, value)| (key, Some(value)));
        self.works(|state| {
            for (key, value) in removed.chain(set) {
                let before = match value {
                    Some(value) => state.visible.insert(key.clone(), value),
                    None => state.visible.remove(&key),
                };
                state.unsynced.entry(key).or_insert(before);
            }
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.powered(|state| {
            state.syncs += 1;
            state.unsynced.clear();
        })
    }

    fn corrupt(&self, reason: String) -> MetadataError {
        corrupt(reason)
    }
}

impl SnapshotDisk for SimulatedDisk {
    fn read(&self) -> Result<Option<Vec<u8>>, MetadataError> {
        self.works(|state| state.snapshot.clone())
    }

    fn replace(&self, bytes: &[u8]) -> Result<(), MetadataError> {
        self.works(|state| state.snapshot = Some(bytes.to_vec()))
    }

    fn corrupt(&self, reason: String) -> MetadataError {
        corrupt(reason)
    }
}

fn corrupt(reason: String) -> MetadataError {
    MetadataError::Corrupt {
        path: Path::new("simulated").to_owned(),
        reason,
    }
}
