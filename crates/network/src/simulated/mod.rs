//! A network in memory, for simulations: hosts have addresses, bytes take their time, links can be cut and
//! hosts can lose their power. Deterministic by its seed on a runtime with one thread and a paused clock,
//! whose time it follows.
//!
//! A node gets a [`SimulatedHost`]; the simulation keeps the [`SimulatedNetwork`] and steers it.

mod pipe;
#[cfg(test)]
mod tests;
mod trace;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Weak};
use std::time::Duration;

use barnabas_environment::Random;
use bytes::BytesMut;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use self::pipe::Pipe;
pub use self::trace::{Event, Happened, Piece};

/// Ports that connections are made from, one after the other.
const OUTGOING_PORTS: RangeInclusive<u16> = 40_000..=u16::MAX;
/// After so long a connection over a cut link is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes take so long at first, milliseconds: a runtime's timer knows no less.
const DELAY_MS: RangeInclusive<u64> = 1..=5;

/// A network; clones are the same.
#[derive(Clone, Debug)]
pub struct SimulatedNetwork(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    began: Instant,
    random: Random,
    delay_ms: RangeInclusive<u64>,
    /// Links that are slower than that, by who sends and who receives.
    slow: BTreeMap<(IpAddr, IpAddr), RangeInclusive<u64>>,
    /// Pairs of hosts, in both orders.
    cut: BTreeSet<(IpAddr, IpAddr)>,
    /// Hosts that neither send nor receive.
    paused: BTreeSet<IpAddr>,
    listeners: BTreeMap<SocketAddr, Arc<Backlog>>,
    pipes: Vec<Weak<Pipe>>,
    power: BTreeMap<IpAddr, Power>,
    outgoing: RangeInclusive<u16>,
    events: Vec<Event>,
}

/// Says whether a host has power.
struct Power(Box<dyn Fn() -> bool + Send>);

impl fmt::Debug for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Power").field(&(self.0)()).finish()
    }
}

/// Connections that wait to be accepted.
#[derive(Debug, Default)]
struct Backlog {
    waiting: Mutex<VecDeque<SimulatedStream>>,
    filled: Notify,
}

impl SimulatedNetwork {
    /// A network without hosts whose delays follow from a seed. To be called on the runtime that all of it
    /// runs on.
    pub fn new(seed: u64) -> SimulatedNetwork {
        SimulatedNetwork(Arc::new(Mutex::new(State {
            began: Instant::now(),
            random: Random::seeded(seed),
            delay_ms: DELAY_MS,
            slow: BTreeMap::new(),
            cut: BTreeSet::new(),
            paused: BTreeSet::new(),
            listeners: BTreeMap::new(),
            pipes: Vec::new(),
            power: BTreeMap::new(),
            outgoing: OUTGOING_PORTS,
            events: Vec::new(),
        })))
    }

    /// A host with this address.
    pub fn host(&self, address: IpAddr) -> SimulatedHost {
        SimulatedHost {
            network: self.clone(),
            address,
        }
    }

    /// From now on bytes take so many milliseconds, at least one.
    pub fn delay(&self, delay_ms: RangeInclusive<u64>) {
        self.lock().delay_ms = delay_ms;
    }

    /// From now on what `from` sends to `to` takes so many milliseconds; `None` ends that.
    pub fn delay_link(&self, from: IpAddr, to: IpAddr, delay_ms: Option<RangeInclusive<u64>>) {
        let slow = &mut self.lock().slow;
        match delay_ms {
            Some(delay_ms) => drop(slow.insert((from, to), delay_ms)),
            None => drop(slow.remove(&(from, to))),
        }
    }

    /// Cuts the link between two hosts: what is sent waits.
    pub fn cut(&self, one: IpAddr, other: IpAddr) {
        self.lock().cut.extend([(one, other), (other, one)]);
    }

    /// Cuts the link in one direction: what `from` sends to `to` waits.
    pub fn cut_one_way(&self, from: IpAddr, to: IpAddr) {
        self.lock().cut.insert((from, to));
    }

