//! `kafka-dump-log`: Kafka's `DumpLogSegments`, for the files of a partition. What they hold is shown, not
//! compared: `barnabas log verify` does that.

use std::path::Path;

use barnabas_protocol::records::{Batch, EndTxnMarker, Record, TimestampType, batches, compression};

use crate::arguments::{Options, Takes, Word, word};
use crate::console::Console;
use crate::failure::{Failure, Outcome, said};

/// A batch may grow to so much when it is decompressed.
const DECOMPRESSED_MAX: usize = 1 << 30;
const DECODERS: &[&str] = &[
    "cluster-metadata-decoder",
    "offsets-decoder",
    "remote-log-metadata-decoder",
    "share-group-state-decoder",
    "transaction-log-decoder",
];
const STRING_DECODER: &str = "StringDecoder";

/// The tool's options.
#[rustfmt::skip]
pub const WORDS: &[Word] = &[
    word("files", Takes::Value("file,..."), "The files to show (required)."),
    word("print-data-log", Takes::Nothing, "Show records too."),
    word("deep-iteration", Takes::Nothing, "Look into batches."),
    word("skip-record-metadata", Takes::Nothing, "Show keys and values of records only."),
    word("verify-index-only", Takes::Nothing, "Show nothing of indexes."),
    word("index-sanity-check", Takes::Nothing, "Show only whether indexes are whole."),
    word("max-message-size", Takes::Value("bytes"), "Without effect."),
    word("max-bytes", Takes::Value("bytes"), "Read no more of a log."),
    word("key-decoder-class", Takes::Value("class"), "Only Kafka's StringDecoder."),
    word("value-decoder-class", Takes::Value("class"), "Only Kafka's StringDecoder."),
    word("offsets-decoder", Takes::Nothing, "Not served: see barnabas log dump."),
    word("transaction-log-decoder", Takes::Nothing, "Not served: see barnabas log dump."),
    word("cluster-metadata-decoder", Takes::Nothing, "Not served: see barnabas log dump."),
    word("remote-log-metadata-decoder", Takes::Nothing, "Not served."),
    word("share-group-state-decoder", Takes::Nothing, "Not served: see barnabas log dump."),
];

/// Runs the tool.
///
/// # Errors
/// How it ends otherwise than well.
pub fn run(options: &Options, console: &mut Console) -> Outcome {
    options.stop_for_help(
        "This tool helps to parse a log file and dump its contents to the console, useful for debugging a seemingly \
         corrupt log segment.",
    )?;
    options.require(&["files"])?;
    if let Some(decoder) = DECODERS.iter().find(|decoder| options.has(decoder)) {
        return said(format!(
            "--{decoder} is not served by this tool: barnabas log dump --records shows such logs"
        ));
    }
    let classes = ["key-decoder-class", "value-decoder-class"];
    for class in classes {
        if let Some(name) = options.value(class)?
            && !name.ends_with(STRING_DECODER)
        {
            return said(format!("Failed to load decoder class {name}"));
        }
    }
    let shows_records = options.has("print-data-log") || classes.iter().any(|class| options.has(class));
    let max_bytes = options.number::<usize>("max-bytes")?.unwrap_or(usize::MAX);
    for name in options.value("files")?.unwrap_or_default().split(',') {
        console.line(format!("Dumping {name}"));
        let path = Path::new(name);
        let extension = path.extension().and_then(|extension| extension.to_str());
        let base = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        let base: i64 = base.parse().unwrap_or_default();
        let read = || {
            std::fs::read(path).map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Failure::Said(format!("{name} (No such file or directory)")),
                _ => Failure::Said(format!("{name}: {error}")),
            })
        };
        let dump = Dump {
            name,
            is_quiet: options.has("verify-index-only"),
            only_sanity: options.has("index-sanity-check"),
        };
        match extension {
            Some("log") => {
                console.line(format!("Log starting offset: {base}"));
                let log = Log {
                    shows_records,
                    looks_into_batches: shows_records || options.has("deep-iteration"),
                    skips_metadata: options.has("skip-record-metadata"),
                };
                let mut bytes = read()?;
                bytes.truncate(max_bytes);
                log.dump(name, &bytes, max_bytes == usize::MAX, console)?;
            }
            // An index that isn't there is one without entries.
            Some("index") => dump.offset_index(&read().unwrap_or_default(), base, console)?,
            Some("timeindex") => dump.time_index(&read().unwrap_or_default(), base, console)?,
            Some("txnindex") => transaction_index(&read()?, console),
            Some("snapshot") => producer_snapshot(&read()?, console)?,
            _ => console.error(format!("Ignoring unknown file {name}")),
        }
    }
    Ok(())
}

