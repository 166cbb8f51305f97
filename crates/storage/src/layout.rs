//! Names of files and folders, as Apache Kafka gives them.
//!
//! ```text
//!  log directory     meta.properties  .lock  .kafka_cleanshutdown  *-checkpoint
//!  └─ topic-7/       00000000000000000000.log .index .timeindex .txnindex .snapshot
//!                    leader-epoch-checkpoint  partition.metadata
//!                    00000000000000000000.log.deleted     to be removed
//!                    00000000000000000000.log.cleaned     being compacted; then .swap, then in place
//!     topic-7.<32 hex digits>-delete/     to be removed
//!     topic-7.<32 hex digits>-future/     a copy on its way from another log directory
//!     topic-7.<32 hex digits>-stray/      of a topic that the metadata doesn't know
//! ```

use std::path::{Path, PathBuf};

use uuid::Uuid;

/// Suffix of a folder that waits to be removed.
pub const DELETE_SUFFIX: &str = "-delete";
/// Suffix of a folder that is filled from another log directory's.
pub const FUTURE_SUFFIX: &str = "-future";
/// Suffix of a folder that belongs to no topic.
pub const STRAY_SUFFIX: &str = "-stray";
/// Extension of a file that waits to be removed.
pub const DELETED_EXTENSION: &str = "deleted";
/// Longest name of a folder.
const NAME_MAX: usize = 255;

/// The files that belong to a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentFile {
    /// The record batches.
    Log,
    /// Offset to position.
    Index,
    /// Timestamp to offset.
    TimeIndex,
    /// Aborted transactions.
    TxnIndex,
    /// Producers as of the segment's first offset.
    Snapshot,
}

impl SegmentFile {
    /// All of them.
    pub const ALL: [SegmentFile; 5] = [
        SegmentFile::Log,
        SegmentFile::Index,
        SegmentFile::TimeIndex,
        SegmentFile::TxnIndex,
        SegmentFile::Snapshot,
    ];

    fn extension(self) -> &'static str {
        match self {
            SegmentFile::Log => "log",
            SegmentFile::Index => "index",
            SegmentFile::TimeIndex => "timeindex",
            SegmentFile::TxnIndex => "txnindex",
            SegmentFile::Snapshot => "snapshot",
        }
    }

    /// The file's path in a partition's folder.
    pub fn path(self, folder: &Path, base_offset: i64) -> PathBuf {
        folder.join(format!("{base_offset:020}.{}", self.extension()))
    }

    /// The path of a file that is being put in the place of others.
    pub fn staged_path(self, folder: &Path, base_offset: i64, stage: Stage) -> PathBuf {
        let mut path = self.path(folder, base_offset).into_os_string();
        path.push(stage.suffix());
        path.into()
    }

    /// What the name of a file says that was being put in the place of others; `None` for other files.
    pub fn parse_staged(name: &str) -> Option<(SegmentFile, i64, Stage)> {
        let (name, stage) = [Stage::Cleaned, Stage::Swap]
            .into_iter()
            .find_map(|stage| Some((name.strip_suffix(stage.suffix())?, stage)))?;
        SegmentFile::parse(name).map(|(kind, base_offset)| (kind, base_offset, stage))
    }

    /// What a file name says; `None` for other files.
    pub fn parse(name: &str) -> Option<(SegmentFile, i64)> {
        let (digits, extension) = name.split_once('.')?;
        let kind = SegmentFile::ALL
            .into_iter()
            .find(|kind| kind.extension() == extension)?;
        let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let base_offset = all_digits.then(|| digits.parse().ok()).flatten()?;
        Some((kind, base_offset))
    }
}

/// How far a cleaned segment is on its way into its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is being written; after a crash it goes.
    Cleaned,
    /// It is whole and on disk; after a crash it takes the place of what it was made of.
    Swap,
}

impl Stage {
    fn suffix(self) -> &'static str {
        match self {
            Stage::Cleaned => ".cleaned",
            Stage::Swap => ".swap",
        }
    }
}

