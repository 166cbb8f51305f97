//! One outgoing connection, and the task that it lives in.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::sync::Arc;
use std::time::Duration;

use barnabas_protocol::frame::{SIZE_PREFIX, parse_frame_size};
use barnabas_protocol::header::decode_response_header;
use bytes::{Buf, Bytes, BytesMut};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::connector::Opened;
use super::{CallError, Connector};
use crate::Transport;
use crate::listening::addresses;

/// The largest answer that is taken. Memory follows the bytes that come, not those that are announced.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;
/// An idle connection is closed after so long.
const IDLE_MAX: Duration = Duration::from_secs(9 * 60);
const CORRELATION_ID_AT: usize = SIZE_PREFIX + 4;
const READ_BYTES: usize = 64 * 1024;
/// How much of a session is used before it is renewed: Kafka's clients renew theirs after 85 to 95 %.
const SESSION_USED: f64 = 0.9;
/// How long that may take.
const RENEWAL_PATIENCE: Duration = Duration::from_secs(10);

type Outcome = Result<Bytes, CallError>;

/// A request that waits for its answer.
pub struct Call {
    /// Size prefix and header, without the correlation id.
    pub head: BytesMut,
    pub body: Bytes,
    /// Whether the answer's header has tagged fields.
    pub tagged_answer: bool,
    pub deadline: Instant,
    pub reply_to: oneshot::Sender<Outcome>,
}

/// What has been sent and not been answered.
struct Sent {
    correlation_id: i32,
    tagged_answer: bool,
    deadline: Instant,
    reply_to: oneshot::Sender<Outcome>,
}

/// See the module.
pub struct ClientConnection {
    connector: Connector,
    address: Arc<str>,
    next_correlation_id: i32,
    /// Told when a connection has ended.
    lost: Arc<Notify>,
}

/// Why a connection ended.
enum Ended {
    /// Nobody can ask any more, or nobody has for long.
    Unused,
    Failed(CallError),
}

impl ClientConnection {
    pub fn new(connector: Connector, address: Arc<str>, lost: Arc<Notify>) -> Self {
        ClientConnection {
            connector,
            address,
            next_correlation_id: 0,
            lost,
        }
    }

    /// Serves calls until nobody can ask any more.
    pub async fn run(mut self, mut inbox: mpsc::Receiver<Call>) {
        while let Some(call) = inbox.recv().await {
            let opened = match timeout_at(call.deadline, self.connect()).await {
                Ok(Ok(opened)) => opened,
                Ok(Err(error)) => {
                    let error = CallError::Unreachable(self.address.to_string(), error.kind());
                    drop(call.reply_to.send(Err(error)));
                    continue;
                }
                Err(_) => {
                    let error = CallError::Unreachable(self.address.to_string(), ErrorKind::TimedOut);
                    drop(call.reply_to.send(Err(error)));
                    continue;
                }
            };
            let mut connected = Connected {
                transport: opened.transport,
                connector: &self.connector,
                renewed_at: opened.session.map(renewal),
                address: &self.address,
                next_correlation_id: &mut self.next_correlation_id,
                output: VecDeque::new(),
                input: BytesMut::new(),
                sent: VecDeque::new(),
            };
            connected.take(call);
            if let Ended::Failed(error) = connected.serve(&mut inbox).await {
                tracing::debug!(address = %self.address, %error, "an outgoing connection ended");
                for sent in connected.sent.drain(..) {
                    drop(sent.reply_to.send(Err(error.clone())));
                }
            }
            drop(connected);
            self.lost.notify_one();
        }
    }

