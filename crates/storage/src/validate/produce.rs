//! What a Produce request must be before its partitions are looked at one by one.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::{Compression, RecordsError, batches, sole_batch};

use super::Rejection;

/// The first Produce version that may carry zstd (KIP-110).
const ZSTD_SINCE_VERSION: i16 = 7;

/// Whether a partition's records start with a transactional batch.
///
/// Apache Kafka looks at every partition this way before anything else, up to the first transactional one.
///
/// # Errors
/// CORRUPT_MESSAGE with a message when the first batch has a size or magic that cannot be. It is the answer
/// for every partition of the request.
pub fn starts_transactional(records: &[u8]) -> Result<bool, Rejection> {
    if let Some(attributes) = sole_batch(records) {
        return Ok(attributes.is_transactional());
    }
    match batches(records).next() {
        Some(Ok(batch)) => Ok(batch.header.is_transactional()),
        Some(Err(error @ (RecordsError::SizeBelowMinimum { .. } | RecordsError::UnknownMagic(_)))) => {
            let message = Some(error.to_string());
            Err(Rejection {
                message,
                ..error.into()
            })
        }
        Some(Err(_)) | None => Ok(false),
    }
}

/// Checks that one partition's records are exactly one batch of magic 2 with a codec that `api_version` of
/// Produce knows.
///
/// A batch that is cut off does not count, and what remains behind the first one is ignored when it is no
/// batch.
///
/// # Errors
/// INVALID_RECORD for no batch, another magic or a second batch; UNSUPPORTED_COMPRESSION_TYPE for zstd below
/// version 7; CORRUPT_MESSAGE for sizes and magics that cannot be; UNKNOWN_SERVER_ERROR for an unknown codec
/// below version 7.
pub fn check_produce(api_version: i16, records: &[u8]) -> Result<(), Rejection> {
    if api_version >= ZSTD_SINCE_VERSION && sole_batch(records).is_some() {
        return Ok(());
    }
    let mut walk = batches(records);
    let first = match walk.next().ok_or(Rejection::new(ErrorCode::InvalidRecord))? {
        Err(error @ RecordsError::SizeBelowOverhead { size }) => {
            none_follows(records.get(size..).unwrap_or_default())?;
            return Err(error.into());
        }
        first => first?,
    };
    if api_version < ZSTD_SINCE_VERSION && first.header.compression()? == Compression::Zstd {
        return Err(Rejection::new(ErrorCode::UnsupportedCompressionType));
    }
    none_follows(walk.rest())
}

/// Proves that `rest`, behind the first batch, is no batch.
fn none_follows(rest: &[u8]) -> Result<(), Rejection> {
    match batches(rest).next() {
        None => Ok(()),
        Some(Err(error @ (RecordsError::SizeBelowMinimum { .. } | RecordsError::UnknownMagic(_)))) => {
            Err(error.into())
        }
        Some(_) => Err(Rejection::new(ErrorCode::InvalidRecord)),
    }
}
