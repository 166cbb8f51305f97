//! The loop that drives all connections of a measurement from one thread.
//!
//! Closed loop: each connection sends as soon as its role has a request; where nothing is answered, as much
//! as the socket takes. Open loop: requests are due at fixed times, round the connections; what the socket
//! doesn't take yet waits and is measured from when it was due.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mio::{Events, Interest, Poll, Token};
use serde::Serialize;

use crate::error::Failure;
use crate::link::Link;
use crate::pacer::Pacer;
use crate::process::Usage;
use crate::schedule::Schedule;
use crate::shared::{ClassReport, Phase, Shared};

/// What a connection does.
pub trait Role {
    /// Bytes at the front of each answer that [`Role::answered`] wants to see.
    fn kept(&self) -> usize;
    /// The next request, if one may be sent now.
    fn next(&mut self, shared: &mut Shared) -> Result<Option<Bytes>, Failure>;
    /// An answer is in: its front, and its size.
    fn answered(&mut self, front: &[u8], size: usize, shared: &mut Shared) -> Result<(), Failure>;
    /// Open loop: a request is due at this time.
    fn due(&mut self, _due: u64) {}
    /// Whether it sends when requests are due.
    fn is_open_loop(&self) -> bool {
        false
    }
    /// Whether nothing is in flight; asked when nothing new is sent any more.
    fn is_idle(&self) -> bool;
    /// Whether another connection's progress may let this one send.
    fn is_gated(&self) -> bool {
        false
    }
}

/// How long and how much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Load before anything counts.
    pub warm_up: Duration,
    /// The measured time, unless `bytes_max` comes first.
    pub length: Duration,
    /// Bytes of batches after which the measuring ends.
    pub bytes_max: u64,
    /// The server's process, whose CPU and memory are read.
    pub pid: Option<u32>,
    /// Requests per second of an open loop.
    pub rate: Option<u64>,
    /// The server is at something else, beside which is measured: it is not waited for.
    pub beside: bool,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Seconds measured.
    pub seconds: f64,
    /// CPU seconds of the server in that time.
    pub cpu_seconds: Option<f64>,
    /// The most bytes the server had resident in that time.
    pub resident_bytes: Option<u64>,
    /// CPU seconds of this program in that time: near `seconds` it was the bottleneck.
    pub generator_cpu_seconds: Option<f64>,
    /// What the meter rose by in that time.
    pub metered: Option<u64>,
    /// What was counted.
    pub classes: std::collections::BTreeMap<&'static str, ClassReport>,
}

const SCRATCH_BYTES: usize = 256 << 10;
const EVENTS: usize = 1024;
const SAMPLE_EVERY: u64 = 100_000_000;
const DRAIN_SECONDS: u64 = 30;
const STALL_SECONDS: u64 = 60;
/// Frames a socket may be behind before a closed loop asks for no more.
const WAITING_MAX: usize = 4;
/// Frames a connection sends before it is the others' turn: a socket that takes all that nobody answers would
/// never let go.
const TURN_MAX: usize = 64;

/// Reads something beside the server's CPU at the beginning and at the end of the measured time.
pub type Meter<'a> = &'a mut dyn FnMut() -> Result<u64, Failure>;

struct Engine {
    poll: Poll,
    links: Vec<(Link, Box<dyn Role>)>,
    /// Connections whose turn depends on others.
    gated: Vec<usize>,
    /// Connections that take the requests of the schedule in turn.
    open: Vec<usize>,
    /// Connections that had more to send when their turn was over.
    unfinished: BTreeSet<usize>,
    shared: Shared,
    pacer: Pacer,
    schedule: Option<Schedule>,
    clock: Instant,
}

/// Drives the connections through warm-up and measurement.
///
/// # Errors
/// The first failure of any connection; `Stalled` when the server answers nothing for a minute.
pub fn run(
    connections: Vec<(mio::net::TcpStream, Box<dyn Role>)>,
    shared: Shared,
    window: Window,
) -> Result<Report, Failure> {
    run_metered(connections, shared, window, None)
}

