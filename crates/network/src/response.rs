//! What a request leaves behind: a response frame as chunks of memory and ranges of files, or none.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use barnabas_protocol::frame::SIZE_PREFIX;
use barnabas_storage::File;
use bytes::{BufMut, BytesMut};

/// A range of a segment file that goes from the page cache to the socket without passing through user memory.
#[derive(Clone, Debug)]
pub struct FileRange {
    /// The open segment file.
    pub file: Arc<File>,
    /// Byte position of the range in the file.
    pub position: u64,
    /// Length in bytes.
    pub len: usize,
    /// The range may have left the page cache: sending it may wait for the disk.
    pub may_be_cold: bool,
}

/// One piece of a response frame.
#[derive(Clone, Debug)]
pub enum Chunk {
    /// Encoded bytes.
    Bytes(BytesMut),
    /// Records that stay in their file until the socket takes them.
    File(FileRange),
}

impl Chunk {
    /// Bytes this chunk puts on the wire.
    pub fn len(&self) -> usize {
        match self {
            Chunk::Bytes(bytes) => bytes.len(),
            Chunk::File(range) => range.len,
        }
    }

    /// Whether this chunk puts nothing on the wire.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What is sent for one request.
#[derive(Debug)]
pub enum Reply {
    /// One response frame.
    Frame {
        /// Its size prefix, header and the start of the body; most often all of it.
        head: BytesMut,
        /// What follows.
        rest: Vec<Chunk>,
    },
    /// Nothing is sent (Produce with acks=0).
    Nothing,
    /// The connection is closed once the replies before this one have left.
    Close,
}

impl Reply {
    /// Bytes this reply puts on the wire.
    pub fn wire_bytes(&self) -> usize {
        match self {
            Reply::Frame { head, rest } => head.len() + rest.iter().map(Chunk::len).sum::<usize>(),
            Reply::Nothing | Reply::Close => 0,
        }
    }

    /// A frame wholly in memory. `buffer` starts with four bytes that are kept free for the size.
    pub fn frame(buffer: BytesMut) -> Reply {
        Reply::chunked(buffer, Vec::new())
    }

    /// A frame of which the first chunk (header and the start of the body) is given apart from the rest.
    pub fn chunked(mut head: BytesMut, rest: Vec<Chunk>) -> Reply {
        let size = head.len() - SIZE_PREFIX + rest.iter().map(Chunk::len).sum::<usize>();
        head[..SIZE_PREFIX].copy_from_slice(&(size as i32).to_be_bytes());
        Reply::Frame { head, rest }
    }
}

/// A buffer for a response frame, the place of the size prefix kept free.
pub fn frame_buffer(capacity: usize) -> BytesMut {
    let mut buffer = BytesMut::with_capacity(SIZE_PREFIX + capacity);
    buffer.put_i32(0);
    buffer
}

/// A reply that is not there yet. It stays on its connection's thread.
pub type PendingReply = Pin<Box<dyn Future<Output = Reply>>>;

/// How a request stands after the part of it that runs at once.
pub enum Outcome {
    /// The reply is there.
    Ready(Reply),
    /// The request's effects have taken place, only its reply is outstanding: the connection's next request
    /// may start (a Produce that waits for the high watermark, a parked Fetch).
    Staged(PendingReply),
    /// Effects are still to come: no later request of the connection starts before this one is done, which is
    /// the order Apache Kafka keeps.
    Exclusive(PendingReply),
}
