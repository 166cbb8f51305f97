//! Writing a batch anew because its topic wants another codec.

use barnabas_protocol::records::{Batch, BatchBuilder, Compression, RecordsError, compression};

use super::judge::{Judge, Seen};
use super::{REBUILT_BYTES_MAX, Rejection};

/// Judges a batch's records and copies them into a builder for `codec`; offsets count up from 0 whatever was sent.
///
/// Nothing is compressed before the caller has heard the judge.
pub(super) fn rebuild(
    batch: &Batch<'_>,
    source: Compression,
    codec: Compression,
    judge: &mut Judge<'_>,
) -> Result<BatchBuilder, Rejection> {
    let mut plain = Vec::new();
    let payload = match source {
        Compression::None => batch.payload(),
        _ => {
            compression::decompress(source, batch.payload(), REBUILT_BYTES_MAX, &mut plain)?;
            &plain
        }
    };
    let mut builder = BatchBuilder::new(codec).like(&batch.header);
    for record in batch.records_in(payload) {
        let record = record.map_err(RecordsError::from)?;
        let seen = Seen::from(&record);
        judge.record(seen);
        builder.append_record(judge.timestamp(&seen), &record);
    }
    Ok(builder)
}
