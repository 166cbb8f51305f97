//! Reading `__cluster_metadata-0`: the latest complete snapshot, then the log behind it.
//!
//! ```text
//!  00000000000000000123-0000000004.checkpoint      snapshot of all before offset 123, epoch 4; header and footer records around it
//!  00000000000000000000.log …                      the log; control batches are raft's
//! ```

use std::path::{Path, PathBuf};

use barnabas_protocol::kraft_voters;
use barnabas_protocol::malformed::Malformed;
use barnabas_protocol::metadata_records::{ClusterRecord, ControlRecord};
use barnabas_protocol::records::Batch;
use barnabas_protocol::records::compression::{Compression, decompress};
use barnabas_storage::layout::SegmentFile;

use super::{Cluster, corrupt};
use crate::segments::{SegmentReader, Step};
use crate::{Result, place};

/// No batch of a controller's decompresses to more.
const DECOMPRESSED_BYTES_MAX: usize = 256 << 20;

impl Cluster {
    /// Reads the metadata log in `folder`; `None` when there is none.
    ///
    /// # Errors
    /// `Corrupt` with file and position where it isn't sound, or was written by a newer release; `Io`. A log
    /// whose very end is torn is read up to there, see [`Cluster::torn`].
    pub fn read(folder: &Path) -> Result<Option<Cluster>> {
        let names = place::names(folder)?;
        let segments = place::segments(&names);
        let snapshot = names
            .iter()
            .filter_map(|name| snapshot_offset(name).map(|at| (at, name)))
            .max();
        if segments.is_empty() && snapshot.is_none() {
            return Ok(None);
        }
        let mut replay = Replay::default();
        if let Some((end_offset, name)) = snapshot {
            replay.snapshot(&folder.join(name), end_offset)?;
        }
        if let Some(first) = segments.first().filter(|first| **first > replay.next_offset) {
            let path = SegmentFile::Log.path(folder, *first);
            let reason = format!("no snapshot holds what was before offset {first}");
            return Err(corrupt(&path, 0, reason).into());
        }
        for (index, base_offset) in segments.iter().enumerate() {
            let path = SegmentFile::Log.path(folder, *base_offset);
            replay.segment(&path, index + 1 == segments.len())?;
        }
        Ok(Some(replay.cluster))
    }
}

impl Cluster {
    /// Reads one snapshot, whatever else lies in its folder.
    ///
    /// # Errors
    /// As [`Cluster::read`].
    pub fn read_snapshot(path: &Path) -> Result<Cluster> {
        let mut replay = Replay::default();
        replay.snapshot(path, (0, 0))?;
        Ok(replay.cluster)
    }
}

/// The offset that a complete snapshot's name says.
fn snapshot_offset(name: &str) -> Option<(i64, i32)> {
    let (offset, epoch) = name.strip_suffix(".checkpoint")?.split_once('-')?;
    Some((offset.parse().ok()?, epoch.parse().ok()?))
}

#[derive(Default)]
struct Replay {
    cluster: Cluster,
    next_offset: i64,
    /// The records of an open metadata transaction.
    transaction: Option<Vec<ClusterRecord>>,
}

impl Replay {
    fn snapshot(&mut self, path: &Path, (end_offset, _): (i64, i32)) -> Result<()> {
        let mut reader = SegmentReader::open(path)?;
        let (mut begun, mut complete) = (false, false);
        while let Some(step) = reader.step()? {
            match step {
                Step::Batch(position, batch) if batch.header.is_control() => {
                    for (kind, value) in control_records(&batch, path, position)? {
                        begun |= kind == ControlRecord::SnapshotHeader;
                        complete |= kind == ControlRecord::SnapshotFooter;
                        self.raft(kind, value)
                            .map_err(|error| corrupt(path, position, error.to_string()))?;
                    }
                }
                Step::Batch(position, batch) => self.batch(path, position, &batch)?,
                Step::BadCrc(position, _, what) | Step::Broken(position, what) => {
                    return Err(corrupt(path, position, what).into());
                }
            }
        }
        if !begun || !complete {
            return Err(corrupt(
                path,
                reader.size_bytes(),
                "the snapshot is not complete: its footer is missing",
            )
            .into());
        }
        self.next_offset = end_offset;
        Ok(())
    }

