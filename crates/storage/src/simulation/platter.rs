//! What a disk holds for certain, and what it may hold after a power cut.
//!
//! A file's content is durable once the file was synced, a name once its folder was. Of what was written since, a power
//! cut keeps anything: of a file's writes any sectors, of a folder's names as many changes as a journal had written. A sync
//! may be slow: what is written while it is on its way is not durable through it.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Random;
use super::recorder::Change;

/// What a disk keeps or loses as one.
const SECTOR_BYTES: usize = 64;

/// How much a power cut takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing: only the process has died.
    Nothing,
    /// Everything that wasn't synced.
    AllUnsynced,
    /// Any part of what wasn't synced.
    Some,
}

/// A file or folder, by its number.
type NodeId = usize;

#[derive(Debug)]
enum Node {
    File(FileNode),
    Folder(FolderNode),
}

#[derive(Debug, Default)]
struct FileNode {
    durable: Vec<u8>,
    pending: Vec<Dated<DataChange>>,
}

/// A change with its place among all changes of the disk.
#[derive(Debug)]
struct Dated<T> {
    at: Moment,
    change: T,
}

/// So many changes had been made of the disk.
pub type Moment = u64;

#[derive(Debug)]
enum DataChange {
    Write { position: usize, bytes: Vec<u8> },
    SetLen(usize),
}

#[derive(Debug, Default)]
struct FolderNode {
    durable: BTreeMap<String, NodeId>,
    now: BTreeMap<String, NodeId>,
    pending: Vec<Dated<NameChange>>,
}

#[derive(Clone, Debug)]
enum NameChange {
    Link(String, NodeId),
    Unlink(String),
    Rename(String, String),
}

/// The simulated disk below a folder.
#[derive(Debug)]
pub struct Platter {
    root: PathBuf,
    nodes: Vec<Node>,
    by_inode: HashMap<u64, NodeId>,
    now: Moment,
}

impl Platter {
    /// The disk with what a real folder holds, all of it durable.
    pub fn of(root: &Path) -> Self {
        let mut platter = Platter {
            root: root.to_owned(),
            nodes: Vec::new(),
            by_inode: HashMap::new(),
            now: 0,
        };
        platter.read(root);
        platter
    }

