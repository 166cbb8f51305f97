//! One direction of a connection: bytes that are on their way, in order.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;

use bytes::{Buf, Bytes};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::trace::{Event, Happened, Piece};
use super::{SimulatedNetwork, State};

/// Bytes that are on their way or wait to be taken; more the sender has to keep.
const WINDOW_BYTES: usize = 64 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Pipe {
    network: SimulatedNetwork,
    pub from: SocketAddr,
    pub to: SocketAddr,
    flow: Mutex<Flow>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Flow {
    /// When each piece arrives; an empty one is the end. `None` while the link is cut.
    pieces: VecDeque<(Option<Instant>, Bytes)>,
    /// Of all pieces.
    bytes: usize,
    /// When the last piece with a time arrives: none overtakes it.
    last: Option<Instant>,
    is_closed: bool,
    is_lost: bool,
}

impl Pipe {
    pub fn new(network: &SimulatedNetwork, from: SocketAddr, to: SocketAddr) -> Pipe {
        Pipe {
            network: network.clone(),
            from,
            to,
            flow: Mutex::default(),
            changed: Notify::new(),
        }
    }

    fn note(&self, state: &mut State, what: Happened) {
        state.note(Event {
            at: state.elapsed(),
            from: self.from,
            to: self.to,
            what,
        });
    }

    /// Takes what of `buffers` fits into the window.
    pub fn send(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.network.lock();
        let mut flow = self.flow.lock();
        if flow.is_lost {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if flow.is_closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = WINDOW_BYTES - flow.bytes;
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let bytes: Bytes = buffers
            .iter()
            .flat_map(|buffer| buffer.iter().copied())
            .take(room)
            .collect();
        let sent = bytes.len();
        if !state.has_power(self.from.ip()) {
            return Ok(sent);
        }
        self.note(&mut state, Happened::Sent(Piece::of(&bytes)));
        flow.push(&mut state, self, bytes);
        self.changed.notify_waiters();
        Ok(sent)
    }

    /// The sender sends no more.
    pub fn close(&self) {
        let mut state = self.network.lock();
        let mut flow = self.flow.lock();
        if !flow.is_closed && !flow.is_lost {
            self.note(&mut state, Happened::Closed);
            flow.is_closed = true;
            flow.push(&mut state, self, Bytes::new());
            self.changed.notify_waiters();
        }
    }

    /// The receiver takes no more.
    pub fn abandon(&self) {
        let mut flow = self.flow.lock();
        flow.is_closed = true;
        self.changed.notify_waiters();
    }

    /// The power of one end has gone.
    pub fn lose(&self, state: &mut State) {
        self.flow.lock().is_lost = true;
        self.note(state, Happened::Lost);
        self.changed.notify_waiters();
    }

    /// The network it is in.
    pub fn network(&self) -> &SimulatedNetwork {
        &self.network
    }

    /// The receiver stands still: what is on its way or not taken yet waits.
    pub fn suspend(&self) {
        let mut flow = self.flow.lock();
        flow.pieces.iter_mut().for_each(|(at, _)| *at = None);
        flow.last = None;
        self.changed.notify_waiters();
    }

    /// The link is there again: what waited is sent.
    pub fn resume(&self, state: &mut State) {
        let mut flow = self.flow.lock();
        let first = flow.pieces.iter().position(|(at, _)| at.is_none());
        let first = first.unwrap_or(flow.pieces.len());
        let waiting = flow.pieces.split_off(first);
        for (_, bytes) in waiting {
            flow.bytes -= bytes.len();
            flow.push(state, self, bytes);
        }
        self.changed.notify_waiters();
    }

    /// Hands what has arrived to `take`, which says how much of it it took.
    pub fn receive(&self, take: impl FnOnce(&[u8]) -> usize) -> io::Result<usize> {
        let mut state = self.network.lock();
        let mut flow = self.flow.lock();
        if flow.is_lost {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let Some((Some(at), bytes)) = flow.pieces.front_mut() else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        if *at > Instant::now() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if bytes.is_empty() {
            return Ok(0);
        }
        let taken = take(bytes);
        self.note(&mut state, Happened::Received(Piece::of(&bytes[..taken])));
        bytes.advance(taken);
        if bytes.is_empty() {
            flow.pieces.pop_front();
        }
        flow.bytes -= taken;
        self.changed.notify_waiters();
        Ok(taken)
    }

    /// Waits until there is something to receive.
    pub async fn readable(&self) {
        self.reached(|flow| match flow.pieces.front() {
            _ if flow.is_lost => Some(Instant::now()),
            Some((at, _)) => *at,
            None => None,
        })
        .await;
    }

    /// Waits until bytes may be sent.
    pub async fn writable(&self) {
        self.reached(|flow| {
            let ends = flow.is_lost || flow.is_closed;
            (ends || flow.bytes < WINDOW_BYTES).then(Instant::now)
        })
        .await;
    }

    /// Waits for the moment that `when` says; it is asked again whenever something has changed.
    async fn reached(&self, when: impl Fn(&Flow) -> Option<Instant>) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let at = when(&self.flow.lock());
            match at {
                Some(at) if at <= Instant::now() => return,
                Some(at) => tokio::select! {
                    biased;
                    () = changed => {}
                    () = sleep_until(at) => {}
                },
                None => changed.await,
            }
        }
    }
}

impl Flow {
    fn push(&mut self, state: &mut State, pipe: &Pipe, bytes: Bytes) {
        let at = state.arrival(pipe.from.ip(), pipe.to.ip());
        let at = at.map(|at| self.last.map_or(at, |last| at.max(last)));
        self.last = at.or(self.last);
        self.bytes += bytes.len();
        self.pieces.push_back((at, bytes));
    }
}
