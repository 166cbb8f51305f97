//! A disk in memory, for simulations: deterministic by its seed, with power cuts at any point, torn and
//! reordered writes, slow syncs, failing calls.
//!
//! A node of a simulated cluster has one of its own: [`Disk::Simulated`](super::Disk::Simulated) of a
//! [`SimulatedDisk`], which the simulation keeps to steer it. A crash is [`SimulatedDisk::after_crash`]: what
//! it leaves is another disk, and whatever of the crashed process still runs changes only the old one.

mod platter;

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use barnabas_environment::Random;
use parking_lot::{Mutex, MutexGuard};
use rustix::io::Errno;

use super::file::Sharing;
use super::{DiskSpace, Entry, Facts};
use platter::{DataChange, NameChange, NodeId, Platter};

pub use platter::{Loss, Moment};

/// A disk in memory; clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimulatedDisk(Arc<Mutex<State>>);

/// An open file of such a disk, or a folder.
#[derive(Debug)]
pub struct SimulatedFile {
    disk: SimulatedDisk,
    node: NodeId,
    /// Tells it from others that are open.
    number: u64,
}

#[derive(Debug)]
struct State {
    platter: Platter,
    /// Fails one of so many calls; 0 lets all pass.
    fault_in: usize,
    is_full: bool,
    /// Fails one of so many reads; 0 lets all pass.
    read_fault_in: usize,
    random: Random,
    /// Changes that reach the disk until the power goes.
    power_for: Option<usize>,
    /// When the syncs that are slow have begun.
    syncs_began: Option<Moment>,
    /// What a file that is written to is stamped with.
    time: SystemTime,
    files_opened: u64,
    locks: Vec<Lock>,
}

#[derive(Debug)]
struct Lock {
    node: NodeId,
    /// Of the open file.
    number: u64,
    sharing: Sharing,
}

/// What a simulation does with its disk.
impl SimulatedDisk {
    /// An empty disk whose faults follow from a seed.
    pub fn new(seed: u64) -> SimulatedDisk {
        SimulatedDisk::of(Platter::new(), seed)
    }

    fn of(platter: Platter, seed: u64) -> SimulatedDisk {
        SimulatedDisk(Arc::new(Mutex::new(State {
            platter,
            fault_in: 0,
            is_full: false,
            read_fault_in: 0,
            random: Random::seeded(seed),
            power_for: None,
            syncs_began: None,
            time: SystemTime::UNIX_EPOCH,
            files_opened: 0,
            locks: Vec::new(),
        })))
    }

    /// From now on one of so many calls fails, for want of space or because the disk is broken; 0 ends that.
    pub fn fail_one_in(&self, calls: usize) {
        self.0.lock().fault_in = calls;
    }

    /// Whether the disk is full: what would make it fuller fails.
    pub fn fill(&self, is_full: bool) {
        self.0.lock().is_full = is_full;
    }

    /// From now on one of so many reads fails; 0 ends that.
    pub fn fail_reads_one_in(&self, reads: usize) {
        self.0.lock().read_fault_in = reads;
    }

    /// This moment, for [`SimulatedDisk::syncs_began`].
    pub fn moment(&self) -> Moment {
        self.0.lock().platter.now()
    }

    /// The syncs that come have begun at that moment: what was written since is not durable through them.
    /// `None` for syncs that are quick.
    pub fn syncs_began(&self, moment: Option<Moment>) {
        self.0.lock().syncs_began = moment;
    }

    /// After so many more changes the power goes: the process, which doesn't notice, changes nothing on the
    /// disk any more.
    pub fn cut_power_after(&self, changes: usize) {
        self.0.lock().power_for = Some(changes);
    }

    /// Whether the power is still there.
    pub fn has_power(&self) -> bool {
        self.0.lock().power_for != Some(0)
    }

    /// What files are stamped with that are written to from now on; at first the epoch.
    pub fn set_time(&self, time: SystemTime) {
        self.0.lock().time = time;
    }

    /// The disk that the end of the process, or of the power, leaves: nothing of it is open or locked, no
    /// call fails.
    pub fn after_crash(&self, loss: Loss, random: &Random) -> SimulatedDisk {
        let state = self.0.lock();
        let left = SimulatedDisk::of(state.platter.after(loss, random), random.u64());
        left.set_time(state.time);
        left
    }
}

