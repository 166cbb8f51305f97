//! The codecs of record batches: what Java's clients and broker write and read.
//!
//! Reading is a stream ([`Decompressor`]) so that memory does not follow what a payload claims to expand to;
//! [`decompress`] collects it under a cap.

mod gzip;
mod lz4;
mod snappy;

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use super::RecordsError;

/// Codec of a batch's records, as its attributes name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Compression {
    /// Records as they are.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// Blocks in the xerial frame, as snappy-java writes them; a raw block is read too.
    Snappy,
    /// LZ4 frames of independent blocks.
    Lz4,
    /// RFC 8878 (KIP-110).
    Zstd,
}

impl Compression {
    /// The codec of an attribute's id.
    ///
    /// # Errors
    /// `UnknownCompression` for 5 and above.
    pub fn from_id(id: u8) -> Result<Compression, RecordsError> {
        match id {
            0 => Ok(Compression::None),
            1 => Ok(Compression::Gzip),
            2 => Ok(Compression::Snappy),
            3 => Ok(Compression::Lz4),
            4 => Ok(Compression::Zstd),
            _ => Err(RecordsError::UnknownCompression(id)),
        }
    }

    /// The id in a batch's attributes.
    pub fn id(self) -> u8 {
        self as u8
    }

    /// The name as `compression.type` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Snappy => "snappy",
            Compression::Lz4 => "lz4",
            Compression::Zstd => "zstd",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Buffer between a decoder and its reader.
const STREAM_BUFFER_BYTES: usize = 16 * 1024;

/// A payload being decompressed, as a buffered reader. Holds a bounded buffer whatever comes out.
pub struct Decompressor<'a>(Codec<'a>);

enum Codec<'a> {
    None(&'a [u8]),
    Gzip(Box<BufReader<gzip::MembersReader<'a>>>),
    Snappy(snappy::XerialReader<'a>),
    Lz4(lz4::FrameReader<'a>),
    Zstd(Box<BufReader<zstd::stream::read::Decoder<'static, &'a [u8]>>>),
}

impl<'a> Decompressor<'a> {
    /// Starts to decompress `payload`.
    ///
    /// # Errors
    /// `Compression` when the stream's own header is wrong (some codecs tell only on the first read).
    pub fn new(codec: Compression, payload: &'a [u8]) -> Result<Decompressor<'a>, RecordsError> {
        let failed = |error: io::Error| failure(codec, &error);
        Ok(Decompressor(match codec {
            Compression::None => Codec::None(payload),
            // To Java's reader nothing is a stream of no frames.
            Compression::Zstd if payload.is_empty() => Codec::None(payload),
            Compression::Gzip => Codec::Gzip(Box::new(BufReader::with_capacity(
                STREAM_BUFFER_BYTES,
                gzip::MembersReader::new(payload),
            ))),
            Compression::Snappy => Codec::Snappy(snappy::XerialReader::new(payload).map_err(failed)?),
            Compression::Lz4 => Codec::Lz4(lz4::FrameReader::new(payload).map_err(failed)?),
            Compression::Zstd => Codec::Zstd(Box::new(BufReader::with_capacity(
                STREAM_BUFFER_BYTES,
                zstd::stream::read::Decoder::with_buffer(payload).map_err(failed)?,
            ))),
        }))
    }

    fn reader(&mut self) -> &mut dyn BufRead {
        match &mut self.0 {
            Codec::None(reader) => reader,
            Codec::Gzip(reader) => reader,
            Codec::Snappy(reader) => reader,
            Codec::Lz4(reader) => reader,
            Codec::Zstd(reader) => reader,
        }
    }
}

impl Read for Decompressor<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.reader().read(out)
    }
}

impl BufRead for Decompressor<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader().fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.reader().consume(amount);
    }
}

/// Decompresses a whole payload to the end of `out`, which may be reused between calls.
///
/// # Errors
/// `DecompressedTooLarge` as soon as more than `cap` bytes would come out, `Compression` when the stream is
/// unsound.
pub fn decompress(
    codec: Compression,
    payload: &[u8],
    cap: usize,
    out: &mut Vec<u8>,
) -> Result<(), RecordsError> {
    let start = out.len();
    let limit = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
    let reader = Decompressor::new(codec, payload)?;
    reader
        .take(limit)
        .read_to_end(out)
        .map_err(|error| failure(codec, &error))?;
    if out.len() - start > cap {
        out.truncate(start);
        return Err(RecordsError::DecompressedTooLarge { codec, cap });
    }
    Ok(())
}

/// Compresses `records` to the end of `out`.
///
/// `level` counts for gzip (1 to 9, -1 for the default) and zstd (-131072 to 22); `None` is the codec's
/// default. LZ4 takes its levels 1 to 17 without effect: its encoder has one strength.
///
/// # Errors
/// `Compression` when an encoder refuses, which none does for sound levels.
pub fn compress(
    codec: Compression,
    level: Option<i32>,
    records: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), RecordsError> {
    let result = match codec {
        Compression::None => {
            out.extend_from_slice(records);
            Ok(())
        }
        Compression::Gzip => gzip::write_member(level, records, out),
        Compression::Snappy => snappy::write_xerial(records, out),
        Compression::Lz4 => lz4::write_frame(records, out),
        Compression::Zstd => zstd::stream::copy_encode(records, out, level.unwrap_or(ZSTD_DEFAULT_LEVEL)),
    };
    result.map_err(|error| failure(codec, &error))
}

/// Default of `compression.zstd.level`.
const ZSTD_DEFAULT_LEVEL: i32 = 3;

fn failure(codec: Compression, error: &io::Error) -> RecordsError {
    RecordsError::Compression {
        codec,
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests;
