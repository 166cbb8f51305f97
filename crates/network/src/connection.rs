//! One connection: frames in, responses out, in request order.
//!
//! Bytes are read into the thread's scratch buffer and requests start from there in place; only a frame that
//! has not fully arrived gets a buffer of its own. The next request is read before the last one has finished,
//! unless that one is [`Outcome::Exclusive`]. A client that does not read its responses is not read from
//! either.

mod ended;
mod receiving;
mod slot;
mod timed;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use barnabas_protocol::frame::{self, SIZE_PREFIX};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::ended::Ended;
use self::slot::{Slot, first_reply};
use self::timed::Timed;
use super::authentication::{Authentication, Started, close_after};
use super::frame_buffer::FrameBuffer;
use super::opening;
use super::output::Output;
use super::request_memory::{Share, Verdict};
use super::response::{Chunk, Outcome, Reply};
use super::transport::Transport;
use super::worker::Accepted;
use crate::connection_context::resumed;
use crate::metrics::ThreadMetrics;
use crate::{ConnectionContext, Service};

/// Size of a thread's read buffer: large enough that most frames are parsed in place.
const SCRATCH_BYTES: usize = 256 * 1024;
/// A connection that read this much without a pause lets the others of its thread go on.
const READ_BYTES_PER_TURN: usize = 512 * 1024;
/// Requests of one connection that may be outstanding.
const REQUESTS_IN_FLIGHT_MAX: usize = 256;
/// Bytes of requests whose replies are outstanding, beyond which none is started: a parked Fetch keeps what
/// it asked for.
const PENDING_BYTES_MAX: usize = 1024 * 1024;
/// Response bytes that may wait for the client, or for an older response, before its next request starts.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;
/// Bytes that are received beyond a request that lets no other start.
const HELD_BYTES_MAX: usize = 64 * 1024;
/// How long a stopping process waits for a client to take its last responses.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(500);

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH_BYTES]);
}

/// Serves a connection until either side closes it, or the process stops and the client had its time to take
/// what was in flight.
pub async fn serve(
    accepted: Accepted,
    service: Arc<dyn Service>,
    metrics: Option<Arc<ThreadMetrics>>,
    shutdown: CancellationToken,
) {
    let Accepted {
        incoming,
        peer,
        listener,
        slot: _slot,
        place: _place,
    } = accepted;
    let transport = match incoming.into_transport() {
        Ok(transport) => transport,
        Err(error) => return tracing::debug!(%peer, %error, "the connection was gone before it was served"),
    };
    let reached = transport.local_address().ok().map(|address| address.ip());
    let opened = tokio::select! {
        biased;
        () = shutdown.cancelled() => return,
        opened = opening::open(transport, &listener) => opened,
    };
    let (transport, principal) = match opened {
        Ok(opened) => opened,
        Err(error) => return opening::failed(peer, &listener, &error),
    };
    let authentication = listener.sasl.clone().map(Authentication::new);
    let context = ConnectionContext::new(listener, peer.ip().to_canonical(), reached).counted_by(metrics);
    if let Some(principal) = principal {
        context.authenticated(principal);
    }
    let limits = service.limits();
    let first_bytes_max = authentication
        .as_ref()
        .map(|authentication| authentication.frame_bytes_max(limits.frame_bytes_max));
    let mut connection = Connection {
        transport,
        context: Rc::new(context),
        memory: Share::new(service.request_memory().clone()),
        starved: false,
        frame_bytes_max: first_bytes_max.unwrap_or(limits.frame_bytes_max),
        authenticated_bytes_max: limits.frame_bytes_max,
        idle_max: limits.idle_max,
        service,
        authentication,
        input: FrameBuffer::default(),
        replies: VecDeque::new(),
        replies_bytes: 0,
        pending_bytes: 0,
        output: Output::default(),
        writable: true,
        reading: true,
    };
    let listener = connection.context.listener.clone();
    if let Some(metrics) = connection.context.metrics() {
        metrics.opened(&listener.name);
    }
    let ended = connection.run(&shutdown).await;
    connection.transport.close();
    if let Some(metrics) = connection.context.metrics() {
        metrics.closed(&listener.name);
    }
    connection.service.closed(&connection.context);
    match ended {
        Ok(()) => {}
        Err(Ended::Starving) => {
            tracing::warn!(%peer, "connection closed: it sends too slowly while others wait for memory");
        }
        Err(Ended::Io(error)) => tracing::debug!(%peer, %error, "connection ended"),
        Err(Ended::Frame(error)) => tracing::warn!(%peer, %error, "connection closed: bad frame"),
    }
}

