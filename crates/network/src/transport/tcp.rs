//! The system calls between a connection and its socket, and what the runtime has to know of them.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;

use rustix::net::RecvFlags;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::COPIED_MAX;
use crate::response::FileRange;

/// Receives into `buffer`; the second value says that the socket has nothing more for now. A read that did
/// not fill the buffer has emptied the socket: reporting that as "would block" inside makes the runtime wait
/// for the next event instead of asking the kernel a second time after every request.
pub fn receive(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<(usize, bool)> {
    let mut received = 0;
    let outcome = stream.try_io(Interest::READABLE, || {
        received = rustix::net::recv(stream, &mut *buffer, RecvFlags::empty())?.0;
        let emptied = received > 0 && received < buffer.len();
        if emptied {
            Err(io::ErrorKind::WouldBlock.into())
        } else {
            Ok(())
        }
    });
    match outcome {
        Err(error) if received == 0 => Err(error),
        outcome => Ok((received, outcome.is_err())),
    }
}

/// Sends what the socket takes of `buffers`; `more` says that the rest of the frame follows at once.
pub fn send_vectored(stream: &TcpStream, buffers: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
    stream.try_io(Interest::WRITABLE, || {
        crate::platform::send_vectored(stream.as_fd(), buffers, more)
    })
}

/// Sends what the socket takes of a file range; 0 means that the file ends before the range does.
pub fn send_file(stream: &TcpStream, range: &FileRange) -> io::Result<usize> {
    stream.try_io(Interest::WRITABLE, || match range.file.of_system() {
        Some(file) => crate::platform::send_file(stream.as_fd(), file, range.position, range.len),
        None => send_copy(stream, range),
    })
}

/// What [`send_file`] does with a file that only lies in memory.
fn send_copy(stream: &TcpStream, range: &FileRange) -> io::Result<usize> {
    let mut buffer = vec![0; range.len.min(COPIED_MAX)];
    let read = range.file.read_at(&mut buffer, range.position)?;
    if read == 0 {
        return Ok(0);
    }
    Ok(rustix::io::write(stream, &buffer[..read])?)
}
