//! Any bytes in any portions as what a connection receives: memory follows the bytes received, and every
//! frame comes out whole.
#![no_main]

use barnabas_protocol::frame::{self, SIZE_PREFIX};
use bytes::{Buf, BytesMut};

const FRAME_BYTES_MAX: usize = 1 << 20;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut received = BytesMut::new();
    let mut rest = data;
    while let [portion, bytes @ ..] = rest {
        let (now, later) = bytes.split_at(usize::from(*portion).min(bytes.len()));
        rest = later;
        if frame::reserve(&mut received, FRAME_BYTES_MAX).is_err() {
            return;
        }
        assert!(received.capacity() <= 4 * received.len() + 1024 || received.capacity() <= 2 * data.len() + 1024);
        received.extend_from_slice(now);
        while let Ok(Some(size)) = frame::parse_frame_size(&received, FRAME_BYTES_MAX) {
            if received.len() < SIZE_PREFIX + size {
                break;
            }
            received.advance(SIZE_PREFIX + size);
        }
    }
});
