//! Two kinds of time, which must not be mixed up.
//!
//! The wall clock says what people call the time; it jumps when someone sets it, and is for what is written
//! into records and for what is compared with them (retention, the expiry of offsets and of transactional
//! ids). The monotonic clock only ever goes on, at the pace of seconds; every timer, session, window, idle
//! time and backoff is measured with it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since the epoch: for what is written into records, and what is compared with them.
    pub wall_ms: i64,
    /// Milliseconds since a moment that means nothing: for timers, sessions, windows and backoffs.
    pub monotonic_ms: i64,
}

/// Tells the time. Clones are cheap and tell the same time.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System { origin: Instant },
    Simulated(Arc<Simulated>),
}

struct Simulated {
    /// What an [`Instant`] of this clock counts from.
    origin: Instant,
    elapsed: Elapsed,
    /// The wall clock less the monotonic clock, in milliseconds.
    wall_offset_ms: AtomicI64,
}

enum Elapsed {
    /// Nanoseconds, moved by the test.
    Moved(AtomicU64),
    /// Asked for: somebody else's clock moves it.
    Followed(Box<dyn Fn() -> Duration + Send + Sync>),
}

impl Clock {
    /// The machine's clocks.
    pub fn system() -> Clock {
        Clock(Source::System {
            origin: Instant::now(),
        })
    }

    /// A clock that stands still until its [`SimulatedTime`] is moved. The wall clock begins at `wall_ms`
    /// milliseconds since the epoch, the monotonic clock at 0.
    pub fn simulated(wall_ms: i64) -> (Clock, SimulatedTime) {
        Clock::simulate(wall_ms, Elapsed::Moved(AtomicU64::new(0)))
    }

    /// A clock that goes as `elapsed` says, which must never go back: with `let origin =
    /// tokio::time::Instant::now()` and `move || origin.elapsed()` it is the paused clock of a tokio runtime,
    /// and goes on with it.
    pub fn following(
        wall_ms: i64,
        elapsed: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> (Clock, SimulatedTime) {
        Clock::simulate(wall_ms, Elapsed::Followed(Box::new(elapsed)))
    }

    fn simulate(wall_ms: i64, elapsed: Elapsed) -> (Clock, SimulatedTime) {
        let simulated = Arc::new(Simulated {
            origin: Instant::now(),
            wall_offset_ms: AtomicI64::new(wall_ms.saturating_sub(whole_ms(elapsed.read()))),
            elapsed,
        });
        (
            Clock(Source::Simulated(simulated.clone())),
            SimulatedTime(simulated),
        )
    }

    /// Both clocks at once.
    pub fn now(&self) -> Now {
        Now {
            wall_ms: self.wall_ms(),
            monotonic_ms: self.monotonic_ms(),
        }
    }

    /// Milliseconds since the epoch, as the wall clock says: may jump, both ways.
    pub fn wall_ms(&self) -> i64 {
        match &self.0 {
            Source::System { .. } => {
                whole_ms(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
            }
            Source::Simulated(simulated) => {
                let offset_ms = simulated.wall_offset_ms.load(Ordering::Relaxed);
                whole_ms(simulated.elapsed.read()).saturating_add(offset_ms)
            }
        }
    }

    /// Milliseconds since a moment that means nothing; never less than before, and at the pace of seconds.
    pub fn monotonic_ms(&self) -> i64 {
        whole_ms(match &self.0 {
            Source::System { origin } => origin.elapsed(),
            Source::Simulated(simulated) => simulated.elapsed.read(),
        })
    }

    /// The monotonic clock in full, for deadlines that a runtime or a condition variable waits for.
    pub fn instant(&self) -> Instant {
        match &self.0 {
            Source::System { .. } => Instant::now(),
            Source::Simulated(simulated) => simulated.origin + simulated.elapsed.read(),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            Source::System { .. } => "system",
            Source::Simulated(_) => "simulated",
        };
        f.debug_tuple("Clock").field(&name).field(&self.now()).finish()
    }
}

impl Elapsed {
    fn read(&self) -> Duration {
        match self {
            Elapsed::Moved(nanos) => Duration::from_nanos(nanos.load(Ordering::Relaxed)),
            Elapsed::Followed(elapsed) => elapsed(),
        }
    }
}

/// Moves a simulated [`Clock`] and all its clones.
#[derive(Clone)]
pub struct SimulatedTime(Arc<Simulated>);

impl SimulatedTime {
    /// Time goes by, on both clocks. Without effect on a clock that follows another one.
    pub fn advance(&self, by: Duration) {
        if let Elapsed::Moved(nanos) = &self.0.elapsed {
            let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
            nanos.fetch_add(by, Ordering::Relaxed);
        }
    }

    /// Somebody sets the wall clock: forward by `by_ms` milliseconds, back where that is negative. The
    /// monotonic clock does not notice.
    pub fn set_wall_clock_forward(&self, by_ms: i64) {
        self.0.wall_offset_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

fn whole_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL_MS: i64 = 1_700_000_000_000;
    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn the_system_clock_tells_both_times() {
        let clock = Clock::system();
        let first = clock.now();
        assert!(first.wall_ms > WALL_MS, "{first:?}");
        assert!((0..60_000).contains(&first.monotonic_ms), "{first:?}");
        assert!(clock.monotonic_ms() >= first.monotonic_ms);
        assert!(clock.instant() <= Instant::now());
    }

    #[test]
    fn a_simulated_clock_goes_where_the_test_moves_it() {
        let (clock, time) = Clock::simulated(WALL_MS);
        let (clone, begin) = (clock.clone(), clock.instant());
        time.advance(Duration::from_micros(1_500));
        assert_eq!(
            clone.now(),
            Now {
                wall_ms: WALL_MS + 1,
                monotonic_ms: 1
            }
        );
        assert_eq!(clone.instant() - begin, Duration::from_micros(1_500));
    }

    #[test]
    fn the_monotonic_clock_does_not_jump_with_the_wall_clock() {
        let (clock, time) = Clock::simulated(WALL_MS);
        for (by_ms, wall_ms) in [
            (-HOUR_MS, WALL_MS - HOUR_MS),
            (73 * HOUR_MS, WALL_MS + 72 * HOUR_MS),
        ] {
            time.set_wall_clock_forward(by_ms);
            assert_eq!(
                clock.now(),
                Now {
                    wall_ms,
                    monotonic_ms: 0
                }
            );
        }
    }

    #[test]
    fn a_clock_follows_the_paused_clock_of_a_runtime() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let origin = tokio::time::Instant::now();
            let (clock, time) = Clock::following(WALL_MS, move || origin.elapsed());
            // Nothing else is to be done: the runtime moves its clock to the end of the sleep.
            tokio::time::sleep(Duration::from_millis(HOUR_MS as u64)).await;
            assert_eq!(
                clock.now(),
                Now {
                    wall_ms: WALL_MS + HOUR_MS,
                    monotonic_ms: HOUR_MS
                }
            );
            time.set_wall_clock_forward(-HOUR_MS);
            assert_eq!(clock.wall_ms(), WALL_MS);
        });
    }
}
