//! The last offset of every key, in bounded memory: a hash table of 16-byte digests instead of keys.
//!
//! ```text
//!  slot   digest u64, u64 | offset + 1 as u64, 0 for an empty slot         24 bytes, as in Apache Kafka's table
//! ```
//!
//! Two keys of one digest would be taken for one, as in Apache Kafka; at 2^32 keys the odds are below 2^-64. The digest is
//! XXH3 with a seed that the caller draws for each cleaning, so that nobody can prepare such keys. Robin Hood probing
//! keeps searches short in a table that is nine tenths full.

use twox_hash::XxHash3_128;

/// Bytes of a slot.
pub const BYTES_PER_ENTRY: usize = 24;

type Slot = [u64; 3];

/// Maps keys to offsets. Entries are never removed.
#[derive(Debug)]
pub struct OffsetMap {
    slots: Vec<Slot>,
    entries: usize,
    entries_max: usize,
    seed: u64,
    /// See [`OffsetMap::latest_offset`].
    latest_offset: i64,
}

impl OffsetMap {
    /// A map for at most `keys_max` keys that takes at most `bytes_max` bytes and is filled to `load_factor` at most
    /// (`log.cleaner.io.buffer.load.factor`). Pages of memory are taken up as they are used.
    pub fn new(bytes_max: usize, load_factor: f64, keys_max: u64, seed: u64) -> OffsetMap {
        let load_factor = load_factor.clamp(0.01, 1.0);
        let wanted = ((keys_max as f64 / load_factor) as usize).saturating_add(2);
        let count = (bytes_max / BYTES_PER_ENTRY).min(wanted).max(1);
        OffsetMap {
            slots: vec![[0; 3]; count],
            entries: 0,
            // At least one, or no cleaning would get ahead.
            entries_max: ((count as f64 * load_factor) as usize).clamp(1, count),
            seed,
            latest_offset: -1,
        }
    }

    /// How full the table is, 0 to 1.
    pub fn utilization(&self) -> f64 {
        self.entries as f64 / self.slots.len() as f64
    }

    /// All records up to this offset are in the map, or need not be; -1 for none.
    pub fn latest_offset(&self) -> i64 {
        self.latest_offset
    }

    /// Notes that the map covers all up to `offset`.
    pub fn cover(&mut self, offset: i64) {
        self.latest_offset = offset;
    }

    /// Notes the offset of a key, which is above all before. Answers `false`, and takes nothing up any more, once the map
    /// is full.
    #[must_use]
    pub fn put(&mut self, key: &[u8], offset: i64) -> bool {
        if self.entries >= self.entries_max {
            return false;
        }
        let (first, second) = self.digest(key);
        let mut carried: Slot = [first, second, (offset as u64).wrapping_add(1)];
        let mut index = self.home(first);
        let mut distance = 0;
        loop {
            let slot = &mut self.slots[index];
            if slot[2] == 0 {
                *slot = carried;
                self.entries += 1;
                break;
            }
            if slot[0] == carried[0] && slot[1] == carried[1] {
                slot[2] = carried[2];
                break;
            }
            let (home, count) = (home(slot[0], self.slots.len()), self.slots.len());
            let theirs = (index + count - home) % count;
            if theirs < distance {
                // Who is nearer to home makes room.
                std::mem::swap(&mut self.slots[index], &mut carried);
                distance = theirs;
            }
            index = if index + 1 == count { 0 } else { index + 1 };
            distance += 1;
        }
        self.latest_offset = offset;
        true
    }

    /// The last offset of a key.
    pub fn get(&self, key: &[u8]) -> Option<i64> {
        let (first, second) = self.digest(key);
        let count = self.slots.len();
        let mut index = self.home(first);
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

    fn digest(&self, key: &[u8]) -> (u64, u64) {
        let digest = XxHash3_128::oneshot_with_seed(self.seed, key);
        ((digest >> 64) as u64, digest as u64)
    }

    fn home(&self, first: u64) -> usize {
        home(first, self.slots.len())
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
        assert!(
            small.slots.len() < 120,
            "{} slots for 100 keys",
            small.slots.len()
        );
        let tiny = OffsetMap::new(0, 0.9, 100, 0);
        assert_eq!((tiny.slots.len(), tiny.entries_max), (1, 1));
    }
}
