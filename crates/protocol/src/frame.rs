//! Frames: every request and response goes with its size in front, `size i32 │ size bytes`.
//!
//! A connection parses frames in place where they were received; only the start of one that has not fully
//! arrived stays in a buffer of the connection's own. That buffer grows with the bytes received and never
//! with the size announced: Apache Kafka allocates what a client announces, and a few dozen clients that
//! announce 100 MB and send nothing are its end.

use bytes::BytesMut;

/// Bytes of the size in front of a frame.
pub const SIZE_PREFIX: usize = 4;

/// The least room made for further bytes of a frame.
const ROOM_MIN: usize = 512;
/// Room made for further bytes, as a multiple of those received: a large frame moves few times, a lie costs
/// little.
const ROOM_PER_RECEIVED: usize = 3;

/// A frame that can't be; the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A size below zero.
    #[error("a frame announces the negative size {0}")]
    Negative(i32),
    /// A size over `socket.request.max.bytes`.
    #[error("a frame announces {size} bytes, and {max} is the limit")]
    TooLarge {
        /// Bytes announced.
        size: usize,
        /// Bytes allowed.
        max: usize,
    },
}

/// The size of the frame at the front of `received`, without the four bytes that say it; `None` while these
/// haven't all arrived.
pub fn parse_frame_size(received: &[u8], frame_bytes_max: usize) -> Result<Option<usize>, FrameError> {
    let Some(prefix) = received.first_chunk::<SIZE_PREFIX>() else {
        return Ok(None);
    };
    let announced = i32::from_be_bytes(*prefix);
    let size = usize::try_from(announced).map_err(|_| FrameError::Negative(announced))?;
    if size > frame_bytes_max {
        Err(FrameError::TooLarge {
            size,
            max: frame_bytes_max,
        })
    } else {
        Ok(Some(size))
    }
}

/// The capacity that a buffer for a frame which begins with `received` should have: at most four times the
/// bytes received, and a few hundred more, and not past the frame's end.
pub fn capacity(received: &[u8], frame_bytes_max: usize) -> Result<usize, FrameError> {
    let missing = match parse_frame_size(received, frame_bytes_max)? {
        Some(size) => (SIZE_PREFIX + size).saturating_sub(received.len()),
        None => ROOM_MIN,
    };
    Ok(received.len() + missing.min(ROOM_MIN.max(received.len() * ROOM_PER_RECEIVED)))
}

/// Whether a buffer of `capacity` bytes that holds `received`, the start of a frame, has no room for more of
/// it worth a read: it has to move to a larger one, see [`capacity`].
pub fn is_full(received: &[u8], capacity: usize, frame_bytes_max: usize) -> Result<bool, FrameError> {
    let wanted = self::capacity(received, frame_bytes_max)? - received.len();
    Ok(capacity - received.len() < wanted.min(ROOM_MIN))
}

/// Makes room in `received`, the start of a frame, for more of it.
pub fn reserve(received: &mut BytesMut, frame_bytes_max: usize) -> Result<(), FrameError> {
    if is_full(received, received.capacity(), frame_bytes_max)? {
        // BytesMut::reserve would double the capacity whatever it is asked for.
        let mut larger = BytesMut::with_capacity(capacity(received, frame_bytes_max)?);
        larger.extend_from_slice(received);
        *received = larger;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 100 * 1024 * 1024;

    #[test]
    fn sizes_are_parsed_and_held_to_the_limit() {
        assert_eq!(parse_frame_size(&[], MAX), Ok(None));
        assert_eq!(parse_frame_size(&[0, 0, 1], MAX), Ok(None));
        assert_eq!(parse_frame_size(&[0, 0, 0, 0], MAX), Ok(Some(0)));
        assert_eq!(parse_frame_size(&[0, 0, 1, 2, 0xff], MAX), Ok(Some(258)));
        assert_eq!(parse_frame_size(&[0xff; 4], MAX), Err(FrameError::Negative(-1)));
        let largest = parse_frame_size(&[0x7f, 0xff, 0xff, 0xff], MAX);
        assert_eq!(
            largest,
            Err(FrameError::TooLarge {
                size: 0x7fff_ffff,
                max: MAX
            })
        );
        assert_eq!(parse_frame_size(&[0, 0, 0, 9], 9), Ok(Some(9)));
        assert!(parse_frame_size(&[0, 0, 0, 10], 9).is_err());
    }

    #[test]
    fn a_lying_size_reserves_next_to_nothing() {
        let mut received = BytesMut::from(&[6, 0, 0, 0, 1, 2][..]); // announces 100 MB, sends 2 bytes of it
        reserve(&mut received, MAX).unwrap();
        assert!(received.capacity() < 1024, "{}", received.capacity());
    }

    #[test]
    fn capacity_follows_the_bytes_received_up_to_the_frame() {
        let size = 5_000_000;
        let mut received = BytesMut::from(&(size as i32).to_be_bytes()[..]);
        let mut moves = 0;
        while received.len() < SIZE_PREFIX + size {
            let before = received.capacity();
            reserve(&mut received, MAX).unwrap();
            moves += usize::from(received.capacity() != before);
            assert!(received.capacity() <= 4 * received.len() + ROOM_MIN);
            assert!(received.capacity() <= SIZE_PREFIX + size);
            let free = received.capacity() - received.len();
            assert!(free > 0);
            received.resize(received.len() + free.min(1500), 0);
        }
        assert!(moves < 10, "moved {moves} times");
    }
}
