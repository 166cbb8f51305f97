//! The bytes that wait for a connection's socket, in order.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::Buf;

use super::response::Chunk;
use super::transport::Transport;

/// Most chunks of memory that go out in one system call.
const VECTORED_MAX: usize = 32;
/// A connection that was sent this much without a pause lets the others of its thread go on.
const WRITE_BYTES_PER_TURN: usize = 1024 * 1024;

/// Chunks that the socket has not taken yet.
#[derive(Default)]
pub struct Output {
    chunks: VecDeque<Chunk>,
    len: usize,
}

impl Output {
    /// Adds a chunk behind what waits.
    pub fn push(&mut self, chunk: Chunk) {
        if !chunk.is_empty() {
            self.len += chunk.len();
            self.chunks.push_back(chunk);
        }
    }

    /// Bytes that wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether all has been taken.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Writes until the socket takes no more (`Ok(false)`), or nothing is left or it was enough for one turn
    /// (`Ok(true)`).
    ///
    /// # Errors
    /// The socket's, or `UnexpectedEof` when a segment file is shorter than the range promised: the frame can
    /// not be completed, the connection has to go.
    pub fn write(&mut self, transport: &mut Transport) -> io::Result<bool> {
        let mut written = 0;
        while written < WRITE_BYTES_PER_TURN
            && let Some(front) = self.chunks.front()
        {
            let sent = match front {
                Chunk::Bytes(_) => self.write_bytes(transport),
                Chunk::File(range) => transport.send_file(range),
            };
            match sent {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(sent) => {
                    self.advance(sent);
                    written += sent;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        transport.flush()
    }

    fn write_bytes(&self, transport: &mut Transport) -> io::Result<usize> {
        if let (1, Some(Chunk::Bytes(bytes))) = (self.chunks.len(), self.chunks.front()) {
            return transport.send_vectored(&[IoSlice::new(bytes)], false);
        }
        let mut slices = [IoSlice::new(&[]); VECTORED_MAX];
        let mut count = 0;
        for chunk in self.chunks.iter().take(VECTORED_MAX) {
            let Chunk::Bytes(bytes) = chunk else { break };
            slices[count] = IoSlice::new(bytes);
            count += 1;
        }
        let more = count < self.chunks.len();
        transport.send_vectored(&slices[..count], more)
    }

    fn advance(&mut self, mut sent: usize) {
        self.len -= sent;
        while sent > 0 {
            let Some(front) = self.chunks.front_mut() else {
                return;
            };
            let len = front.len();
            if sent >= len {
                self.chunks.pop_front();
                sent -= len;
                continue;
            }
            match front {
                Chunk::Bytes(bytes) => bytes.advance(sent),
                Chunk::File(range) => {
                    range.position += sent as u64;
                    range.len -= sent;
                }
            }
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::sync::Arc;

    use barnabas_storage::File;
    use tokio::net::TcpStream;

    use super::*;
    use crate::response::FileRange;

    #[tokio::test]
    async fn a_turn_ends_though_the_socket_would_take_more() {
        const LEN: usize = 8 << 20;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![7; LEN]).unwrap();
        let mut output = Output::default();
        output.push(Chunk::File(FileRange {
            file: Arc::new(File::Real(file)),
            position: 0,
            len: LEN,
            may_be_cold: false,
        }));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut stream = Transport::Tcp(stream);
        let (mut peer, _) = listener.accept().unwrap();
        let reader = std::thread::spawn(move || {
            let mut received = Vec::new();
            peer.read_to_end(&mut received).map(|_| received.len())
        });
        while !output.is_empty() {
            let before = output.len();
            if !output.write(&mut stream).unwrap() {
                stream.writable().await.unwrap();
            }
            assert!(before - output.len() < WRITE_BYTES_PER_TURN + 64 * 1024);
        }
        drop(stream);
        assert_eq!(reader.join().unwrap().unwrap(), LEN);
    }
}
