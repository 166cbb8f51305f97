//! What stands behind the door of [`crate::disk`] in tests: it notes changes, and lets calls fail.
//!
//! A recorder belongs to a thread. Without one the calls pass.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::path::Path;

use rustix::io::Errno;

use super::Random;
use super::platter::{Moment, Platter};

thread_local! {
    static RECORDER: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

/// A change of the disk, before or after it is made.
pub enum Change<'a> {
    Create { path: &'a Path },
    CreateDir { path: &'a Path },
    SetLen { file: &'a File, len: u64 },
    Rename { from: &'a Path, to: &'a Path },
    Link { from: &'a Path, to: &'a Path },
    Remove { path: &'a Path },
    Sync { file: &'a File },
    SyncFileSystem,
}

/// Notes the changes of one thread.
pub struct Recorder {
    platter: Platter,
    /// Fails one of so many calls; 0 lets all pass.
    fault_in: usize,
    /// Fails one of so many reads; 0 lets all pass.
    read_fault_in: usize,
    random: Random,
    /// Changes that are noted until the power goes.
    power_for: Option<usize>,
    /// When the syncs that are slow have begun.
    syncs_began: Option<Moment>,
}

/// Begins to note changes below `root`; what is there is durable.
pub fn start(root: &Path, seed: u64) {
    let recorder = Recorder {
        platter: Platter::of(root),
        fault_in: 0,
        read_fault_in: 0,
        random: Random::new(seed),
        power_for: None,
        syncs_began: None,
    };
    RECORDER.with_borrow_mut(|slot| *slot = Some(recorder));
}

/// Ends; answers what is known of the disk.
pub fn stop() -> Platter {
    let recorder = RECORDER.with_borrow_mut(Option::take);
    recorder.expect("a recorder was started").platter
}

/// From now on one of so many calls fails, for want of space or because the disk is broken; 0 ends that.
pub fn fail_one_in(calls: usize) {
    with(|recorder| recorder.fault_in = calls);
}

/// From now on one of so many reads fails; 0 ends that.
pub fn fail_reads_one_in(reads: usize) {
    with(|recorder| recorder.read_fault_in = reads);
}

/// This moment, for [`syncs_began`].
pub fn moment() -> Moment {
    with(|recorder| recorder.platter.now()).expect("a recorder was started")
}

/// The syncs that come have begun at that moment: what was written since is not durable through them. `None` for syncs
/// that are quick.
pub fn syncs_began(moment: Option<Moment>) {
    with(|recorder| recorder.syncs_began = moment);
}

/// After so many more changes the power goes: the process, which doesn't notice, changes nothing any more.
pub fn cut_power_after(changes: usize) {
    with(|recorder| recorder.power_for = Some(changes));
}

/// Whether the power is still there.
pub fn has_power() -> bool {
    with(|recorder| recorder.power_for != Some(0)).unwrap_or(true)
}

/// Whether this thread has a recorder.
pub fn is_on() -> bool {
    RECORDER.with_borrow(Option::is_some)
}

/// Lets a change fail, if it is time.
pub fn before(change: &Change<'_>) -> io::Result<()> {
    with(|recorder| {
        let error = recorder.fault()?;
        // A sync that has failed tells nothing of what it wrote, and another one doesn't write it again.
        if let Change::Sync { file } = change {
            recorder.platter.forget_dirty(file);
        }
        Some(error)
    })
    .flatten()
    .map_or(Ok(()), Err)
}

/// Notes a change that was made.
pub fn made(change: &Change<'_>) {
    with(|recorder| {
        if recorder.take_power() {
            let began = recorder.syncs_began;
            recorder.platter.apply(change, began);
        }
    });
}

/// Lets a read fail, if it is time.
pub fn before_read() -> io::Result<()> {
    let fails =
        with(|recorder| recorder.read_fault_in > 0 && recorder.random.once_in(recorder.read_fault_in));
    if fails == Some(true) {
        return Err(Errno::IO.into());
    }
    Ok(())
}

/// How much of a write succeeds before it fails, and with what.
pub fn short_write(len: usize) -> Option<(usize, io::Error)> {
    with(|recorder| {
        let error = recorder.fault()?;
        Some((recorder.random.below(len + 1), error))
    })
    .flatten()
}

/// Notes a write.
pub fn wrote(file: &File, bytes: &[u8], position: u64) {
    with(|recorder| {
        if recorder.take_power() {
            recorder.platter.write(file, bytes, position);
        }
    });
}

fn with<T>(act: impl FnOnce(&mut Recorder) -> T) -> Option<T> {
    RECORDER.with_borrow_mut(|slot| slot.as_mut().map(act))
}

impl Recorder {
    /// Whether a change still reaches the disk.
    fn take_power(&mut self) -> bool {
        match &mut self.power_for {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    fn fault(&mut self) -> Option<io::Error> {
        if self.fault_in == 0 || !self.random.once_in(self.fault_in) {
            return None;
        }
        Some(
            if self.random.once_in(2) {
                Errno::NOSPC
            } else {
                Errno::IO
            }
            .into(),
        )
    }
}
