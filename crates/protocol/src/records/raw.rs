//! Records as the cleaner sees them: whose key, how old, and the bytes to carry over.
//!
//! Key and value are proven against the record's length; headers are carried over without a look.

use super::InvalidRecord;
use super::varint::{Cursor, put_varint, put_varlong};

/// One record; slices point into the payload.
#[derive(Debug, Clone, Copy)]
pub struct RawRecord<'a> {
    /// The whole record, its length included.
    pub bytes: &'a [u8],
    /// Unused by Kafka so far.
    pub attributes: i8,
    /// Milliseconds from the batch's `base_timestamp`.
    pub timestamp_delta: i64,
    /// Offset less the batch's `base_offset`.
    pub offset_delta: i32,
    /// The key, if any.
    pub key: Option<&'a [u8]>,
    /// Not a tombstone.
    pub has_value: bool,
    /// What follows the offset delta: key, value, headers.
    tail: &'a [u8],
}

impl<'a> RawRecord<'a> {
    fn parse(payload: &'a [u8]) -> Result<(RawRecord<'a>, &'a [u8]), InvalidRecord> {
        let mut cursor = Cursor::new(payload);
        let length = cursor.varint()?;
        let body_len = usize::try_from(length).map_err(|_| InvalidRecord::Size { expected: length })?;
        let body = cursor
            .take(body_len)
            .map_err(|_| InvalidRecord::Size { expected: length })?;
        let rest = cursor.rest;
        let bytes = &payload[..payload.len() - rest.len()];
        let mut cursor = Cursor::new(body);
        let attributes = cursor.u8()? as i8;
        let timestamp_delta = cursor.varlong()?;
        let offset_delta = cursor.varint()?;
        let tail = cursor.rest;
        let key = cursor.nullable_bytes()?;
        let has_value = cursor.nullable_bytes()?.is_some();
        let record = RawRecord {
            bytes,
            attributes,
            timestamp_delta,
            offset_delta,
            key,
            has_value,
            tail,
        };
        Ok((record, rest))
    }

    /// Appends the record with another timestamp delta; all else stays.
    pub fn write(&self, timestamp_delta: i64, out: &mut Vec<u8>) {
        if timestamp_delta == self.timestamp_delta {
            out.extend_from_slice(self.bytes);
            return;
        }
        let mut front = Vec::with_capacity(16);
        front.push(self.attributes as u8);
        put_varlong(&mut front, timestamp_delta);
        put_varint(&mut front, self.offset_delta);
        // A record came out of a batch, whose length is an i32; a longer delta adds nine bytes at most.
        let length = i32::try_from(front.len() + self.tail.len()).unwrap_or(i32::MAX);
        put_varint(out, length);
        out.extend_from_slice(&front);
        out.extend_from_slice(self.tail);
    }
}

/// Iterates over exactly the declared number of records and then proves that nothing follows them. Ends after
/// the first error.
#[derive(Debug, Clone)]
pub struct RawRecords<'a> {
    rest: &'a [u8],
    /// Records yet to come; -1 after an error and after the end.
    left: i32,
}

impl<'a> RawRecords<'a> {
    /// Walks `declared` records of an uncompressed payload.
    ///
    /// # Errors
    /// A negative count.
    pub fn new(payload: &'a [u8], declared: i32) -> Result<RawRecords<'a>, InvalidRecord> {
        if declared < 0 {
            return Err(InvalidRecord::RecordCount(declared));
        }
        Ok(RawRecords {
            rest: payload,
            left: declared,
        })
    }
}

impl<'a> Iterator for RawRecords<'a> {
    type Item = Result<RawRecord<'a>, InvalidRecord>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self.left {
            ..0 => None,
            0 => {
                self.left = -1;
                (!self.rest.is_empty()).then_some(Err(InvalidRecord::RecordsRemain))
            }
            _ => match RawRecord::parse(self.rest) {
                Ok((record, rest)) => {
                    self.rest = rest;
                    self.left -= 1;
                    Some(Ok(record))
                }
                Err(error) => {
                    self.left = -1;
                    Some(Err(error))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{Batch, BatchBuilder, Compression, RecordFields};

    fn batch() -> Vec<u8> {
        let mut builder = BatchBuilder::new(Compression::None);
        for (timestamp, key, value) in [
            (1000, Some(&b"a"[..]), Some(&b"1"[..])),
            (1700, None, Some(b"2")),
            (900, Some(b"b"), None),
        ] {
            builder.append(&RecordFields {
                timestamp,
                key,
                value,
                headers: &[("h", Some(b"v")), ("h", None)],
            });
        }
        builder.build().unwrap()
    }

    #[test]
    fn records_are_seen_and_written_with_another_delta() {
        let bytes = batch();
        let batch = Batch::parse(&bytes).unwrap();
        let records: Vec<RawRecord<'_>> = RawRecords::new(batch.payload(), 3)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let seen: Vec<_> = records
            .iter()
            .map(|record| {
                (
                    record.timestamp_delta,
                    record.offset_delta,
                    record.key,
                    record.has_value,
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                (0, 0, Some(&b"a"[..]), true),
                (700, 1, None, true),
                (-100, 2, Some(b"b"), false)
            ]
        );
        let mut out = Vec::new();
        for record in &records {
            record.write(record.timestamp_delta, &mut out);
        }
        assert_eq!(out, batch.payload(), "unchanged records are copied");
        out.clear();
        records[1].write(i64::MIN, &mut out);
        let (again, rest) = RawRecord::parse(&out).unwrap();
        assert!(rest.is_empty());
        assert_eq!((again.timestamp_delta, again.offset_delta), (i64::MIN, 1));
        assert_eq!(again.tail, records[1].tail);
    }

    #[test]
    fn counts_and_lengths_that_lie_are_errors() {
        let bytes = batch();
        let payload = Batch::parse(&bytes).unwrap().payload();
        assert!(RawRecords::new(payload, -1).is_err());
        assert!(RawRecords::new(payload, 2).unwrap().any(|record| record.is_err()));
        assert!(RawRecords::new(payload, 4).unwrap().any(|record| record.is_err()));
        for cut in 0..payload.len() {
            let mut records = RawRecords::new(&payload[..cut], 3).unwrap();
            assert!(records.any(|record| record.is_err()), "cut at {cut}");
        }
    }
}
