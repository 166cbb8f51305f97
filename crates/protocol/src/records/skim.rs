//! Walking the records of a compressed batch while it is being decompressed, without keeping keys and values.
//!
//! Memory stays at the reader's own buffer whatever the payload expands to.

use std::io::BufRead;

use super::record::{Record, header_count};
use super::varint::{decode_varint, decode_varlong};
use super::{Compression, InvalidRecord, RecordsError};

/// What validation needs to know of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SkimmedRecord {
    /// Milliseconds from the batch's `base_timestamp`.
    pub timestamp_delta: i64,
    /// Offset less the batch's `base_offset`.
    pub offset_delta: i32,
    /// Bytes of the key; -1 for null.
    pub key_len: i32,
    /// Bytes of the value; -1 for null.
    pub value_len: i32,
}

/// Reads declared records off a decompressor; see [`super::compression::Decompressor`].
#[derive(Debug)]
pub struct Skim<R> {
    reader: R,
    codec: Compression,
    declared: i32,
    read: i32,
    /// Bytes left in the record being read.
    body_rest: usize,
    /// Bytes that may still come out of the reader, of `cap` in all.
    budget: usize,
    cap: usize,
    /// The most bytes one record may have, its length field not counted.
    record_bytes_max: usize,
}

impl<R: BufRead> Skim<R> {
    /// Walks `declared` records that `reader` gives in at most `cap` bytes; `codec` only words errors.
    pub fn new(reader: R, codec: Compression, declared: i32, cap: usize) -> Skim<R> {
        Skim {
            reader,
            codec,
            declared,
            read: 0,
            body_rest: 0,
            budget: cap,
            cap,
            record_bytes_max: usize::MAX,
        }
    }

    /// Refuses a record of more than `bytes`, its length field not counted, before its content is read.
    pub fn record_bytes_max(mut self, bytes: usize) -> Skim<R> {
        self.record_bytes_max = bytes;
        self
    }

    /// The next record, or `None` once all declared records were read and the stream ends there.
    ///
    /// # Errors
    /// `Compression` when the decoder fails, `InvalidRecord` for records that are malformed, too large, too
    /// few or too many, `DecompressedTooLarge` once the cap is reached.
    pub fn next_record(&mut self) -> Result<Option<SkimmedRecord>, RecordsError> {
        if self.declared < 0 {
            return Err(InvalidRecord::RecordCount(self.declared).into());
        }
        let ended = self.fill()?.is_empty();
        if self.read == self.declared {
            return if ended {
                Ok(None)
            } else {
                Err(InvalidRecord::RecordsRemain.into())
            };
        }
        if ended {
            return Err(InvalidRecord::PrematureEnd.into());
        }
        self.read += 1;
        if let Some(record) = self.buffered_record()? {
            return Ok(Some(record));
        }
        let length = decode_varint(|| self.byte())?;
        let body_len = usize::try_from(length).map_err(|_| InvalidRecord::Size { expected: length })?;
        if body_len > self.record_bytes_max {
            return Err(InvalidRecord::TooLarge {
                expected: length,
                limit: self.record_bytes_max,
            }
            .into());
        }
        self.body_rest = body_len;
        let record = self.body()?;
        if self.body_rest != 0 {
            let read = body_len - self.body_rest;
            return Err(InvalidRecord::SizeMismatch {
                expected: length,
                read,
            }
            .into());
        }
        Ok(Some(record))
    }

    /// The next record if the reader's buffer holds all of it and it is sound and certainly not too large;
    /// most are read this way.
    fn buffered_record(&mut self) -> Result<Option<SkimmedRecord>, RecordsError> {
        let buffer = self.fill()?;
        let Ok((record, rest)) = Record::parse(buffer) else {
            return Ok(None);
        };
        let len = |bytes: Option<&[u8]>| bytes.map_or(-1, |bytes| bytes.len() as i32);
        let skimmed = SkimmedRecord {
            timestamp_delta: record.timestamp_delta,
            offset_delta: record.offset_delta,
            key_len: len(record.key),
            value_len: len(record.value),
        };
        let read = buffer.len() - rest.len();
        if read > self.record_bytes_max {
            return Ok(None);
        }
        self.consume(read)?;
        Ok(Some(skimmed))
    }

    /// Reads a record's fields byte by byte, across the reader's buffers.
    fn body(&mut self) -> Result<SkimmedRecord, RecordsError> {
        self.body_byte()?;
        let timestamp_delta = decode_varlong(|| self.body_byte())?;
        let offset_delta = self.body_varint()?;
        let key_len = self.skip_nullable()?;
        let value_len = self.skip_nullable()?;
        let headers = header_count(self.body_varint()?, self.body_rest)?;
        for _ in 0..headers {
            let key_len = self.body_varint()?;
            self.skip(usize::try_from(key_len).map_err(|_| InvalidRecord::HeaderKeySize(key_len))?)?;
            self.skip_nullable()?;
        }
        Ok(SkimmedRecord {
            timestamp_delta,
            offset_delta,
            key_len,
            value_len,
        })
    }

    fn fill(&mut self) -> Result<&[u8], RecordsError> {
        let codec = self.codec;
        self.reader.fill_buf().map_err(|error| RecordsError::Compression {
            codec,
            reason: error.to_string(),
        })
    }

    fn byte(&mut self) -> Result<u8, RecordsError> {
        let byte = *self.fill()?.first().ok_or(InvalidRecord::PrematureEnd)?;
        self.consume(1)?;
        Ok(byte)
    }

    fn consume(&mut self, amount: usize) -> Result<(), RecordsError> {
        let (codec, cap) = (self.codec, self.cap);
        self.budget = self
            .budget
            .checked_sub(amount)
            .ok_or(RecordsError::DecompressedTooLarge { codec, cap })?;
        self.reader.consume(amount);
        Ok(())
    }

    fn body_byte(&mut self) -> Result<u8, RecordsError> {
        self.body_rest = self.body_rest.checked_sub(1).ok_or(InvalidRecord::Structure)?;
        self.byte()
    }

    fn body_varint(&mut self) -> Result<i32, RecordsError> {
        decode_varint(|| self.body_byte())
    }

    /// Skips a length-prefixed byte string and returns its length; -1 for null, which any negative length
    /// means.
    fn skip_nullable(&mut self) -> Result<i32, RecordsError> {
        let declared = self.body_varint()?;
        if let Ok(len) = usize::try_from(declared) {
            self.skip(len)?;
        }
        Ok(declared.max(-1))
    }

    fn skip(&mut self, len: usize) -> Result<(), RecordsError> {
        self.body_rest = self.body_rest.checked_sub(len).ok_or(InvalidRecord::Structure)?;
        let mut rest = len;
        while rest > 0 {
            let step = self.fill()?.len().min(rest);
            if step == 0 {
                return Err(InvalidRecord::PrematureEnd.into());
            }
            self.consume(step)?;
            rest -= step;
        }
        Ok(())
    }
}