/// The same with a meter.
///
/// # Errors
/// Those of [`run`] and the meter's.
pub fn run_metered(
    connections: Vec<(mio::net::TcpStream, Box<dyn Role>)>,
    shared: Shared,
    window: Window,
    meter: Option<Meter<'_>>,
) -> Result<Report, Failure> {
    let poll = Poll::new().map_err(Failure::io("poll"))?;
    let mut links = Vec::with_capacity(connections.len());
    for (index, (socket, role)) in connections.into_iter().enumerate() {
        let mut link = Link::new(socket, role.kept());
        poll.registry()
            .register(
                link.socket(),
                Token(index),
                Interest::READABLE | Interest::WRITABLE,
            )
            .map_err(Failure::io("register"))?;
        links.push((link, role));
    }
    let pacer = Pacer::new(poll.registry(), Token(links.len()))?;
    let those = |is: fn(&dyn Role) -> bool| (0..links.len()).filter(|index| is(&*links[*index].1)).collect();
    let gated: Vec<usize> = those(|role| role.is_gated());
    let open: Vec<usize> = those(|role| role.is_open_loop());
    let rate = window.rate.filter(|_| !open.is_empty());
    let schedule = rate.map(|rate| Schedule::new(0, rate));
    let clock = Instant::now();
    Engine {
        poll,
        links,
        gated,
        open,
        unfinished: BTreeSet::new(),
        shared,
        pacer,
        schedule,
        clock,
    }
    .measure(window, meter)
}

impl Engine {
    fn measure(mut self, window: Window, mut meter: Option<Meter<'_>>) -> Result<Report, Failure> {
        let own = std::process::id();
        let usage = |pid: Option<u32>| pid.and_then(Usage::of);
        let mut events = Events::with_capacity(EVENTS);
        let mut scratch = vec![0; SCRATCH_BYTES];
        if let Some(pid) = window.pid.filter(|_| !window.beside) {
            rest(pid);
        }
        self.clock = Instant::now();
        for index in 0..self.links.len() {
            self.pump(index)?;
        }
        let warm = self.turn_until(&mut events, &mut scratch, window.warm_up, u64::MAX, |_| ())?;
        debug_assert!(warm >= window.warm_up);
        let metered_before = meter.as_mut().map(|meter| meter()).transpose()?;
        let (before, own_before) = (usage(window.pid), Usage::of(own));
        let mut resident = before.map(|usage| usage.resident_bytes);
        self.shared.phase = Phase::Measure;
        let mut sampled = 0;
        let seconds = self
            .turn_until(
                &mut events,
                &mut scratch,
                window.length,
                window.bytes_max,
                |now| {
                    if now - sampled >= SAMPLE_EVERY {
                        sampled = now;
                        resident = resident.max(usage(window.pid).map(|usage| usage.resident_bytes));
                    }
                },
            )?
            .as_secs_f64();
        let metered_after = meter.as_mut().map(|meter| meter()).transpose()?;
        let (after, own_after) = (usage(window.pid), Usage::of(own));
        self.shared.phase = Phase::Drain;
        self.drain(&mut events, &mut scratch)?;
        let spent =
            |before: Option<Usage>, after: Option<Usage>| Some(after?.cpu_seconds - before?.cpu_seconds);
        Ok(Report {
            seconds,
            cpu_seconds: spent(before, after),
            resident_bytes: resident.max(after.map(|usage| usage.resident_bytes)),
            generator_cpu_seconds: spent(own_before, own_after),
            metered: metered_after
                .zip(metered_before)
                .map(|(after, before)| after - before),
            classes: self.shared.report(),
        })
    }

    fn nanos(&self) -> u64 {
        self.clock.elapsed().as_nanos() as u64
    }

    /// Turns the loop for `length`, or until `bytes_max` are counted; returns how long it was.
    fn turn_until(
        &mut self,
        events: &mut Events,
        scratch: &mut [u8],
        length: Duration,
        bytes_max: u64,
        mut each_turn: impl FnMut(u64),
    ) -> Result<Duration, Failure> {
        let begin = self.nanos();
        let end = begin + length.as_nanos() as u64;
        let mut last_answer = begin;
        loop {
            let now = self.nanos();
            if now >= end || self.shared.bytes() >= bytes_max {
                return Ok(Duration::from_nanos(now - begin));
            }
            if self.turn(events, scratch, end)? {
                last_answer = self.shared.now;
            } else if self.shared.now.saturating_sub(last_answer) > STALL_SECONDS * 1_000_000_000 {
                return Err(self.stalled(STALL_SECONDS));
            }
            each_turn(self.shared.now);
        }
    }

