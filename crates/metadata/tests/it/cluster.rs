//! Three voters in one process, over a network that the test cuts, in simulated time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use barnabas_environment::{Environment, Random, Threads};
use barnabas_metadata::quorum::{
    AddressBook, Answer, ControllerHandle, Frame, FrameKind, PeerDoor, PeerError, Peers, QuorumTiming,
    SimulatedDisk, Voters,
};
use barnabas_metadata::{MetadataError, Quorum, QuorumOptions};
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::support::{create, options, register};

pub const IDS: [i32; 3] = [1, 2, 3];
pub const LONG: Duration = Duration::from_secs(60);
/// How long a frame is on its way.
const LATENCY: Duration = Duration::from_millis(1);

/// A network in memory.
#[derive(Clone, Default)]
pub struct Wires(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    doors: BTreeMap<i32, PeerDoor>,
    /// From whom to whom nothing gets through.
    cut: BTreeSet<(i32, i32)>,
    /// How many pieces of snapshots were sent.
    snapshots: usize,
}

impl Wires {
    pub fn connect(&self, node: i32, door: PeerDoor) {
        self.0.lock().doors.insert(node, door);
    }

    pub fn disconnect(&self, node: i32) {
        self.0.lock().doors.remove(&node);
    }

    pub fn cut_off(&self, node: i32) {
        self.cut(node, IDS.into_iter().filter(|id| *id != node));
    }

    pub fn heal(&self) {
        self.0.lock().cut.clear();
    }

    pub fn cut(&self, node: i32, others: impl IntoIterator<Item = i32>) {
        let both = others.into_iter().flat_map(|id| [(node, id), (id, node)]);
        self.0.lock().cut.extend(both);
    }

    fn door(&self, from: i32, to: i32) -> Option<PeerDoor> {
        let state = self.0.lock();
        (!state.cut.contains(&(from, to)))
            .then(|| state.doors.get(&to).cloned())
            .flatten()
    }
}

/// One node's end of the network.
pub struct End {
    pub wires: Wires,
    pub node: i32,
}

impl Peers for End {
    fn send(&self, voter: i32, frame: Frame) -> Answer {
        let (wires, node) = (self.wires.clone(), self.node);
        Box::pin(async move {
            sleep(LATENCY).await;
            let lost = || PeerError::Unreachable("cut".into());
            let door = wires.door(node, voter).ok_or_else(lost)?;
            if frame.kind == FrameKind::InstallSnapshot {
                wires.0.lock().snapshots += 1;
            }
            let answer = door.handle(frame).await?;
            sleep(LATENCY).await;
            // An answer needs no door, and whoever has stopped doesn't wait for one.
            match wires.0.lock().cut.contains(&(voter, node)) {
                true => Err(lost()),
                false => Ok(answer),
            }
        })
    }
}

pub struct Cluster {
    pub wires: Wires,
    disks: BTreeMap<i32, SimulatedDisk>,
    pub nodes: BTreeMap<i32, Quorum>,
}

fn options_of(node: i32, disk: &SimulatedDisk, wires: &Wires) -> QuorumOptions {
    let mut options = options(disk.metadata(), "cluster-a");
    options.settings.node_id = node;
    options.environment = Environment {
        random: Random::seeded(disk.syncs() as u64 * 4 + node as u64),
        threads: Threads::Runtime,
        ..Environment::system()
    };
    options.voters = Some(Voters {
        ids: IDS.to_vec(),
        peers: Arc::new(End {
            wires: wires.clone(),
            node,
        }),
        timing: QuorumTiming::default(),
        addresses: AddressBook::default(),
        joining: None,
    });
    options
}

impl Cluster {
    pub async fn start() -> Self {
        let mut cluster = Self {
            wires: Wires::default(),
            disks: IDS.into_iter().map(|id| (id, SimulatedDisk::new())).collect(),
            nodes: BTreeMap::new(),
        };
        cluster.start_nodes(&IDS).await;
        cluster
    }

    /// Starts nodes at the same time: alone none of them would catch up.
    pub async fn start_nodes(&mut self, ids: &[i32]) {
        let mut starting = JoinSet::new();
        for id in ids {
            let options = options_of(*id, &self.disks[id], &self.wires);
            let opened = Quorum::open(options, |_, _| ()).await.unwrap();
            self.wires.connect(*id, opened.door());
            let id = *id;
            starting.spawn(async move { (id, opened.caught_up().await.unwrap()) });
        }
        self.nodes
            .extend(timeout(LONG, starting.join_all()).await.unwrap());
    }

    pub async fn stop(&mut self, id: i32) {
        self.wires.disconnect(id);
        self.nodes.remove(&id).unwrap().shutdown().await.unwrap();
    }

    pub fn handle(&self, id: i32) -> ControllerHandle {
        self.nodes[&id].handle()
    }

