//! Zigzag variable-length integers as records use them, and a bounds-checked cursor over a slice.
//!
//! Kafka's reader takes at most five bytes for an int and ten for a long and drops bits beyond the width; so
//! does this one.

use super::InvalidRecord;

/// Reads fields off the front of a slice; every read is checked against what remains.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Cursor { rest: bytes }
    }

    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    pub(super) fn u8(&mut self) -> Result<u8, InvalidRecord> {
        let (first, rest) = self.rest.split_first().ok_or(InvalidRecord::Structure)?;
        self.rest = rest;
        Ok(*first)
    }

    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], InvalidRecord> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(InvalidRecord::Structure)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<i32, InvalidRecord> {
        decode_varint(|| self.u8())
    }

    #[inline]
    pub(super) fn varlong(&mut self) -> Result<i64, InvalidRecord> {
        decode_varlong(|| self.u8())
    }

    /// A length-prefixed byte string; any negative length is null, as in Kafka's reader.
    #[inline]
    pub(super) fn nullable_bytes(&mut self) -> Result<Option<&'a [u8]>, InvalidRecord> {
        match usize::try_from(self.varint()?) {
            Ok(len) => self.take(len).map(Some),
            Err(_) => Ok(None),
        }
    }
}

/// Decodes a zigzag int out of successive bytes of `next`.
#[inline]
pub(super) fn decode_varint<E: From<InvalidRecord>>(
    mut next: impl FnMut() -> Result<u8, E>,
) -> Result<i32, E> {
    let mut raw = 0u32;
    for shift in (0..35).step_by(7) {
        let byte = next()?;
        raw |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((raw >> 1) as i32 ^ -((raw & 1) as i32));
        }
    }
    Err(InvalidRecord::Structure.into())
}

/// Decodes a zigzag long out of successive bytes of `next`.
#[inline]
pub(super) fn decode_varlong<E: From<InvalidRecord>>(
    mut next: impl FnMut() -> Result<u8, E>,
) -> Result<i64, E> {
    let mut raw = 0u64;
    for shift in (0..70).step_by(7) {
        let byte = next()?;
        raw |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((raw >> 1) as i64 ^ -((raw & 1) as i64));
        }
    }
    Err(InvalidRecord::Structure.into())
}

pub(super) fn put_varint(out: &mut Vec<u8>, value: i32) {
    put_unsigned(out, u64::from(((value << 1) ^ (value >> 31)) as u32));
}

pub(super) fn put_varlong(out: &mut Vec<u8>, value: i64) {
    put_unsigned(out, ((value << 1) ^ (value >> 63)) as u64);
}

fn put_unsigned(out: &mut Vec<u8>, mut raw: u64) {
    while raw >= 0x80 {
        out.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.push(raw as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ints_round_trip() {
        for value in [0, -1, 1, 63, -64, 64, -65, 8191, i32::MAX, i32::MIN] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            assert!(bytes.len() <= 5);
            assert_eq!(Cursor::new(&bytes).varint(), Ok(value));
        }
    }

    #[test]
    fn longs_round_trip() {
        for value in [0, -1, 1, 63, -64, 1 << 40, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            put_varlong(&mut bytes, value);
            assert!(bytes.len() <= 10);
            assert_eq!(Cursor::new(&bytes).varlong(), Ok(value));
        }
    }

    #[test]
    fn zigzag_bytes_are_those_of_the_protocol() {
        let mut bytes = Vec::new();
        for value in [0, -1, 1, -2, 150] {
            put_varint(&mut bytes, value);
        }
        assert_eq!(bytes, [0x00, 0x01, 0x02, 0x03, 0xac, 0x02]);
    }

    #[test]
    fn too_long_or_cut_is_refused() {
        assert_eq!(Cursor::new(&[0x80; 5]).varint(), Err(InvalidRecord::Structure));
        assert_eq!(Cursor::new(&[0x80; 10]).varlong(), Err(InvalidRecord::Structure));
        assert_eq!(Cursor::new(&[0x80, 0x80]).varint(), Err(InvalidRecord::Structure));
        assert_eq!(Cursor::new(&[]).varlong(), Err(InvalidRecord::Structure));
    }

    #[test]
    fn negative_lengths_are_null_and_long_ones_refused() {
        assert_eq!(Cursor::new(&[0x01]).nullable_bytes(), Ok(None));
        assert_eq!(Cursor::new(&[0x03]).nullable_bytes(), Ok(None));
        assert_eq!(Cursor::new(&[0x02, 7]).nullable_bytes(), Ok(Some(&[7u8][..])));
        assert_eq!(
            Cursor::new(&[0x04, 7]).nullable_bytes(),
            Err(InvalidRecord::Structure)
        );
    }
}
