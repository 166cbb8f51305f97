//! LZ4 frames within what Java's reader takes: independent blocks and no dictionary.
//!
//! ```text
//!  frame    magic 04 22 4D 18 | FLG | BD | content size u64? | header checksum | block* | 00000000 | checksum u32?
//!  FLG      7..6 version = 1 | 5 independent blocks | 4 block checksums | 3 content size | 2 content checksum | 1..0 = 0
//! ```
//!
//! Java refuses frames with dependent blocks, so they are refused here before they could reach a Java consumer.

use std::io::{self, BufReader, Write};

use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use super::STREAM_BUFFER_BYTES;

const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
const FLG_VERSION_MASK: u8 = 0xc0;
const FLG_VERSION_1: u8 = 0x40;
const FLG_INDEPENDENT: u8 = 0x20;
const FLG_RESERVED_MASK: u8 = 0x03;

/// A frame being decompressed.
pub(super) type FrameReader<'a> = BufReader<FrameDecoder<&'a [u8]>>;

/// Starts to read the frame in `payload` after a look at its flags.
pub(super) fn frame_reader(payload: &[u8]) -> io::Result<FrameReader<'_>> {
    let flags = match payload.strip_prefix(&MAGIC) {
        Some([flags, ..]) => *flags,
        _ => return Err(invalid("not an LZ4 frame")),
    };
    if flags & FLG_VERSION_MASK != FLG_VERSION_1 || flags & FLG_RESERVED_MASK != 0 {
        return Err(invalid("unknown LZ4 frame version or flags"));
    }
    if flags & FLG_INDEPENDENT == 0 {
        return Err(invalid("LZ4 frames with dependent blocks are not supported"));
    }
    Ok(BufReader::with_capacity(
        STREAM_BUFFER_BYTES,
        FrameDecoder::new(payload),
    ))
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// Appends `records` to `out` as one frame of independent 64 KiB blocks without checksums, as Java's writer makes it.
pub(super) fn write_frame(records: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let info = FrameInfo::new()
        .block_mode(BlockMode::Independent)
        .block_size(BlockSize::Max64KB);
    let mut encoder = FrameEncoder::with_frame_info(info, out);
    encoder.write_all(records)?;
    encoder.finish()?;
    Ok(())
}
