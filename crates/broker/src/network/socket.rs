//! The system calls between a connection and its socket. Where Linux has a better one, the portable form stands
//! beside it.

use std::io::{self, IoSlice};

use rustix::net::RecvFlags;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::response::FileRange;

/// Receives into `buffer`; the second value says that the socket has nothing more for now. A read that did not fill
/// the buffer has emptied the socket: reporting that as "would block" inside makes the runtime wait for the next
/// event instead of asking the kernel a second time after every request.
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

/// Bytes moved by one `sendfile`. 64 KiB exactly is a cliff on loopback, a little less is not.
#[cfg(target_os = "linux")]
const SENDFILE_MAX: usize = 60 * 1024;

/// Sends what the socket takes of `buffers`. `more` says that the rest of the frame follows at once, so that a
/// header and the file range after it share a segment.
#[cfg(target_os = "linux")]
pub fn send_vectored(stream: &TcpStream, buffers: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
    use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
    let mut flags = SendFlags::NOSIGNAL;
    flags.set(SendFlags::MORE, more);
    stream.try_io(Interest::WRITABLE, || {
        sendmsg(stream, buffers, &mut SendAncillaryBuffer::default(), flags).map_err(io::Error::from)
    })
}

/// Sends what the socket takes of `buffers`.
#[cfg(not(target_os = "linux"))]
pub fn send_vectored(stream: &TcpStream, buffers: &[IoSlice<'_>], _more: bool) -> io::Result<usize> {
    stream.try_write_vectored(buffers)
}

/// Sends what the socket takes of a file range; 0 means that the file ends before the range does.
#[cfg(target_os = "linux")]
pub fn send_file(stream: &TcpStream, range: &FileRange) -> io::Result<usize> {
    let mut position = range.position;
    let len = range.len.min(SENDFILE_MAX);
    stream.try_io(Interest::WRITABLE, || {
        rustix::fs::sendfile(stream, &*range.file, Some(&mut position), len).map_err(io::Error::from)
    })
}

/// Sends what the socket takes of a file range; 0 means that the file ends before the range does.
#[cfg(not(target_os = "linux"))]
pub fn send_file(stream: &TcpStream, range: &FileRange) -> io::Result<usize> {
    copy_file(stream, range)
}

/// The portable form of [`send_file`]: through a buffer.
#[cfg_attr(target_os = "linux", cfg(test))]
fn copy_file(stream: &TcpStream, range: &FileRange) -> io::Result<usize> {
    use std::os::unix::fs::FileExt;
    let mut buffer = vec![0; range.len.min(64 * 1024)];
    let read = range.file.read_at(&mut buffer, range.position)?;
    if read == 0 {
        return Ok(0);
    }
    stream.try_write(&buffer[..read])
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn sent_by(send: fn(&TcpStream, &FileRange) -> io::Result<usize>) -> Vec<u8> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        client.writable().await.unwrap();
        let range = FileRange {
            file: Arc::new(file),
            position: 3,
            len: 5,
        };
        assert_eq!(send(&client, &range).unwrap(), 5);
        let beyond = FileRange {
            position: 10,
            ..range
        };
        assert_eq!(send(&client, &beyond).unwrap(), 0);
        drop(client);
        let mut received = Vec::new();
        server.read_to_end(&mut received).await.unwrap();
        received
    }

    #[tokio::test]
    async fn both_forms_send_the_range_and_tell_the_end_of_the_file() {
        assert_eq!(sent_by(send_file).await, b"34567");
        assert_eq!(sent_by(copy_file).await, b"34567");
    }
}
