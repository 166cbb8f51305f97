//! Controllers that join and leave a quorum, in one process and in simulated time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use barnabas_environment::{Environment, Random, Threads};
use barnabas_metadata::controller::ApiError;
use barnabas_metadata::quorum::{
    AddressBook, ControllerEndpoint, ControllerHandle, Joining, QuorumTiming, SimulatedDisk, StartingQuorum,
    VoterChange, VoterNode, Voters,
};
use barnabas_metadata::{MetadataError, MetadataRecord, Quorum, QuorumOptions, features};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::cluster::{End, LONG, Wires};
use crate::support::{create, options, register};

pub const PATIENCE: Duration = Duration::from_secs(5);

/// A machine: its disk, and the directory that lies there.
pub struct Machine {
    pub disk: SimulatedDisk,
    pub directory: u128,
}

#[derive(Default)]
pub struct World {
    pub wires: Wires,
    pub machines: BTreeMap<i32, Machine>,
    pub nodes: BTreeMap<i32, Quorum>,
    pub auto_join: bool,
    /// A level of kraft.version that the log begins with.
    pub level: i16,
}

pub fn voter(id: i32, directory: u128) -> VoterNode {
    let endpoint = ControllerEndpoint {
        name: "CONTROLLER".into(),
        host: format!("host-{id}"),
        port: 9093,
    };
    VoterNode {
        directory_id: Uuid::from_u128(directory),
        endpoints: vec![endpoint],
    }
}

impl World {
    /// One voter, in directory 1.
    pub async fn standalone() -> Self {
        Self::of(&[1]).await
    }

    pub async fn of(ids: &[i32]) -> Self {
        let mut world = World {
            level: 1,
            ..World::default()
        };
        let initial: BTreeMap<i32, VoterNode> = ids.iter().map(|id| (*id, voter(*id, *id as u128))).collect();
        let mut starting = Vec::new();
        for id in ids {
            world.new_machine(*id, *id as u128);
            starting.push(world.open(*id, initial.clone()).await);
        }
        for (id, opened) in ids.iter().zip(starting) {
            world
                .nodes
                .insert(*id, timeout(LONG, opened.caught_up()).await.unwrap().unwrap());
        }
        let first = world.active(ids).await;
        register(&world.handle(first)).await.unwrap();
        world
    }

    pub fn new_machine(&mut self, id: i32, directory: u128) {
        let disk = SimulatedDisk::new();
        self.machines.insert(id, Machine { disk, directory });
    }

    pub async fn open(&mut self, id: i32, initial: BTreeMap<i32, VoterNode>) -> StartingQuorum {
        let machine = &self.machines[&id];
        let known = self.machines.keys().map(|id| (*id, id.to_string()));
        let mut options: QuorumOptions = options(machine.disk.metadata(), "cluster-a");
        options.settings.node_id = id;
        options.bootstrap.push(MetadataRecord::FeatureLevel {
            name: features::KRAFT_VERSION.into(),
            level: self.level,
        });
        options.environment = Environment {
            random: Random::seeded(machine.disk.syncs() as u64 * 8 + id as u64),
            threads: Threads::Runtime,
            ..Environment::system()
        };
        options.voters = Some(Voters {
            ids: initial.keys().copied().collect(),
            peers: Arc::new(End {
                wires: self.wires.clone(),
                node: id,
            }),
            timing: QuorumTiming::default(),
            addresses: AddressBook::new(known.collect()),
            joining: Some(Joining {
                node: voter(id, machine.directory),
                initial,
                votes: self.auto_join,
            }),
        });
        let opened = Quorum::open(options, |_, _| ()).await.unwrap();
        self.wires.connect(id, opened.door());
        opened
    }

    /// Starts a controller that knows of no voters.
    pub async fn join(&mut self, id: i32) {
        let opened = self.open(id, BTreeMap::new()).await;
        self.nodes
            .insert(id, timeout(LONG, opened.caught_up()).await.unwrap().unwrap());
    }

    pub async fn stop(&mut self, id: i32) {
        self.wires.disconnect(id);
        self.nodes.remove(&id).unwrap().shutdown().await.unwrap();
    }

    pub fn handle(&self, id: i32) -> ControllerHandle {
        self.nodes[&id].handle()
    }

    pub fn ids(&self) -> Vec<i32> {
        self.nodes.keys().copied().collect()
    }

    pub async fn active(&self, among: &[i32]) -> i32 {
        let found = async {
            loop {
                let active = among.iter().find(|id| self.handle(**id).is_active());
                if let Some(active) = active {
                    return *active;
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(LONG, found).await.unwrap()
    }

    /// Changes the voters wherever the active controller is.
    pub async fn change(&self, change: VoterChange) -> Result<(), ApiError> {
        let changed = async {
            loop {
                let active = self.active(&self.ids()).await;
                match self.handle(active).change_voters(change.clone(), PATIENCE).await {
                    Ok(changed) => return changed,
                    Err(MetadataError::NotController { .. }) => sleep(Duration::from_millis(5)).await,
                    Err(error) => panic!("{error}"),
                }
            }
        };
        timeout(LONG, changed).await.unwrap()
    }

    pub async fn add(&self, id: i32) -> Result<(), ApiError> {
        let node = voter(id, self.machines[&id].directory);
        self.change(VoterChange::Add { id, node }).await
    }

    pub async fn remove(&self, id: i32, directory: u128) -> Result<(), ApiError> {
        let directory_id = Uuid::from_u128(directory);
        self.change(VoterChange::Remove { id, directory_id }).await
    }

    pub async fn create(&self, name: &str) {
        let created = async {
            loop {
                let active = self.active(&self.ids()).await;
                match create(&self.handle(active), [name.to_owned()]).await {
                    Ok(created) => return assert_eq!(created, [true], "{name}"),
                    Err(MetadataError::NotController { .. }) => sleep(Duration::from_millis(5)).await,
                    Err(error) => panic!("{error}"),
                }
            }
        };
        timeout(LONG, created).await.unwrap();
    }

    /// Waits until all nodes have these topics and the same list of voters.
    pub async fn agree(&self, topics: usize, voters: &[(i32, u128)]) {
        let state = || {
            let nodes = self.nodes.iter();
            nodes
                .map(|(id, node)| (*id, node.image().topics.len(), keys(&node.handle())))
                .collect::<Vec<_>>()
        };
        let agreed = async {
            while !state()
                .iter()
                .all(|(_, count, known)| *count == topics && known == voters)
            {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let agreed = timeout(LONG, agreed).await;
        assert!(agreed.is_ok(), "{topics} topics, {voters:?}: {:?}", state());
    }
}

pub fn keys(handle: &ControllerHandle) -> Vec<(i32, u128)> {
    let voters = handle.status().voters;
    voters
        .iter()
        .map(|voter| (voter.node_id, voter.directory_id.as_u128()))
        .collect()
}
