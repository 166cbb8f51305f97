//! What a disk in memory holds: what a process sees of it, what is there for certain, and what may be there
//! after a power cut.
//!
//! A file's content is durable once the file was synced, a name once its folder was. Of what was written
//! since, a power cut keeps anything: of a file's writes any sectors, of a folder's names as many changes as
//! a journal had written. A sync may be slow: what is written while it is on its way is not durable through
//! it.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, ErrorKind};
use std::path::{Component, Path};
use std::time::SystemTime;

use barnabas_environment::Random;

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

/// A file or folder, by its number. The root is 0.
pub type NodeId = usize;

/// So many changes had reached the disk.
pub type Moment = u64;

#[derive(Debug)]
enum Node {
    File(FileNode),
    Folder(FolderNode),
}

#[derive(Debug)]
struct FileNode {
    now: Vec<u8>,
    modified: SystemTime,
    durable: Vec<u8>,
    pending: Vec<Dated<DataChange>>,
}

#[derive(Debug, Default)]
struct FolderNode {
    now: BTreeMap<String, NodeId>,
    durable: BTreeMap<String, NodeId>,
    pending: Vec<Dated<NameChange>>,
}

/// A change with its place among all changes of the disk.
#[derive(Debug)]
struct Dated<T> {
    at: Moment,
    change: T,
}

/// A change of a file's content.
#[derive(Debug)]
pub enum DataChange {
    /// Bytes at a position.
    Write { position: usize, bytes: Vec<u8> },
    /// Another length.
    SetLen(usize),
}

/// A change of a folder's names.
#[derive(Clone, Debug)]
pub enum NameChange {
    /// A new name; what had it before has it no longer.
    Link(String, NodeId),
    /// A name goes.
    Unlink(String),
    /// One name becomes another.
    Rename(String, String),
}

/// A disk. Nodes without a name stay for as long as it lives: somebody may have them open.
#[derive(Debug)]
pub struct Platter {
    nodes: Vec<Node>,
    now: Moment,
}

impl Platter {
    /// An empty disk.
    pub fn new() -> Self {
        Platter {
            nodes: vec![Node::Folder(FolderNode::default())],
            now: 0,
        }
    }

    /// The moment up to which changes have reached the disk.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// A change reaches the disk.
    pub fn advance(&mut self) {
        self.now += 1;
    }

    /// What a path names; every path is below the root, relative ones too.
    pub fn find(&self, path: &Path) -> io::Result<NodeId> {
        names(path).try_fold(0, |id, name| {
            self.names(id)?
                .get(name?)
                .copied()
                .ok_or_else(|| ErrorKind::NotFound.into())
        })
    }

    /// The folder a path lies in, and its name there.
    pub fn find_parent(&self, path: &Path) -> io::Result<(NodeId, String)> {
        let name = names(path).last().ok_or(ErrorKind::InvalidInput)??.to_owned();
        let parent = self.find(path.parent().unwrap_or(Path::new("")))?;
        self.names(parent)?;
        Ok((parent, name))
    }

    /// The names in a folder.
    pub fn names(&self, id: NodeId) -> io::Result<&BTreeMap<String, NodeId>> {
        match &self.nodes[id] {
            Node::Folder(folder) => Ok(&folder.now),
            Node::File(_) => Err(ErrorKind::NotADirectory.into()),
        }
    }

    /// A file's content.
    pub fn content(&self, id: NodeId) -> io::Result<&[u8]> {
        match &self.nodes[id] {
            Node::File(file) => Ok(&file.now),
            Node::Folder(_) => Err(ErrorKind::IsADirectory.into()),
        }
    }

    /// When a file was last written to.
    pub fn modified(&mut self, id: NodeId) -> Option<&mut SystemTime> {
        match &mut self.nodes[id] {
            Node::File(file) => Some(&mut file.modified),
            Node::Folder(_) => None,
        }
    }

    /// A new file, of which no folder knows yet.
    pub fn add_file(&mut self, modified: SystemTime) -> NodeId {
        self.add(Node::File(FileNode {
            now: Vec::new(),
            modified,
            durable: Vec::new(),
            pending: Vec::new(),
        }))
    }

    /// A new folder, of which no other knows yet.
    pub fn add_folder(&mut self) -> NodeId {
        self.add(Node::Folder(FolderNode::default()))
    }

    fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Changes a file; `noted` says that the change reaches the disk, some time.
    pub fn change_data(&mut self, id: NodeId, change: DataChange, noted: bool) -> io::Result<()> {
        let at = self.now;
        let Node::File(file) = &mut self.nodes[id] else {
            return Err(ErrorKind::IsADirectory.into());
        };
        change.apply(&mut file.now);
        if noted {
            file.pending.push(Dated { at, change });
        }
        Ok(())
    }

