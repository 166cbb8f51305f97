//! What a history does next: numbers that follow from its seed.

use super::{BROKERS, PARTITIONS};

/// Splitmix.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn broker(&mut self) -> i32 {
        1 + self.below(BROKERS as usize) as i32
    }

    pub fn partition(&mut self) -> i32 {
        self.below(PARTITIONS as usize) as i32
    }

    /// Some brokers, each once.
    pub fn brokers(&mut self, count: usize) -> Vec<i32> {
        let mut brokers: Vec<i32> = Vec::new();
        while brokers.len() < count {
            let broker = self.broker();
            if !brokers.contains(&broker) {
                brokers.push(broker);
            }
        }
        brokers
    }
}
