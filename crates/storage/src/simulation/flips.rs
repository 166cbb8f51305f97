//! A flipped bit in a file at rest, and what of it is found out.
//!
//! | in | is found |
//! |---|---|
//! | records behind the recovery point | by recovery, which cuts the log there, or leaves it offline where it can't go on |
//! | records before it | by whoever reads them: the CRC is wrong, the read fails, or (a wrong last offset) they are passed over |
//! | an offset index | by the lookup, which goes through the segment then |
//! | a producer snapshot, the manifest | by their CRC; they are made anew |
//! | `partition.metadata` | by the start, which leaves the log offline; or as the id of another topic |
//! | the leader epochs | by the start, which rebuilds them; by recovery, for the records it reads; or as other epochs |
//! | checkpoints, time and transaction indexes | only where the text or an entry makes no sense: Apache Kafka's files have no checksum |
//!
//! A batch's base offset and leader epoch lie outside of its CRC, too: none is hit here.

use std::path::{Path, PathBuf};

use barnabas_environment::Random;
use barnabas_protocol::records::{BATCH_OVERHEAD, batches};

use super::compacted::Compacted;
use super::model::Model;
use crate::disk::simulated::SimulatedDisk;
use crate::disk::{Disk, Folder};
use crate::error::StorageError;
use crate::layout::{self, SegmentFile};
use crate::log::{Log, ReadBound};
use crate::log_dir::LOG_START_OFFSETS;

/// A bit that was flipped.
#[derive(Debug)]
pub struct Flip {
    path: PathBuf,
    /// The base offset of the batch that was hit.
    hit: Option<i64>,
}

impl Flip {
    /// Flips a bit in one of the files of the logs.
    pub fn make(disk: &SimulatedDisk, random: &Random) -> Option<Flip> {
        let disk = Disk::Simulated(disk.clone());
        let mut files = Vec::new();
        list(&Folder::new(&disk, "/"), &mut files);
        files.sort();
        if files.is_empty() {
            return None;
        }
        let path = files.swap_remove(random.index(files.len()));
        let mut bytes = disk.read(&path).unwrap();
        let mut position = random.index(bytes.len());
        let mut hit = None;
        if is_kind(&path, SegmentFile::Log) {
            let mut start = 0;
            for batch in batches(&bytes).map_while(Result::ok) {
                let size = batch.bytes.len();
                if (start..start + size).contains(&position) {
                    hit = Some(batch.header.base_offset);
                    let within = position - start;
                    if within < 8 || (12..16).contains(&within) {
                        position = start + 16 + within % (BATCH_OVERHEAD - 16);
                    }
                }
                start += size;
            }
        }
        bytes[position] ^= 1 << random.index(8);
        disk.open(&path).unwrap().write_all_at(&bytes, 0).unwrap();
        Some(Flip { path, hit })
    }

    /// A start did not come to its end: it must name the file.
    pub fn check_error(&self, error: &StorageError) {
        let StorageError::Corrupt { path, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(*path, self.path, "{error}");
    }

    /// Nothing that was never written is served for sound, and what was promised is there, but for what was
    /// hit.
    pub fn check(&self, log: &mut Log, model: &Model) {
        if !log.is_online() {
            let text = ["partition.metadata", "leader-epoch-checkpoint"];
            let makes_no_sense = text.iter().any(|name| self.is_named(name));
            assert!(makes_no_sense || self.hit.is_some(), "{self:?}");
            return;
        }
        self.nothing_is_made_up(log, model);
        let (start, end) = (log.log_start_offset(), log.log_end_offset());
        if !self.is_named(LOG_START_OFFSETS) {
            assert!(start >= model.promised_start);
            assert!(start <= model.log_start_offset.max(model.promised_start));
        }
        for written in model.promised_from(start.max(model.log_start_offset)) {
            let base_offset = written.header.base_offset.max(start);
            // What lies behind the place in its segment may be out of reach.
            let may_be_gone = self.hit.is_some_and(|hit| hit <= base_offset);
            let read = log.read(base_offset, 700, ReadBound::LogEnd, true);
            let bytes = match read {
                Ok(slice) => slice.to_vec().unwrap(),
                Err(error) => {
                    assert!(may_be_gone, "{base_offset} of {start}..{end}: {error}");
                    continue;
                }
            };
            match batches(&bytes).next() {
                Some(Ok(batch)) if batch.bytes == written.bytes => {}
                // A wrong last offset has the batch passed over.
                Some(Ok(batch)) if batch.verify_crc().is_ok() => {
                    assert_eq!(self.hit, Some(written.header.base_offset), "{:?}", batch.header);
                }
                other => assert!(may_be_gone, "{base_offset} of {start}..{end}: {other:?}"),
            }
        }
    }

    /// Goes through the log as a consumer that skips what it can't read.
    fn nothing_is_made_up(&self, log: &mut Log, model: &Model) {
        let mut compacted = Compacted::new(model);
        let mut next = log.log_start_offset();
        while next < log.log_end_offset() {
            let before = next;
            let read = log.read(next, 700, ReadBound::LogEnd, true);
            let bytes = read.map(|slice| slice.to_vec().unwrap()).unwrap_or_default();
            for batch in batches(&bytes).map_while(Result::ok) {
                let header = &batch.header;
                if batch.verify_crc().is_err() {
                    break;
                }
                assert!(header.last_offset() >= next, "out of order");
                next = header.next_offset();
                if header.last_offset() < model.cleaned {
                    compacted.take(&batch);
                } else {
                    let written = model.find(header.base_offset, batch.bytes);
                    assert!(written.is_some(), "nobody wrote {header:?}");
                }
            }
            if next == before {
                let behind = model.batches.iter().find(|batch| batch.header.base_offset > next);
                let Some(behind) = behind else { break };
                next = behind.header.base_offset;
            }
        }
        // Whatever is answered: it is an answer.
        let _ = log.offset_for_timestamp(2_500);
        let _ = log.active_producers();
    }

    fn is_named(&self, name: &str) -> bool {
        self.path.file_name().is_some_and(|file| file == name)
    }
}

fn is_kind(path: &Path, kind: SegmentFile) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let parsed = name.and_then(SegmentFile::parse);
    parsed.is_some_and(|(found, _)| found == kind)
}

/// The files that a start reads; those of deleted logs and unfinished copies it only removes.
fn list(folder: &Folder, files: &mut Vec<PathBuf>) {
    for entry in folder.list().unwrap() {
        let path = folder.join(&entry.name);
        let name = path.file_name().unwrap().to_str().unwrap();
        let suffixes = [layout::DELETE_SUFFIX, layout::FUTURE_SUFFIX, layout::STRAY_SUFFIX];
        if entry.is_folder {
            if !suffixes.iter().any(|suffix| name.ends_with(suffix)) {
                list(&Folder::new(folder.disk(), path), files);
            }
        } else if ![".lock", ".deleted", ".tmp"]
            .iter()
            .any(|end| name.ends_with(end))
            && folder.file_bytes(&entry.name).unwrap() > 0
        {
            files.push(path);
        }
    }
}