    /// Changes a folder's names; `noted` says that the change reaches the disk, some time.
    pub fn change_name(&mut self, id: NodeId, change: NameChange, noted: bool) -> io::Result<()> {
        let at = self.now;
        let Node::Folder(folder) = &mut self.nodes[id] else {
            return Err(ErrorKind::NotADirectory.into());
        };
        change.apply(&mut folder.now);
        if noted {
            folder.pending.push(Dated { at, change });
        }
        Ok(())
    }

    /// Makes durable what had been changed of a file or folder when a sync began.
    pub fn sync(&mut self, id: NodeId, began: Moment) {
        self.nodes[id].sync(began);
    }

    /// Makes durable all that had been changed when a sync began.
    pub fn sync_all(&mut self, began: Moment) {
        self.nodes.iter_mut().for_each(|node| node.sync(began));
    }

    /// Whatever was written and not synced may never reach the disk, whether it is synced again or not.
    pub fn forget_dirty(&mut self, id: NodeId) {
        if let Node::File(file) = &mut self.nodes[id] {
            file.pending.clear();
        }
    }

    /// The disk that a power cut leaves, all of it durable.
    pub fn after(&self, loss: Loss, random: &Random) -> Platter {
        let mut left = Platter::new();
        self.copy_folder(0, &mut left, 0, (loss, random), &mut HashMap::new());
        left
    }

    fn copy_folder(
        &self,
        from: NodeId,
        left: &mut Platter,
        to: NodeId,
        (loss, random): (Loss, &Random),
        copied: &mut HashMap<NodeId, NodeId>,
    ) {
        let Node::Folder(folder) = &self.nodes[from] else {
            return;
        };
        let mut names = BTreeMap::new();
        for (name, child) in folder.after(loss, random) {
            // A file may have two names.
            let id = match (&self.nodes[child], copied.get(&child)) {
                (Node::File(_), Some(known)) => *known,
                (Node::File(file), None) => {
                    let content = file.after(loss, random);
                    left.add(Node::File(FileNode {
                        now: content.clone(),
                        modified: file.modified,
                        durable: content,
                        pending: Vec::new(),
                    }))
                }
                (Node::Folder(_), _) => {
                    let id = left.add_folder();
                    self.copy_folder(child, left, id, (loss, random), copied);
                    id
                }
            };
            copied.insert(child, id);
            names.insert(name, id);
        }
        left.nodes[to] = Node::Folder(FolderNode {
            now: names.clone(),
            durable: names,
            pending: Vec::new(),
        });
    }
}

/// The names on the way to a path.
fn names(path: &Path) -> impl Iterator<Item = io::Result<&str>> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_str().ok_or_else(|| ErrorKind::InvalidInput.into())),
        Component::RootDir | Component::CurDir => None,
        Component::ParentDir | Component::Prefix(_) => Some(Err(ErrorKind::InvalidInput.into())),
    })
}

impl Node {
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
    fn after(&self, loss: Loss, random: &Random) -> BTreeMap<String, NodeId> {
        let kept = match loss {
            Loss::Nothing => self.pending.len(),
            Loss::AllUnsynced => 0,
            Loss::Some => random.index(self.pending.len() + 1),
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
            DataChange::Write { position, bytes } => put(content, *position, bytes),
        }
    }
}

fn put(content: &mut Vec<u8>, position: usize, bytes: &[u8]) {
    let end = position + bytes.len();
    content.resize(content.len().max(end), 0);
    content[position..end].copy_from_slice(bytes);
}

impl FileNode {
    fn after(&self, loss: Loss, random: &Random) -> Vec<u8> {
        let mut content = self.durable.clone();
        // Most often all or nothing is kept: only then what lies behind it is put to the test.
        let (kept, sectors) = match (loss, random.index(4)) {
            (Loss::Nothing, _) => (self.pending.len(), false),
            (Loss::AllUnsynced, _) => (0, false),
            (Loss::Some, 0) => (self.pending.len(), false),
            (Loss::Some, 1) => (random.index(self.pending.len() + 1), false),
            (Loss::Some, _) => (random.index(self.pending.len() + 1), true),
        };
        for Dated { change, .. } in &self.pending[..kept] {
            match change {
                DataChange::Write { position, bytes } if sectors => {
                    let end = position + bytes.len();
                    content.resize(content.len().max(end), 0);
                    for (index, sector) in bytes.chunks(SECTOR_BYTES).enumerate() {
                        if !random.once_in(4) {
                            put(&mut content, position + index * SECTOR_BYTES, sector);
                        }
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
            let part = random.index(bytes.len() + 1);
            put(&mut content, *position, &bytes[..part]);
        }
        content
    }
}