    fn drain(&mut self, events: &mut Events, scratch: &mut [u8]) -> Result<(), Failure> {
        let end = self.nanos() + DRAIN_SECONDS * 1_000_000_000;
        while !self
            .links
            .iter()
            .all(|(link, role)| role.is_idle() && link.waiting() == 0)
        {
            if self.nanos() >= end {
                return Err(self.stalled(DRAIN_SECONDS));
            }
            self.turn(events, scratch, end)?;
        }
        Ok(())
    }

    fn stalled(&self, seconds: u64) -> Failure {
        let waiting = self
            .links
            .iter()
            .enumerate()
            .filter(|(_, (link, role))| link.waiting() > 0 || !role.is_idle());
        Failure::Stalled {
            seconds,
            waiting: waiting.map(|(index, _)| index).take(8).collect(),
        }
    }

    /// Waits for sockets or the next due time, `until` at the latest; returns whether any socket was ready.
    fn turn(&mut self, events: &mut Events, scratch: &mut [u8], until: u64) -> Result<bool, Failure> {
        let now = self.nanos();
        let running = self.shared.phase != Phase::Drain;
        let next = self
            .schedule
            .as_ref()
            .filter(|_| running)
            .map_or(until, Schedule::next_due);
        let unfinished = std::mem::take(&mut self.unfinished);
        let wait = if unfinished.is_empty() {
            next.min(until).saturating_sub(now)
        } else {
            0
        };
        let timeout = self.pacer.wait(wait)?;
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => {
                return Err(Failure::Io {
                    what: "poll",
                    source: error,
                });
            }
            _ => {}
        }
        self.shared.now = self.nanos();
        let mut any = !unfinished.is_empty();
        for event in events.iter() {
            let index = event.token().0;
            let Some((link, role)) = self.links.get_mut(index) else {
                continue;
            };
            any = true;
            if event.is_writable() {
                link.flush()?;
            }
            if event.is_readable() {
                let (shared, clock) = (&mut self.shared, self.clock);
                link.read(scratch, |front, size| {
                    shared.now = clock.elapsed().as_nanos() as u64;
                    role.answered(front, size, shared)
                })?;
            }
            self.pump(index)?;
        }
        if running && let Some(schedule) = &mut self.schedule {
            let mut due = Vec::new();
            while let Some((number, at)) = schedule.take(self.shared.now) {
                due.push((self.open[number as usize % self.open.len()], at));
            }
            for (index, at) in due {
                self.links[index].1.due(at);
                self.pump(index)?;
            }
        }
        for index in unfinished {
            self.pump(index)?;
        }
        for at in 0..self.gated.len() {
            self.pump(self.gated[at])?;
        }
        Ok(any)
    }

    /// Sends what a connection's role has to send, as long as it is its turn.
    fn pump(&mut self, index: usize) -> Result<(), Failure> {
        let (link, role) = &mut self.links[index];
        for _ in 0..TURN_MAX {
            if link.waiting() >= WAITING_MAX {
                return Ok(()); // The socket says when it takes more.
            }
            match role.next(&mut self.shared)? {
                Some(frame) => link.send(frame)?,
                None => return Ok(()),
            }
        }
        self.unfinished.insert(index);
        Ok(())
    }
}

/// Waits until a server has finished what its topics' making and filling left it to do: it is not part of
/// what is measured.
fn rest(pid: u32) {
    const STEP: Duration = Duration::from_millis(50);
    /// A tick of the clock that CPU is counted in, and a half.
    const IDLE_SECONDS: f64 = 0.015;
    const STEPS_MAX: u32 = 200;
    let cpu = || Usage::of(pid).map(|usage| usage.cpu_seconds);
    let mut idle = 0;
    let mut before = cpu();
    for _ in 0..STEPS_MAX {
        std::thread::sleep(STEP);
        let now = cpu();
        let Some(spent) = now.zip(before).map(|(now, before)| now - before) else {
            return; // No such process, or no /proc.
        };
        before = now;
        idle = if spent < IDLE_SECONDS { idle + 1 } else { 0 };
        if idle == 2 {
            return;
        }
    }
}
