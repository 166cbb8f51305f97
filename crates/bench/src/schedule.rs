//! When an open loop's requests are due: fixed times, whatever the server does.
//!
//! A request that goes out late because the server (or this program) was busy is still measured from the time
//! it was due, so that a stall counts for every request it delays (no coordinated omission).

/// Request `i` is due at `start + i / rate`. Times are nanoseconds of the engine's clock.
#[derive(Debug, Clone)]
pub struct Schedule {
    start: u64,
    per_second: u64,
    taken: u64,
}

impl Schedule {
    /// A schedule whose first request is due at `start`.
    pub fn new(start: u64, per_second: u64) -> Schedule {
        Schedule {
            start,
            per_second: per_second.max(1),
            taken: 0,
        }
    }

    /// When the next request is due.
    pub fn next_due(&self) -> u64 {
        // Computed from the count, not added up: no rounding error gathers.
        let nanos = u128::from(self.taken) * 1_000_000_000 / u128::from(self.per_second);
        self.start + nanos as u64
    }

    /// Takes the next request if it is due at `now`: its number and when it was due.
    pub fn take(&mut self, now: u64) -> Option<(u64, u64)> {
        let due = self.next_due();
        if due > now {
            return None;
        }
        let number = self.taken;
        self.taken += 1;
        Some((number, due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_at_fixed_times() {
        let mut schedule = Schedule::new(1_000, 3);
        let due: Vec<u64> = (0..4).map(|_| schedule.take(u64::MAX).unwrap().1).collect();
        assert_eq!(due, [1_000, 333_334_333, 666_667_666, 1_000_001_000]);
    }

    #[test]
    fn a_late_reader_gets_all_that_were_due_with_their_own_times() {
        let mut schedule = Schedule::new(0, 1_000);
        assert_eq!(schedule.take(0), Some((0, 0)));
        assert_eq!(schedule.take(999_999), None);
        let late: Vec<_> = std::iter::from_fn(|| schedule.take(3_500_000)).collect();
        assert_eq!(late, [(1, 1_000_000), (2, 2_000_000), (3, 3_000_000)]);
    }

    #[test]
    fn the_rate_holds_over_a_long_time() {
        let mut schedule = Schedule::new(0, 60_000);
        let mut count = 0;
        while schedule.take(10_000_000_000).is_some() {
            count += 1;
        }
        assert_eq!(count, 600_001);
    }
}
