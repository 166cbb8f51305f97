//! Records that have left the page cache: they are read back on a thread that may wait for the disk, before
//! the connection sends them. A consumer of an old log must not stall the connections that share its thread.
//!
//! Finding the place of a record (an index entry, a few batch headers) still reads on the connection's
//! thread. For whoever reads on and on those pages were read ahead with the range before.

use std::io;

use barnabas_network::response::FileRange;

/// Most bytes asked for ahead of those waited for, within the range and behind it: the next Fetch of the same
/// reader.
const READ_AHEAD_BYTES: u64 = 2 * 1024 * 1024;
/// Bytes asked for, and waited for, at a time.
const STEP_BYTES: usize = 128 * 1024;
/// Steps asked for with each that is waited for.
const ASKED_STEPS: u64 = 2;

/// Ranges of one Fetch that have to be read from the disk, each with its place among all that the Fetch has
/// read.
pub struct ColdRanges(Vec<(usize, FileRange)>);

/// A range that can't be read.
#[derive(Debug)]
pub struct Unreadable {
    /// Its place.
    pub place: usize,
    /// The system's error.
    pub error: io::Error,
}

impl ColdRanges {
    /// Those of `ranges` that are not in the page cache; `None` if all are.
    pub fn among<'a>(ranges: impl Iterator<Item = (usize, &'a FileRange)>) -> Option<ColdRanges> {
        let cold =
            ranges.filter(|(_, range)| range.may_be_cold && !range.file.is_cached(range.position, range.len));
        let cold: Vec<_> = cold.map(|(place, range)| (place, range.clone())).collect();
        (!cold.is_empty()).then_some(ColdRanges(cold))
    }

    /// Reads them.
    ///
    /// # Errors
    /// The first that can't be read.
    pub async fn load(self) -> Result<(), Unreadable> {
        let load_all = move || {
            self.0.iter().try_for_each(|(place, range)| {
                load(range).map_err(|error| Unreadable { place: *place, error })
            })
        };
        // Not loaded is not unreadable: the connection reads what the runtime's end has kept this from
        // reading.
        tokio::task::spawn_blocking(load_all).await.unwrap_or(Ok(()))
    }
}

/// Asks for some more and waits for what it asked for first, by its last byte, again and again: in bursts
/// this short nobody who shares the core has to wait for long, and the disk has something to do all the time.
fn load(range: &FileRange) -> io::Result<()> {
    let end = range.position + range.len as u64;
    let mut asked = range.position;
    for position in (range.position..end).step_by(STEP_BYTES) {
        let ahead = asked + ASKED_STEPS * STEP_BYTES as u64;
        while asked < ahead.min(position + READ_AHEAD_BYTES) {
            range.file.will_need(asked, STEP_BYTES);
            asked += STEP_BYTES as u64;
        }
        let last = end.min(position + STEP_BYTES as u64) - 1;
        range.file.read_at(&mut [0], last)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use barnabas_storage::File;

    use super::*;

    /// A file on the build's disk: a temporary folder may be in memory, where nothing is ever cold.
    fn evicted_file(len: usize) -> Arc<File> {
        let file = File::Real(tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap());
        file.write_all_at(&vec![7; len], 0).unwrap();
        file.sync_all().unwrap();
        file.forget(0, len);
        Arc::new(file)
    }

    fn range(file: &Arc<File>, position: u64, len: usize, may_be_cold: bool) -> FileRange {
        FileRange {
            file: file.clone(),
            position,
            len,
            may_be_cold,
        }
    }

    #[tokio::test]
    async fn what_left_the_page_cache_is_read_back() {
        let file = evicted_file(8 << 20);
        let wanted = range(&file, 1 << 20, 3 << 20, true);
        let cold = ColdRanges::among(std::iter::once((0, &wanted))).expect("the file was evicted");
        cold.load().await.unwrap();
        assert!(ColdRanges::among(std::iter::once((0, &wanted))).is_none());
    }

    #[test]
    fn the_tail_is_not_asked_for() {
        let file = evicted_file(1 << 20);
        let tail = range(&file, 0, 1 << 20, false);
        assert!(ColdRanges::among(std::iter::once((0, &tail))).is_none());
    }
}