/// The calls of [`Disk`](super::Disk).
impl SimulatedDisk {
    pub(super) fn open(&self, path: &Path) -> io::Result<SimulatedFile> {
        let mut state = self.changing()?;
        let node = match state.platter.find(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => state.create(path)?,
            found => {
                let node = found?;
                state.platter.content(node)?;
                // For the place of a power cut among the calls: opening may have been creating.
                state.reaches_disk();
                node
            }
        };
        Ok(self.opened(&mut state, node))
    }

    pub(super) fn open_existing(&self, path: &Path) -> io::Result<SimulatedFile> {
        let mut state = self.0.lock();
        let node = state.platter.find(path)?;
        Ok(self.opened(&mut state, node))
    }

    pub(super) fn create_new(&self, path: &Path) -> io::Result<SimulatedFile> {
        let mut state = self.changing()?;
        let node = state.create(path)?;
        Ok(self.opened(&mut state, node))
    }

    fn opened(&self, state: &mut State, node: NodeId) -> SimulatedFile {
        state.files_opened += 1;
        SimulatedFile {
            disk: self.clone(),
            node,
            number: state.files_opened,
        }
    }

    pub(super) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut state = self.0.lock();
        state.read_fault()?;
        let node = state.platter.find(path)?;
        state.platter.content(node).map(<[u8]>::to_vec)
    }

    pub(super) fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let state = self.0.lock();
        let names = state.platter.names(state.platter.find(folder)?)?;
        let entry = |(name, node): (&String, &NodeId)| Entry {
            name: OsString::from(name),
            is_folder: state.platter.names(*node).is_ok(),
        };
        Ok(names.iter().map(entry).collect())
    }

    pub(super) fn facts(&self, path: &Path) -> io::Result<Facts> {
        let mut state = self.0.lock();
        let node = state.platter.find(path)?;
        Ok(state.facts(node))
    }

    pub(super) fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        self.0.lock().platter.find(path)?;
        Ok(Path::new("/").join(path).components().collect())
    }

    pub(super) fn sync_tree(&self) -> io::Result<()> {
        let mut state = self.changing()?;
        if state.reaches_disk() {
            let began = state.syncs_began.unwrap_or(state.platter.now());
            state.platter.sync_all(began);
        }
        Ok(())
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.changing()?;
        state.platter.find(from)?;
        let (folder, from) = state.platter.find_parent(from)?;
        let (to_folder, to) = state.platter.find_parent(to)?;
        if folder != to_folder {
            return Err(io::Error::new(
                ErrorKind::Unsupported,
                "a rename into another folder",
            ));
        }
        state.change_name(folder, NameChange::Rename(from, to))
    }

    pub(super) fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.changing()?;
        let node = state.platter.find(from)?;
        state.link(to, node)
    }

    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.changing()?;
        state.platter.find(path)?;
        let (folder, name) = state.platter.find_parent(path)?;
        state.change_name(folder, NameChange::Unlink(name))
    }

    pub(super) fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.changing()?;
        let noted = state.reaches_disk();
        let mut above: Vec<&Path> = path.ancestors().collect();
        above.reverse();
        for path in above {
            match state.platter.find(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    if state.is_full {
                        return Err(Errno::NOSPC.into());
                    }
                    let (parent, name) = state.platter.find_parent(path)?;
                    let node = state.platter.add_folder();
                    let change = NameChange::Link(name, node);
                    state.platter.change_name(parent, change, noted)?;
                }
                found => drop(state.platter.names(found?)?),
            }
        }
        Ok(())
    }

    #[allow(clippy::unnecessary_wraps)] // As the system's.
    pub(super) fn space(&self) -> io::Result<DiskSpace> {
        Ok(DiskSpace {
            total_bytes: 1 << 40,
            usable_bytes: 1 << 39,
        })
    }

    /// Before a change, which fails if it is time.
    fn changing(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.0.lock();
        state.fault().map_or(Ok(state), Err)
    }
}

