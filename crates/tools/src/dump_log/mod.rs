//! `kafka-dump-log`: Kafka's `DumpLogSegments`, for the files of a partition. What they hold is shown, not
//! compared: `barnabas log verify` does that.

mod decoder;
mod index;
mod json;
mod log;

use std::path::Path;

use self::decoder::Decoder;
use self::index::Index;
use self::log::{Gaps, Log};
use crate::arguments::{Options, Takes, Word, word};
use crate::console::Console;
use crate::failure::{Failure, Outcome, said};

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
    word("key-decoder-class", Takes::Value("class"), "Kafka's StringDecoder, IntegerDecoder or LongDecoder."),
    word("value-decoder-class", Takes::Value("class"), "Kafka's StringDecoder, IntegerDecoder or LongDecoder."),
    word("offsets-decoder", Takes::Nothing, "The files are of __consumer_offsets."),
    word("transaction-log-decoder", Takes::Nothing, "The files are of __transaction_state."),
    word("cluster-metadata-decoder", Takes::Nothing, "The files are of __cluster_metadata."),
    word("remote-log-metadata-decoder", Takes::Nothing, "Not served."),
    word("share-group-state-decoder", Takes::Nothing, "The files are of __share_group_state."),
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
    let decoder = Decoder::chosen(options)?;
    let chooses_decoder =
        decoder.is_of_topic() || options.has("key-decoder-class") || options.has("value-decoder-class");
    let shows_records = options.has("print-data-log") || chooses_decoder;
    let max_bytes = options.number::<usize>("max-bytes")?.unwrap_or(usize::MAX);
    let mut gaps = Gaps::default();
    for name in options.value("files")?.unwrap_or_default().split(',') {
        console.line(format!("Dumping {name}"));
        let path = Path::new(name);
        let file = path
            .file_name()
            .and_then(|file| file.to_str())
            .unwrap_or_default();
        let (stem, extension) = file.rsplit_once('.').unwrap_or((file, ""));
        let base: i64 = stem.parse().unwrap_or_default();
        let read = || {
            std::fs::read(path).map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Failure::Said(format!("{name} (No such file or directory)")),
                _ => Failure::Said(format!("{name}: {error}")),
            })
        };
        let index = Index {
            name,
            is_quiet: options.has("verify-index-only"),
            only_sanity: options.has("index-sanity-check"),
        };
        match extension {
            "log" | "checkpoint" => {
                console.line(begins(file, stem, base)?);
                let mut log = Log {
                    decoder: shows_records.then_some(&decoder),
                    looks_into_batches: shows_records || options.has("deep-iteration"),
                    skips_metadata: options.has("skip-record-metadata"),
                    gaps: &mut gaps,
                };
                let mut bytes = read()?;
                bytes.truncate(max_bytes);
                log.dump(path, &bytes, max_bytes == usize::MAX, console)?;
            }
            // An index that isn't there is one without entries.
            "index" => index.offsets(&read().unwrap_or_default(), base, console)?,
            "timeindex" => index.times(&read().unwrap_or_default(), base, console)?,
            "txnindex" => index::transactions(&read()?, console),
            "snapshot" => index::producers(&read()?, console)?,
            _ => console.error(format!("Ignoring unknown file {name}")),
        }
    }
    gaps.tell(console);
    Ok(())
}

/// What stands before the batches of a log, or of a snapshot of the metadata.
fn begins(file: &str, stem: &str, base: i64) -> Outcome<String> {
    if file.ends_with(".log") {
        return Ok(format!("Log starting offset: {base}"));
    }
    if file == "bootstrap.checkpoint" {
        return Ok("KRaft bootstrap snapshot".to_owned());
    }
    let parts = stem
        .split_once('-')
        .map(|(end, epoch)| (end.parse::<i64>(), epoch.parse::<i32>()));
    match parts {
        Some((Ok(end), Ok(epoch))) => Ok(format!("Snapshot end offset: {end}, epoch: {epoch}")),
        _ => said("No value present"),
    }
}
