//! The keys of a share partition whose group has its records in the order of their keys
//! (`barnabas.share.ordering=key`).
//!
//! Of the records of a key that are open, one is in the foreground: it is available, in flight or waits for
//! its retry. The others wait behind it. When it is done or given up, the lowest of them comes forward.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A key by its hash; keys that share one are in order together.
pub type KeyHash = u64;

#[derive(Clone, Debug)]
struct KeyQueue {
    foreground: i64,
    behind: BTreeSet<i64>,
}

/// The open records that were looked at, by offset and by key.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyOrder {
    of_offset: BTreeMap<i64, KeyHash>,
    queues: HashMap<KeyHash, KeyQueue>,
}

impl KeyOrder {
    pub fn is_empty(&self) -> bool {
        self.of_offset.is_empty()
    }

    /// Puts a record in its place; answers whether it is in the foreground.
    pub fn add(&mut self, offset: i64, key: KeyHash) -> bool {
        self.of_offset.insert(offset, key);
        let mut is_foreground = true;
        self.queues
            .entry(key)
            .and_modify(|queue| {
                is_foreground = queue.foreground == offset;
                if !is_foreground {
                    queue.behind.insert(offset);
                }
            })
            .or_insert_with(|| KeyQueue {
                foreground: offset,
                behind: BTreeSet::new(),
            });
        is_foreground
    }

    /// The offsets of a range whose keys are known.
    pub fn offsets(&self, first: i64, last: i64) -> Vec<i64> {
        self.of_offset
            .range(first..=last)
            .map(|(offset, _)| *offset)
            .collect()
    }

    /// Takes a record out; answers the one that comes forward by that.
    pub fn remove(&mut self, offset: i64) -> Option<i64> {
        let key = self.of_offset.remove(&offset)?;
        let queue = self.queues.get_mut(&key)?;
        if queue.foreground != offset {
            queue.behind.remove(&offset);
            return None;
        }
        match queue.behind.pop_first() {
            Some(next) => {
                queue.foreground = next;
                Some(next)
            }
            None => {
                self.queues.remove(&key);
                None
            }
        }
    }

    pub fn clear(&mut self) {
        self.of_offset.clear();
        self.queues.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_key_is_in_the_foreground() {
        let mut keys = KeyOrder::default();
        assert!(keys.add(1, 7) && !keys.add(5, 7) && !keys.add(3, 7) && keys.add(4, 8));
        assert!(keys.add(1, 7));
        assert_eq!(keys.offsets(2, 4), [3, 4]);
        assert_eq!(keys.remove(5), None);
        assert_eq!(keys.remove(1), Some(3));
        assert_eq!(keys.remove(3), None);
        assert_eq!(keys.remove(3), None);
        assert!(keys.add(9, 7) && !keys.is_empty());
        keys.clear();
        assert!(keys.is_empty());
    }
}
