//! `.barnabas-leftovers`: the files that a clean stop left waiting for their removal, one path relative to
//! the log directory a line. Without it a clean start would have to look into every folder; after a crash it
//! does so anyhow.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use super::LogDir;
use crate::error::Result;
use crate::file_io::Durability;
use crate::layout::DELETED_EXTENSION;

const FILE_NAME: &str = ".barnabas-leftovers";

impl LogDir {
    /// Notes which of `paths` (those of this directory) the next start has to remove.
    ///
    /// # Errors
    /// `Io`.
    pub fn note_leftovers(&self, paths: &[PathBuf]) -> Result<()> {
        let relative = paths
            .iter()
            .filter_map(|path| path.strip_prefix(&**self.path).ok());
        let lines: String = relative
            .filter_map(Path::to_str)
            .map(|path| format!("{path}\n"))
            .collect();
        if lines.is_empty() {
            return Ok(());
        }
        self.path.disk().replace(
            &self.path.join(FILE_NAME),
            lines.as_bytes(),
            Durability::PageCache,
        )
    }

    /// What the last clean stop noted, once.
    pub(super) fn take_leftovers(&self) -> Result<Vec<PathBuf>> {
        let file = self.path.join(FILE_NAME);
        let Some(bytes) = self.path.disk().read_optional(&file)? else {
            return Ok(Vec::new());
        };
        self.path.disk().remove_optional(&file)?;
        let text = String::from_utf8_lossy(&bytes);
        let paths = text.lines().map(Path::new).filter(|path| is_marked_file(path));
        Ok(paths.map(|path| self.path.join(path)).collect())
    }
}

/// Nothing else is removed, whatever the file says.
fn is_marked_file(path: &Path) -> bool {
    let is_name = |part| matches!(part, Component::Normal(_));
    path.components().count() == 2
        && path.components().all(is_name)
        && path.extension() == Some(OsStr::new(DELETED_EXTENSION))
}