    fn read(&mut self, path: &Path) -> NodeId {
        let metadata = fs::metadata(path).unwrap();
        if let Some(id) = self.by_inode.get(&metadata.ino()) {
            // Another name of a file.
            return *id;
        }
        let id = self.nodes.len();
        self.by_inode.insert(metadata.ino(), id);
        if metadata.is_file() {
            self.nodes.push(Node::File(FileNode {
                durable: fs::read(path).unwrap(),
                pending: Vec::new(),
            }));
            return id;
        }
        self.nodes.push(Node::Folder(FolderNode::default()));
        let mut names = BTreeMap::new();
        for entry in fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            let child = self.read(&entry.path());
            names.insert(entry.file_name().into_string().unwrap(), child);
        }
        let folder = self.folder(id);
        (folder.durable, folder.now) = (names.clone(), names);
        id
    }

    /// The moment up to which all has been noted.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// Notes a change. A sync has begun at the moment `sync_began`, if that is not now.
    pub fn apply(&mut self, change: &Change<'_>, sync_began: Option<Moment>) {
        self.now += 1;
        let sync_began = sync_began.unwrap_or(self.now);
        match change {
            Change::Create { path } => self.create(path),
            Change::CreateDir { path } => self.create_dir(path),
            Change::SetLen { file, len } => {
                let len = usize::try_from(*len).unwrap();
                self.change_data(file, DataChange::SetLen(len));
            }
            Change::Rename { from, to } => {
                let (folder, from) = self.parent(from);
                let (to_folder, to) = self.parent(to);
                assert_eq!(folder, to_folder, "a rename within a folder");
                self.change_name(folder, NameChange::Rename(from, to));
            }
            Change::Link { from, to } => {
                let (folder, from) = self.parent(from);
                let id = self.folder(folder).now[&from];
                let (folder, to) = self.parent(to);
                self.change_name(folder, NameChange::Link(to, id));
            }
            Change::Remove { path } => {
                let (folder, name) = self.parent(path);
                self.change_name(folder, NameChange::Unlink(name));
            }
            Change::Sync { file } => {
                let id = self.by_inode[&file.metadata().unwrap().ino()];
                self.nodes[id].sync(sync_began);
            }
            Change::SyncFileSystem => {
                for node in &mut self.nodes {
                    node.sync(sync_began);
                }
            }
        }
    }

    /// Notes a write.
    pub fn write(&mut self, file: &File, bytes: &[u8], position: u64) {
        self.now += 1;
        let write = DataChange::Write {
            position: usize::try_from(position).unwrap(),
            bytes: bytes.to_vec(),
        };
        self.change_data(file, write);
    }

    fn change_data(&mut self, file: &File, change: DataChange) {
        let at = self.now;
        self.file(file).pending.push(Dated { at, change });
    }

    fn change_name(&mut self, folder: NodeId, change: NameChange) {
        let at = self.now;
        let folder = self.folder(folder);
        change.apply(&mut folder.now);
        folder.pending.push(Dated { at, change });
    }

    /// Whatever was written and not synced may never reach the disk, whether it is synced again or not.
    pub fn forget_dirty(&mut self, file: &File) {
        let id = self.by_inode[&file.metadata().unwrap().ino()];
        if let Node::File(file) = &mut self.nodes[id] {
            file.pending.clear();
        }
    }

    fn create(&mut self, path: &Path) {
        let (folder, name) = self.parent(path);
        if self.folder(folder).now.contains_key(&name) {
            return;
        }
        let id = self.nodes.len();
        self.nodes.push(Node::File(FileNode::default()));
        self.by_inode.insert(fs::metadata(path).unwrap().ino(), id);
        self.change_name(folder, NameChange::Link(name, id));
    }

    fn create_dir(&mut self, path: &Path) {
        if path == self.root {
            return;
        }
        self.create_dir(path.parent().expect("below the root"));
        let (folder, name) = self.parent(path);
        if self.folder(folder).now.contains_key(&name) {
            return;
        }
        let id = self.nodes.len();
        self.nodes.push(Node::Folder(FolderNode::default()));
        self.by_inode.insert(fs::metadata(path).unwrap().ino(), id);
        self.change_name(folder, NameChange::Link(name, id));
    }

    /// The folder a path lies in, and its name there.
    fn parent(&mut self, path: &Path) -> (NodeId, String) {
        let relative = path.strip_prefix(&self.root).expect("a path below the root");
        let mut names: Vec<&str> = relative.iter().map(|name| name.to_str().unwrap()).collect();
        let name = names.pop().expect("not the root itself").to_owned();
        let mut id = 0;
        for part in names {
            id = self.folder(id).now[part];
        }
        (id, name)
    }

    fn folder(&mut self, id: NodeId) -> &mut FolderNode {
        match &mut self.nodes[id] {
            Node::Folder(folder) => folder,
            Node::File(_) => panic!("a file where a folder is expected"),
        }
    }

    fn file(&mut self, file: &File) -> &mut FileNode {
        let id = self.by_inode[&file.metadata().unwrap().ino()];
        match &mut self.nodes[id] {
            Node::File(file) => file,
            Node::Folder(_) => panic!("a folder where a file is expected"),
        }
    }

    /// Writes what a power cut leaves into an empty folder.
    pub fn materialise(&self, target: &Path, loss: Loss, random: &mut Random) {
        self.write_node(0, target, (loss, random), &mut HashMap::new());
    }

    fn write_node(
        &self,
        id: NodeId,
        path: &Path,
        (loss, random): (Loss, &mut Random),
        written: &mut HashMap<NodeId, PathBuf>,
    ) {
        match &self.nodes[id] {
            Node::File(file) => {
                // A file may have two names.
                match written.get(&id) {
                    Some(other) => fs::hard_link(other, path).unwrap(),
                    None => fs::write(path, file.after(loss, random)).unwrap(),
                }
                written.insert(id, path.to_owned());
            }
            Node::Folder(folder) => {
                if id != 0 {
                    fs::create_dir(path).unwrap();
                }
                for (name, child) in folder.after(loss, random) {
                    self.write_node(child, &path.join(name), (loss, random), written);
                }
            }
        }
    }
}

