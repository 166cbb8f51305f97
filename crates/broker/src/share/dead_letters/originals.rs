//! The keys and values of records that are given up, read from this broker's log.

use std::collections::BTreeMap;

use barnabas_protocol::records::compression::decompress;
use barnabas_protocol::records::{Batch, Compression, RecordsError, batches};

use crate::broker::Broker;
use crate::share::held::ShareKey;

/// Bytes that are read at a time.
const READ_BYTES: u32 = 1024 * 1024;
/// Bytes that a batch may have when it is decompressed; one that has more has dead letters without copies.
const DECOMPRESSED_MAX: usize = 64 * 1024 * 1024;

type KeyAndValue = (Option<Vec<u8>>, Option<Vec<u8>>);

/// Keys and values by offset.
#[derive(Debug, Default)]
pub struct Originals {
    records: BTreeMap<i64, KeyAndValue>,
    /// Below which offset all were read that are there; `None` for all.
    pub read_to: Option<i64>,
}

impl Originals {
    /// Nothing, since nothing is wanted.
    pub fn none() -> Self {
        Originals::default()
    }

    /// The key and value of the record at an offset; nothing where none was read: it is not there any more,
    /// can't be read, or marks the end of a transaction.
    pub fn of(&self, offset: i64) -> (Option<&[u8]>, Option<&[u8]>) {
        self.records
            .get(&offset)
            .map_or((None, None), |(key, value)| (key.as_deref(), value.as_deref()))
    }
}

/// Reads the records of `first..=last`, about so many bytes.
pub fn read(broker: &Broker, key: &ShareKey, (first, last): (i64, i64), bytes_max: usize) -> Originals {
    let mut originals = Originals::none();
    let Ok(partition) = broker.partitions().by_id(&key.topic_id, key.partition) else {
        return originals;
    };
    let mut collecting = Collecting {
        records: &mut originals.records,
        wanted: (first, last),
        bytes: 0,
    };
    let (mut from, end) = partition.offsets();
    from = from.max(first);
    while from <= last && from < end {
        let Ok(bytes) = partition.read(from, READ_BYTES).map(|slice| slice.to_vec()) else {
            break;
        };
        let before = from;
        for batch in batches(&bytes.unwrap_or_default()) {
            let Ok(batch) = batch else { break };
            if batch.header.base_offset > last {
                return originals;
            }
            if let Err(error) = collecting.take(&batch) {
                tracing::warn!(?key, offset = batch.header.base_offset, %error, "records can't be copied");
            }
            from = batch.header.next_offset();
            if collecting.bytes >= bytes_max {
                originals.read_to = Some(from);
                return originals;
            }
        }
        if from == before {
            break;
        }
    }
    originals
}

struct Collecting<'a> {
    records: &'a mut BTreeMap<i64, KeyAndValue>,
    wanted: (i64, i64),
    bytes: usize,
}

impl Collecting<'_> {
    fn take(&mut self, batch: &Batch<'_>) -> Result<(), RecordsError> {
        if batch.header.is_control() {
            return Ok(());
        }
        let mut decompressed = Vec::new();
        let payload = match batch.header.compression()? {
            Compression::None => batch.payload(),
            codec => {
                decompress(codec, batch.payload(), DECOMPRESSED_MAX, &mut decompressed)?;
                &decompressed
            }
        };
        for record in batch.records_in(payload) {
            let record = record?;
            let offset = batch.header.base_offset + i64::from(record.offset_delta);
            if !(self.wanted.0..=self.wanted.1).contains(&offset) {
                continue;
            }
            let owned = (record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec));
            self.bytes += record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
            self.records.insert(offset, owned);
        }
        Ok(())
    }
}