struct Connection {
    transport: Transport,
    context: Rc<ConnectionContext>,
    frame_bytes_max: usize,
    /// What `frame_bytes_max` is once the client has authenticated.
    authenticated_bytes_max: usize,
    idle_max: Duration,
    service: Arc<dyn Service>,
    /// `None` where nobody has to authenticate.
    authentication: Option<Authentication>,
    /// What it holds of the process's memory for requests.
    memory: Share,
    /// Whether it waits for its share to grow.
    starved: bool,
    /// Bytes that were received and not yet given to a request; empty between requests.
    input: FrameBuffer,
    /// Oldest first.
    replies: VecDeque<Slot>,
    /// Bytes of those that are ready.
    replies_bytes: usize,
    /// Bytes of the requests of those that are not.
    pending_bytes: usize,
    output: Output,
    /// Whether the socket may take more; false until it says so.
    writable: bool,
    /// Whether more requests may come: not after an end of file, a refused request or a shutdown.
    reading: bool,
}

impl Connection {
    async fn run(&mut self, shutdown: &CancellationToken) -> Result<(), Ended> {
        // Something has happened since the idle timer was set: a flag, because the time is not read for every
        // request.
        let mut active = false;
        let idle_timer = tokio::time::sleep(self.idle_max);
        // One wait for the whole life: each new one takes locks that all connections of the thread share.
        let stopped = shutdown.cancelled();
        tokio::pin!(idle_timer, stopped);
        let mut stopping = false;
        loop {
            // Responses that leave make room for requests that are here already; no event will tell of them.
            while self.turn()? {}
            if !self.reading && self.replies.is_empty() && !self.has_output() {
                return Ok(());
            }
            if self.writable && self.has_output() {
                tokio::task::yield_now().await;
                continue;
            }
            let may_read = self.may_read();
            let paused_until = self.context.paused_until();
            self.memory.hold(self.input.capacity() + self.pending_bytes);
            tokio::select! {
                biased;
                (reply, bytes, timed) = first_reply(&mut self.replies) => {
                    if let Some(timed) = timed {
                        timed.answered(&self.context, &reply);
                    }
                    self.replies_bytes += reply.wire_bytes();
                    self.pending_bytes -= bytes;
                    self.replies[0] = Slot::Ready(reply);
                    active = true;
                }
                ready = self.transport.writable(), if !self.writable => {
                    ready?;
                    self.writable = true;
                    active = true;
                }
                ready = self.transport.readable(), if may_read => {
                    ready?;
                    self.read().await?;
                    active = true;
                }
                verdict = self.memory.changed(self.starved, self.input.len()) => match verdict {
                    Verdict::Granted => self.starved = false,
                    Verdict::Wasted => return Err(Ended::Starving),
                },
                () = resumed(paused_until), if paused_until.is_some() => {}
                () = &mut stopped, if !stopping => {
                    stopping = true;
                    self.reading = false;
                    idle_timer.as_mut().reset(Instant::now() + DRAIN_TIMEOUT);
                }
                () = &mut idle_timer => {
                    if stopping {
                        return Ok(());
                    }
                    if self.replies.is_empty() && !std::mem::take(&mut active) {
                        return Ok(());
                    }
                    idle_timer.as_mut().reset(Instant::now() + self.idle_max);
                }
            }
        }
    }

    /// Sends what is ready, then starts what has been received; answers whether that was any request.
    fn turn(&mut self) -> Result<bool, Ended> {
        self.collect_ready();
        if self.writable && self.has_output() {
            self.writable = self.output.write(&mut self.transport)?;
        }
        self.start_received()
    }