/// How a log is shown.
struct Log {
    shows_records: bool,
    looks_into_batches: bool,
    skips_metadata: bool,
}

fn time_name(kind: TimestampType) -> &'static str {
    match kind {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    }
}

impl Log {
    fn dump(&self, name: &str, bytes: &[u8], is_whole: bool, console: &mut Console) -> Outcome {
        let mut walk = batches(bytes);
        let mut position = 0;
        for batch in walk.by_ref() {
            let Ok(batch) = batch else { break };
            console.line(batch_line(&batch, position));
            if self.looks_into_batches {
                self.records(&batch, console)?;
            }
            position += batch.bytes.len();
        }
        let rest = bytes.len() - position;
        if rest > 0 && is_whole {
            console.line(format!("Found {rest} invalid bytes at the end of {name}"));
        }
        Ok(())
    }

    fn records(&self, batch: &Batch<'_>, console: &mut Console) -> Outcome {
        let unreadable = |why: String| Failure::Said(why);
        let codec = batch
            .header
            .compression()
            .map_err(|error| unreadable(error.to_string()))?;
        let mut payload = Vec::new();
        compression::decompress(codec, batch.payload(), DECOMPRESSED_MAX, &mut payload)
            .map_err(|error| unreadable(error.to_string()))?;
        for record in batch.records_in(&payload) {
            let record = record.map_err(|error| unreadable(error.to_string()))?;
            self.record(batch, &record, console);
        }
        Ok(())
    }

    fn record(&self, batch: &Batch<'_>, record: &Record<'_>, console: &mut Console) {
        let header = &batch.header;
        let mut line = "|".to_owned();
        if !self.skips_metadata {
            let sequence = match header.base_sequence {
                ..0 => -1,
                base => base.wrapping_add(record.offset_delta) & i32::MAX,
            };
            let timestamp = match header.timestamp_type() {
                TimestampType::LogAppendTime => header.max_timestamp,
                TimestampType::CreateTime => header.base_timestamp + record.timestamp_delta,
            };
            let size = |bytes: Option<&[u8]>| bytes.map_or(-1, |bytes| bytes.len() as i64);
            let keys: Vec<_> = record
                .headers()
                .map(|header| String::from_utf8_lossy(header.key))
                .collect();
            line = format!(
                "| offset: {} {}: {timestamp} keySize: {} valueSize: {} sequence: {sequence} headerKeys: [{}]",
                header.base_offset + i64::from(record.offset_delta),
                time_name(header.timestamp_type()),
                size(record.key),
                size(record.value),
                keys.join(",")
            );
        }
        if header.is_control() {
            if self.skips_metadata {
                return;
            }
            line += &control(record);
        } else if self.shows_records {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            if let Some(key) = record.key {
                line += &format!(" key: {}", text(key));
            }
            if let Some(value) = record.value {
                line += &format!(" payload: {}", text(value));
            }
        }
        console.line(line);
    }
}

fn batch_line(batch: &Batch<'_>, position: usize) -> String {
    let header = &batch.header;
    let horizon = match header.delete_horizon_ms() {
        Some(ms) => format!("OptionalLong[{ms}]"),
        None => "OptionalLong.empty".to_owned(),
    };
    format!(
        "baseOffset: {} lastOffset: {} count: {} baseSequence: {} lastSequence: {} producerId: {} producerEpoch: {} \
         partitionLeaderEpoch: {} isTransactional: {} isControl: {} deleteHorizonMs: {horizon} position: {position} \
         {}: {} size: {} magic: {} compresscodec: {} crc: {} isvalid: {}",
        header.base_offset,
        header.last_offset(),
        header.records_count,
        header.base_sequence,
        header.last_sequence(),
        header.producer_id,
        header.producer_epoch,
        header.partition_leader_epoch,
        header.is_transactional(),
        header.is_control(),
        time_name(header.timestamp_type()),
        header.max_timestamp,
        batch.bytes.len(),
        header.magic,
        header.compression().map_or("unknown", |codec| codec.name()),
        header.crc,
        batch.verify_crc().is_ok()
    )
}

fn control(record: &Record<'_>) -> String {
    let key = record.key.unwrap_or_default();
    match EndTxnMarker::decode(key, record.value) {
        Some(marker) => {
            let kind = if marker.committed { "COMMIT" } else { "ABORT" };
            format!(
                " endTxnMarker: {kind} coordinatorEpoch: {}",
                marker.coordinator_epoch
            )
        }
        None => {
            let kind = key
                .get(2..4)
                .map_or(-1, |kind| i16::from_be_bytes([kind[0], kind[1]]));
            format!(" controlType: UNKNOWN({kind})")
        }
    }
}

