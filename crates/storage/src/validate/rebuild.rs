//! Writing a batch anew because its topic wants another codec.

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::records::{
    Batch, BatchBuilder, BatchHeader, Compression, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE,
    NO_TIMESTAMP, RecordsError, Skim, compression,
};

use super::judge::{Judge, Seen};
use super::{REBUILT_BYTES_MAX, REBUILT_BYTES_MIN, REBUILT_EXPANSION_MAX, Rejection, ValidationSettings};

/// The most bytes that a batch's records may expand to.
fn expanded_bytes_max(settings: &ValidationSettings) -> usize {
    let fitting = settings.max_message_bytes.saturating_mul(REBUILT_EXPANSION_MAX);
    fitting.clamp(REBUILT_BYTES_MIN, REBUILT_BYTES_MAX)
}

/// Judges a batch's records and copies them into a builder for `codec`; offsets count up from 0 whatever was
/// sent.
///
/// # Errors
/// The judge's verdict, what [`Rejection`] says of unreadable payloads, and UNKNOWN_SERVER_ERROR where
/// Kafka's builder refuses what its validator let pass: negative timestamps, a producer id without epoch or
/// sequence.
pub(super) fn rebuild(
    batch: &Batch<'_>,
    (source, codec): (Compression, Compression),
    settings: &ValidationSettings,
    mut judge: Judge<'_>,
    topic: &str,
    partition: i32,
) -> Result<BatchBuilder, Rejection> {
    let mut plain = Vec::new();
    let payload = match source {
        Compression::None => batch.payload(),
        _ => {
            compression::decompress(source, batch.payload(), expanded_bytes_max(settings), &mut plain)?;
            check_record_sizes(batch, &plain, settings.max_decompressed_record_bytes)?;
            &plain
        }
    };
    let mut builder = BatchBuilder::new(codec).like(&batch.header);
    let mut timestamps_sound = true;
    for record in batch.records_in(payload) {
        let record = record.map_err(RecordsError::from)?;
        let seen = Seen::from(&record);
        judge.record(seen);
        let timestamp = judge.timestamp(&seen);
        timestamps_sound &= timestamp >= NO_TIMESTAMP;
        builder.append_record(timestamp, &record);
    }
    judge.verdict(topic, partition)?;
    if timestamps_sound && producer_sound(&batch.header) {
        Ok(builder)
    } else {
        Err(Rejection::new(ErrorCode::UnknownServerError))
    }
}

/// No record of what has been decompressed may be larger than `bytes_max`.
fn check_record_sizes(batch: &Batch<'_>, plain: &[u8], bytes_max: usize) -> Result<(), RecordsError> {
    if plain.len() <= bytes_max {
        return Ok(());
    }
    let count = batch.header.records_count;
    let mut skim = Skim::new(plain, Compression::None, count, plain.len()).record_bytes_max(bytes_max);
    while skim.next_record()?.is_some() {}
    Ok(())
}

/// A producer id comes with an epoch and a sequence, a transactional batch with a producer id.
fn producer_sound(header: &BatchHeader) -> bool {
    if header.producer_id == NO_PRODUCER_ID {
        return !header.is_transactional();
    }
    header.producer_epoch != NO_PRODUCER_EPOCH && (header.base_sequence > NO_SEQUENCE || header.is_control())
}
