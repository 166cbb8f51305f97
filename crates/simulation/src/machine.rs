//! A machine with a node on it.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use barnabas_config::load::{Sources, load};
use barnabas_environment::{Clock, Environment, Random, SimulatedTime, Threads};
use barnabas_metadata::quorum::SimulatedDisk as MetadataDisk;
use barnabas_network::Network;
use barnabas_node::outside::Outside;
use barnabas_node::server::{Server, StartError};
use barnabas_storage::Disk;
use barnabas_storage::disk::simulated::{Loss, SimulatedDisk};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::World;

const PORT: u16 = 9092;
const CONTROLLER_PORT: u16 = 9093;

/// See the module. The node runs from [`Machine::start`] on.
pub struct Machine {
    world: World,
    node_id: i32,
    /// The nodes that vote in its cluster.
    voters: Vec<i32>,
    settings: Vec<(String, String)>,
    random: Random,
    clock: Clock,
    time: SimulatedTime,
    disk: SimulatedDisk,
    metadata: MetadataDisk,
    server: Option<Server>,
}

impl Machine {
    /// A machine with empty disks, whose node is a cluster of its own. The node is given `settings` beside
    /// its id, its folder and its listeners.
    pub fn new(world: &World, node_id: i32, settings: &[(&str, &str)]) -> Machine {
        Self::in_cluster(world, node_id, &[node_id], settings)
    }

    /// As [`Machine::new`], with a node that is broker and controller in the cluster of the `voters`, or a
    /// broker alone where it isn't one of them.
    pub fn in_cluster(world: &World, node_id: i32, voters: &[i32], settings: &[(&str, &str)]) -> Machine {
        let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        let (clock, time) = world.own_clock();
        Machine {
            clock,
            time,
            world: world.clone(),
            node_id,
            voters: voters.to_vec(),
            settings: settings.iter().map(owned).collect(),
            random: Random::seeded(world.random.u64()),
            disk: SimulatedDisk::new(world.random.u64()),
            metadata: MetadataDisk::new(),
            server: None,
        }
    }

    /// Its address.
    pub fn address(&self) -> IpAddr {
        World::address_of(self.node_id)
    }

    /// Where its node listens.
    pub fn listener(&self) -> SocketAddr {
        SocketAddr::new(self.address(), PORT)
    }

    /// The running node.
    pub fn server(&self) -> Option<&Server> {
        self.server.as_ref()
    }

    /// Starts the node; when this returns, it answers.
    ///
    /// # Panics
    /// It does not start, which is what a run is to find out.
    pub async fn start(&mut self) {
        let started = self.try_start(CancellationToken::new()).await;
        let (seed, node) = (self.world.seed, self.node_id);
        started.unwrap_or_else(|error| panic!("seed {seed}: node {node} does not start: {error}"));
    }

    /// Starts the node, unless that takes longer than `patience`: in a cluster it waits for the others. Says
    /// whether it answers.
    ///
    /// # Panics
    /// It does not start for another reason.
    pub async fn start_within(&mut self, patience: Duration) -> bool {
        let (seed, node) = (self.world.seed, self.node_id);
        let given_up = CancellationToken::new();
        let giving_up = given_up.clone();
        let started = self.try_start(given_up);
        tokio::pin!(started);
        let started = tokio::select! {
            biased;
            started = &mut started => started,
            () = sleep(patience) => {
                giving_up.cancel();
                started.await
            }
        };
        match started {
            Ok(()) => true,
            Err(_) if giving_up.is_cancelled() => false,
            Err(error) => panic!("seed {seed}: node {node} does not start: {error}"),
        }
    }

