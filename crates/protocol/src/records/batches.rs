//! Walking a buffer of consecutive batches.
//!
//! Like Kafka's reader, the walk ends quietly where the last batch is cut off (a Fetch may cut it) and fails
//! where a size or magic cannot be. [`Batches::rest`] says what was not consumed, for callers to whom a cut
//! batch is an error.

use super::header::{ATTRIBUTES_OFFSET, BATCH_LENGTH_OFFSET, LOG_OVERHEAD, MAGIC_OFFSET, MAGIC_V2};
use super::{Attributes, BATCH_OVERHEAD, BatchHeader, Records, RecordsError, batch_crc};

/// One whole batch: its parsed header and all its bytes.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// The header, parsed.
    pub header: BatchHeader,
    /// The whole batch, header included; exactly `header.size_in_bytes()` long.
    pub bytes: &'a [u8],
}

impl<'a> Batch<'a> {
    /// The batch at the front of `bytes`.
    ///
    /// # Errors
    /// Those of [`BatchHeader::parse`]; `Truncated` when the batch is not there as a whole.
    pub fn parse(bytes: &'a [u8]) -> Result<Batch<'a>, RecordsError> {
        let truncated = |needed| RecordsError::Truncated {
            needed,
            available: bytes.len(),
        };
        let header = BatchHeader::parse(bytes).map_err(|error| match error {
            RecordsError::LegacyMagic { size, .. } | RecordsError::SizeBelowOverhead { size }
                if size > bytes.len() =>
            {
                truncated(size)
            }
            error => error,
        })?;
        let needed = header.size_in_bytes();
        let whole = bytes.get(..needed).ok_or_else(|| truncated(needed))?;
        Ok(Batch { header, bytes: whole })
    }

    /// The bytes behind the header: records, compressed as a whole when the attributes say so.
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(BATCH_OVERHEAD..).unwrap_or_default()
    }

    /// Checks the CRC-32C over everything from the attributes on.
    ///
    /// # Errors
    /// `Crc` with both values.
    pub fn verify_crc(&self) -> Result<(), RecordsError> {
        let computed = batch_crc(self.bytes);
        if computed == self.header.crc {
            Ok(())
        } else {
            Err(RecordsError::Crc {
                stored: self.header.crc,
                computed,
            })
        }
    }

    /// The records of an uncompressed payload: this batch's own, or the one a caller has decompressed.
    pub fn records_in<'p>(&self, payload: &'p [u8]) -> Records<'p> {
        Records::new(payload, self.header.records_count)
    }
}

/// Iterates over consecutive batches; see [`batches`].
#[derive(Debug, Clone)]
pub struct Batches<'a> {
    rest: &'a [u8],
    failed: bool,
}

/// Iterates over the consecutive batches in `bytes`.
///
/// Ends after the first error, and without one at a batch that is cut off; see [`Batches::rest`].
pub fn batches(bytes: &[u8]) -> Batches<'_> {
    Batches {
        rest: bytes,
        failed: false,
    }
}

/// The attributes of the batch in `bytes` if that is what they are: one whole batch, and no more. Nearly
/// every Produce is, and this costs less than to parse its header.
pub fn sole_batch(bytes: &[u8]) -> Option<Attributes> {
    let header: &[u8; BATCH_OVERHEAD] = bytes.first_chunk()?;
    let length = i32::from_be_bytes(*header[BATCH_LENGTH_OFFSET..].first_chunk()?);
    let whole = usize::try_from(length).is_ok_and(|length| LOG_OVERHEAD + length == bytes.len());
    let attributes = i16::from_be_bytes(*header[ATTRIBUTES_OFFSET..].first_chunk()?);
    (whole && header[MAGIC_OFFSET] == MAGIC_V2 as u8).then_some(Attributes(attributes))
}

impl<'a> Batches<'a> {
    /// The bytes not yet consumed: after the end those of the batch that is cut off or wrong, if any.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<Batch<'a>, RecordsError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        match Batch::parse(self.rest) {
            Ok(batch) => {
                self.rest = self.rest.get(batch.bytes.len()..).unwrap_or_default();
                Some(Ok(batch))
            }
            Err(RecordsError::Truncated { .. }) => None,
            Err(error) => {
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}
