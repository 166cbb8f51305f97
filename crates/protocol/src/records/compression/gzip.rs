//! gzip as Java's `GZIPInputStream` reads it: members one after another, and whatever follows the last one is
//! ignored.

use std::io::{self, Read, Write};

use flate2::bufread::GzDecoder;

/// Deflate is the only method gzip has.
const MEMBER_START: [u8; 3] = [0x1f, 0x8b, 8];
/// Header and trailer of an empty member.
const MEMBER_BYTES_MIN: usize = 18;

/// Decompresses member after member.
pub(super) struct MembersReader<'a> {
    member: GzDecoder<&'a [u8]>,
}

impl<'a> MembersReader<'a> {
    pub(super) fn new(payload: &'a [u8]) -> MembersReader<'a> {
        MembersReader {
            member: GzDecoder::new(payload),
        }
    }
}

impl Read for MembersReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.member.read(out)?;
            if read > 0 || out.is_empty() {
                return Ok(read);
            }
            let rest = *self.member.get_ref();
            if rest.len() < MEMBER_BYTES_MIN || !rest.starts_with(&MEMBER_START) {
                return Ok(0);
            }
            self.member = GzDecoder::new(rest);
        }
    }
}

/// Appends `records` to `out` as one member; levels outside of 0 to 9 mean the default.
pub(super) fn write_member(level: Option<i32>, records: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let level = match level.map(u32::try_from) {
        Some(Ok(level @ 0..=9)) => flate2::Compression::new(level),
        _ => flate2::Compression::default(),
    };
    let mut encoder = flate2::write::GzEncoder::new(out, level);
    encoder.write_all(records)?;
    encoder.finish().map(drop)
}
