//! One connection to the server: frames out without blocking, answers in with only their front kept.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

use bytes::Bytes;
use mio::net::TcpStream;

use crate::error::Failure;
use crate::frames::SIZE_PREFIX;

/// Bytes of an answer from which on the rest is thrown away in the kernel instead of being copied.
const DISCARD_FROM: usize = 64 << 10;

/// A connection; the owner calls [`Link::read`] and [`Link::flush`] when the socket is ready.
#[derive(Debug)]
pub struct Link {
    socket: TcpStream,
    outbox: VecDeque<Bytes>,
    /// Bytes of the outbox's first frame that are sent.
    sent: usize,
    /// The front of the answer that is coming in, its size included.
    front: Vec<u8>,
    /// Bytes of that answer still to come behind what is in `front`; known once its size is there.
    skip: Option<usize>,
    /// Bytes of each answer that are kept.
    kept: usize,
}

impl Link {
    /// Wraps a connected socket.
    pub fn new(socket: TcpStream, kept: usize) -> Link {
        Link {
            socket,
            outbox: VecDeque::new(),
            sent: 0,
            front: Vec::new(),
            skip: None,
            kept,
        }
    }

    /// The socket, to be registered.
    pub fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// Frames that wait for the socket to take them.
    pub fn waiting(&self) -> usize {
        self.outbox.len()
    }

