//! Waking at a due time more exactly than a poll's milliseconds.

use std::time::Duration;

use mio::{Registry, Token};

use crate::error::Failure;

/// Wakes the poll it is registered with.
#[derive(Debug)]
pub struct Pacer {
    #[cfg(target_os = "linux")]
    timer: std::os::fd::OwnedFd,
}

#[cfg(target_os = "linux")]
impl Pacer {
    /// A timer that is known to the poll as `token`.
    pub fn new(registry: &Registry, token: Token) -> Result<Pacer, Failure> {
        use std::os::fd::AsRawFd;

        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};

        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )
        .map_err(|error| Failure::Io {
            what: "timer",
            source: error.into(),
        })?;
        registry
            .register(
                &mut mio::unix::SourceFd(&timer.as_raw_fd()),
                token,
                mio::Interest::READABLE,
            )
            .map_err(Failure::io("register"))?;
        Ok(Pacer { timer })
    }

    /// Arms the timer to wake the poll after `nanos`; returns the timeout to poll with.
    pub fn wait(&mut self, nanos: u64) -> Result<Option<Duration>, Failure> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};

        if nanos == 0 {
            return Ok(Some(Duration::ZERO));
        }
        let once = Itimerspec {
            it_interval: Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: Timespec {
                tv_sec: (nanos / 1_000_000_000) as i64,
                tv_nsec: (nanos % 1_000_000_000) as i64,
            },
        };
        // Setting it again forgets an expiry that nobody has read: the descriptor needs no read.
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once).map_err(|error| Failure::Io {
            what: "timer",
            source: error.into(),
        })?;
        Ok(None)
    }
}

#[cfg(not(target_os = "linux"))]
impl Pacer {
    /// Nothing is registered: this system's poll is asked with a timeout.
    pub fn new(_registry: &Registry, _token: Token) -> Result<Pacer, Failure> {
        Ok(Pacer {})
    }

    /// The timeout to poll with: none below a millisecond, which a poll would round up.
    pub fn wait(&mut self, nanos: u64) -> Result<Option<Duration>, Failure> {
        Ok(Some(Duration::from_millis(nanos / 1_000_000)))
    }
}
