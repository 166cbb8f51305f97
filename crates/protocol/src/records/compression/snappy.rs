//! Snappy in the xerial frame that snappy-java writes, and raw snappy blocks as some other clients send them.
//!
//! ```text
//!  stream   magic 82 'S' 'N' 'A' 'P' 'P' 'Y' 00 | version i32 = 1 | compatible i32 = 1 | chunk*
//!  chunk    compressed length i32 | one snappy block
//! ```
//!
//! snappy-java takes a stream that does not start so for one raw block; so does this reader. Where a chunk's
//! length would be, another stream header may stand (concatenated streams), and fewer than four bytes there
//! end the stream.

use std::io::{self, BufRead, Read};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const HEADER_BYTES: usize = 16;
/// snappy-java's block size.
const BLOCK_BYTES: usize = 32 * 1024;
/// No snappy block can expand by more than this (a copy of 64 bytes takes three).
const MAX_EXPANSION: usize = 22;

/// Decompresses chunk by chunk; holds one chunk's output.
pub(super) struct XerialReader<'a> {
    rest: &'a [u8],
    /// The stream has no xerial header: all of it is one block.
    raw: bool,
    block: Vec<u8>,
    consumed: usize,
    failed: bool,
}

impl<'a> XerialReader<'a> {
    pub(super) fn new(payload: &'a [u8]) -> io::Result<XerialReader<'a>> {
        if payload.is_empty() {
            return Err(cut_off());
        }
        let (raw, rest) = match strip_header(payload) {
            Some(rest) => (false, rest),
            None => (true, payload),
        };
        Ok(XerialReader {
            rest,
            raw,
            block: Vec::new(),
            consumed: 0,
            failed: false,
        })
    }

    /// Decompresses the next chunk; leaves the block empty at the end of the stream.
    fn next_block(&mut self) -> io::Result<()> {
        self.block.clear();
        self.consumed = 0;
        while self.block.is_empty() && !self.rest.is_empty() {
            if self.raw {
                self.decompress_block(self.rest.len())?;
                continue;
            }
            if let Some(rest) = strip_header(self.rest) {
                self.rest = rest;
                continue;
            }
            let Some((length, rest)) = self.rest.split_first_chunk() else {
                self.rest = &[];
                break;
            };
            self.rest = rest;
            let length =
                usize::try_from(i32::from_be_bytes(*length)).map_err(|_| invalid("negative chunk length"))?;
            self.decompress_block(length)?;
        }
        Ok(())
    }

    fn decompress_block(&mut self, length: usize) -> io::Result<()> {
        let (block, rest) = self.rest.split_at_checked(length).ok_or_else(cut_off)?;
        self.rest = rest;
        if block.is_empty() {
            return Err(invalid("an empty chunk"));
        }
        let decompressed = snap::raw::decompress_len(block).map_err(invalid)?;
        if decompressed > block.len().saturating_mul(MAX_EXPANSION) {
            return Err(invalid("a block claims more than it can hold"));
        }
        self.block.resize(decompressed, 0);
        let written = snap::raw::Decoder::new()
            .decompress(block, &mut self.block)
            .map_err(invalid)?;
        self.block.truncate(written);
        Ok(())
    }
}

impl Read for XerialReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let taken = self.fill_buf()?.read(out)?;
        self.consume(taken);
        Ok(taken)
    }
}

impl BufRead for XerialReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.consumed >= self.block.len() {
            if self.failed {
                return Err(cut_off());
            }
            self.next_block().inspect_err(|_| self.failed = true)?;
        }
        Ok(self.block.get(self.consumed..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.consumed = self.consumed.saturating_add(amount).min(self.block.len());
    }
}

fn strip_header(bytes: &[u8]) -> Option<&[u8]> {
    if bytes.starts_with(&MAGIC) {
        bytes.get(HEADER_BYTES..)
    } else {
        None
    }
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "snappy stream is cut off")
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Appends `records` to `out` in xerial framing, in blocks of the size snappy-java uses.
pub(super) fn write_xerial(records: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&1i32.to_be_bytes());
    out.extend_from_slice(&1i32.to_be_bytes());
    let mut encoder = snap::raw::Encoder::new();
    for block in records.chunks(BLOCK_BYTES) {
        let at = out.len();
        out.resize(at + 4 + snap::raw::max_compress_len(block.len()), 0);
        let written = encoder.compress(block, &mut out[at + 4..]).map_err(invalid)?;
        out[at..at + 4].copy_from_slice(&(written as u32).to_be_bytes());
        out.truncate(at + 4 + written);
    }
    Ok(())
}
