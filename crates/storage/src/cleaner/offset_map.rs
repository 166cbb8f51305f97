//! The last offset of every key, in bounded memory: hash tables of 16-byte digests instead of keys.
//!
//! ```text
//!  slot   digest u64, u64 | offset + 1 as u64, 0 for an empty slot         24 bytes, as in Apache Kafka's table
//! ```
//!
//! Two keys of one digest would be taken for one, as in Apache Kafka; at 2^32 keys the odds are below 2^-64.
//! The digest is XXH3 with a seed that the caller draws for each cleaning, so that nobody can prepare such
//! keys. Robin Hood probing keeps searches short in a table that is nine tenths full.
//!
//! Tables begin small and grow with their keys: a log has far more records than keys, and in a table made for
//! its records each search would be a miss of the processor's caches. There are many of them, so that one
//! that grows, and is there twice meanwhile, takes little.

use twox_hash::XxHash3_128;

/// Bytes of a slot.
pub const BYTES_PER_ENTRY: usize = 24;

/// Tables of a large map.
const TABLES: usize = 64;
/// A map of fewer slots is one table.
const LARGE: usize = TABLES * 1024;
/// Slots a table begins with.
const FIRST_SLOTS: usize = 64;

type Slot = [u64; 3];

/// Maps keys to offsets. Entries are never removed.
#[derive(Debug)]
pub struct OffsetMap {
    tables: Vec<Table>,
    entries: usize,
    entries_max: usize,
    slots_max: usize,
    seed: u64,
    /// See [`OffsetMap::latest_offset`].
    latest_offset: i64,
}

/// A share of the keys, by the second half of their digests; the first half gives the place.
#[derive(Debug)]
struct Table {
    slots: Vec<Slot>,
    entries: usize,
    slots_max: usize,
}

impl OffsetMap {
    /// A map for at most `keys_max` keys that takes at most `bytes_max` bytes and is filled to `load_factor`
    /// at most (`log.cleaner.io.buffer.load.factor`).
    pub fn new(bytes_max: usize, load_factor: f64, keys_max: u64, seed: u64) -> OffsetMap {
        let load_factor = load_factor.clamp(0.01, 1.0);
        let wanted = ((keys_max as f64 / load_factor) as usize).saturating_add(2);
        let slots_max = (bytes_max / BYTES_PER_ENTRY).min(wanted).max(1);
        let tables = if slots_max < LARGE { 1 } else { TABLES };
        OffsetMap {
            tables: (0..tables).map(|_| Table::new(slots_max / tables)).collect(),
            entries: 0,
            // At least one, or no cleaning would get ahead.
            entries_max: ((slots_max as f64 * load_factor) as usize).clamp(1, slots_max),
            slots_max,
            seed,
            latest_offset: -1,
        }
    }

    /// How full the map is, 0 to 1.
    pub fn utilization(&self) -> f64 {
        self.entries as f64 / self.slots_max as f64
    }

    /// All records up to this offset are in the map, or need not be; -1 for none.
    pub fn latest_offset(&self) -> i64 {
        self.latest_offset
    }

    /// Notes that the map covers all up to `offset`.
    pub fn cover(&mut self, offset: i64) {
        self.latest_offset = offset;
    }

    /// Notes the offset of a key, which is above all before. Answers `false`, and takes nothing up any more,
    /// once the map is full.
    #[must_use]
    pub fn put(&mut self, key: &[u8], offset: i64) -> bool {
        if self.entries >= self.entries_max {
            return false;
        }
        let (first, second) = self.digest(key);
        let table = self.table_of(second);
        let table = &mut self.tables[table];
        if !table.has_room() {
            // Digests are spread so evenly that the others are as good as full.
            self.entries_max = self.entries;
            return false;
        }
        self.entries += usize::from(table.put([first, second, (offset as u64).wrapping_add(1)]));
        self.latest_offset = offset;
        true
    }

    /// The last offset of a key.
    pub fn get(&self, key: &[u8]) -> Option<i64> {
        let (first, second) = self.digest(key);
        self.tables[self.table_of(second)].get(first, second)
    }

    fn digest(&self, key: &[u8]) -> (u64, u64) {
        let digest = XxHash3_128::oneshot_with_seed(self.seed, key);
        ((digest >> 64) as u64, digest as u64)
    }

    fn table_of(&self, second: u64) -> usize {
        second as usize % self.tables.len()
    }
}

impl Table {
    fn new(slots_max: usize) -> Table {
        Table {
            slots: vec![[0; 3]; slots_max.min(FIRST_SLOTS)],
            entries: 0,
            slots_max,
        }
    }

    /// Makes room for another entry while that is allowed.
    fn has_room(&mut self) -> bool {
        let count = self.slots.len();
        if self.entries < count / 8 * 7 || count == self.slots_max {
            return self.entries < count;
        }
        let larger = vec![[0; 3]; (2 * count).min(self.slots_max)];
        let before = std::mem::replace(&mut self.slots, larger);
        self.entries = 0;
        for slot in before.into_iter().filter(|slot| slot[2] != 0) {
            self.put(slot);
        }
        true
    }

