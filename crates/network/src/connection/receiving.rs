//! From the socket to whole frames: in the thread's scratch buffer where they are, in the connection's own
//! where one is still arriving.

use std::io;

use barnabas_protocol::frame;

use super::{Connection, Ended, READ_BYTES_PER_TURN, SCRATCH};
use crate::frame_buffer::FrameBuffer;
use crate::request_memory::GRANTED_BYTES;

impl Connection {
    /// Takes what the socket has. Requests start from the thread's scratch buffer; what is left of it, the
    /// start of a frame most likely, moves to the connection's own buffer.
    pub(super) async fn read(&mut self) -> Result<(), Ended> {
        let mut taken = 0;
        while self.may_read() {
            if taken >= READ_BYTES_PER_TURN {
                tokio::task::yield_now().await;
                return Ok(());
            }
            match self.read_once() {
                Ok((0, _)) => self.reading = false,
                Ok((_, true)) => return Ok(()),
                Ok((read, false)) => taken += read,
                Err(Ended::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// One system call; answers how much it read, and whether the socket has nothing more for now.
    fn read_once(&mut self) -> Result<(usize, bool), Ended> {
        if !self.input.is_empty() {
            let received = self.input.bytes();
            if frame::is_full(received, self.input.capacity(), self.frame_bytes_max)? {
                let capacity = frame::capacity(received, self.frame_bytes_max)?;
                self.starved = !self.memory.may_hold(capacity);
                if self.starved {
                    return Err(io::Error::from(io::ErrorKind::WouldBlock).into());
                }
                self.input = FrameBuffer::new(self.input.bytes(), capacity);
                self.memory.hold(capacity + self.pending_bytes);
            }
            let read = self.input.receive(&mut self.transport)?;
            self.start_received()?;
            return Ok((read, false));
        }
        SCRATCH.with_borrow_mut(|scratch| {
            // What is read can't be put back: without room for a frame's start, only a little is taken.
            let window = if self.memory.has_room() {
                scratch.len()
            } else {
                GRANTED_BYTES
            };
            let (read, emptied) = self.transport.receive(&mut scratch[..window])?;
            let started = self.start_frames(&mut scratch[..read])?;
            let left = &scratch[started..read];
            if !left.is_empty() {
                let wanted = frame::capacity(left, self.frame_bytes_max)?;
                let capacity = if self.memory.may_hold(wanted) {
                    wanted
                } else {
                    left.len()
                };
                self.input = FrameBuffer::new(left, capacity);
                self.memory.hold(self.input.capacity() + self.pending_bytes);
            }
            Ok((read, emptied))
        })
    }

    /// Starts the requests that are whole in the connection's own buffer; answers whether there was one.
    pub(super) fn start_received(&mut self) -> Result<bool, Ended> {
        if self.input.is_empty() || !self.may_start() {
            return Ok(false);
        }
        let mut input = std::mem::take(&mut self.input);
        let started = self.start_frames(input.bytes_mut())?;
        input.advance(started);
        if !input.is_empty() {
            self.input = input;
        }
        Ok(started > 0)
    }
}
