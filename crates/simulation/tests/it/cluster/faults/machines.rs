//! Nodes that die, stop, lose their power or their disks, and come back.
//!
//! Disks lose something only where no other has since all were in sync: an acknowledgement is a promise of
//! the replicas in sync, not of their disks, as in Apache Kafka. A process may die anywhere at any time, since
//! its disk keeps what it wrote.

use std::time::Duration;

use barnabas_simulation::Machine;
use barnabas_storage::disk::simulated::Loss;
use tokio::time::{Instant, sleep, timeout};

use super::{Fault, Running};
use crate::cluster::settle;

/// How long somebody waits until all is in sync.
const PATIENCE: Duration = Duration::from_secs(10);

impl Running {
    pub(super) async fn machine_fault(&mut self, fault: Fault) {
        let shared = self.shared.clone();
        let place = self.victim();
        let Ok(mut machine) = shared.machines[place].try_lock() else {
            return;
        };
        match fault {
            Fault::Death => {
                self.counted(fault);
                machine.lose_power(Loss::Nothing).await;
                sleep(self.ms(0, 5_000)).await;
                machine.start().await;
            }
            Fault::PowerCut => {
                if self.begin_loss().await {
                    self.counted(fault);
                    self.cut_power(&mut machine).await;
                    self.end_loss().await;
                }
            }
            Fault::Wipe => {
                if self.begin_loss().await {
                    machine.lose_power(Loss::Nothing).await;
                    sleep(self.ms(0, 3_000)).await;
                    if self.others_have_all(place) {
                        self.counted(fault);
                        machine.wipe().await;
                    }
                    machine.start().await;
                    self.end_loss().await;
                }
            }
            Fault::FullDisk => {
                self.counted(fault);
                self.fill_disk(&mut machine).await;
            }
            _ => {
                self.counted(fault);
                self.stop(&mut machine, place).await;
            }
        }
    }

    /// Waits for a while until all is in sync; says whether it is, and nobody else's disk loses anything.
    async fn begin_loss(&mut self) -> bool {
        if self.shared.disk_lost.get() {
            return false;
        }
        self.shared.calm.set(true);
        let end = Instant::now() + PATIENCE;
        let mut in_sync = self.all_in_sync().await;
        while !in_sync && Instant::now() < end {
            sleep(Duration::from_millis(200)).await;
            in_sync = self.all_in_sync().await;
        }
        self.shared.calm.set(false);
        let begins = in_sync && !self.shared.disk_lost.get();
        if begins {
            self.shared.disk_lost.set(true);
        }
        begins
    }

    /// The promise is kept by those that have it: nobody else may lose it until all are in sync again.
    async fn end_loss(&mut self) {
        while !self.all_in_sync().await && Instant::now() < self.shared.end {
            sleep(Duration::from_millis(200)).await;
        }
        self.shared.disk_lost.set(false);
    }

    async fn cut_power(&mut self, machine: &mut Machine) {
        machine.cut_power_after(self.random.below(60) as usize);
        for _ in 0..100 {
            if !machine.has_power() {
                break;
            }
            sleep(self.ms(1, 50)).await;
        }
        sleep(self.ms(0, 2_000)).await;
        machine.lose_power(Loss::Some).await;
        sleep(self.ms(0, 5_000)).await;
        machine.start().await;
    }

    /// Whether all that was promised is at others than this one, which is dead: they run, follow the same
    /// controller at the same offset, and are in sync wherever they have a replica.
    fn others_have_all(&self, dead: usize) -> bool {
        let mut seen = Vec::new();
        for (place, node) in self.shared.nodes.iter().enumerate() {
            if place == dead {
                continue;
            }
            let Ok(machine) = self.shared.machines[place].try_lock() else {
                return false;
            };
            let Some(image) = settle::image(&machine) else {
                return false;
            };
            if self.shared.voters.contains(node) {
                let controller = machine.server().and_then(|server| server.controller());
                let leader = controller.and_then(|controller| controller.leader_id());
                if leader.is_none_or(|leader| leader == self.shared.nodes[dead]) {
                    return false;
                }
                seen.push((leader, image.offset));
            }
            let dead = self.shared.nodes[dead];
            let topics = image.topics.iter();
            let mut partitions = topics.flat_map(|topic| topic.partitions.iter());
            let is_kept = partitions.all(|partition| {
                let mut others = partition.replicas.iter().filter(|id| **id != dead);
                others.all(|id| partition.isr.contains(id))
            });
            if !is_kept {
                return false;
            }
        }
        seen.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// The disk is full until the process has ended of it, or for a while.
    async fn fill_disk(&mut self, machine: &mut Machine) {
        machine.fill_disk(true);
        let patience = self.ms(100, 5_000);
        let server = machine.server().expect("it runs");
        let has_failed = timeout(patience, server.fatal()).await.is_ok();
        machine.fill_disk(false);
        if has_failed {
            machine.lose_power(Loss::Nothing).await;
            sleep(self.ms(0, 3_000)).await;
            machine.start().await;
        }
    }

    async fn stop(&mut self, machine: &mut Machine, place: usize) {
        let was_well = self.all_in_sync().await && self.shared.nodes.len() > 1;
        let under_way = self.shared.under_way.get();
        machine.stop().await;
        sleep(self.ms(0, 3_000)).await;
        if was_well {
            self.all_are_led_without(self.shared.nodes[place], under_way)
                .await;
        }
        machine.start().await;
    }

    /// Who stops has given away what it led, unless something else has happened meanwhile.
    async fn all_are_led_without(&mut self, stopped: i32, under_way: (usize, usize)) {
        let others = self.shared.nodes.iter().filter(|node| **node != stopped);
        for node in others {
            // The connection may be one to a process that has ended since.
            let mut metadata = self.client.metadata(Some(*node), None).await;
            if metadata.is_err() {
                metadata = self.client.metadata(Some(*node), None).await;
            }
            if under_way.0 > 1 || self.shared.under_way.get() != under_way {
                return;
            }
            let metadata = metadata.expect("who runs answers while nothing else goes wrong");
            let mut partitions = metadata.topics.iter().flat_map(|topic| &topic.partitions);
            assert!(
                partitions.all(|partition| ![-1, stopped].contains(&partition.leader_id.0)),
                "seed {}: {node} knows no leader since {stopped} has stopped: {:#?}",
                self.shared.world.seed,
                settle::summary(&metadata)
            );
        }
    }
}