/// How an index is shown.
struct Dump<'a> {
    name: &'a str,
    is_quiet: bool,
    only_sanity: bool,
}

impl Dump<'_> {
    /// Whether there is something to show.
    fn has_entries(&self, bytes: &[u8], entry: usize, console: &mut Console) -> Outcome<bool> {
        if !bytes.len().is_multiple_of(entry) {
            return said(format!(
                "Index file {} is corrupt, found {} bytes which is neither positive nor a multiple of {entry}.",
                self.name,
                bytes.len()
            ));
        }
        if self.only_sanity {
            console.line(format!("{} passed sanity check.", self.name));
            return Ok(false);
        }
        if bytes.is_empty() {
            console.line(format!("{} is empty.", self.name));
        }
        Ok(!bytes.is_empty())
    }

    fn offset_index(&self, bytes: &[u8], base: i64, console: &mut Console) -> Outcome {
        if !self.has_entries(bytes, 8, console)? {
            return Ok(());
        }
        for (index, entry) in bytes.as_chunks::<8>().0.iter().enumerate() {
            let (offset, position) = (i32_at(entry, 0), i32_at(entry, 4));
            // Room that is not used yet.
            if offset == 0 && index > 0 {
                break;
            }
            if !self.is_quiet {
                console.line(format!(
                    "offset: {} position: {position}",
                    base + i64::from(offset)
                ));
            }
        }
        Ok(())
    }

    fn time_index(&self, bytes: &[u8], base: i64, console: &mut Console) -> Outcome {
        if !self.has_entries(bytes, 12, console)? {
            return Ok(());
        }
        for (index, entry) in bytes.as_chunks::<12>().0.iter().enumerate() {
            let (timestamp, offset) = (i64_at(entry, 0), i32_at(entry, 8));
            if offset == 0 && index > 0 {
                break;
            }
            if !self.is_quiet {
                console.line(format!(
                    "timestamp: {timestamp} offset: {}",
                    base + i64::from(offset)
                ));
            }
        }
        Ok(())
    }
}

fn transaction_index(bytes: &[u8], console: &mut Console) {
    for entry in bytes.as_chunks::<34>().0 {
        console.line(format!(
            "version: 0 producerId: {} firstOffset: {} lastOffset: {} lastStableOffset: {}",
            i64_at(entry, 2),
            i64_at(entry, 10),
            i64_at(entry, 18),
            i64_at(entry, 26)
        ));
    }
}

/// ```text
/// version i16 │ crc u32 │ count i32 │ producer_id i64 │ epoch i16 │ last_sequence i32 │ last_offset i64
///     │ offset_delta i32 │ timestamp i64 │ coordinator_epoch i32 │ current_txn_first_offset i64 │ …
/// ```
fn producer_snapshot(bytes: &[u8], console: &mut Console) -> Outcome {
    let Some(entries) = bytes.get(10..) else {
        return said("the snapshot is cut off");
    };
    for entry in entries.as_chunks::<46>().0 {
        let (last, delta) = (i32_at(entry, 10), i32_at(entry, 22));
        let first_offset = match i64_at(entry, 38) {
            ..0 => "OptionalLong.empty".to_owned(),
            offset => format!("OptionalLong[{offset}]"),
        };
        let first = match last.wrapping_sub(delta) {
            first @ 0.. => first,
            _ if last < 0 => last,
            first => first.wrapping_add(i32::MAX).wrapping_add(1),
        };
        console.line(format!(
            "producerId: {} producerEpoch: {} coordinatorEpoch: {} currentTxnFirstOffset: {first_offset} \
             lastTimestamp: {}  firstSequence: {first} lastSequence: {last} lastOffset: {} offsetDelta: {delta} \
             timestamp: {}",
            i64_at(entry, 0),
            i16::from_be_bytes([entry[8], entry[9]]),
            i32_at(entry, 34),
            i64_at(entry, 26),
            i64_at(entry, 14),
            i64_at(entry, 26)
        ));
    }
    Ok(())
}

fn i32_at(entry: &[u8], at: usize) -> i32 {
    let bytes = entry[at..].first_chunk().expect("the entry is whole");
    i32::from_be_bytes(*bytes)
}

fn i64_at(entry: &[u8], at: usize) -> i64 {
    let bytes = entry[at..].first_chunk().expect("the entry is whole");
    i64::from_be_bytes(*bytes)
}
