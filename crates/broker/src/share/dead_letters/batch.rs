//! Dead letters as records: one for each offset, with Apache Kafka's headers, and with the key and value of
//! the record if the group wants so. The headers of the record itself are not copied, as in Apache Kafka.

use barnabas_protocol::records::{BATCH_OVERHEAD, BatchBuilder, Compression, RecordFields};
use barnabas_share::DeadLetter;

use super::originals::{self, Originals};
use crate::broker::Broker;
use crate::share::held::Held;

/// The topic that the record is in.
pub const TOPIC: &str = "__dlq.errors.topic";
/// Its partition, in decimal.
pub const PARTITION: &str = "__dlq.errors.partition";
/// Its offset, in decimal.
pub const OFFSET: &str = "__dlq.errors.offset";
/// The share group that has given it up.
pub const GROUP: &str = "__dlq.errors.group";
const DELIVERY_COUNT: &str = "__dlq.errors.delivery.count";
const MESSAGE: &str = "__dlq.errors.message";
/// What a record is larger than its keys, values and headers, at most.
const RECORD_OVERHEAD: usize = 64;

/// What a batch may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes; but a first record that is larger.
    pub bytes: usize,
    /// Whether keys and values are copied.
    pub copies: bool,
}

impl Limits {
    /// What to try when a batch with the dead letters of these records was too large: fewer records, then no
    /// copies; `None` if there is no less.
    pub fn less(self, covered: &[DeadLetter]) -> Option<Limits> {
        let records: i64 = covered
            .iter()
            .map(|letter| letter.last_offset - letter.first_offset + 1)
            .sum();
        if records > 1 {
            let bytes = self.bytes / 2;
            return Some(Limits { bytes, ..self });
        }
        self.copies.then_some(Limits {
            copies: false,
            ..self
        })
    }
}

/// A batch with the first of the dead letters, and of which records they are; `None` if the records' topic is
/// gone.
pub fn build(
    broker: &Broker,
    held: &Held,
    letters: &[DeadLetter],
    limits: Limits,
) -> Option<(Vec<u8>, Vec<DeadLetter>)> {
    let key = &held.key;
    let topic = broker.image().topics.by_id(&key.topic_id)?.name.to_string();
    let originals = match (limits.copies, letters.first(), letters.last()) {
        (true, Some(first), Some(last)) => {
            originals::read(broker, key, (first.first_offset, last.last_offset), limits.bytes)
        }
        _ => Originals::none(),
    };
    let about = About {
        topic: &topic,
        partition: key.partition.to_string(),
        group: &key.group,
    };
    let now_ms = broker.clock.wall_ms();
    fill(&about, letters, &originals, limits.bytes, now_ms)
}

struct About<'a> {
    topic: &'a str,
    partition: String,
    group: &'a str,
}

fn fill(
    about: &About<'_>,
    letters: &[DeadLetter],
    originals: &Originals,
    bytes_max: usize,
    now_ms: i64,
) -> Option<(Vec<u8>, Vec<DeadLetter>)> {
    let mut builder = BatchBuilder::new(Compression::None);
    let mut covered: Vec<DeadLetter> = Vec::new();
    let mut bytes = BATCH_OVERHEAD;
    'all: for letter in letters {
        for offset in letter.first_offset..=letter.last_offset {
            if !covered.is_empty() && originals.read_to.is_some_and(|read_to| offset >= read_to) {
                break 'all;
            }
            let (key, value) = originals.of(offset);
            let (at, count) = (offset.to_string(), letter.delivery_count.to_string());
            let headers = [
                (TOPIC, Some(about.topic.as_bytes())),
                (PARTITION, Some(about.partition.as_bytes())),
                (OFFSET, Some(at.as_bytes())),
                (GROUP, Some(about.group.as_bytes())),
                (DELIVERY_COUNT, Some(count.as_bytes())),
                (MESSAGE, Some(letter.cause.message().as_bytes())),
            ];
            let of_headers = headers
                .iter()
                .map(|(name, value)| name.len() + value.map_or(0, <[u8]>::len));
            let size = of_headers.sum::<usize>() + key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
            bytes += size + RECORD_OVERHEAD;
            if bytes > bytes_max && !covered.is_empty() {
                break 'all;
            }
            builder.append(&RecordFields {
                timestamp: now_ms,
                key,
                value,
                headers: &headers,
            });
            match covered
                .last_mut()
                .filter(|last| last.last_offset + 1 == offset && last.cause == letter.cause)
            {
                Some(last) if last.delivery_count == letter.delivery_count => last.last_offset = offset,
                _ => covered.push(DeadLetter {
                    first_offset: offset,
                    last_offset: offset,
                    ..*letter
                }),
            }
        }
    }
    // What is not too large for its length is not too large for the builder.
    builder.build().ok().map(|batch| (batch, covered))
}

#[cfg(test)]
mod tests {
    use barnabas_protocol::records::Batch;
    use barnabas_share::DeadLetterCause;

    use super::*;

    fn letter(first_offset: i64, last_offset: i64) -> DeadLetter {
        DeadLetter {
            first_offset,
            last_offset,
            delivery_count: 5,
            cause: DeadLetterCause::DeliveryCountExceeded,
        }
    }

    const ABOUT: About<'static> = About {
        topic: "tasks",
        partition: String::new(),
        group: "g",
    };

    #[test]
    fn a_dead_letter_says_what_it_is_of() {
        let (bytes, covered) = fill(&ABOUT, &[letter(7, 8)], &Originals::none(), 1000, 42).unwrap();
        assert_eq!(covered, [letter(7, 8)]);
        let batch = Batch::parse(&bytes).unwrap();
        let record = batch.records_in(batch.payload()).next().unwrap().unwrap();
        assert_eq!(
            (record.key, record.value, batch.header.base_timestamp),
            (None, None, 42)
        );
        let headers: Vec<String> = record
            .headers()
            .map(|header| {
                let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
                format!("{}={}", text(header.key), text(header.value.unwrap_or_default()))
            })
            .collect();
        assert_eq!(
            headers,
            [
                "__dlq.errors.topic=tasks",
                "__dlq.errors.partition=",
                "__dlq.errors.offset=7",
                "__dlq.errors.group=g",
                "__dlq.errors.delivery.count=5",
                "__dlq.errors.message=Offset delivery count exceeded the threshold.",
            ]
        );
    }

    #[test]
    fn what_does_not_fit_waits_for_the_next_batch_but_a_first_record_goes() {
        let letters = [letter(1, 1), letter(3, 9)];
        let (_, covered) = fill(&ABOUT, &letters, &Originals::none(), 1, 0).unwrap();
        assert_eq!(covered, [letter(1, 1)]);
        let (bytes, covered) = fill(&ABOUT, &letters, &Originals::none(), 700, 0).unwrap();
        assert_eq!(covered, [letter(1, 1), letter(3, 3)]);
        assert!(bytes.len() <= 700);
    }

    #[test]
    fn a_batch_that_is_too_large_becomes_less_until_there_is_no_less() {
        let limits = Limits {
            bytes: 100,
            copies: true,
        };
        let fewer = limits.less(&[letter(1, 2)]).unwrap();
        assert_eq!((fewer.bytes, fewer.copies), (50, true));
        let bare = fewer.less(&[letter(1, 1)]).unwrap();
        assert!(!bare.copies);
        assert_eq!(bare.less(&[letter(1, 1)]), None);
    }
}