    async fn try_start(&mut self, given_up: CancellationToken) -> Result<(), StartError> {
        let mut given = vec![
            ("node.id", self.node_id.to_string()),
            ("log.dirs", "/data".to_owned()),
        ];
        if self.voters != [self.node_id] {
            let at = |id: &i32| format!("{}:{CONTROLLER_PORT}", World::address_of(*id));
            let voters: Vec<String> = self.voters.iter().map(|id| format!("{id}@{}", at(id))).collect();
            let is_voter = self.voters.contains(&self.node_id);
            let mut listeners = format!("PLAINTEXT://{}", self.listener());
            if is_voter {
                listeners += &format!(",CONTROLLER://{}", at(&self.node_id));
            }
            let roles = if is_voter { "broker,controller" } else { "broker" };
            given.extend([
                ("process.roles", roles.to_owned()),
                ("controller.listener.names", "CONTROLLER".to_owned()),
                ("controller.quorum.voters", voters.join(",")),
                ("listeners", listeners),
            ]);
        } else {
            given.push(("listeners", format!("PLAINTEXT://{}", self.listener())));
        }
        let mut overrides: Vec<_> = given
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        overrides.extend(self.settings.iter().cloned());
        let settings = load(&Sources {
            file: None,
            variables: None,
            listen: None,
            overrides,
            default_data_dir: PathBuf::new(),
        });
        let outside = Outside {
            environment: Environment {
                clock: self.clock.clone(),
                random: self.random.clone(),
                threads: Threads::Runtime,
            },
            disk: Disk::Simulated(self.disk.clone()),
            metadata: Some(self.metadata.metadata()),
            network: Network::Simulated(self.world.network.host(self.address())),
            metrics: None,
            receiver: None,
            tls: None,
            given_up,
        };
        let settings = settings.expect("the settings are valid");
        self.server = Some(Server::start(settings, outside).await?);
        Ok(())
    }

    /// Stops the node cleanly.
    ///
    /// # Panics
    /// It does not end cleanly.
    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            let seed = self.world.seed;
            let stopped = server.stop().await;
            stopped
                .unwrap_or_else(|error| panic!("seed {seed}: node {} does not stop: {error}", self.node_id));
        }
    }

    /// Somebody sets its wall clock: forward, or back where that is negative.
    pub fn set_wall_clock_forward(&self, by_ms: i64) {
        self.time.set_wall_clock_forward(by_ms);
    }

    /// It stands still: nothing of what is sent to it arrives, nothing that it sends leaves. Its clocks go
    /// on.
    pub fn pause(&self) {
        self.world.network.pause(self.address());
    }

    /// It goes on.
    pub fn resume(&self) {
        self.world.network.resume(self.address());
    }

    /// Whether the disk of its logs is full.
    pub fn fill_disk(&self, is_full: bool) {
        self.disk.fill(is_full);
    }

    /// Its process ends, and it gets new, empty disks.
    pub async fn wipe(&mut self) {
        self.lose_power(Loss::Nothing).await;
        self.disk = SimulatedDisk::new(self.random.u64());
        self.metadata = MetadataDisk::new();
    }

    /// The power will go after so many more changes of the disk, in the middle of whatever that is. The node
    /// goes on without noticing: nothing that it does is kept or seen any more. [`Machine::lose_power`] ends
    /// that.
    pub fn cut_power_after(&self, changes: usize) {
        self.disk.cut_power_after(changes);
        let disk = self.disk.clone();
        let has_power = move || disk.has_power();
        self.world.network.power(self.address(), has_power);
    }

    /// Whether the power is there.
    pub fn has_power(&self) -> bool {
        self.disk.has_power()
    }

    /// The power goes, unless it has gone already: the disk keeps what was synced, and what `loss` leaves of
    /// the rest.
    pub async fn lose_power(&mut self, loss: Loss) {
        self.world.network.power_off(self.address());
        self.world.network.power(self.address(), || true);
        self.metadata.power_off();
        self.disk = self.disk.after_crash(loss, &self.random);
        // What is left of the process can't reach anything any more; it only has to end.
        if let Some(server) = self.server.take() {
            let _ = server.stop().await;
        }
        self.metadata.power_on();
    }
}
