//! Links that fail, nodes that stand still, clocks that are set.

use std::net::IpAddr;

use tokio::time::sleep;

use super::{Fault, Running};

impl Running {
    pub(super) async fn link_fault(&mut self, fault: Fault) {
        if self.shared.calm.get() {
            return;
        }
        self.counted(fault);
        let network = self.shared.world.network.clone();
        let victim = self.victim();
        let other = self.other_than(victim);
        let (one, two) = (self.address(victim), self.address(other));
        match fault {
            Fault::CutLink => {
                network.cut(one, two);
                sleep(self.ms(100, 15_000)).await;
                network.mend(one, two);
            }
            Fault::CutOneWay => {
                network.cut_one_way(one, two);
                sleep(self.ms(100, 15_000)).await;
                network.mend(one, two);
            }
            Fault::CutOff => self.split(&[one], true).await,
            Fault::Split | Fault::SplitOneWay => {
                let side: Vec<IpAddr> = (0..self.shared.nodes.len())
                    .filter(|_| self.random.below(2) == 0)
                    .map(|place| self.address(place))
                    .collect();
                self.split(&side, fault == Fault::Split).await;
            }
            Fault::SlowLink => {
                let most = 50 + self.random.below(1_500);
                network.delay_link(one, two, Some(1..=most));
                sleep(self.ms(100, 15_000)).await;
                network.delay_link(one, two, None);
            }
            Fault::Pause => {
                network.pause(one);
                sleep(self.ms(50, 15_000)).await;
                network.resume(one);
            }
            Fault::WallClock => self.set_clock(victim).await,
            _ => network.delay(1..=1 + self.random.below(20)),
        }
    }

    fn other_than(&self, victim: usize) -> usize {
        let count = self.shared.nodes.len();
        let others = count.saturating_sub(1).max(1) as u64;
        (victim + 1 + self.random.below(others) as usize) % count
    }

    /// Cuts one side off from the other: what it sends, and both ways what it would receive.
    async fn split(&mut self, side: &[IpAddr], both_ways: bool) {
        let network = self.shared.world.network.clone();
        let all = (0..self.shared.nodes.len()).map(|place| self.address(place));
        let others: Vec<IpAddr> = all.filter(|address| !side.contains(address)).collect();
        let links = side
            .iter()
            .flat_map(|one| others.iter().map(move |other| (*one, *other)));
        let links: Vec<_> = links.collect();
        for (one, other) in &links {
            match both_ways {
                true => network.cut(*one, *other),
                false => network.cut_one_way(*one, *other),
            }
        }
        sleep(self.ms(100, 20_000)).await;
        for (one, other) in links {
            network.mend(one, other);
        }
    }

    /// Sets a wall clock by up to an hour and a half, and for the most part back again.
    async fn set_clock(&mut self, victim: usize) {
        const MOST_MS: i64 = 90 * 60 * 1000;
        let by_ms = self.random.below(2 * MOST_MS as u64 + 1) as i64 - MOST_MS;
        let Ok(machine) = self.shared.machines[victim].try_lock() else {
            return;
        };
        machine.set_wall_clock_forward(by_ms);
        drop(machine);
        if self.random.below(4) > 0 {
            sleep(self.ms(100, 10_000)).await;
            let machine = self.shared.machines[victim].lock().await;
            machine.set_wall_clock_forward(-by_ms);
        }
    }
}