    /// What raft itself says.
    fn raft(&mut self, kind: ControlRecord, value: &[u8]) -> std::result::Result<(), Malformed> {
        match kind {
            ControlRecord::KRaftVersion => {
                let level = value.get(2..).and_then(<[u8]>::first_chunk);
                self.cluster.kraft_version = i16::from_be_bytes(*level.ok_or(Malformed::Undecodable)?);
            }
            ControlRecord::KRaftVoters => self.cluster.voters = kraft_voters::decode(value)?,
            _ => {}
        }
        Ok(())
    }

    fn segment(&mut self, path: &Path, last: bool) -> Result<()> {
        let mut reader = SegmentReader::open(path)?;
        let mut wrong: Option<(u64, String)> = None;
        while let Some(step) = reader.step()? {
            match step {
                // Behind what can't be read only what can't be read either may come: else it isn't a torn
                // end.
                Step::Batch(position, batch) => match wrong.take() {
                    Some((at, what)) => return Err(corrupt(path, at, what).into()),
                    None if batch.header.last_offset() < self.next_offset => {}
                    None => {
                        if !batch.header.is_control() {
                            self.batch(path, position, &batch)?;
                        }
                        self.next_offset = batch.header.next_offset();
                    }
                },
                Step::BadCrc(position, _, what) | Step::Broken(position, what) => {
                    wrong.get_or_insert((position, what));
                }
            }
        }
        match wrong {
            Some((position, what)) if last => {
                if !reader.zeros_from(position)? {
                    self.cluster.torn = Some(format!("{} at byte {position}: {what}", path.display()));
                }
                Ok(())
            }
            Some((position, what)) => Err(corrupt(path, position, what).into()),
            None => Ok(()),
        }
    }

    fn batch(&mut self, path: &Path, position: u64, batch: &Batch<'_>) -> Result<()> {
        let wrong = |reason: String| corrupt(path, position, reason);
        let mut decompressed = Vec::new();
        let payload = payload(batch, &mut decompressed).map_err(|error| wrong(error.to_string()))?;
        for record in batch.records_in(payload) {
            let record = record.map_err(|error| wrong(error.to_string()))?;
            let offset = batch.header.base_offset + i64::from(record.offset_delta);
            let value = record.value.unwrap_or_default();
            let record = ClusterRecord::decode(value)
                .map_err(|error| wrong(format!("the metadata record at offset {offset}: {error}")))?;
            self.record(record);
        }
        Ok(())
    }

    fn record(&mut self, record: ClusterRecord) {
        match (record, &mut self.transaction) {
            (ClusterRecord::BeginTransaction, open) => *open = Some(Vec::new()),
            (ClusterRecord::AbortTransaction, open) => *open = None,
            (ClusterRecord::EndTransaction, open) => {
                for record in open.take().unwrap_or_default() {
                    self.cluster.apply(record);
                }
            }
            (record, Some(open)) => open.push(record),
            (record, None) => self.cluster.apply(record),
        }
    }
}

fn payload<'a>(
    batch: &Batch<'a>,
    decompressed: &'a mut Vec<u8>,
) -> std::result::Result<&'a [u8], barnabas_protocol::records::RecordsError> {
    let codec = batch.header.compression()?;
    if codec == Compression::None {
        return Ok(batch.payload());
    }
    decompress(codec, batch.payload(), DECOMPRESSED_BYTES_MAX, decompressed)?;
    Ok(decompressed)
}

fn control_records<'a>(
    batch: &Batch<'a>,
    path: &Path,
    position: u64,
) -> Result<Vec<(ControlRecord, &'a [u8])>> {
    let mut found = Vec::new();
    for record in batch.records_in(batch.payload()) {
        let record = record.map_err(|error| corrupt(path, position, error.to_string()))?;
        let kind = record.key.and_then(ControlRecord::of_key);
        found.extend(kind.map(|kind| (kind, record.value.unwrap_or_default())));
    }
    Ok(found)
}

/// Where the metadata log lies in a log directory.
pub fn folder(log_dir: &Path) -> PathBuf {
    log_dir.join("__cluster_metadata-0")
}
