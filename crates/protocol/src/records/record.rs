//! Records inside of a batch's (uncompressed) payload.
//!
//! ```text
//!  record   length varint | attributes i8 (unused) | timestamp delta varlong | offset delta varint
//!           | key length varint (-1 null) | key | value length varint (-1 null) | value
//!           | header count varint | header*
//!  header   key length varint | key | value length varint (-1 null) | value
//! ```
//!
//! `length` counts everything behind itself; a record whose fields end elsewhere is refused.

use super::InvalidRecord;
use super::varint::Cursor;

/// One record; slices point into the payload.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Unused by Kafka so far, kept as sent.
    pub attributes: i8,
    /// Milliseconds from the batch's `base_timestamp`.
    pub timestamp_delta: i64,
    /// Offset less the batch's `base_offset`.
    pub offset_delta: i32,
    /// The key, if any.
    pub key: Option<&'a [u8]>,
    /// The value; null is a tombstone in a compacted topic.
    pub value: Option<&'a [u8]>,
    headers_count: i32,
    headers: &'a [u8],
}

impl<'a> Record<'a> {
    /// Parses the record at the front of `payload`; returns it with the bytes that follow it.
    ///
    /// # Errors
    /// Any structural error, headers included; see [`InvalidRecord`].
    pub fn parse(payload: &'a [u8]) -> Result<(Record<'a>, &'a [u8]), InvalidRecord> {
        let mut cursor = Cursor::new(payload);
        let length = cursor.varint().map_err(|_| match payload {
            [_, _, _, _, _, ..] => InvalidRecord::LengthVarint,
            _ => InvalidRecord::PrematureEnd,
        })?;
        let body_len = usize::try_from(length).map_err(|_| InvalidRecord::Size { expected: length })?;
        let body = cursor
            .take(body_len)
            .map_err(|_| InvalidRecord::Size { expected: length })?;
        Ok((Self::parse_body(body, length)?, cursor.rest))
    }

    fn parse_body(body: &'a [u8], length: i32) -> Result<Record<'a>, InvalidRecord> {
        let mut cursor = Cursor::new(body);
        let attributes = cursor.u8()? as i8;
        let timestamp_delta = cursor.varlong()?;
        let offset_delta = cursor.varint()?;
        let key = cursor.nullable_bytes()?;
        let value = cursor.nullable_bytes()?;
        let headers_count = header_count(cursor.varint()?, cursor.remaining())?;
        let headers = cursor.rest;
        for _ in 0..headers_count {
            next_header(&mut cursor)?;
        }
        if cursor.remaining() != 0 {
            return Err(InvalidRecord::SizeMismatch {
                expected: length,
                read: body.len() - cursor.remaining(),
            });
        }
        Ok(Record {
            attributes,
            timestamp_delta,
            offset_delta,
            key,
            value,
            headers_count,
            headers,
        })
    }

    /// The headers in order; keys may repeat.
    pub fn headers(&self) -> Headers<'a> {
        Headers {
            remaining: self.headers_count,
            cursor: Cursor::new(self.headers),
        }
    }
}

/// Proves a header count against the bytes that remain (a header takes two or more, Kafka asks for one).
pub(super) fn header_count(count: i32, remaining: usize) -> Result<i32, InvalidRecord> {
    match usize::try_from(count) {
        Err(_) => Err(InvalidRecord::HeaderCount(count)),
        Ok(wanted) if wanted > remaining => Err(InvalidRecord::HeaderCountOverrun(count)),
        Ok(_) => Ok(count),
    }
}

fn next_header<'a>(cursor: &mut Cursor<'a>) -> Result<Header<'a>, InvalidRecord> {
    let key_len = cursor.varint()?;
    let key = cursor.take(usize::try_from(key_len).map_err(|_| InvalidRecord::HeaderKeySize(key_len))?)?;
    Ok(Header {
        key,
        value: cursor.nullable_bytes()?,
    })
}

/// One record header (KIP-82).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// UTF-8 by convention; brokers do not check.
    pub key: &'a [u8],
    /// Null differs from empty.
    pub value: Option<&'a [u8]>,
}

/// Iterates over the headers of a [`Record`], which has proven them on parsing.
#[derive(Debug, Clone)]
pub struct Headers<'a> {
    remaining: i32,
    cursor: Cursor<'a>,
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        if self.remaining == 0 {
            return None;
        }
        self.remaining -= 1;
        next_header(&mut self.cursor).ok()
    }
}

/// Iterates over exactly the declared number of records and then proves that nothing follows them.
///
/// Ends after the first error. A negative count is an error of its own.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    rest: &'a [u8],
    declared: i32,
    read: i32,
    failed: bool,
}

impl<'a> Records<'a> {
    /// Walks `declared` records of an uncompressed payload.
    pub fn new(payload: &'a [u8], declared: i32) -> Records<'a> {
        Records {
            rest: payload,
            declared,
            read: 0,
            failed: false,
        }
    }

    fn step(&mut self) -> Result<Option<Record<'a>>, InvalidRecord> {
        if self.declared < 0 {
            return Err(InvalidRecord::RecordCount(self.declared));
        }
        if self.read == self.declared {
            return if self.rest.is_empty() {
                Ok(None)
            } else {
                Err(InvalidRecord::RecordsRemain)
            };
        }
        if self.rest.is_empty() {
            return Err(InvalidRecord::PrematureEnd);
        }
        let (record, rest) = Record::parse(self.rest)?;
        self.rest = rest;
        self.read += 1;
        Ok(Some(record))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, InvalidRecord>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let step = self.step();
        self.failed = step.is_err();
        step.transpose()
    }
}
