//! An import that has begun and isn't done: its folder, with the copies that are not in place yet and the
//! names of those that are.
//!
//! ```text
//!  <data folder>/import.unfinished/folders          name and topic id of each partition folder, a line each
//!                                  orders-0/ …      copies on their way
//! ```

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use barnabas_metadata::image::MetadataImage;
use barnabas_storage::{StorageError, kafka_uuid};
use uuid::Uuid;

use super::ImportError;
use super::plan::PlannedFolder;

/// Its name in the data folder.
pub const FOLDER: &str = "import.unfinished";
const LIST: &str = "folders";

/// What an unfinished import has put, or was about to put, into the data folder.
#[derive(Debug, Default)]
pub struct Unfinished {
    begun: bool,
    folders: Vec<(String, Uuid)>,
}

/// Where copies wait.
pub fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join(FOLDER)
}

impl Unfinished {
    /// What there is in a data folder; nothing for a folder that isn't there.
    ///
    /// # Errors
    /// `Io`.
    pub fn read(data_dir: &Path) -> Result<Unfinished, ImportError> {
        let begun = folder(data_dir).is_dir();
        let path = folder(data_dir).join(LIST);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(failed("read", &path)(error).into()),
        };
        let rows = text.lines().filter_map(|line| line.rsplit_once(' '));
        let rows = rows.filter_map(|(name, id)| Some((name.to_owned(), kafka_uuid::decode(id)?)));
        Ok(Unfinished {
            begun,
            folders: rows.collect(),
        })
    }

    /// Notes what is about to be put in place; durable when it returns.
    ///
    /// # Errors
    /// `Io`.
    pub fn note<'a>(
        data_dir: &Path,
        folders: impl Iterator<Item = &'a PlannedFolder>,
    ) -> Result<(), ImportError> {
        let line =
            |folder: &PlannedFolder| format!("{} {}\n", folder.name, kafka_uuid::encode(folder.topic_id));
        let text: String = folders.map(line).collect();
        let (path, temporary) = (folder(data_dir).join(LIST), folder(data_dir).join("folders.tmp"));
        let write = || -> io::Result<()> {
            let mut file = fs::File::create(&temporary)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            fs::File::open(folder(data_dir))?.sync_all()
        };
        Ok(write().map_err(failed("write", &path))?)
    }

    /// It (or whoever reads the list) put this folder there.
    pub fn has_placed(&self, name: &str) -> bool {
        self.folders.iter().any(|(known, _)| known == name)
    }

    /// What there is in each of the data folders.
    ///
    /// # Errors
    /// `Io`.
    pub fn read_all(data_dirs: &[PathBuf]) -> Result<Vec<Unfinished>, ImportError> {
        data_dirs.iter().map(|dir| Unfinished::read(dir)).collect()
    }

    /// The metadata has the topics of all data folders: only the end was missing.
    pub fn are_committed(all: &[Unfinished], image: &MetadataImage) -> bool {
        let mut folders = all.iter().flat_map(|unfinished| &unfinished.folders).peekable();
        folders.peek().is_some() && folders.all(|(_, id)| image.topics.by_id(id).is_some())
    }

    /// Removes the copies it made. They are copies: it never moves anything, and those of committed topics
    /// stay.
    ///
    /// # Errors
    /// `Io`.
    pub fn undo(&mut self, data_dir: &Path, out: &mut dyn Write) -> Result<(), ImportError> {
        if !self.begun {
            return Ok(());
        }
        writeln!(
            out,
            "An import into {} was interrupted: removing its copies",
            data_dir.display()
        )?;
        for (name, _) in std::mem::take(&mut self.folders) {
            // Only what the list names as a partition's folder, never a path.
            if barnabas_storage::layout::parse_folder_name(&name).is_some() && !name.contains('/') {
                remove(&data_dir.join(name))?;
            }
        }
        remove(&folder(data_dir))?;
        self.begun = false;
        Ok(())
    }

    /// Removes the folder: all is done.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish(&mut self, data_dir: &Path) -> Result<(), ImportError> {
        self.folders.clear();
        self.begun = false;
        remove(&folder(data_dir))
    }
}

fn remove(path: &Path) -> Result<(), ImportError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error).into()),
        _ => Ok(()),
    }
}

/// An error of the system at a path.
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StorageError {
    let path = path.to_owned();
    move |source| StorageError::Io { action, path, source }
}
