//! What all machines of a run share: the time and the network.

use std::net::{IpAddr, Ipv4Addr};

use barnabas_environment::{Clock, Random, SimulatedTime};
use barnabas_network::simulated::{Event, SimulatedNetwork};
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::Instant;

/// What the wall clock says at the beginning, milliseconds.
const WALL_MS: i64 = 1_700_000_000_000;

/// See the module.
#[derive(Clone)]
pub struct World {
    /// Everything in the run follows from it.
    pub seed: u64,
    /// When it began, by the paused clock of the runtime, which goes on when nothing else is to be done.
    origin: Instant,
    /// The network.
    pub network: SimulatedNetwork,
    /// What the history decides by.
    pub random: Random,
}

impl World {
    /// Runs a history to its end; answers all that the network has seen. On this thread alone, with neither
    /// the system's sockets nor its clock.
    pub fn run(seed: u64, history: impl AsyncFnOnce(World)) -> Vec<Event> {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without IO needs nothing that the system could refuse");
        LocalSet::new().block_on(&runtime, async {
            let origin = Instant::now();
            let random = Random::seeded(seed);
            let world = World {
                seed,
                origin,
                network: SimulatedNetwork::new(random.u64()),
                random,
            };
            let network = world.network.clone();
            history(world).await;
            network.trace()
        })
    }

    /// A machine's clocks. All go at the same pace; what a wall clock says can be set.
    pub fn own_clock(&self) -> (Clock, SimulatedTime) {
        let origin = self.origin;
        Clock::following(WALL_MS, move || origin.elapsed())
    }

    /// The address of a node's machine.
    pub fn address_of(node_id: i32) -> IpAddr {
        Self::address(1, node_id)
    }

    /// The address of the machine that a client runs on.
    pub fn address_of_client(client: i32) -> IpAddr {
        Self::address(2, client)
    }

    fn address(net: u8, host: i32) -> IpAddr {
        let host = u8::try_from(host).expect("a run has few hosts");
        IpAddr::V4(Ipv4Addr::new(10, 0, net, host))
    }
}