    /// Mends a link: what waited is sent.
    pub fn mend(&self, one: IpAddr, other: IpAddr) {
        let mut state = self.lock();
        state.cut.remove(&(one, other));
        state.cut.remove(&(other, one));
        let between = |pipe: &Pipe| {
            let ends = (pipe.from.ip(), pipe.to.ip());
            ends == (one, other) || ends == (other, one)
        };
        for pipe in state.pipes().into_iter().filter(|pipe| between(pipe)) {
            pipe.resume(&mut state);
        }
    }

    /// A host stands still: what it sends and what it would receive waits. Connections to it are made, by the
    /// system that it runs on.
    pub fn pause(&self, host: IpAddr) {
        let mut state = self.lock();
        state.paused.insert(host);
        for pipe in state.pipes() {
            if pipe.to.ip() == host {
                pipe.suspend();
            }
        }
    }

    /// A host goes on: what waited is sent, and comes.
    pub fn resume(&self, host: IpAddr) {
        let mut state = self.lock();
        state.paused.remove(&host);
        for pipe in state.pipes() {
            if pipe.from.ip() == host || pipe.to.ip() == host {
                pipe.resume(&mut state);
            }
        }
    }

    /// From now on a host has power for as long as `has_power` says; what it sends without reaches nobody.
    pub fn power(&self, host: IpAddr, has_power: impl Fn() -> bool + Send + 'static) {
        self.lock().power.insert(host, Power(Box::new(has_power)));
    }

    /// The power of a host goes: it listens no more, and its connections are lost on both ends.
    pub fn power_off(&self, host: IpAddr) {
        let mut state = self.lock();
        state.listeners.retain(|address, _| address.ip() != host);
        for pipe in state.pipes() {
            if pipe.from.ip() == host || pipe.to.ip() == host {
                pipe.lose(&mut state);
            }
        }
    }

