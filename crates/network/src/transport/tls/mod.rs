//! TLS over a socket of the system.
//!
//! ```text
//! socket ─recv→ the thread's buffer, decrypted in place ─copy→ whoever reads
//! socket ←send─ the thread's buffer ←encrypted─ frames in memory; file ranges through another buffer
//! ```
//! A connection owns its keys and what can't wait in a thread's buffer: the start of a record, what was
//! decrypted and not yet taken, records that the socket had no room for. All three are empty while it is
//! idle.

mod session;

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::UnbufferedServerConnection;
use rustls::{ClientConfig, ServerConfig};
use tokio::io::Interest;
use tokio::net::TcpStream;

use self::session::Session;
use super::{COPIED_MAX, tcp};
use crate::response::FileRange;

/// The largest record of TLS with what surrounds it.
const RECORD_BYTES_MAX: usize = 16 * 1024 + 512;
/// Bytes that are received at a time.
const RECEIVED_MAX: usize = 256 * 1024;
/// Room for the records of [`COPIED_MAX`] bytes, and for what may be due before them.
const RECORDS_MAX: usize = COPIED_MAX + 16 * 1024;
/// So long, and for so many bytes, who is refused may take to notice.
const REFUSED_MAX: Duration = Duration::from_secs(1);
const REFUSED_BYTES_MAX: usize = 256 * 1024;
/// Below this size buffers are gathered into one record.
const GATHERED_BELOW: usize = 16 * 1024;

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::new(Buffers {
        records: vec![0; RECEIVED_MAX + RECORD_BYTES_MAX],
        plain: vec![0; COPIED_MAX],
    });
}

struct Buffers {
    /// Records, on their way in or out.
    records: Vec<u8>,
    /// What is gathered or read from files, to be encrypted.
    plain: Vec<u8>,
}

/// See the module.
#[derive(Debug)]
pub struct Tls {
    stream: TcpStream,
    session: Session,
    /// The start of a record.
    pending: Vec<u8>,
    /// What was decrypted and not yet taken, from `taken` on.
    said: Vec<u8>,
    taken: usize,
    /// Records that the socket had no room for.
    unsent: Vec<u8>,
    /// The other side says nothing more.
    closed: bool,
}

/// Where received bytes go.
pub(super) trait Sink {
    /// Takes what fits of `bytes`; answers how much.
    fn put(&mut self, bytes: &[u8]) -> usize;
    /// How much more fits.
    fn room(&self) -> usize;
}

impl Sink for &mut [u8] {
    fn put(&mut self, bytes: &[u8]) -> usize {
        let len = bytes.len().min(self.len());
        let (front, rest) = std::mem::take(self).split_at_mut(len);
        front.copy_from_slice(&bytes[..len]);
        *self = rest;
        len
    }

    fn room(&self) -> usize {
        self.len()
    }
}

/// The spare room of a buffer.
impl Sink for &mut BytesMut {
    fn put(&mut self, bytes: &[u8]) -> usize {
        let len = bytes.len().min(self.room());
        self.put_slice(&bytes[..len]);
        len
    }

    fn room(&self) -> usize {
        self.capacity() - self.len()
    }
}