/// The calls of [`File`](super::File).
impl SimulatedFile {
    pub(super) fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        let end = position.saturating_add(bytes.len() as u64);
        let grows = end > state.platter.content(self.node)?.len() as u64;
        let error = state
            .fault()
            .or_else(|| (grows && state.is_full).then(|| Errno::NOSPC.into()));
        let written = match &error {
            Some(_) => &bytes[..state.random.index(bytes.len() + 1)],
            None => bytes,
        };
        let position = usize::try_from(position).map_err(|_| ErrorKind::FileTooLarge)?;
        let bytes = written.to_vec();
        state.change_data(self.node, DataChange::Write { position, bytes })?;
        error.map_or(Ok(()), Err)
    }

    pub(super) fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        let mut state = self.disk.0.lock();
        state.read_fault()?;
        let content = state.platter.content(self.node)?;
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        let rest = content.get(position..).unwrap_or_default();
        let len = rest.len().min(bytes.len());
        bytes[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    pub(super) fn facts(&self) -> Facts {
        self.disk.0.lock().facts(self.node)
    }

    pub(super) fn set_modified(&self, time: SystemTime) {
        if let Some(modified) = self.disk.0.lock().platter.modified(self.node) {
            *modified = time;
        }
    }

    pub(super) fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.changing()?;
        let len = usize::try_from(len).map_err(|_| ErrorKind::FileTooLarge)?;
        state.change_data(self.node, DataChange::SetLen(len))
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        if let Some(error) = state.fault() {
            // A sync that has failed tells nothing of what it wrote, and another one doesn't write it again.
            state.platter.forget_dirty(self.node);
            return Err(error);
        }
        if state.reaches_disk() {
            let began = state.syncs_began.unwrap_or(state.platter.now());
            state.platter.sync(self.node, began);
        }
        Ok(())
    }

    pub(super) fn lock(&self, sharing: Sharing) -> io::Result<()> {
        let locks = &mut self.disk.0.lock().locks;
        let excludes = |lock: &Lock| {
            lock.node == self.node
                && lock.number != self.number
                && (sharing, lock.sharing) != (Sharing::Shared, Sharing::Shared)
        };
        if locks.iter().any(excludes) {
            return Err(ErrorKind::WouldBlock.into());
        }
        locks.push(Lock {
            node: self.node,
            number: self.number,
            sharing,
        });
        Ok(())
    }
}

impl Drop for SimulatedFile {
    fn drop(&mut self) {
        self.disk.0.lock().locks.retain(|lock| lock.number != self.number);
    }
}

impl State {
    /// Counts a change; answers whether it still reaches the disk.
    fn reaches_disk(&mut self) -> bool {
        match &mut self.power_for {
            Some(0) => return false,
            Some(left) => *left -= 1,
            None => {}
        }
        self.platter.advance();
        true
    }

    fn create(&mut self, path: &Path) -> io::Result<NodeId> {
        let node = self.platter.add_file(self.time);
        self.link(path, node)?;
        Ok(node)
    }

    fn link(&mut self, path: &Path, node: NodeId) -> io::Result<()> {
        let (folder, name) = self.platter.find_parent(path)?;
        if self.platter.names(folder)?.contains_key(&name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.change_name(folder, NameChange::Link(name, node))
    }

    fn change_name(&mut self, folder: NodeId, change: NameChange) -> io::Result<()> {
        let noted = self.reaches_disk();
        self.platter.change_name(folder, change, noted)
    }

    fn change_data(&mut self, file: NodeId, change: DataChange) -> io::Result<()> {
        let noted = self.reaches_disk();
        self.platter.change_data(file, change, noted)?;
        if let Some(modified) = self.platter.modified(file) {
            *modified = self.time;
        }
        Ok(())
    }

    fn facts(&mut self, node: NodeId) -> Facts {
        Facts {
            is_folder: self.platter.names(node).is_ok(),
            bytes: self
                .platter
                .content(node)
                .map_or(0, |content| content.len() as u64),
            modified: self
                .platter
                .modified(node)
                .map_or(self.time, |modified| *modified),
        }
    }

    fn read_fault(&mut self) -> io::Result<()> {
        if self.read_fault_in > 0 && self.random.once_in(self.read_fault_in) {
            return Err(Errno::IO.into());
        }
        Ok(())
    }

    fn fault(&mut self) -> Option<io::Error> {
        if self.fault_in == 0 || !self.random.once_in(self.fault_in) {
            return None;
        }
        let error = if self.random.once_in(2) {
            Errno::NOSPC
        } else {
            Errno::IO
        };
        Some(error.into())
    }
}
