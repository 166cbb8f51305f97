//! `barnabas log dump`: what is in the files, a line for each batch, record, index entry, producer, or row.
//!
//! What can't be read is shown as a line `wrong` with its position, and the dump goes on with what follows.

mod decode;
mod group_values;
mod line;
mod segment;
mod side_files;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use barnabas_storage::layout::SegmentFile;

use self::decode::Decoder;
use self::line::Line;
use crate::place::{self, Folder};
use crate::{InspectError, Result};

/// How to show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The records of each batch too.
    pub records: bool,
    /// A JSON object for each line.
    pub json: bool,
}

/// Why a dump ended early.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// A file can't be read.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// The lines can't be written.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

type Outcome<T> = std::result::Result<T, DumpError>;

/// Files of text, a row a line.
const TEXT_FILES: [&str; 7] = [
    "leader-epoch-checkpoint",
    "partition.metadata",
    "meta.properties",
    "recovery-point-offset-checkpoint",
    "log-start-offset-checkpoint",
    "replication-offset-checkpoint",
    "cleaner-offset-checkpoint",
];

/// Shows files, and the files of folders; answers how many places were wrong.
///
/// # Errors
/// A file can't be read, or isn't one of a log directory; `out` fails.
pub fn dump(paths: &[PathBuf], options: Options, out: &mut dyn Write) -> Outcome<u64> {
    let mut dump = Dump {
        options,
        out,
        faults: 0,
    };
    for path in paths {
        if !path.is_dir() {
            dump.file(path)?;
            continue;
        }
        if place::folder(path)? == Folder::LogDir {
            dump.files_of(path)?;
            for folder in place::partition_folders(path)? {
                dump.files_of(&folder)?;
            }
        } else {
            dump.files_of(path)?;
        }
    }
    Ok(dump.faults)
}

/// A dump under way.
struct Dump<'a> {
    options: Options,
    out: &'a mut dyn Write,
    faults: u64,
}

impl Dump<'_> {
    /// All files of a folder that belong to a log directory.
    fn files_of(&mut self, folder: &Path) -> Outcome<()> {
        for name in place::names(folder)? {
            let path = folder.join(&name);
            if path.is_file() && Kind::of(&name).is_some() {
                self.file(&path)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Outcome<()> {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let file = path.display().to_string();
        if !path.exists() {
            let missing = io::Error::from(io::ErrorKind::NotFound);
            return Err(InspectError::io(path)(missing).into());
        }
        let Some(kind) = Kind::of(&name) else {
            return Err(InspectError::Unknown {
                path: path.to_owned(),
            }
            .into());
        };
        if !self.options.json {
            writeln!(self.out, "Dumping {file}")?;
        }
        match kind {
            Kind::Batches => segment::dump(path, &file, decoder_of(path)?, self),
            Kind::Side(kind, base_offset) => side_files::dump(kind, base_offset, path, &file, self),
            Kind::Text => side_files::text(path, &file, self),
        }
    }

    fn line(&mut self, file: &str, line: &Line) -> Outcome<()> {
        Ok(line.write(file, self.options.json, self.out)?)
    }

    /// Shows what is wrong.
    fn wrong(&mut self, file: &str, position: u64, what: &str) -> Outcome<()> {
        self.faults += 1;
        self.line(
            file,
            &Line::new("wrong").with("position", position).with("what", what),
        )
    }
}

/// What a file is, by its name.
enum Kind {
    Batches,
    Side(SegmentFile, i64),
    Text,
}

impl Kind {
    fn of(name: &str) -> Option<Kind> {
        // Those of the cleaner, and those that wait to be removed, are of the same formats.
        let bare = [".deleted", ".cleaned", ".swap"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix))
            .unwrap_or(name);
        match SegmentFile::parse(bare) {
            Some((SegmentFile::Log, _)) => Some(Kind::Batches),
            Some((kind, base_offset)) => Some(Kind::Side(kind, base_offset)),
            None if bare.ends_with(".checkpoint") => Some(Kind::Batches),
            None => TEXT_FILES.contains(&bare).then_some(Kind::Text),
        }
    }
}

/// By the folder that a file lies in.
fn decoder_of(path: &Path) -> Result<Decoder> {
    let absolute = path.canonicalize().map_err(InspectError::io(path))?;
    if absolute
        .extension()
        .is_some_and(|extension| extension == "checkpoint")
    {
        return Ok(Decoder::Metadata);
    }
    let folder = absolute.parent().and_then(Path::file_name).unwrap_or_default();
    Ok(Decoder::of_folder(&folder.to_string_lossy()))
}
