//! In which log directory a partition lies, as far as the controllers know (KIP-858): once that directory has
//! failed, they have another replica lead.

use uuid::Uuid;

use super::Partition;

impl Partition {
    /// The metadata says that it lies in this directory.
    pub fn note_dir(&self, directory: Uuid) {
        self.lock().noted_dir = directory;
        self.look_for_dir();
    }

    /// The directory that it lies in, where the metadata says something else.
    pub fn dir_to_tell(&self) -> Option<Uuid> {
        let directory = self.dir().id()?;
        (self.lock().noted_dir != directory).then_some(directory)
    }

    /// As [`Partition::dir_to_tell`], for whoever took it out of the queue.
    pub(crate) fn take_dir_to_tell(&self) -> Option<Uuid> {
        self.lock().in_dir_queue = false;
        self.dir_to_tell()
    }

    /// It may lie elsewhere than the metadata says.
    pub(super) fn look_for_dir(&self) {
        if self.dir_to_tell().is_some() && !std::mem::replace(&mut self.lock().in_dir_queue, true) {
            self.shared.dir_queue.push(self.itself.clone());
        }
    }
}