impl Node {
    /// Makes durable what had been changed when the sync began.
    fn sync(&mut self, began: Moment) {
        match self {
            Node::File(file) => {
                let count = file.pending.partition_point(|change| change.at <= began);
                for change in file.pending.drain(..count) {
                    change.change.apply(&mut file.durable);
                }
            }
            Node::Folder(folder) => {
                let count = folder.pending.partition_point(|change| change.at <= began);
                for change in folder.pending.drain(..count) {
                    change.change.apply(&mut folder.durable);
                }
            }
        }
    }
}

impl FolderNode {
    fn after(&self, loss: Loss, random: &mut Random) -> BTreeMap<String, NodeId> {
        let kept = match loss {
            Loss::Nothing => return self.now.clone(),
            Loss::AllUnsynced => 0,
            Loss::Some => random.below(self.pending.len() + 1),
        };
        let mut names = self.durable.clone();
        for Dated { change, .. } in &self.pending[..kept] {
            change.apply(&mut names);
        }
        names
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, NodeId>) {
        match self {
            NameChange::Link(name, id) => {
                names.insert(name.clone(), *id);
            }
            NameChange::Unlink(name) => {
                names.remove(name);
            }
            NameChange::Rename(from, to) => {
                if let Some(id) = names.remove(from) {
                    names.insert(to.clone(), id);
                }
            }
        }
    }
}

impl DataChange {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            DataChange::SetLen(len) => content.resize(*len, 0),
            DataChange::Write { position, bytes } => {
                let end = position + bytes.len();
                content.resize(content.len().max(end), 0);
                content[*position..end].copy_from_slice(bytes);
            }
        }
    }
}

impl FileNode {
    fn after(&self, loss: Loss, random: &mut Random) -> Vec<u8> {
        let mut content = self.durable.clone();
        // Most often all or nothing is kept: only then what lies behind it is put to the test.
        let (kept, sectors) = match (loss, random.below(4)) {
            (Loss::Nothing, _) => (self.pending.len(), false),
            (Loss::AllUnsynced, _) => (0, false),
            (Loss::Some, 0) => (self.pending.len(), false),
            (Loss::Some, 1) => (random.below(self.pending.len() + 1), false),
            (Loss::Some, _) => (random.below(self.pending.len() + 1), true),
        };
        for Dated { change, .. } in &self.pending[..kept] {
            match change {
                DataChange::Write { position, bytes } if sectors => {
                    let end = position + bytes.len();
                    content.resize(content.len().max(end), 0);
                    for start in (0..bytes.len()).step_by(SECTOR_BYTES) {
                        if random.once_in(4) {
                            continue;
                        }
                        let sector = &bytes[start..bytes.len().min(start + SECTOR_BYTES)];
                        content[position + start..position + start + sector.len()].copy_from_slice(sector);
                    }
                }
                change => change.apply(&mut content),
            }
        }
        // The last write may have been on its way.
        if loss == Loss::Some
            && random.once_in(3)
            && let Some(DataChange::Write { position, bytes }) =
                self.pending.get(kept).map(|dated| &dated.change)
        {
            let part = random.below(bytes.len() + 1);
            content.resize(content.len().max(position + part), 0);
            content[*position..position + part].copy_from_slice(&bytes[..part]);
        }
        content
    }
}
