//! The bytes of a frame that has not fully arrived.
//!
//! Small ones lie on the heap. Large ones are mapped apart from it: the heap keeps what it was given for as
//! long as anything younger lives behind it, and a burst of large requests would stay for good. A thread
//! keeps a few of its mappings for the next frames, because fresh ones cost a page fault for every 4 KiB, and
//! gives them back when it has not used them for a while ([`release_unused`]).

use std::cell::RefCell;
use std::io;

use bytes::{Buf, BytesMut};
use memmap2::MmapMut;

use super::transport::Transport;

/// From this size on a buffer is mapped.
const MAPPED_BYTES_MIN: usize = 64 * 1024;
/// What a thread keeps of mappings that nobody uses.
const SPARE_BYTES_MAX: usize = 4 * 1024 * 1024;

thread_local! {
    static SPARES: RefCell<Spares> = RefCell::default();
}

#[derive(Default)]
struct Spares {
    maps: Vec<MmapMut>,
    used: bool,
}

impl Spares {
    fn take(&mut self, capacity: usize) -> Option<MmapMut> {
        self.used = true;
        let fitting = self.maps.iter().position(|map| map.len() >= capacity)?;
        Some(self.maps.swap_remove(fitting))
    }

    fn put(&mut self, map: MmapMut) {
        let kept: usize = self.maps.iter().map(|map| map.len()).sum();
        if kept + map.len() <= SPARE_BYTES_MAX {
            self.maps.push(map);
        }
    }
}

/// Gives the calling thread's spare mappings back to the system, unless one was used since the last call.
pub fn release_unused() {
    SPARES.with_borrow_mut(|spares| {
        if !std::mem::take(&mut spares.used) {
            spares.maps = Vec::new();
        }
    });
}

/// A buffer that is filled at its end and emptied at its front.
pub enum FrameBuffer {
    /// A small one; the empty one has no memory.
    Heap(BytesMut),
    /// A large one.
    Mapped(Mapped),
}

/// A mapping of which a part is filled.
pub struct Mapped {
    /// `None` only while it is dropped.
    map: Option<MmapMut>,
    /// What one was asked for; a spare may be larger.
    capacity: usize,
    start: usize,
    end: usize,
}

impl Default for FrameBuffer {
    fn default() -> Self {
        FrameBuffer::Heap(BytesMut::new())
    }
}

impl FrameBuffer {
    /// A buffer with `received` in it, for at least as many bytes.
    pub fn new(received: &[u8], capacity: usize) -> Self {
        let capacity = capacity.max(received.len());
        if capacity >= MAPPED_BYTES_MIN
            && let Some(mapped) = Mapped::new(received, capacity)
        {
            return FrameBuffer::Mapped(mapped);
        }
        let mut bytes = BytesMut::with_capacity(capacity);
        bytes.extend_from_slice(received);
        FrameBuffer::Heap(bytes)
    }

    /// What it holds.
    pub fn bytes(&self) -> &[u8] {
        match self {
            FrameBuffer::Heap(bytes) => bytes,
            FrameBuffer::Mapped(mapped) => mapped
                .map
                .as_ref()
                .map_or(&[], |map| &map[mapped.start..mapped.end]),
        }
    }

    /// What it holds, to be changed.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            FrameBuffer::Heap(bytes) => bytes,
            FrameBuffer::Mapped(mapped) => match &mut mapped.map {
                Some(map) => &mut map[mapped.start..mapped.end],
                None => &mut [],
            },
        }
    }

    /// How much it holds.
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How much it could hold.
    pub fn capacity(&self) -> usize {
        match self {
            FrameBuffer::Heap(bytes) => bytes.capacity(),
            FrameBuffer::Mapped(mapped) => mapped.capacity - mapped.start,
        }
    }

    /// Receives behind what it holds, as much as fits.
    ///
    /// # Errors
    /// The transport's.
    pub fn receive(&mut self, transport: &mut Transport) -> io::Result<usize> {
        match self {
            FrameBuffer::Heap(bytes) => transport.receive_behind(bytes),
            FrameBuffer::Mapped(mapped) if mapped.end < mapped.capacity => {
                let free = mapped
                    .map
                    .as_mut()
                    .map_or(&mut [][..], |map| &mut map[mapped.end..mapped.capacity]);
                let read = transport.receive_more(free)?;
                mapped.end += read;
                Ok(read)
            }
            FrameBuffer::Mapped(_) => {
                *self = FrameBuffer::new(self.bytes(), self.len() * 2);
                self.receive(transport)
            }
        }
    }

    /// Drops bytes off the front.
    pub fn advance(&mut self, bytes: usize) {
        match self {
            FrameBuffer::Heap(buffer) => buffer.advance(bytes),
            FrameBuffer::Mapped(mapped) => mapped.start = (mapped.start + bytes).min(mapped.end),
        }
    }
}

impl Mapped {
    /// `None` when the system grants no mapping.
    fn new(received: &[u8], capacity: usize) -> Option<Self> {
        let spare = SPARES.with_borrow_mut(|spares| spares.take(capacity));
        let mut map = match spare {
            Some(map) => map,
            None => MmapMut::map_anon(capacity).ok()?,
        };
        map[..received.len()].copy_from_slice(received);
        Some(Mapped {
            map: Some(map),
            capacity,
            start: 0,
            end: received.len(),
        })
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        if let Some(map) = self.map.take() {
            // The thread may be ending, its spares gone.
            let _ = SPARES.try_with(|spares| spares.borrow_mut().put(map));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// Sends `bytes` through a socket into a buffer that starts with the first of them.
    async fn received(bytes: &[u8], first: usize, capacity: usize) -> FrameBuffer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let mut server = Transport::Tcp(server);
        let mut buffer = FrameBuffer::new(&bytes[..first], capacity);
        let send = client.write_all(&bytes[first..]);
        let receive = async {
            while buffer.len() < bytes.len() {
                server.readable().await.unwrap();
                match buffer.receive(&mut server) {
                    Ok(_) => {}
                    Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                }
            }
        };
        let (sent, ()) = tokio::join!(send, receive);
        sent.unwrap();
        buffer
    }

    #[tokio::test]
    async fn both_kinds_hold_what_was_received() {
        let bytes: Vec<u8> = (0..300_000_u32).map(|i| (i / 7) as u8).collect();
        for (first, capacity) in [(3, 100), (3, 10_000), (70_000, 70_000), (1000, 300_000)] {
            let mut buffer = received(&bytes, first, capacity).await;
            assert_eq!(buffer.bytes(), bytes, "{first} {capacity}");
            buffer.advance(100_000);
            assert_eq!(buffer.bytes_mut(), &bytes[100_000..]);
            assert!(buffer.capacity() >= buffer.len());
        }
    }

    #[test]
    fn a_thread_keeps_a_few_mappings_and_gives_them_back_when_they_are_not_used() {
        let spares = || SPARES.with_borrow(|spares| spares.maps.iter().map(|map| map.len()).sum::<usize>());
        let many: Vec<_> = (0..10)
            .map(|_| FrameBuffer::new(&[], SPARE_BYTES_MAX / 4))
            .collect();
        drop(many);
        assert_eq!(spares(), SPARE_BYTES_MAX);
        let one = FrameBuffer::new(&[1], MAPPED_BYTES_MIN);
        assert_eq!(spares(), SPARE_BYTES_MAX / 4 * 3, "a spare is used again");
        assert_eq!(one.capacity(), MAPPED_BYTES_MIN);
        release_unused();
        assert_ne!(spares(), 0, "they were used since the start");
        release_unused();
        assert_eq!(spares(), 0);
    }
}
