//! Looking at records before they are delivered, for groups that want to know more of them than where they
//! lie: their time of delivery, their key, whether they are selected (`barnabas.share.*`).
//!
//! Only batches are read that the share partition has not seen, and only for such groups. A batch that can't
//! be read is delivered as it is.

use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::sync::Arc;

use barnabas_config::selector::{SelectedRecord, Selector};
use barnabas_network::response::FileRange;
use barnabas_protocol::records::{Batch, Compression, Record, RecordsError, TimestampType, compression};
use barnabas_share::{Looked, SharePartition, Span};

use super::batches::Batches;

/// A group's selector, and the topic that its records are of.
#[derive(Clone, Debug)]
pub struct Selecting {
    /// The selector.
    pub selector: Arc<Selector>,
    /// The topic's name.
    pub topic: String,
}

/// Most bytes that are looked at in one go, but for a batch that is larger.
pub const LOOK_BYTES: i32 = 1024 * 1024;
/// A compressed batch that is larger than that, expanded, is not looked into.
const EXPANDED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The header that says from when on a record may be delivered: milliseconds since the epoch, as decimal
/// text or as eight bytes.
const DELIVER_AT: &[u8] = b"barnabas-deliver-at";

/// What a group wants to know of the records of a partition.
#[derive(Clone, Debug, Default)]
pub struct Looking {
    /// Whether the header `barnabas-deliver-at` counts.
    pub deliver_at: bool,
    /// `barnabas.delivery.delay.ms` of the topic, where it is set.
    pub delay_ms: Option<i64>,
    /// Whether keys matter.
    pub key_order: bool,
    /// Which records the group wants; all, if nothing.
    pub selecting: Option<Selecting>,
}

impl Looking {
    /// Looks at the records of batches that the share partition has not seen; ascending.
    ///
    /// # Errors
    /// What the system says.
    pub fn look(
        &self,
        core: &SharePartition,
        range: &FileRange,
        batches: &Batches,
    ) -> io::Result<Vec<Looked>> {
        let mut looked = Vec::new();
        let (mut bytes, mut expanded) = (Vec::new(), Vec::new());
        for (at, span) in batches.spans.iter().enumerate() {
            if !core.must_look(span) || batches.aborted.contains(span) {
                continue;
            }
            let (position, len) = batches.place(at);
            bytes.resize(len, 0);
            range
                .file
                .read_exact_at(&mut bytes, range.position + position as u64)?;
            let from = looked.len();
            if let Err(error) = self.look_into(&bytes, &mut expanded, &mut looked) {
                tracing::debug!(?span, %error, "a batch is delivered without being looked at");
                looked.truncate(from);
                looked.extend(unseen(*span));
            }
        }
        Ok(looked)
    }

    fn look_into(
        &self,
        bytes: &[u8],
        expanded: &mut Vec<u8>,
        looked: &mut Vec<Looked>,
    ) -> Result<(), RecordsError> {
        let batch = Batch::parse(bytes)?;
        let header = &batch.header;
        if header.is_control() {
            return Ok(());
        }
        let payload = match header.attributes.compression()? {
            Compression::None => batch.payload(),
            codec => {
                expanded.clear();
                compression::decompress(codec, batch.payload(), EXPANDED_BYTES_MAX, expanded)?;
                expanded.as_slice()
            }
        };
        for record in batch.records_in(payload) {
            let record = record?;
            let timestamp_ms = match header.attributes.timestamp_type() {
                TimestampType::LogAppendTime => header.max_timestamp,
                TimestampType::CreateTime => header.base_timestamp.saturating_add(record.timestamp_delta),
            };
            looked.push(Looked {
                offset: header.base_offset.saturating_add(i64::from(record.offset_delta)),
                deliver_at_ms: self.deliver_at_ms(&record, timestamp_ms),
                key: record.key.filter(|_| self.key_order).map(hash),
                is_selected: self.selecting.as_ref().is_none_or(|selecting| {
                    selecting.selector.selects(&Seen {
                        record: &record,
                        topic: &selecting.topic,
                        timestamp_ms,
                    })
                }),
            });
        }
        Ok(())
    }

    fn deliver_at_ms(&self, record: &Record<'_>, timestamp_ms: i64) -> i64 {
        let said = if self.deliver_at {
            let headers = record.headers().filter(|header| header.key == DELIVER_AT);
            headers.last().and_then(|header| epoch_ms(header.value?))
        } else {
            None
        };
        let by_topic = || {
            self.delay_ms
                .map(|delay_ms| timestamp_ms.saturating_add(delay_ms))
        };
        said.or_else(by_topic).unwrap_or(i64::MIN)
    }
}

/// A record as a selector sees it.
struct Seen<'a> {
    record: &'a Record<'a>,
    topic: &'a str,
    timestamp_ms: i64,
}

impl SelectedRecord for Seen<'_> {
    fn key(&self) -> Option<&[u8]> {
        self.record.key
    }

    fn topic(&self) -> &str {
        self.topic
    }

    fn timestamp(&self) -> i64 {
        self.timestamp_ms
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        let headers = self.record.headers();
        headers
            .filter(|header| header.key == name.as_bytes())
            .last()?
            .value
    }
}

/// What nothing is known of is delivered.
fn unseen(span: Span) -> impl Iterator<Item = Looked> {
    (span.first_offset..=span.last_offset).map(|offset| Looked {
        offset,
        deliver_at_ms: i64::MIN,
        key: None,
        is_selected: true,
    })
}

fn hash(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(key);
    hasher.finish()
}

/// Decimal text, or eight bytes; nothing if it is neither.
fn epoch_ms(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok();
    let number = text.and_then(|text| text.trim().parse().ok());
    number.or_else(|| value.try_into().ok().map(i64::from_be_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_text_or_eight_bytes() {
        assert_eq!(epoch_ms(b"1764510000000"), Some(1_764_510_000_000));
        assert_eq!(
            epoch_ms(&1_764_510_000_000_i64.to_be_bytes()),
            Some(1_764_510_000_000)
        );
        assert_eq!(epoch_ms(b" -5 "), Some(-5));
        assert_eq!(epoch_ms(b"12345678"), Some(12_345_678));
        assert_eq!(epoch_ms(b"tomorrow!"), None);
        assert_eq!(epoch_ms(b""), None);
    }
}
