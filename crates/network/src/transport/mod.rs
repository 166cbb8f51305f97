//! What lies under a connection: a stream of bytes that is asked whether it is ready, and then takes or gives
//! what it can.
//!
//! [`Transport::Tcp`] is the system's socket: each call is the system call that it was before there was a
//! choice. A transport that has to see the bytes (TLS, or one in memory) reads file ranges through a buffer.

mod tcp;
mod tls;

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;

use bytes::BytesMut;
use tokio::net::TcpStream;

pub use self::tls::Tls;
use crate::response::FileRange;
#[cfg(any(test, feature = "simulation"))]
use crate::simulated::SimulatedStream;

/// Bytes of a file that pass through user memory at a time, where they have to.
const COPIED_MAX: usize = 64 * 1024;

/// The two ends of a connection's bytes.
#[derive(Debug)]
pub enum Transport {
    /// A socket of the system, non-blocking.
    Tcp(TcpStream),
    /// TLS over one.
    Tls(Box<Tls>),
    /// A connection of a network in memory.
    #[cfg(any(test, feature = "simulation"))]
    Simulated(SimulatedStream),
}

/// All calls answer with the system's error; `WouldBlock` says that the transport is not ready.
impl Transport {
    /// The address of this end.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        match self {
            Transport::Tcp(stream) => stream.local_addr(),
            Transport::Tls(tls) => tls.stream().local_addr(),
            #[cfg(any(test, feature = "simulation"))]
            Transport::Simulated(stream) => Ok(stream.local_address()),
        }
    }

    /// Waits until there is something to receive, an end or an error among it.
    pub async fn readable(&self) -> io::Result<()> {
        match self {
            // Its connection's task waits alone, and so without a place in a list of waiters.
            Transport::Tcp(stream) => poll_fn(|cx| stream.poll_read_ready(cx)).await,
            Transport::Tls(tls) if tls.has_received() => Ok(()),
            Transport::Tls(tls) => poll_fn(|cx| tls.stream().poll_read_ready(cx)).await,
            #[cfg(any(test, feature = "simulation"))]
            Transport::Simulated(stream) => stream.readable().await,
        }
    }

    /// Waits until bytes may be sent.
    pub async fn writable(&self) -> io::Result<()> {
        match self {
            Transport::Tcp(stream) => poll_fn(|cx| stream.poll_write_ready(cx)).await,
            Transport::Tls(tls) => poll_fn(|cx| tls.stream().poll_write_ready(cx)).await,
            #[cfg(any(test, feature = "simulation"))]
            Transport::Simulated(stream) => stream.writable().await,
        }
    }

    /// Receives into `buffer`; 0 bytes are the end. The second value says that there is nothing more for now.
    pub fn receive(&mut self, buffer: &mut [u8]) -> io::Result<(usize, bool)> {
        match self {
            Transport::Tcp(stream) => tcp::receive(stream, buffer),
            Transport::Tls(tls) => tls.receive(&mut &mut *buffer),
            #[cfg(any(test, feature = "simulation"))]
            Transport::Simulated(stream) => Ok((stream.receive(buffer)?, false)),
        }
    }

    /// Receives into `buffer`, for a frame of which more is to come: so nothing is said of what is left.
    pub fn receive_more(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Transport::Tcp(stream) => stream.try_read(buffer),
            Transport::Tls(tls) => Ok(tls.receive(&mut &mut *buffer)?.0),
            #[cfg(any(test, feature = "simulation"))]
            Transport::Simulated(stream) => stream.receive(buffer),
        }
    }

    /// As [`Transport::receive_more`], behind what `buffer` holds.
    pub fn receive_behind(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        match self {
            Transport::Tcp(stream) => stream.try_read_buf(buffer),
            Transport::Tls(tls) => Ok(tls.receive(&mut &mut *buffer)?.0),
            #[cfg(any(test, feature = "simulation"))]
            Transport::Simulated(stream) => stream.receive_behind(buffer),
        }
    }

    /// Sends what the transport takes of `buffers`; `more` says that the rest of the frame follows at once.
    pub fn send_vectored(&mut self, buffers: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        match self {
            Transport::Tcp(stream) => tcp::send_vectored(stream, buffers, more),
            Transport::Tls(tls) => tls.send_vectored(buffers, more),
            #[cfg(any(test, feature = "simulation"))]
            Transport::Simulated(stream) => stream.send_vectored(buffers),
        }
    }

    /// Sends what the transport takes of a file range; 0 means that the file ends before the range does.
    pub fn send_file(&mut self, range: &FileRange) -> io::Result<usize> {
        match self {
            Transport::Tcp(stream) => tcp::send_file(stream, range),
            Transport::Tls(tls) => tls.send_file(range),
            #[cfg(any(test, feature = "simulation"))]
            Transport::Simulated(stream) => {
                let mut buffer = vec![0; range.len.min(COPIED_MAX)];
                let read = range.file.read_at(&mut buffer, range.position)?;
                match read {
                    0 => Ok(0),
                    read => stream.send_vectored(&[IoSlice::new(&buffer[..read])]),
                }
            }
        }
    }

    /// Whether bytes that were taken still wait for the socket: [`Transport::flush`] sends them.
    pub fn has_unsent(&self) -> bool {
        match self {
            Transport::Tls(tls) => tls.has_unsent(),
            _ => false,
        }
    }

    /// Sends what was taken and still waits; answers whether nothing is left.
    pub fn flush(&mut self) -> io::Result<bool> {
        match self {
            Transport::Tls(tls) => tls.flush(),
            _ => Ok(true),
        }
    }

    /// Tells the other side that nothing more comes, where there is a way to say it.
    pub fn close(&mut self) {
        if let Transport::Tls(tls) = self {
            tls.close();
        }
    }
}