    /// Whether anything waits for the socket.
    fn has_output(&self) -> bool {
        !self.output.is_empty() || self.transport.has_unsent()
    }

    /// Whether another request may start now.
    fn may_start(&self) -> bool {
        let exclusive = matches!(self.replies.back(), Some(Slot::Pending { exclusive: true, .. }));
        self.reading
            && !exclusive
            && self.context.paused_until().is_none()
            && self.replies.len() < REQUESTS_IN_FLIGHT_MAX
            && self.pending_bytes < PENDING_BYTES_MAX
            && self.output.len() + self.replies_bytes < OUTPUT_BYTES_MAX
    }

    /// Whether more bytes may be received: while requests can't start, only a little beyond them, so that the
    /// end of the connection is still noticed.
    fn may_read(&self) -> bool {
        self.reading && !self.starved && (self.may_start() || self.input.len() < HELD_BYTES_MAX)
    }

    /// Starts requests from the front of `bytes` for as long as they are whole and may start; answers how
    /// many bytes those were.
    fn start_frames(&mut self, bytes: &mut [u8]) -> Result<usize, Ended> {
        let mut position = 0;
        while self.may_start() {
            let rest = &mut bytes[position..];
            let Some(size) = frame::parse_frame_size(rest, self.frame_bytes_max)? else {
                break;
            };
            let end = SIZE_PREFIX + size;
            if rest.len() < end {
                break;
            }
            let mut timed = Timed::begin(&self.context, &rest[SIZE_PREFIX..end]);
            let (outcome, last) = self.start_frame(&mut rest[SIZE_PREFIX..end]);
            if let Some(timed) = &mut timed {
                timed.started();
            }
            let pending = |reply, exclusive| Slot::Pending {
                reply,
                exclusive,
                bytes: end,
                timed,
            };
            let slot = match outcome {
                Outcome::Ready(reply) => {
                    if let Some(timed) = timed {
                        timed.answered(&self.context, &reply);
                    }
                    Slot::Ready(reply)
                }
                Outcome::Staged(reply) => pending(reply, false),
                Outcome::Exclusive(reply) => pending(reply, true),
            };
            match &slot {
                Slot::Ready(reply) => {
                    self.replies_bytes += reply.wire_bytes();
                    self.reading &= !matches!(reply, Reply::Close);
                }
                Slot::Pending { bytes, .. } => self.pending_bytes += bytes,
            }
            self.replies.push_back(slot);
            position += end;
            if let Some(delay) = last {
                // Nothing that comes behind it is looked at.
                self.reading = false;
                self.replies.push_back(Slot::Pending {
                    reply: close_after(delay),
                    exclusive: true,
                    bytes: 0,
                    timed: None,
                });
            }
        }
        Ok(position)
    }

    /// Starts the request in `frame`. Where the answer is the connection's last, also says how long after it
    /// the connection is closed.
    fn start_frame(&mut self, frame: &mut [u8]) -> (Outcome, Option<Duration>) {
        let Some(authentication) = &mut self.authentication else {
            return (self.service.start(&self.context, frame), None);
        };
        let started = authentication.start(&*self.service, &self.context, frame);
        self.frame_bytes_max = authentication.frame_bytes_max(self.authenticated_bytes_max);
        match started {
            Started::Going(outcome) => (outcome, None),
            Started::Last(outcome, delay) => (outcome, Some(delay)),
        }
    }

    /// Moves the replies that are ready, up to the first that is not, to the output.
    fn collect_ready(&mut self) {
        while let Some(Slot::Ready(_)) = self.replies.front() {
            let Some(Slot::Ready(reply)) = self.replies.pop_front() else {
                break;
            };
            self.replies_bytes -= reply.wire_bytes();
            match reply {
                Reply::Frame { head, rest } => {
                    self.output.push(Chunk::Bytes(head));
                    rest.into_iter().for_each(|chunk| self.output.push(chunk));
                }
                Reply::Nothing => {}
                Reply::Close => {
                    self.reading = false;
                    self.replies.clear();
                    self.replies_bytes = 0;
                    self.pending_bytes = 0;
                }
            }
        }
    }
}
