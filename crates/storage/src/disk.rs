//! The one door through which this crate changes the disk, and reads content from it.
//!
//! Each function is the system call of its name. In the crate's own tests the [`simulation`](crate::simulation) stands
//! behind the door: it notes every change, so that a power cut can be had at any point, and lets calls fail. Elsewhere
//! nothing is there but the call.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::platform;

#[cfg(test)]
use crate::simulation::recorder::{self, Change};

/// Announces a change to the simulation, which may let it fail.
macro_rules! announce {
    ($change:expr) => {
        #[cfg(test)]
        recorder::before(&$change)?;
    };
}

/// Tells the simulation of a change that was made.
macro_rules! made {
    ($change:expr) => {
        #[cfg(test)]
        recorder::made(&$change);
    };
}

/// Opens a file for reading and writing; creates it if there is none.
pub fn open(path: &Path) -> io::Result<File> {
    announce!(Change::Create { path });
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false);
    let file = file.open(path)?;
    made!(Change::Create { path });
    Ok(file)
}

/// Creates a file for writing, where there must be none.
pub fn create_new(path: &Path) -> io::Result<File> {
    announce!(Change::Create { path });
    let file = File::create_new(path)?;
    made!(Change::Create { path });
    Ok(file)
}

/// Creates a file, or empties it.
pub fn create(path: &Path) -> io::Result<File> {
    let file = open(path)?;
    set_len(&file, 0)?;
    Ok(file)
}

/// Writes all of `bytes` at a position.
pub fn write_all_at(file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
    #[cfg(test)]
    if let Some((written, error)) = recorder::short_write(bytes.len()) {
        file.write_all_at(&bytes[..written], position)?;
        recorder::wrote(file, &bytes[..written], position);
        return Err(error);
    }
    file.write_all_at(bytes, position)?;
    #[cfg(test)]
    recorder::wrote(file, bytes, position);
    Ok(())
}

/// Writes all of `bytes` behind the end of a file.
pub fn append_all(file: &File, bytes: &[u8]) -> io::Result<()> {
    write_all_at(file, bytes, file.metadata()?.len())
}

/// Gives a file another length.
pub fn set_len(file: &File, len: u64) -> io::Result<()> {
    announce!(Change::SetLen { file, len });
    file.set_len(len)?;
    made!(Change::SetLen { file, len });
    Ok(())
}

/// Waits until a file's content is on disk.
pub fn sync_data(file: &File) -> io::Result<()> {
    sync(file, File::sync_data)
}

/// Waits until a file's content and what describes it, or a folder's names, are on disk.
pub fn sync_all(file: &File) -> io::Result<()> {
    sync(file, File::sync_all)
}

fn sync(file: &File, call: fn(&File) -> io::Result<()>) -> io::Result<()> {
    #[cfg(test)]
    if recorder::is_on() {
        // The simulated disk has no other one behind it.
        recorder::before(&Change::Sync { file })?;
        recorder::made(&Change::Sync { file });
        return Ok(());
    }
    call(file)
}

/// Waits until all that was written below a folder is on disk.
pub fn sync_tree(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    if recorder::is_on() {
        recorder::before(&Change::SyncFileSystem)?;
        recorder::made(&Change::SyncFileSystem);
        return Ok(());
    }
    platform::sync_tree(path)
}

/// Renames a file or a folder within its folder; what had the new name is replaced.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    announce!(Change::Rename { from, to });
    fs::rename(from, to)?;
    made!(Change::Rename { from, to });
    Ok(())
}

/// Gives a file another name beside the one it has; there must be none of that name.
pub fn hard_link(from: &Path, to: &Path) -> io::Result<()> {
    announce!(Change::Link { from, to });
    fs::hard_link(from, to)?;
    made!(Change::Link { from, to });
    Ok(())
}

/// Removes a file.
pub fn remove_file(path: &Path) -> io::Result<()> {
    announce!(Change::Remove { path });
    fs::remove_file(path)?;
    made!(Change::Remove { path });
    Ok(())
}

/// Removes a folder and all that is in it.
pub fn remove_dir_all(path: &Path) -> io::Result<()> {
    announce!(Change::Remove { path });
    fs::remove_dir_all(path)?;
    made!(Change::Remove { path });
    Ok(())
}

/// Reads a whole file.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    readable()?;
    fs::read(path)
}

/// Fills `bytes` from a position.
pub fn read_exact_at(file: &File, bytes: &mut [u8], position: u64) -> io::Result<()> {
    readable()?;
    file.read_exact_at(bytes, position)
}

/// Lets the simulation refuse a read.
#[cfg(test)]
fn readable() -> io::Result<()> {
    recorder::before_read()
}

#[cfg(not(test))]
fn readable() -> io::Result<()> {
    Ok(())
}

/// Creates a folder, and those above it, where there is none.
pub fn create_dir_all(path: &Path) -> io::Result<()> {
    announce!(Change::CreateDir { path });
    fs::create_dir_all(path)?;
    made!(Change::CreateDir { path });
    Ok(())
}