impl Tls {
    /// The end of a listener. Nothing can be received or sent before [`Tls::handshake`] has ended.
    ///
    /// # Errors
    /// The configuration can't be used.
    pub fn server(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<Tls> {
        let connection = UnbufferedServerConnection::new(config).map_err(io::Error::other)?;
        Ok(Tls::new(stream, Session::Server(Box::new(connection))))
    }

    /// The end of whoever has connected to `name`.
    ///
    /// # Errors
    /// The configuration can't be used.
    pub fn client(
        stream: TcpStream,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<Tls> {
        let connection = UnbufferedClientConnection::new(config, name).map_err(io::Error::other)?;
        Ok(Tls::new(stream, Session::Client(Box::new(connection))))
    }

    fn new(stream: TcpStream, session: Session) -> Tls {
        Tls {
            stream,
            session,
            pending: Vec::new(),
            said: Vec::new(),
            taken: 0,
            unsent: Vec::new(),
            closed: false,
        }
    }

    /// The socket.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// What the other side has shown, its own certificate first.
    pub fn peer_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        self.session.peer_certificates()
    }

    /// Agrees on keys with the other side. Others of the thread have their turn between its steps.
    ///
    /// # Errors
    /// The other side is gone (`ConnectionAborted` where it has said nothing at all), speaks no TLS, or
    /// one does not trust the other.
    pub async fn handshake(&mut self) -> io::Result<()> {
        let mut gone = io::ErrorKind::ConnectionAborted;
        let begun = self.take_records(0, &mut &mut [][..]);
        self.answered(begun).await?;
        while self.session.is_handshaking() {
            self.stream.readable().await?;
            let received = match self.receive_records(&mut &mut [][..]) {
                Ok((0, _)) => Err(gone.into()),
                Ok(_) => {
                    gone = io::ErrorKind::UnexpectedEof;
                    Ok(())
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
                Err(error) => Err(error),
            };
            self.answered(received).await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Waits for the other side to take the reason for which its handshake has failed: a socket that is
    /// closed with bytes unread would take it back.
    pub async fn refuse(self) {
        let taken = async {
            let mut read = 0;
            rustix::net::shutdown(&self.stream, rustix::net::Shutdown::Write)?;
            while read < REFUSED_BYTES_MAX && self.stream.readable().await.is_ok() {
                let received = BUFFERS.with_borrow_mut(|buffers| self.stream.try_read(&mut buffers.plain));
                match received {
                    Ok(0) => break,
                    Ok(received) => read += received,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        };
        drop(tokio::time::timeout(REFUSED_MAX, taken).await);
    }

    /// Sends what a step of the handshake has to say, also where it has failed.
    async fn answered(&mut self, step: io::Result<()>) -> io::Result<()> {
        while step.is_ok() && !self.flush()? {
            self.stream.writable().await?;
        }
        if step.is_err() {
            let _ = self.flush();
        }
        step
    }

    /// Whether something can be received without waiting for the socket.
    pub fn has_received(&self) -> bool {
        self.closed || self.taken < self.said.len()
    }

    /// Receives into `sink`; 0 bytes are the end. The second value says that there is nothing more for now.
    pub(super) fn receive(&mut self, sink: &mut dyn Sink) -> io::Result<(usize, bool)> {
        let room = sink.room();
        let kept = sink.put(&self.said[self.taken..]);
        self.taken += kept;
        if self.taken == self.said.len() && kept > 0 {
            self.said = Vec::new();
            self.taken = 0;
        }
        if kept > 0 {
            return Ok((kept, false));
        }
        if self.closed {
            return Ok((0, true));
        }
        loop {
            let (received, emptied) = self.receive_records(sink)?;
            if !self.unsent.is_empty() {
                self.flush()?;
            }
            let taken = room - sink.room();
            if taken > 0 {
                return Ok((taken, emptied && !self.has_received()));
            }
            if received == 0 || self.closed {
                return Ok((0, true));
            }
            if emptied {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
    }

    /// One system call; what it brings is decrypted, and goes to `sink` as far as it fits. Answers how many
    /// bytes the socket gave, and whether it has no more for now.
    fn receive_records(&mut self, sink: &mut dyn Sink) -> io::Result<(usize, bool)> {
        let start = self.pending.len();
        let wanted = sink.room().clamp(RECORD_BYTES_MAX, RECEIVED_MAX);
        let (received, emptied) = BUFFERS.with_borrow_mut(|buffers| {
            let records = &mut buffers.records;
            if records.len() < start + wanted {
                records.resize(start + wanted, 0);
            }
            tcp::receive(&self.stream, &mut records[start..start + wanted])
        })?;
        if received > 0 {
            self.take_records(received, sink)?;
        }
        Ok((received, emptied))
    }

    /// Takes what is pending and `received` bytes behind it in the thread's buffer.
    fn take_records(&mut self, received: usize, sink: &mut dyn Sink) -> io::Result<()> {
        BUFFERS.with_borrow_mut(|buffers| {
            let start = self.pending.len();
            buffers.records[..start].copy_from_slice(&self.pending);
            let records = &mut buffers.records[..start + received];
            let left = &mut self.said;
            let mut said = |bytes: &[u8]| {
                // What comes later must not overtake what is kept.
                let taken = if left.is_empty() { sink.put(bytes) } else { 0 };
                left.extend_from_slice(&bytes[taken..]);
            };
            let processed = self.session.process(records, &mut said, &mut self.unsent)?;
            self.closed |= processed.closed;
            let left = &records[processed.used..];
            if left.len() > PENDING_BYTES_MAX {
                return Err(io::Error::from(io::ErrorKind::InvalidData));
            }
            self.pending = left.to_vec();
            Ok(())
        })
    }

    /// Sends what the socket takes of `buffers`, encrypted; answers how much of them is on its way.
    pub fn send_vectored(&mut self, buffers: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        self.make_room()?;
        BUFFERS.with_borrow_mut(|buffers_of_thread| {
            let Buffers { records, plain } = buffers_of_thread;
            let first = buffers.iter().find(|buffer| !buffer.is_empty());
            match first {
                None => Ok(0),
                Some(first) if buffers.len() == 1 || first.len() >= GATHERED_BELOW => {
                    let len = first.len().min(COPIED_MAX);
                    self.send_plain(&first[..len], records, more || len < first.len())
                }
                Some(_) => {
                    let mut len = 0;
                    for buffer in buffers {
                        let part = buffer.len().min(COPIED_MAX - len);
                        plain[len..len + part].copy_from_slice(&buffer[..part]);
                        len += part;
                    }
                    self.send_plain(&plain[..len], records, more)
                }
            }
        })
    }

    /// Sends what the socket takes of a file range, encrypted; 0 means that the file ends before the range
    /// does.
    pub fn send_file(&mut self, range: &FileRange) -> io::Result<usize> {
        self.make_room()?;
        BUFFERS.with_borrow_mut(|buffers| {
            let Buffers { records, plain } = buffers;
            let len = range.len.min(COPIED_MAX);
            match range.file.read_at(&mut plain[..len], range.position)? {
                0 => Ok(0),
                read => self.send_plain(&plain[..read], records, read < range.len),
            }
        })
    }

    fn send_plain(&mut self, plain: &[u8], records: &mut [u8], more: bool) -> io::Result<usize> {
        let out = &mut records[..RECORDS_MAX];
        let len = self.session.encrypt(&mut self.pending, plain, out, 0)?;
        let sent = match tcp::send_vectored(&self.stream, &[IoSlice::new(&out[..len])], more) {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        self.unsent.extend_from_slice(&out[sent..len]);
        Ok(plain.len())
    }

    /// Sends what waits; `WouldBlock` while some of it still does.
    fn make_room(&mut self) -> io::Result<()> {
        if self.flush()? {
            Ok(())
        } else {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    /// Whether records wait for the socket.
    pub fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Sends the records that wait; answers whether none is left.
    pub fn flush(&mut self) -> io::Result<bool> {
        while !self.unsent.is_empty() {
            match tcp::send_vectored(&self.stream, &[IoSlice::new(&self.unsent)], false) {
                Ok(sent) => drop(self.unsent.drain(..sent)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        // What it has held goes back: most connections are idle most of the time.
        self.unsent = Vec::new();
        Ok(true)
    }

    /// Tells the other side that nothing more comes, if the socket takes it.
    pub fn close(&mut self) {
        if self.session.is_handshaking() || !matches!(self.flush(), Ok(true)) {
            return;
        }
        BUFFERS.with_borrow_mut(|buffers| {
            let out = &mut buffers.records[..RECORDS_MAX];
            if let Ok(len) = self.session.close(&mut self.pending, out) {
                let _ = self.stream.try_io(Interest::WRITABLE, || {
                    crate::platform::send_vectored(self.stream.as_fd(), &[IoSlice::new(&out[..len])], false)
                });
            }
        });
    }
}

/// More than a record can only be pending while a handshake's message has several, and those are bounded.
const PENDING_BYTES_MAX: usize = 128 * 1024;
