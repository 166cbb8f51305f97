//! A map whose copies share what they have in common.
//!
//! Entries are spread over a fixed number of shards by a hash; each shard is a `BTreeMap` behind an `Arc`. A
//! copy clones one `Arc`; a write copies the table of shards and the one shard that it touches: with 10,000
//! entries about 40 of them.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

const SHARDS: usize = 256;

/// A persistent map: `clone` is O(1), a change copies a 256th of the entries.
#[derive(Clone, Debug)]
pub struct ShardedMap<K, V> {
    /// Empty until the first insert, then [`SHARDS`] long.
    shards: Arc<Vec<Arc<BTreeMap<K, V>>>>,
    len: usize,
}

impl<K, V> Default for ShardedMap<K, V> {
    fn default() -> Self {
        Self {
            shards: Arc::default(),
            len: 0,
        }
    }
}

impl<K: Ord + PartialEq, V: PartialEq> PartialEq for ShardedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<K: Ord + Hash + Clone, V: Clone> ShardedMap<K, V> {
    /// Sets the value of `key` and returns the one it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if self.shards.is_empty() {
            let empty = Arc::new(BTreeMap::new());
            self.shards = Arc::new(vec![empty; SHARDS]);
        }
        let shard = shard_of(&key);
        let old = Arc::make_mut(&mut Arc::make_mut(&mut self.shards)[shard]).insert(key, value);
        self.len += usize::from(old.is_none());
        old
    }

    /// Takes `key` out and returns its value.
    pub fn remove<Q: Ord + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.get(key)?;
        let old = Arc::make_mut(&mut Arc::make_mut(&mut self.shards)[shard_of(key)]).remove(key);
        self.len -= usize::from(old.is_some());
        old
    }
}

impl<K: Ord, V> ShardedMap<K, V> {
    /// The value of `key`.
    pub fn get<Q: Ord + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.shards.get(shard_of(key))?.get(key)
    }

    /// Whether `key` has a value.
    pub fn contains_key<Q: Ord + Hash + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All entries, in an order that is the same for equal maps but otherwise says nothing.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.shards.iter().flat_map(|shard| shard.iter())
    }

    /// All values, in the order of [`ShardedMap::iter`].
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

fn shard_of<Q: Hash + ?Sized>(key: &Q) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish() as usize % SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_do_not_see_later_changes() {
        let mut map: ShardedMap<String, i32> = ShardedMap::default();
        for number in 0..1000 {
            assert_eq!(map.insert(format!("key-{number}"), number), None);
        }
        let before = map.clone();
        assert_eq!(map.insert("key-7".into(), -7), Some(7));
        assert_eq!(map.remove("key-8"), Some(8));
        assert_eq!(map.remove("key-8"), None);
        assert_eq!(
            (before.get("key-7"), before.get("key-8"), before.len()),
            (Some(&7), Some(&8), 1000)
        );
        assert_eq!(
            (map.get("key-7"), map.get("key-8"), map.len()),
            (Some(&-7), None, 999)
        );
        assert_eq!(map.iter().count(), 999);
        assert_ne!(map, before);
    }

    #[test]
    fn a_change_copies_one_shard_only() {
        let mut map: ShardedMap<u32, u32> = ShardedMap::default();
        for number in 0..10_000 {
            map.insert(number, number);
        }
        let before = map.clone();
        map.insert(5, 6);
        let copied = map
            .shards
            .iter()
            .zip(before.shards.iter())
            .filter(|(a, b)| !Arc::ptr_eq(a, b))
            .count();
        assert_eq!(copied, 1);
    }

    #[test]
    fn reading_an_empty_map_finds_nothing() {
        let map: ShardedMap<String, i32> = ShardedMap::default();
        assert!(map.is_empty() && !map.contains_key("a") && map.values().next().is_none());
    }
}