    /// Sends a frame as far as the socket takes it now.
    pub fn send(&mut self, frame: Bytes) -> Result<(), Failure> {
        self.outbox.push_back(frame);
        if self.outbox.len() == 1 {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Sends on what waits.
    pub fn flush(&mut self) -> Result<(), Failure> {
        while let Some(frame) = self.outbox.front() {
            match self.socket.write(&frame[self.sent..]) {
                Ok(count) => {
                    self.sent += count;
                    if self.sent == frame.len() {
                        self.sent = 0;
                        self.outbox.pop_front();
                    }
                }
                Err(error) if blocked(&error) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => return Err(Failure::Io { what: "send", source }),
            }
        }
        Ok(())
    }

    /// Reads until the socket is empty; calls `answered` with the front and the size of each answer that is
    /// whole.
    ///
    /// # Errors
    /// `Io` when the connection ends, and what `answered` returns.
    pub fn read(
        &mut self,
        scratch: &mut [u8],
        mut answered: impl FnMut(&[u8], usize) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        loop {
            let room = scratch.len();
            let discard = self
                .skip
                .filter(|skip| *skip >= DISCARD_FROM && self.front.len() >= SIZE_PREFIX + self.kept);
            let read = match discard {
                Some(skip) => discard_from(&mut self.socket, &mut scratch[..skip.min(room)]),
                None => self.socket.read(scratch),
            };
            match read {
                Ok(0) => {
                    let source = io::Error::from(ErrorKind::UnexpectedEof);
                    return Err(Failure::Io {
                        what: "receive",
                        source,
                    });
                }
                Ok(count) if discard.is_some() => {
                    self.skip = self.skip.map(|skip| skip - count);
                    self.finish(&mut answered)?;
                }
                Ok(count) => {
                    self.take(&scratch[..count], &mut answered)?;
                    if count < room {
                        return Ok(()); // Edge triggered: what comes now is a new event.
                    }
                }
                Err(error) if blocked(&error) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(Failure::Io {
                        what: "receive",
                        source,
                    });
                }
            }
        }
    }

    /// Splits received bytes into answers.
    fn take(
        &mut self,
        mut bytes: &[u8],
        answered: &mut impl FnMut(&[u8], usize) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        while !bytes.is_empty() {
            if let Some(skip) = self.skip {
                let missing = (SIZE_PREFIX + self.kept).saturating_sub(self.front.len());
                let kept = missing.min(skip).min(bytes.len());
                self.front.extend_from_slice(&bytes[..kept]);
                let passed = skip.min(bytes.len());
                self.skip = Some(skip - passed);
                bytes = &bytes[passed..];
                self.finish(answered)?;
            } else if self.front.is_empty() && bytes.len() >= SIZE_PREFIX {
                let size = answer_size(bytes)?;
                if let Some(whole) = bytes.get(SIZE_PREFIX..SIZE_PREFIX + size) {
                    answered(&whole[..size.min(self.kept)], size)?;
                    bytes = &bytes[SIZE_PREFIX + size..];
                } else {
                    self.begin(&bytes[..SIZE_PREFIX], size);
                    bytes = &bytes[SIZE_PREFIX..];
                }
            } else {
                let missing = SIZE_PREFIX - self.front.len();
                let (prefix, rest) = bytes.split_at(missing.min(bytes.len()));
                self.front.extend_from_slice(prefix);
                bytes = rest;
                if self.front.len() == SIZE_PREFIX {
                    self.skip = Some(answer_size(&self.front)?);
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, prefix: &[u8], size: usize) {
        self.front.extend_from_slice(prefix);
        self.skip = Some(size);
    }

    /// Hands the answer over if all of it has come.
    fn finish(
        &mut self,
        answered: &mut impl FnMut(&[u8], usize) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if self.skip != Some(0) {
            return Ok(());
        }
        self.skip = None;
        let size = answer_size(&self.front)?;
        let result = answered(&self.front[SIZE_PREFIX..], size);
        self.front.clear();
        result
    }
}

fn answer_size(bytes: &[u8]) -> Result<usize, Failure> {
    let prefix = bytes.first_chunk().copied().unwrap_or_default();
    usize::try_from(i32::from_be_bytes(prefix)).map_err(|_| Failure::Unexpected("a negative size".to_owned()))
}

fn blocked(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}

/// Takes bytes off the socket; on Linux without copying them, so that a consumer costs this program next to
/// nothing.
#[cfg(target_os = "linux")]
fn discard_from(socket: &mut TcpStream, scratch: &mut [u8]) -> io::Result<usize> {
    let (_, count) = rustix::net::recv(socket, scratch, rustix::net::RecvFlags::TRUNC)?;
    Ok(count)
}

#[cfg(not(target_os = "linux"))]
fn discard_from(socket: &mut TcpStream, scratch: &mut [u8]) -> io::Result<usize> {
    socket.read(scratch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn pair(kept: usize) -> (Link, std::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        ours.set_nonblocking(true).unwrap();
        (
            Link::new(TcpStream::from_std(ours), kept),
            listener.accept().unwrap().0,
        )
    }

    fn answers(parts: &[&[u8]], kept: usize) -> Vec<(Vec<u8>, usize)> {
        let (mut link, _server) = pair(kept);
        let mut seen = Vec::new();
        for part in parts {
            link.take(part, &mut |front: &[u8], size| {
                seen.push((front.to_vec(), size));
                Ok(())
            })
            .unwrap();
        }
        seen
    }

    #[test]
    fn answers_are_found_however_they_are_cut() {
        let stream = [
            &[0, 0, 0, 5][..],
            b"hello",
            &[0, 0, 0, 2],
            b"ok",
            &[0, 0, 0, 0],
            &[0, 0, 0, 3],
            b"end",
        ]
        .concat();
        let expected: Vec<(Vec<u8>, usize)> = vec![
            (b"hel".to_vec(), 5),
            (b"ok".to_vec(), 2),
            (Vec::new(), 0),
            (b"end".to_vec(), 3),
        ];
        assert_eq!(answers(&[&stream], 3), expected);
        for cut in 0..stream.len() {
            let (first, second) = stream.split_at(cut);
            assert_eq!(answers(&[first, second], 3), expected, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(answers(&bytes, 3), expected);
    }

    #[test]
    fn large_answers_come_in_through_a_socket() {
        let (mut link, mut server) = pair(8);
        let size = 1_000_000;
        let writer = std::thread::spawn(move || {
            for _ in 0..3 {
                server.write_all(&(size as i32).to_be_bytes()).unwrap();
                server.write_all(&vec![5; size]).unwrap();
            }
            server
        });
        let mut seen = Vec::new();
        let mut scratch = vec![0; 256 << 10];
        while seen.len() < 3 {
            link.read(&mut scratch, |front, size| {
                seen.push((front.to_vec(), size));
                Ok(())
            })
            .unwrap();
            std::thread::yield_now();
        }
        assert_eq!(seen, vec![(vec![5; 8], size); 3]);
        drop(writer.join().unwrap());
        assert!(
            link.read(&mut scratch, |_, _| Ok(())).is_err(),
            "the end of the connection is an error"
        );
    }
}