/// The path a file gets before it is removed.
pub fn deleted_path(path: &Path) -> PathBuf {
    let mut marked = path.as_os_str().to_owned();
    marked.push(".");
    marked.push(DELETED_EXTENSION);
    marked.into()
}

/// The folder of a partition, by its name.
pub fn folder_name(topic: &str, partition: i32) -> String {
    format!("{topic}-{partition}")
}

/// The name a partition's folder has while it isn't in use. The topic is cut so that the name fits.
pub fn suffixed_folder_name(topic: &str, partition: i32, unique: Uuid, suffix: &str) -> String {
    let end = format!("-{partition}.{}{suffix}", unique.simple());
    let room = NAME_MAX.saturating_sub(end.len());
    let topic: String = topic.chars().take(room).collect();
    topic + &end
}

/// Topic and partition of a folder that has such a name; the topic may be cut.
pub fn parse_suffixed<'a>(name: &'a str, suffix: &str) -> Option<(&'a str, i32)> {
    let (folder, unique) = name.strip_suffix(suffix)?.rsplit_once('.')?;
    let is_unique = unique.len() == 32 && unique.bytes().all(|b| b.is_ascii_hexdigit());
    parse_folder_name(folder).filter(|_| is_unique)
}

/// Topic and partition of a folder; `None` for a name that is not a partition's.
pub fn parse_folder_name(name: &str) -> Option<(&str, i32)> {
    let (topic, partition) = name.rsplit_once('-')?;
    let all_digits = !partition.is_empty() && partition.bytes().all(|b| b.is_ascii_digit());
    let partition = all_digits.then(|| partition.parse().ok()).flatten()?;
    (!topic.is_empty()).then_some((topic, partition))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_names_are_parsed_from_the_last_dash() {
        let cases = [
            ("orders-0", Some(("orders", 0))),
            ("my-topic.v1-17", Some(("my-topic.v1", 17))),
            ("orders", None),
            ("orders-", None),
            ("-3", None),
            ("orders-x", None),
            ("orders-0.5f1d-delete", None),
            ("orders-99999999999", None),
            ("orders-+1", None),
        ];
        for (name, expected) in cases {
            assert_eq!(parse_folder_name(name), expected, "{name}");
        }
    }

    #[test]
    fn a_deleted_folder_keeps_its_suffix_however_long_the_topic() {
        let name = suffixed_folder_name(&"t".repeat(249), 12, Uuid::nil(), DELETE_SUFFIX);
        assert_eq!(name.len(), 255);
        assert!(
            name.ends_with("-12.00000000000000000000000000000000-delete"),
            "{name}"
        );
    }

    #[test]
    fn folders_out_of_use_are_known_by_their_whole_name() {
        let name = suffixed_folder_name("my-topic", 7, Uuid::from_u128(9), FUTURE_SUFFIX);
        assert_eq!(parse_suffixed(&name, FUTURE_SUFFIX), Some(("my-topic", 7)));
        assert_eq!(parse_suffixed(&name, DELETE_SUFFIX), None);
        for other in ["my-delete", "t-0.5f-delete", "t-0-delete", "-delete"] {
            assert_eq!(parse_suffixed(other, DELETE_SUFFIX), None, "{other}");
        }
    }

    #[test]
    fn segment_files_carry_their_base_offset() {
        let path = SegmentFile::TimeIndex.path(Path::new("t-0"), 170);
        assert_eq!(path, Path::new("t-0/00000000000000000170.timeindex"));
        assert_eq!(
            SegmentFile::parse("00000000000000000170.timeindex"),
            Some((SegmentFile::TimeIndex, 170))
        );
        for other in [
            "leader-epoch-checkpoint",
            "0.log.deleted",
            "x.log",
            ".log",
            "-1.log",
        ] {
            assert_eq!(SegmentFile::parse(other), None, "{other}");
        }
    }
}
