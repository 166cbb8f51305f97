//! A cursor over bytes that nobody has checked: each read proves that its bytes are there.
//!
//! The guard, the header and the codecs stand on it. It never copies, allocates or panics.

use crate::malformed::Malformed;

/// The most bytes a string may have (`0x7fff` in Apache Kafka's generated parsers, compact form included).
pub(crate) const STRING_BYTES_MAX: usize = 0x7fff;

/// Reads big-endian values off the front of a slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, position: 0 }
    }

    /// Bytes read so far.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// Bytes left.
    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// The next `len` bytes.
    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let remaining = self.remaining();
        if len > remaining {
            return Err(Malformed::Truncated {
                needed: len,
                remaining,
            });
        }
        let taken = &self.bytes[self.position..self.position + len];
        self.position += len;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    #[inline]
    pub(crate) fn i8(&mut self) -> Result<i8, Malformed> {
        Ok(i8::from_be_bytes(self.array()?))
    }

    #[inline]
    pub(crate) fn i16(&mut self) -> Result<i16, Malformed> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    #[inline]
    pub(crate) fn i32(&mut self) -> Result<i32, Malformed> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    #[inline]
    pub(crate) fn i64(&mut self) -> Result<i64, Malformed> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    #[inline]
    pub(crate) fn uuid(&mut self) -> Result<uuid::Uuid, Malformed> {
        Ok(uuid::Uuid::from_bytes(self.array()?))
    }

    /// An unsigned varint of at most five bytes. As in Java, bits past the 32nd are dropped.
    #[inline]
    pub(crate) fn unsigned_varint(&mut self) -> Result<u32, Malformed> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed::VarintTooLong)
    }

    /// A length or count: an int32 with -1 for null, or in flexible versions an unsigned varint of the length
    /// plus one.
    #[inline]
    pub(crate) fn length(&mut self, flexible: bool) -> Result<Option<usize>, Malformed> {
        let length = if flexible {
            i64::from(self.unsigned_varint()?) - 1
        } else {
            i64::from(self.i32()?)
        };
        Self::nullable(length)
    }

    /// A string's length: like [`Reader::length`], but an int16 where the version is not flexible.
    #[inline]
    pub(crate) fn string_length(&mut self, flexible: bool) -> Result<Option<usize>, Malformed> {
        let length = if flexible {
            i64::from(self.unsigned_varint()?) - 1
        } else {
            i64::from(self.i16()?)
        };
        match Self::nullable(length)? {
            Some(length) if length > STRING_BYTES_MAX => Err(Malformed::StringTooLong(length)),
            length => Ok(length),
        }
    }

    #[inline]
    fn nullable(length: i64) -> Result<Option<usize>, Malformed> {
        match length {
            -1 => Ok(None),
            0..=0x7fff_ffff => Ok(Some(length as usize)),
            _ => Err(Malformed::BadLength(length)),
        }
    }

    /// A string that may be null.
    #[inline]
    pub(crate) fn nullable_string(&mut self, flexible: bool) -> Result<Option<&'a str>, Malformed> {
        let Some(length) = self.string_length(flexible)? else {
            return Ok(None);
        };
        std::str::from_utf8(self.take(length)?)
            .map(Some)
            .map_err(|_| Malformed::NotUtf8)
    }

    /// A byte string that may be null.
    #[inline]
    pub(crate) fn nullable_bytes(&mut self, flexible: bool) -> Result<Option<&'a [u8]>, Malformed> {
        match self.length(flexible)? {
            Some(length) => self.take(length).map(Some),
            None => Ok(None),
        }
    }

    /// Whether a struct that may be null is there: 1 says yes and -1 no. (Java takes any other byte by its
    /// sign.)
    #[inline]
    pub(crate) fn presence(&mut self) -> Result<bool, Malformed> {
        match self.i8()? {
            1 => Ok(true),
            -1 => Ok(false),
            other => Err(Malformed::BadLength(i64::from(other))),
        }
    }

    /// Skips a section of tagged fields none of which is known here.
    ///
    /// As in Apache Kafka, tags may come in any order and more than once.
    #[inline]
    pub(crate) fn skip_tagged_fields(&mut self) -> Result<(), Malformed> {
        for _ in 0..self.unsigned_varint()? {
            self.unsigned_varint()?;
            let size = self.unsigned_varint()?;
            self.take(size as usize)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_end_at_the_fifth_byte() {
        // (bytes, value or error)
        let cases: [(&[u8], Result<u32, Malformed>); 6] = [
            (&[0x00], Ok(0)),
            (&[0x7f], Ok(127)),
            (&[0x80, 0x01], Ok(128)),
            (&[0xff, 0xff, 0xff, 0xff, 0x0f], Ok(u32::MAX)),
            (
                &[0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
                Err(Malformed::VarintTooLong),
            ),
            (
                &[0x80],
                Err(Malformed::Truncated {
                    needed: 1,
                    remaining: 0,
                }),
            ),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Reader::new(bytes).unsigned_varint(), expected, "{bytes:02x?}");
        }
    }

    #[test]
    fn lengths_know_null_and_refuse_the_impossible() {
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff]).length(false), Ok(None));
        assert_eq!(Reader::new(&[0x00]).length(true), Ok(None));
        assert_eq!(Reader::new(&[0x01]).length(true), Ok(Some(0)));
        assert_eq!(
            Reader::new(&[0xff, 0xff, 0xff, 0xfe]).length(false),
            Err(Malformed::BadLength(-2))
        );
        let huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
        assert_eq!(
            Reader::new(&huge).length(true),
            Err(Malformed::BadLength(0xffff_fffe))
        );
    }

    #[test]
    fn strings_are_bounded_and_utf8() {
        assert_eq!(
            Reader::new(&[0, 2, b'h', b'i']).nullable_string(false),
            Ok(Some("hi"))
        );
        assert_eq!(
            Reader::new(&[3, b'h', b'i']).nullable_string(true),
            Ok(Some("hi"))
        );
        assert_eq!(
            Reader::new(&[2, 0xff]).nullable_string(true),
            Err(Malformed::NotUtf8)
        );
        let mut long = vec![0x81, 0x80, 0x02];
        long.resize(3 + 0x8000, b'a');
        assert_eq!(
            Reader::new(&long).nullable_string(true),
            Err(Malformed::StringTooLong(0x8000))
        );
        let cut = Reader::new(&[0, 9, b'h']).nullable_string(false);
        assert_eq!(
            cut,
            Err(Malformed::Truncated {
                needed: 9,
                remaining: 1
            })
        );
    }

    #[test]
    fn skips_unknown_tagged_fields() {
        let mut reader = Reader::new(&[2, 5, 1, 0xaa, 5, 0, 0x77]);
        assert_eq!(reader.skip_tagged_fields(), Ok(()));
        assert_eq!(reader.position(), 6);
        assert!(Reader::new(&[1, 5, 2, 0xaa]).skip_tagged_fields().is_err());
    }
}
