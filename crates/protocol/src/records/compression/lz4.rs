//! LZ4 frames as Java's clients and broker write and read them.
//!
//! ```text
//!  frame    magic 04 22 4D 18 | FLG | BD | content size u64? | header checksum u8 | block* | 00000000 | checksum u32?
//!  FLG      7..6 version = 1 | 5 independent blocks | 4 block checksums | 3 content size | 2 content checksum | 1..0 = 0
//!  BD       7 = 0 | 6..4 block size: 4 = 64 KiB, 5 = 256 KiB, 6 = 1 MiB, 7 = 4 MiB | 3..0 = 0
//!  block    size u32 (bit 31: stored as it is) | bytes | checksum u32?
//! ```
//!
//! All integers are little-endian. Java's reader wants independent blocks, proves header and block checksums,
//! skips the content size and the content checksum, and stops after one frame whatever follows. So does this
//! one, which is why it stands here in place of lz4_flex's frame decoder.

use std::io::{self, BufRead, Read, Write};

use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use twox_hash::XxHash32;

const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
const FLG_FIXED_MASK: u8 = 0b1110_0011;
const FLG_FIXED: u8 = 0b0110_0000;
const FLG_BLOCK_CHECKSUM: u8 = 0x10;
const FLG_CONTENT_SIZE: u8 = 0x08;
const FLG_CONTENT_CHECKSUM: u8 = 0x04;
const STORED: u32 = 1 << 31;

/// A frame being decompressed; holds one block.
pub(super) struct FrameReader<'a> {
    rest: &'a [u8],
    flags: u8,
    block_bytes_max: usize,
    block: Vec<u8>,
    filled: usize,
    consumed: usize,
    finished: bool,
}

impl<'a> FrameReader<'a> {
    /// Reads the frame's header.
    pub(super) fn new(payload: &'a [u8]) -> io::Result<FrameReader<'a>> {
        let descriptor = payload
            .strip_prefix(&MAGIC)
            .ok_or_else(|| invalid("not an LZ4 frame"))?;
        let &[flags, block_size, ..] = descriptor else {
            return Err(cut_off());
        };
        if flags & FLG_FIXED_MASK != FLG_FIXED {
            return Err(invalid(
                "LZ4 frame of an unknown version, with dependent blocks or a dictionary",
            ));
        }
        if block_size & 0b1000_1111 != 0 || block_size >> 4 < 4 {
            return Err(invalid("LZ4 frame with an unknown block size"));
        }
        let descriptor_len = if flags & FLG_CONTENT_SIZE == 0 { 2 } else { 10 };
        let (descriptor, rest) = descriptor.split_at_checked(descriptor_len).ok_or_else(cut_off)?;
        let (checksum, rest) = rest.split_first().ok_or_else(cut_off)?;
        if (XxHash32::oneshot(0, descriptor) >> 8) as u8 != *checksum {
            return Err(invalid("LZ4 frame header is corrupt"));
        }
        Ok(FrameReader {
            rest,
            flags,
            block_bytes_max: 1 << (2 * (block_size >> 4) + 8),
            block: Vec::new(),
            filled: 0,
            consumed: 0,
            finished: false,
        })
    }

    fn next_block(&mut self) -> io::Result<()> {
        let size = self.u32()?;
        let len = (size & !STORED) as usize;
        if len == 0 {
            self.finished = true;
            if self.flags & FLG_CONTENT_CHECKSUM != 0 {
                self.u32()?;
            }
            return Ok(());
        }
        if len > self.block_bytes_max {
            return Err(invalid("LZ4 block is larger than the frame allows"));
        }
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or_else(cut_off)?;
        self.rest = rest;
        if self.flags & FLG_BLOCK_CHECKSUM != 0 && self.u32()? != XxHash32::oneshot(0, bytes) {
            return Err(invalid("LZ4 block is corrupt"));
        }
        if self.block.is_empty() {
            self.block = vec![0; self.block_bytes_max];
        }
        self.filled = if size & STORED == 0 {
            lz4_flex::block::decompress_into(bytes, &mut self.block).map_err(invalid)?
        } else {
            self.block[..len].copy_from_slice(bytes);
            len
        };
        self.consumed = 0;
        Ok(())
    }

    fn u32(&mut self) -> io::Result<u32> {
        let (value, rest) = self.rest.split_first_chunk().ok_or_else(cut_off)?;
        self.rest = rest;
        Ok(u32::from_le_bytes(*value))
    }
}

impl Read for FrameReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let taken = self.fill_buf()?.read(out)?;
        self.consume(taken);
        Ok(taken)
    }
}

impl BufRead for FrameReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.consumed >= self.filled && !self.finished {
            self.next_block()?;
        }
        Ok(self.block.get(self.consumed..self.filled).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.consumed = self.consumed.saturating_add(amount).min(self.filled);
    }
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "LZ4 frame is cut off")
}

fn invalid(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// Appends `records` to `out` as one frame of independent 64 KiB blocks without checksums, as Java's writer
/// makes it.
pub(super) fn write_frame(records: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let info = FrameInfo::new()
        .block_mode(BlockMode::Independent)
        .block_size(BlockSize::Max64KB);
    let mut encoder = FrameEncoder::with_frame_info(info, out);
    encoder.write_all(records)?;
    encoder.finish()?;
    Ok(())
}
