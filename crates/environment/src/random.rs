//! Random numbers and ids: from the operating system, or from a seed where a run has to be repeatable.

use std::sync::Arc;

use parking_lot::Mutex;
use uuid::{Builder, Uuid};

/// Draws numbers. Clones are cheap and draw from the same sequence.
#[derive(Clone, Debug)]
pub struct Random(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Seeded(Arc<Mutex<SplitMix64>>),
}

impl Random {
    /// The operating system's: nobody can guess it, so it is good for secrets too.
    pub fn system() -> Random {
        Random(Source::System)
    }

    /// The same sequence for the same seed, on every machine. For tests and simulations.
    pub fn seeded(seed: u64) -> Random {
        Random(Source::Seeded(Arc::new(Mutex::new(SplitMix64(seed)))))
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        match &self.0 {
            Source::System => {
                getrandom::fill(bytes)
                    .expect("the operating system has randomness as soon as it has started");
            }
            Source::Seeded(sequence) => {
                let mut sequence = sequence.lock();
                for chunk in bytes.chunks_mut(8) {
                    chunk.copy_from_slice(&sequence.next().to_le_bytes()[..chunk.len()]);
                }
            }
        }
    }

    /// Any number.
    pub fn u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// A number in `0..bound`, all equally likely; 0 where `bound` is 0.
    pub fn below(&self, bound: u64) -> u64 {
        // The high half of a product of 64 times 64 bits; what would favour some of the numbers is drawn
        // again.
        let favoured = bound.wrapping_neg().checked_rem(bound).unwrap_or(0);
        loop {
            let product = u128::from(self.u64()) * u128::from(bound);
            if product as u64 >= favoured {
                return (product >> 64) as u64;
            }
        }
    }

    /// [`Random::below`] for a place in a list of `len`, or a size.
    pub fn index(&self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// True once in `times`; never where that is 0.
    pub fn once_in(&self, times: usize) -> bool {
        times > 0 && self.index(times) == 0
    }

    /// A random id (version 4). In the base64 form in which Kafka writes ids it never begins with a dash:
    /// Kafka's tools would take such an id for an option, so Kafka draws again, too.
    pub fn uuid(&self) -> Uuid {
        loop {
            let mut bytes = [0; 16];
            self.fill(&mut bytes);
            let id = Builder::from_random_bytes(bytes).into_uuid();
            if id.as_bytes()[0] >> 2 != DASH {
                return id;
            }
        }
    }
}

/// The digit that URL-safe base64 writes as a dash.
const DASH: u8 = 62;

/// A small generator that means the same for ever.
#[derive(Debug)]
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_the_same_for_ever() {
        let random = Random::seeded(0);
        // The first numbers that the generator's authors publish for this seed.
        assert_eq!(random.u64(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.clone().u64(), 0x6e78_9e6a_a1b9_65f4);
        assert_eq!(Random::seeded(7).uuid(), Random::seeded(7).uuid());
        assert_ne!(Random::seeded(7).uuid(), Random::seeded(8).uuid());
    }

    #[test]
    fn the_system_does_not_repeat_itself() {
        let random = Random::system();
        assert_ne!(random.uuid(), random.uuid());
        assert_ne!(random.u64(), random.clone().u64());
    }

    #[test]
    fn ids_never_begin_with_a_dash() {
        for random in [Random::seeded(1), Random::system()] {
            for _ in 0..10_000 {
                let id = random.uuid();
                assert_ne!(id.as_bytes()[0] & 0xfc, 0xf8, "{id}");
                assert_eq!(id.get_version_num(), 4);
            }
        }
    }

    #[test]
    fn numbers_stay_below_their_bound_and_reach_all() {
        let random = Random::seeded(3);
        assert_eq!(random.below(0), 0);
        assert_eq!(random.below(1), 0);
        assert!(random.once_in(1) && !random.once_in(0));
        let mut counts = [0; 6];
        for _ in 0..6_000 {
            counts[random.below(6) as usize] += 1;
        }
        assert!(
            counts.iter().all(|count| (800..1_200).contains(count)),
            "{counts:?}"
        );
    }
}
