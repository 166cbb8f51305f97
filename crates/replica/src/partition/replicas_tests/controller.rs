//! What a controller decides for the one partition of the histories.

use super::NODES;
use crate::partition::core::isr::{IsrAnswer, IsrChange};
use crate::partition::core::{AliveBroker, Assignment, LeaderEpoch};

/// What the controller knows.
pub struct Controller {
    pub leader: i32,
    pub leader_epoch: i32,
    pub partition_epoch: i32,
    pub isr: Vec<i32>,
    pub alive: Vec<i32>,
    /// Under which the brokers have registered.
    pub broker_epochs: [i64; 3],
    /// Whether whoever is alive may lead.
    pub unclean: bool,
}

impl Controller {
    pub fn assignment(&self, to: i32) -> Assignment {
        let alive = self
            .alive
            .iter()
            .filter(|&&id| id != to)
            .map(|&broker_id| AliveBroker {
                broker_id,
                broker_epoch: self.broker_epochs[broker_id as usize],
                shutting_down: false,
            });
        Assignment {
            leader: self.leader,
            leader_epoch: LeaderEpoch(self.leader_epoch),
            partition_epoch: self.partition_epoch,
            replicas: NODES.to_vec(),
            isr: self.isr.clone(),
            alive: alive.collect(),
        }
    }

    /// The first of the ISR that is alive leads; the last of the ISR stays in it.
    pub fn elect(&mut self) {
        let in_isr = self.isr.iter().find(|id| self.alive.contains(id)).copied();
        let anybody = self.alive.first().copied().filter(|_| self.unclean);
        let leader = in_isr.or(anybody).unwrap_or(-1);
        if self.unclean && in_isr.is_none() && leader >= 0 {
            self.isr = vec![leader];
        }
        if leader != self.leader {
            self.leader = leader;
            self.leader_epoch += 1;
        }
        self.partition_epoch += 1;
    }

    pub fn fence(&mut self, id: i32) {
        self.alive.retain(|&other| other != id);
        if self.isr.len() > 1 {
            self.isr.retain(|&other| other != id);
        }
        self.elect();
    }

    pub fn alter(&mut self, change: &IsrChange) -> IsrAnswer {
        let current = (self.leader_epoch, self.partition_epoch);
        if current != (change.leader_epoch.0, change.partition_epoch) {
            return IsrAnswer::Outdated;
        }
        let is_eligible = |&(id, broker_epoch): &(i32, i64)| {
            let is_known = broker_epoch < 0 || broker_epoch == self.broker_epochs[id as usize];
            is_known && self.alive.contains(&id)
        };
        if !change.isr.iter().all(is_eligible) {
            return IsrAnswer::Refused;
        }
        self.isr = change.isr.iter().map(|(id, _)| *id).collect();
        self.partition_epoch += 1;
        IsrAnswer::Committed {
            leader_epoch: change.leader_epoch,
            partition_epoch: self.partition_epoch,
            isr: self.isr.clone(),
        }
    }
}
