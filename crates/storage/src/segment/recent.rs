//! Where the last few batches lie. Most reads are of consumers at the tail; they find their place here
//! without IO.

/// Batches remembered.
const CAPACITY: usize = 32;

/// A ring of (base offset, position), offsets rising.
#[derive(Debug)]
pub struct RecentBatches {
    ring: [(i64, u32); CAPACITY],
    /// Batches pushed in all since the last clear; the newest is at `pushed - 1`, modulo the capacity.
    pushed: usize,
}

impl RecentBatches {
    /// Nothing remembered.
    pub fn new() -> Self {
        RecentBatches {
            ring: [(0, 0); CAPACITY],
            pushed: 0,
        }
    }

    /// Remembers the newest batch.
    pub fn push(&mut self, base_offset: i64, position: u32) {
        self.ring[self.pushed % CAPACITY] = (base_offset, position);
        self.pushed += 1;
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.pushed = 0;
    }

    /// Where the batch that begins exactly at `offset` lies, if it is remembered.
    pub fn position_of(&self, offset: i64) -> Option<u32> {
        let newest_first =
            (0..self.pushed.min(CAPACITY)).map(|back| self.ring[(self.pushed - 1 - back) % CAPACITY]);
        newest_first
            .take_while(|(base_offset, _)| *base_offset >= offset)
            .find(|(base_offset, _)| *base_offset == offset)
            .map(|(_, position)| position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_batches_are_found_by_their_first_offset() {
        let mut recent = RecentBatches::new();
        assert_eq!(recent.position_of(0), None);
        for i in 0..100 {
            recent.push(i * 3, i as u32 * 10);
        }
        for offset in 0..310 {
            let expected =
                (offset % 3 == 0 && (204..300).contains(&offset)).then_some(offset as u32 / 3 * 10);
            assert_eq!(recent.position_of(offset), expected, "{offset}");
        }
        recent.clear();
        assert_eq!(recent.position_of(297), None);
    }
}