    async fn connect(&self) -> io::Result<Opened> {
        let mut failed = io::Error::from(ErrorKind::AddrNotAvailable);
        let host = host(&self.address);
        for address in addresses(&self.address).await? {
            match self.connector.connect(address, host).await {
                Ok(opened) => return Ok(opened),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }
}

/// The host of `host:port`.
fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

/// When a session that begins now has to be renewed.
fn renewal(session: Duration) -> Instant {
    Instant::now() + session.mul_f64(SESSION_USED)
}

struct Connected<'a> {
    transport: Transport,
    connector: &'a Connector,
    /// When its session has to be renewed: nothing more is asked before that is done.
    renewed_at: Option<Instant>,
    address: &'a Arc<str>,
    next_correlation_id: &'a mut i32,
    /// What is to be written, heads and bodies.
    output: VecDeque<Bytes>,
    input: BytesMut,
    sent: VecDeque<Sent>,
}

impl Connected<'_> {
    async fn serve(&mut self, inbox: &mut mpsc::Receiver<Call>) -> Ended {
        loop {
            let is_over = self.renewed_at.is_some_and(|at| Instant::now() >= at);
            if is_over && self.sent.is_empty() {
                // Whoever sees the other end takes a connection that ends for the end of this node.
                let renewed = self.connector.log_in(&mut self.transport, host(self.address));
                match timeout_at(Instant::now() + RENEWAL_PATIENCE, renewed).await {
                    Ok(Ok(session)) => self.renewed_at = session.map(renewal),
                    Ok(Err(_)) | Err(_) => return Ended::Unused,
                }
                continue;
            }
            let until = match self.sent.iter().map(|sent| sent.deadline).min() {
                Some(deadline) => deadline,
                None => {
                    let idle_until = Instant::now() + IDLE_MAX;
                    self.renewed_at.map_or(idle_until, |at| at.min(idle_until))
                }
            };
            let outcome = tokio::select! {
                biased;
                // First of all, so that nothing more is asked on a connection that is given up.
                () = sleep_until(until) => {
                    if self.sent.is_empty() && self.renewed_at.is_some_and(|at| at <= until) {
                        continue;
                    }
                    return if self.sent.is_empty() {
                        Ended::Unused
                    } else {
                        Ended::Failed(CallError::TimedOut(self.address.to_string()))
                    };
                }
                readable = self.transport.readable() => readable.and_then(|()| self.read()),
                writable = self.transport.writable(), if !self.output.is_empty() || self.transport.has_unsent() => {
                    writable.and_then(|()| self.write())
                }
                call = inbox.recv(), if !is_over => match call {
                    None => return Ended::Unused,
                    Some(call) => {
                        self.take(call);
                        self.write()
                    }
                },
            };
            match outcome {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::InvalidData => {
                    return Ended::Failed(CallError::Malformed(self.address.to_string()));
                }
                // A peer that closes an unused connection does so for being idle: nothing is lost.
                Err(_) if self.sent.is_empty() => return Ended::Unused,
                Err(_) => return Ended::Failed(CallError::Disconnected(self.address.to_string())),
            }
        }
    }

    /// Puts a call among what is to be written. Whoever has given up meanwhile is passed over.
    fn take(&mut self, mut call: Call) {
        if call.reply_to.is_closed() {
            return;
        }
        let correlation_id = *self.next_correlation_id;
        *self.next_correlation_id = correlation_id.wrapping_add(1);
        call.head[CORRELATION_ID_AT..CORRELATION_ID_AT + 4].copy_from_slice(&correlation_id.to_be_bytes());
        self.output.push_back(call.head.freeze());
        if !call.body.is_empty() {
            self.output.push_back(call.body);
        }
        self.sent.push_back(Sent {
            correlation_id,
            tagged_answer: call.tagged_answer,
            deadline: call.deadline,
            reply_to: call.reply_to,
        });
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            let buffers: Vec<IoSlice<'_>> = self
                .output
                .iter()
                .take(16)
                .map(|part| IoSlice::new(part))
                .collect();
            let mut written = match self.transport.send_vectored(&buffers, false) {
                Ok(written) => written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            while let Some(first) = self.output.front_mut() {
                if written < first.len() {
                    first.advance(written);
                    break;
                }
                written -= first.len();
                self.output.pop_front();
            }
        }
        self.transport.flush().map(drop)
    }

    /// Takes what has come, and tells the callers.
    fn read(&mut self) -> io::Result<()> {
        self.input.reserve(READ_BYTES);
        match self.transport.receive_behind(&mut self.input) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
        let malformed = || io::Error::from(ErrorKind::InvalidData);
        while let Some(size) = parse_frame_size(&self.input, ANSWER_BYTES_MAX).map_err(|_| malformed())? {
            if self.input.len() < SIZE_PREFIX + size {
                break;
            }
            self.input.advance(SIZE_PREFIX);
            let mut answer = self.input.split_to(size).freeze();
            let sent = self.sent.pop_front().ok_or_else(malformed)?;
            match decode_response_header(&answer, sent.tagged_answer) {
                Ok((correlation_id, len)) if correlation_id == sent.correlation_id => answer.advance(len),
                _ => {
                    self.sent.push_front(sent);
                    return Err(malformed());
                }
            }
            drop(sent.reply_to.send(Ok(answer)));
        }
        Ok(())
    }
}