    /// All that has happened so far.
    pub fn trace(&self) -> Vec<Event> {
        self.lock().events.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

impl State {
    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    fn note(&mut self, event: Event) {
        self.events.push(event);
    }

    fn delay(&mut self, from: IpAddr, to: IpAddr) -> Duration {
        let delay_ms = self.slow.get(&(from, to)).unwrap_or(&self.delay_ms);
        let (least, most) = (*delay_ms.start(), *delay_ms.end());
        let spread = self.random.below(most.saturating_sub(least) + 1);
        Duration::from_millis(least + spread)
    }

    fn has_power(&self, host: IpAddr) -> bool {
        self.power.get(&host).is_none_or(|power| (power.0)())
    }

    /// When what is sent now arrives; `None` while the link is cut, or one of both stands still.
    fn arrival(&mut self, from: IpAddr, to: IpAddr) -> Option<Instant> {
        let delay = self.delay(from, to);
        let waits =
            self.cut.contains(&(from, to)) || [from, to].iter().any(|host| self.paused.contains(host));
        (!waits).then(|| Instant::now() + delay)
    }

    /// The directions of all connections that there still are.
    fn pipes(&mut self) -> Vec<Arc<Pipe>> {
        self.pipes.retain(|pipe| pipe.strong_count() > 0);
        self.pipes.iter().filter_map(Weak::upgrade).collect()
    }
}

/// A host of a network: it listens at its address, and connects from there.
#[derive(Clone, Debug)]
pub struct SimulatedHost {
    network: SimulatedNetwork,
    address: IpAddr,
}

impl SimulatedHost {
    /// Listens at an address of this host.
    ///
    /// # Errors
    /// `AddrNotAvailable`, `AddrInUse`.
    pub fn listen(&self, address: SocketAddr) -> io::Result<SimulatedListener> {
        if address.ip() != self.address {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        let backlog = Arc::new(Backlog::default());
        let mut state = self.network.lock();
        if state.listeners.contains_key(&address) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        state.listeners.insert(address, backlog.clone());
        Ok(SimulatedListener {
            network: self.network.clone(),
            address,
            backlog,
        })
    }

    /// Connects to an address.
    ///
    /// # Errors
    /// `ConnectionRefused` where nobody listens, `TimedOut` over a cut link.
    pub async fn connect(&self, to: SocketAddr) -> io::Result<SimulatedStream> {
        let (delay, from) = {
            let mut state = self.network.lock();
            let port = state.outgoing.next().unwrap_or_else(|| {
                state.outgoing = OUTGOING_PORTS;
                *OUTGOING_PORTS.start()
            });
            let delay = state.delay(self.address, to.ip());
            (delay, SocketAddr::new(self.address, port))
        };
        sleep(delay).await;
        let is_cut = {
            let state = self.network.lock();
            state.cut.contains(&(from.ip(), to.ip())) || state.paused.contains(&from.ip())
        };
        if is_cut {
            sleep(CONNECT_TIMEOUT).await;
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut state = self.network.lock();
        let Some(backlog) = state.listeners.get(&to).cloned() else {
            return Err(io::ErrorKind::ConnectionRefused.into());
        };
        let [there, back] =
            [(from, to), (to, from)].map(|(from, to)| Arc::new(Pipe::new(&self.network, from, to)));
        state.pipes.extend([&there, &back].map(Arc::downgrade));
        let event = Event {
            at: state.elapsed(),
            from,
            to,
            what: Happened::Connected,
        };
        state.note(event);
        backlog.waiting.lock().push_back(SimulatedStream {
            incoming: there.clone(),
            outgoing: back.clone(),
        });
        backlog.filled.notify_one();
        Ok(SimulatedStream {
            incoming: back,
            outgoing: there,
        })
    }
}

/// Takes connections; it is gone when dropped.
#[derive(Debug)]
pub struct SimulatedListener {
    network: SimulatedNetwork,
    address: SocketAddr,
    backlog: Arc<Backlog>,
}

impl SimulatedListener {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection and whose it is.
    pub async fn accept(&self) -> (SimulatedStream, SocketAddr) {
        loop {
            let next = self.backlog.waiting.lock().pop_front();
            if let Some(stream) = next {
                let peer = stream.incoming.from;
                return (stream, peer);
            }
            self.backlog.filled.notified().await;
        }
    }
}

impl Drop for SimulatedListener {
    fn drop(&mut self) {
        // Whom the power cut has already taken it from may have been followed by another.
        let listeners = &mut self.network.lock().listeners;
        let is_this = |backlog: &Arc<Backlog>| Arc::ptr_eq(backlog, &self.backlog);
        if listeners.get(&self.address).is_some_and(is_this) {
            listeners.remove(&self.address);
        }
    }
}

/// One end of a connection; dropping it closes it.
#[derive(Debug)]
pub struct SimulatedStream {
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
}

impl SimulatedStream {
    /// Ends the connection at once: what is on its way is lost, and the other end hears of that.
    pub fn reset(&self) {
        let network = self.outgoing.network().clone();
        let mut state = network.lock();
        self.outgoing.lose(&mut state);
        self.incoming.lose(&mut state);
    }

    pub(crate) fn local_address(&self) -> SocketAddr {
        self.outgoing.from
    }

    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.incoming.readable().await;
        Ok(())
    }

    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.outgoing.writable().await;
        Ok(())
    }

    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.incoming.receive(|bytes| {
            let len = bytes.len().min(buffer.len());
            buffer[..len].copy_from_slice(&bytes[..len]);
            len
        })
    }

    pub(crate) fn receive_behind(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        self.incoming.receive(|bytes| {
            buffer.extend_from_slice(bytes);
            bytes.len()
        })
    }

    pub(crate) fn send_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.outgoing.send(buffers)
    }
}

impl Drop for SimulatedStream {
    fn drop(&mut self) {
        self.outgoing.close();
        self.incoming.abandon();
    }
}
