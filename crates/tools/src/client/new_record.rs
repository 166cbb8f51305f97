//! Records to write, and how.

use std::time::Duration;

use barnabas_protocol::records::Compression;

/// A record's own bytes in a batch, at most, beside key, value and headers.
const RECORD_OVERHEAD: usize = 21;

/// A record to write.
#[derive(Clone, Debug, Default)]
pub struct NewRecord {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Its timestamp, in milliseconds since 1970.
    pub timestamp: i64,
}

impl NewRecord {
    /// About as many bytes as it takes.
    pub fn size(&self) -> usize {
        let of = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let headers = self.headers.iter().map(|(key, value)| key.len() + of(value) + 10);
        RECORD_OVERHEAD + of(&self.key) + of(&self.value) + headers.sum::<usize>()
    }
}

/// How to write.
#[derive(Clone, Debug)]
pub struct ProduceSettings {
    /// `acks`: -1, 0 or 1.
    pub acks: i16,
    /// `compression.type`.
    pub compression: Compression,
    /// `batch.size`.
    pub batch_size: usize,
    /// `max.request.size`.
    pub max_request_size: usize,
    /// `request.timeout.ms`.
    pub request_timeout: Duration,
    /// `delivery.timeout.ms`.
    pub delivery_timeout: Duration,
    /// `max.block.ms`.
    pub max_block: Duration,
    /// `retries`.
    pub retries: u32,
    /// `enable.idempotence`.
    pub is_idempotent: bool,
    /// `transactional.id`.
    pub transactional_id: Option<String>,
}