    /// Waits for the one active controller among these nodes.
    pub async fn active(&self, among: &[i32]) -> i32 {
        let found = async {
            loop {
                let active: Vec<i32> = among
                    .iter()
                    .copied()
                    .filter(|id| self.handle(*id).is_active())
                    .collect();
                if let [only] = active[..] {
                    return only;
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(LONG, found).await.unwrap()
    }

    /// Creates a topic wherever the active controller is, as a client would: by trying again.
    pub async fn create(&self, among: &[i32], name: &str) -> i32 {
        let created = async {
            loop {
                let active = self.active(among).await;
                match create(&self.handle(active), [name.to_owned()]).await {
                    Ok(created) => {
                        assert_eq!(created, [true]);
                        return active;
                    }
                    Err(MetadataError::NotController { .. }) => sleep(LATENCY).await,
                    Err(error) => panic!("{error}"),
                }
            }
        };
        timeout(LONG, created).await.unwrap()
    }

    /// Waits until nodes have these topics and the same image.
    pub async fn agree(&self, among: &[i32], topics: usize) {
        let agreed = async {
            loop {
                let images: Vec<_> = among.iter().map(|id| self.nodes[id].image()).collect();
                if images
                    .iter()
                    .all(|image| **image == *images[0] && image.topics.len() == topics)
                {
                    return;
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(LONG, agreed).await.unwrap();
    }

    pub fn epoch(&self, id: i32) -> i32 {
        self.handle(id).status().leader_epoch
    }
}

#[tokio::test(start_paused = true)]
async fn three_voters_elect_replicate_and_outlive_their_leader() {
    let mut cluster = Cluster::start().await;
    let first = cluster.active(&IDS).await;
    register(&cluster.handle(first)).await.unwrap();
    assert_eq!(cluster.create(&IDS, "a").await, first);
    cluster.agree(&IDS, 1).await;

    let follower = IDS.into_iter().find(|id| *id != first).unwrap();
    let refused = create(&cluster.handle(follower), ["b".to_owned()]).await;
    let Err(MetadataError::NotController { leader_id }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(leader_id, Some(first));

    cluster.stop(first).await;
    let rest: Vec<i32> = IDS.into_iter().filter(|id| *id != first).collect();
    let lost = Instant::now();
    let second = cluster.create(&rest, "b").await;
    assert!(lost.elapsed() < Duration::from_secs(3), "{:?}", lost.elapsed());
    assert_ne!(second, first);
    cluster.agree(&rest, 2).await;

    cluster.start_nodes(&[first]).await;
    cluster.agree(&IDS, 2).await;
    assert_eq!(cluster.active(&IDS).await, second);
    cluster.create(&IDS, "c").await;
    cluster.agree(&IDS, 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_voter_that_was_cut_off_deposes_nobody_when_it_returns() {
    let cluster = Cluster::start().await;
    let leader = cluster.active(&IDS).await;
    register(&cluster.handle(leader)).await.unwrap();
    let epoch = cluster.epoch(leader);
    let away = IDS.into_iter().find(|id| *id != leader).unwrap();
    let rest: Vec<i32> = IDS.into_iter().filter(|id| *id != away).collect();
    for round in 0..3 {
        cluster.wires.cut_off(away);
        sleep(Duration::from_secs(20)).await;
        assert_eq!(cluster.create(&rest, &format!("topic-{round}")).await, leader);
        cluster.wires.heal();
        cluster.agree(&IDS, round + 1).await;
        sleep(Duration::from_secs(5)).await;
        assert_eq!(cluster.active(&IDS).await, leader);
    }
    assert_eq!(
        IDS.map(|id| cluster.epoch(id)),
        [epoch; 3],
        "nobody has stood for election"
    );
}

/// A leader without a majority stops being the controller before the others choose another, and what it was doing is not answered
/// with success.
#[tokio::test(start_paused = true)]
async fn a_leader_that_was_cut_off_steps_back() {
    let cluster = Cluster::start().await;
    let leader = cluster.active(&IDS).await;
    register(&cluster.handle(leader)).await.unwrap();
    cluster.agree(&IDS, 0).await;
    cluster.wires.cut_off(leader);
    let deposed = cluster.handle(leader);
    let lost = create(&deposed, ["lost".to_owned()]);
    let lost = timeout(Duration::from_secs(2), lost).await.unwrap();
    assert!(
        matches!(lost, Err(MetadataError::NotController { .. })),
        "{lost:?}"
    );
    assert!(!deposed.is_active());
    let again = create(&deposed, ["lost".to_owned()]).await;
    assert!(
        matches!(again, Err(MetadataError::NotController { .. })),
        "{again:?}"
    );

    let rest: Vec<i32> = IDS.into_iter().filter(|id| *id != leader).collect();
    let next = cluster.create(&rest, "kept").await;
    cluster.wires.heal();
    cluster.agree(&IDS, 1).await;
    assert_eq!(cluster.active(&IDS).await, next);
    assert!(cluster.nodes[&leader].image().topics.by_name("kept").is_some());
}

/// A node that was away for longer than the log reaches back gets a snapshot, and its image is as the others'.
#[tokio::test(start_paused = true)]
async fn a_voter_that_was_away_for_long_gets_a_snapshot() {
    let mut cluster = Cluster::start().await;
    let leader = cluster.active(&IDS).await;
    register(&cluster.handle(leader)).await.unwrap();
    let away = IDS.into_iter().find(|id| *id != leader).unwrap();
    cluster.stop(away).await;
    let rest: Vec<i32> = IDS.into_iter().filter(|id| *id != away).collect();
    for number in 0..120 {
        cluster.create(&rest, &format!("topic-{number}")).await;
    }
    cluster.start_nodes(&[away]).await;
    cluster.agree(&IDS, 120).await;
    assert!(cluster.wires.0.lock().snapshots > 0);
}

/// A voter gets a new disk while the others have all there is: the leader, which knows what it had, begins with it anew. Also the
/// one that would make a new log.
#[tokio::test(start_paused = true)]
async fn a_voter_that_comes_back_with_an_empty_disk_gets_everything_again() {
    let mut cluster = Cluster::start().await;
    let first = cluster.active(&IDS).await;
    register(&cluster.handle(first)).await.unwrap();
    for number in 0..4 {
        cluster.create(&IDS, &format!("topic-{number}")).await;
    }
    cluster.agree(&IDS, 4).await;
    let mut topics = 4;
    for id in IDS {
        let leader = cluster.active(&IDS).await;
        cluster.stop(id).await;
        let rest: Vec<i32> = IDS.into_iter().filter(|other| *other != id).collect();
        if id == leader {
            cluster.active(&rest).await;
        }
        cluster.agree(&rest, topics).await;
        cluster.disks.insert(id, SimulatedDisk::new());
        cluster.start_nodes(&[id]).await;
        cluster.create(&IDS, &format!("after-{id}")).await;
        topics += 1;
        cluster.agree(&IDS, topics).await;
    }
}

#[tokio::test(start_paused = true)]
async fn frames_of_others_and_frames_that_lie_are_refused() {
    let cluster = Cluster::start().await;
    cluster.active(&IDS).await;
    let door = cluster.nodes[&1].door();
    let frame = |kind, cluster_id: &str, body: &[u8]| Frame {
        kind,
        cluster_id: cluster_id.into(),
        body: body.to_vec().into(),
    };
    let kinds = [
        FrameKind::PreVote,
        FrameKind::Vote,
        FrameKind::AppendEntries,
        FrameKind::InstallSnapshot,
    ];
    for kind in kinds {
        assert_eq!(FrameKind::from_code(kind.code()), Some(kind));
        let other = door.handle(frame(kind, "cluster-b", &[])).await;
        assert_eq!(other, Err(PeerError::OtherCluster("cluster-b".into())));
        for body in [
            &b""[..],
            b"\0\0\0",
            b"\0\0\0\x05{}",
            b"\xff\xff\xff\xff{}",
            b"\0\0\0\x02{}",
        ] {
            let lying = door.handle(frame(kind, "cluster-a", body)).await;
            assert!(
                matches!(lying, Err(PeerError::Malformed(_))),
                "{kind:?} {lying:?}"
            );
        }
    }
    let stranger = br#"{"candidate":9,"last_log_id":null}"#;
    let body = [&(stranger.len() as u32).to_be_bytes()[..], stranger].concat();
    let refused = door.handle(frame(FrameKind::PreVote, "cluster-a", &body)).await;
    assert_eq!(refused, Err(PeerError::UnknownVoter(9)));
}

/// Whatever was answered is there, and known to the next decision, after the power failed everywhere at once, whenever that was.
#[tokio::test(start_paused = true)]
async fn what_was_answered_outlives_a_loss_of_power() {
    let mut cluster = Cluster::start().await;
    let leader = cluster.active(&IDS).await;
    register(&cluster.handle(leader)).await.unwrap();
    let mut answered = Vec::new();
    for round in 0..10u64 {
        let leader = cluster.active(&IDS).await;
        let mut submitting = JoinSet::new();
        for number in 0..20 {
            let (handle, name) = (cluster.handle(leader), format!("topic-{round}-{number}"));
            submitting.spawn(async move {
                sleep(Duration::from_millis(number)).await;
                let created = create(&handle, [name.clone()]).await.ok()?;
                assert_eq!(created, [true], "{name}");
                Some(name)
            });
        }
        sleep(Duration::from_millis(2 * round + 1)).await;
        for id in IDS {
            cluster.disks[&id].power_off();
            cluster.wires.disconnect(id);
        }
        for (_, node) in std::mem::take(&mut cluster.nodes) {
            // It may have failed at its disk.
            let _ = node.shutdown().await;
        }
        answered.extend(submitting.join_all().await.into_iter().flatten());
        for id in IDS {
            cluster.disks[&id].power_on();
        }
        cluster.start_nodes(&IDS).await;
        if let Some(last) = answered.last() {
            let leader = cluster.active(&IDS).await;
            let again = create(&cluster.handle(leader), [last.clone()]).await.unwrap();
            assert_eq!(again, [false], "{last} is there");
        }
        let leader = cluster.create(&IDS, &format!("after-{round}")).await;
        let image = cluster.nodes[&leader].image();
        for name in &answered {
            assert!(image.topics.by_name(name).is_some(), "{name} of round {round}");
        }
    }
    assert!(answered.len() > 20, "{}", answered.len());
}
