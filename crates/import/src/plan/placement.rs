//! Which data folder each partition goes to.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use barnabas_inspect::place;

use super::Plan;
use crate::source::Source;
use crate::{ImportError, Mode};

impl Plan {
    /// Says where each folder goes: where it is, if it is taken over in place; folder by folder in the order
    /// they are named, where there are as many on both sides; otherwise to the data folder with the fewest
    /// partitions, as Apache Kafka places new ones.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn place(
        &mut self,
        sources: &[Source],
        data_dirs: &[PathBuf],
        mode: Mode,
    ) -> Result<(), ImportError> {
        let source_of = |from: &Path| {
            sources
                .iter()
                .position(|source| from.parent() == Some(&source.path))
        };
        if mode == Mode::InPlace || (sources.len() == data_dirs.len() && sources.len() > 1) {
            for folder in &mut self.folders {
                let source = source_of(&folder.from).expect("invariant: a folder lies in one of the sources");
                folder.to = match mode {
                    Mode::InPlace => sources[source].path.clone(),
                    Mode::Copy | Mode::Link => data_dirs[source].clone(),
                };
            }
            return Ok(());
        }
        let mut counts = Vec::new();
        for dir in data_dirs {
            let there = if dir.is_dir() {
                place::partition_folders(dir)?
            } else {
                Vec::new()
            };
            // What an import that was interrupted has put there goes again.
            let stays = |path: &&PathBuf| !self.folders.iter().any(|folder| path.ends_with(&folder.name));
            counts.push(there.iter().filter(stays).count());
        }
        for folder in &mut self.folders {
            let device = (mode == Mode::Link).then(|| device(&folder.from)).flatten();
            // Links need the file system of the original.
            let fits = |dir: &usize| device.is_none() || self::device(&data_dirs[*dir]) == device;
            let fewest = |dir: &usize| counts[*dir];
            let fitting = (0..data_dirs.len()).filter(fits).min_by_key(fewest);
            let chosen = fitting.or_else(|| (0..data_dirs.len()).min_by_key(fewest));
            let chosen = chosen.expect("invariant: a configuration has a data folder");
            counts[chosen] += 1;
            folder.to = data_dirs[chosen].clone();
        }
        Ok(())
    }
}

/// The file system that a path lies on, or will once it is created.
fn device(path: &Path) -> Option<u64> {
    let there = path.ancestors().find_map(|path| {
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        fs::metadata(path).ok()
    });
    there.map(|metadata| metadata.dev())
}