    /// Takes an entry up, in place of one of the same digest; answers whether there was none.
    fn put(&mut self, mut carried: Slot) -> bool {
        let count = self.slots.len();
        let mut index = home(carried[0], count);
        let mut distance = 0;
        loop {
            let slot = &mut self.slots[index];
            if slot[2] == 0 {
                *slot = carried;
                self.entries += 1;
                return true;
            }
            if slot[0] == carried[0] && slot[1] == carried[1] {
                slot[2] = carried[2];
                return false;
            }
            let theirs = (index + count - home(slot[0], count)) % count;
            if theirs < distance {
                // Who is nearer to home makes room.
                std::mem::swap(slot, &mut carried);
                distance = theirs;
            }
            index = if index + 1 == count { 0 } else { index + 1 };
            distance += 1;
        }
    }

    fn get(&self, first: u64, second: u64) -> Option<i64> {
        let count = self.slots.len();
        let mut index = home(first, count);
        for distance in 0..count {
            let slot = &self.slots[index];
            if slot[2] == 0 {
                return None;
            }
            if slot[0] == first && slot[1] == second {
                return Some(slot[2].wrapping_sub(1) as i64);
            }
            if (index + count - home(slot[0], count)) % count < distance {
                return None;
            }
            index = if index + 1 == count { 0 } else { index + 1 };
        }
        None
    }
}

/// Where a digest would like to be: a multiplication instead of a division.
fn home(first: u64, count: usize) -> usize {
    ((u128::from(first) * count as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn it_knows_what_a_map_of_whole_keys_knows() {
        let mut map = OffsetMap::new(1000 * BYTES_PER_ENTRY, 0.9, u64::MAX, 7);
        let mut expected = HashMap::new();
        let mut offset = 0;
        for round in 0..3 {
            for n in (0..900u32).filter(|n| n % (round + 1) == 0) {
                let key = format!("key-{}", n * 7919);
                if map.put(key.as_bytes(), offset) {
                    expected.insert(key, offset);
                }
                offset += 1;
            }
        }
        assert_eq!((map.entries, expected.len()), (900, 900));
        assert_eq!(map.utilization(), 0.9);
        for (key, offset) in &expected {
            assert_eq!(map.get(key.as_bytes()), Some(*offset), "{key}");
        }
        for n in 0..1000 {
            assert_eq!(map.get(format!("other-{n}").as_bytes()), None);
        }
    }

    #[test]
    fn it_is_full_at_its_load_factor_and_as_large_as_it_must_be() {
        let mut map = OffsetMap::new(10 * BYTES_PER_ENTRY, 0.5, u64::MAX, 0);
        let taken = (0..20u32)
            .take_while(|n| map.put(&n.to_be_bytes(), i64::from(*n)))
            .count();
        assert_eq!((taken, map.latest_offset()), (5, 4));
        assert!(!map.put(&0u32.to_be_bytes(), 99), "not even a known key");
        assert_eq!(map.get(&0u32.to_be_bytes()), Some(0));
        let small = OffsetMap::new(128 << 20, 0.9, 100, 0);
        assert!(small.slots_max < 120, "{} slots for 100 keys", small.slots_max);
        let tiny = OffsetMap::new(0, 0.9, 100, 0);
        assert_eq!((tiny.slots_max, tiny.entries_max), (1, 1));
    }

    #[test]
    fn a_large_map_grows_with_its_keys_up_to_its_bytes_and_no_further() {
        let slots_max = 2 * LARGE;
        let mut map = OffsetMap::new(slots_max * BYTES_PER_ENTRY, 0.9, u64::MAX, 7);
        let slots = |map: &OffsetMap| map.tables.iter().map(|table| table.slots.len()).sum::<usize>();
        let mut taken = 0;
        while map.put(&(taken as u64).to_be_bytes(), taken) {
            taken += 1;
            assert!(slots(&map) <= slots_max.min((4 * taken as usize).max(TABLES * FIRST_SLOTS)));
        }
        assert_eq!(taken as usize, slots_max * 9 / 10);
        for n in 0..taken {
            assert_eq!(map.get(&(n as u64).to_be_bytes()), Some(n));
        }
        assert_eq!(map.get(&(taken as u64).to_be_bytes()), None);
        // Filled to the last slot, one table is full before the others, and that is the end.
        let mut full = OffsetMap::new(slots_max * BYTES_PER_ENTRY, 1.0, u64::MAX, 7);
        let taken = (0..).take_while(|n: &i64| full.put(&n.to_be_bytes(), *n)).count();
        assert!(taken > slots_max * 9 / 10 && taken < slots_max, "{taken}");
        assert_eq!(
            (full.latest_offset(), full.put(&0i64.to_be_bytes(), 1)),
            (taken as i64 - 1, false)
        );
    }
}
