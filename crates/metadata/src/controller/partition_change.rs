//! What follows for a partition from other replicas, another ISR, or another set of brokers that may lead:
//! reassignments that are complete, eligible leader replicas, the election. Kafka's
//! `PartitionChangeBuilder`; every decision about a partition that exists goes through it.

use barnabas_config::ControllerRules;
use uuid::Uuid;

use super::effective;
use crate::features::ELIGIBLE_LEADER_REPLICAS_VERSION;
use crate::image::{MetadataImage, PartitionImage, TopicImage};
use crate::records::{
    BrokerRegistration, LeaderRecoveryState, MetadataRecord, NO_LEADER, PartitionChangeRecord,
};

/// The reserved id of a directory that is not known.
pub(super) const UNASSIGNED: Uuid = Uuid::nil();
/// The reserved id of a directory that is lost: its replica is not online.
const LOST: Uuid = Uuid::from_u128(1);
/// Directory ids below are reserved.
const RESERVED_MAX: u128 = 100;

/// Whether a directory id stands for no directory.
pub(super) fn is_reserved(directory: &Uuid) -> bool {
    directory.as_u128() < RESERVED_MAX
}

/// Who is to lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Election {
    /// The leader stays if it can; else the first replica that is in sync.
    Online,
    /// The first replica, if it is in sync.
    Preferred,
    /// As `Online`; where nobody is in sync any replica that is alive.
    Unclean,
}

/// Which brokers count as active, apart from what the image says of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moved {
    /// A broker that is about to be fenced or to shut down.
    pub away: Option<i32>,
    /// A broker that is about to be unfenced.
    pub back: Option<i32>,
    /// A broker that was not stopped cleanly: what it has may be less than what it had.
    pub unclean: Option<i32>,
    /// Whether replicas count wherever they lie: a quorum of one hears of its own broker's directories at
    /// once.
    pub any_directory: bool,
}

/// What is the same for all partitions of a topic.
#[derive(Clone, Copy, Debug)]
pub(super) struct TopicRules {
    /// `min.insync.replicas`.
    min_isr: usize,
    /// Whether there are eligible leader replicas (KIP-966).
    elr: bool,
    /// `unclean.leader.election.enable`.
    unclean: bool,
}

impl TopicRules {
    /// Those of a topic.
    pub fn of(topic: &TopicImage, image: &MetadataImage, rules: &ControllerRules, node_id: i32) -> Self {
        let min_isr = effective::min_insync_replicas(&topic.name, image, rules, node_id);
        Self {
            min_isr: usize::try_from(min_isr).unwrap_or(1),
            elr: image.features.level(ELIGIBLE_LEADER_REPLICAS_VERSION) > 0,
            unclean: effective::unclean_leader_election(&topic.name, image, rules, node_id),
        }
    }

    /// The election that is held when a leader is gone.
    pub fn election(&self) -> Election {
        if self.unclean {
            Election::Unclean
        } else {
            Election::Online
        }
    }
}

/// See the module. What isn't set stays as it is.
pub(super) struct PartitionChange<'a> {
    image: &'a MetadataImage,
    partition: &'a PartitionImage,
    rules: TopicRules,
    moved: Moved,
    pub election: Election,
    pub isr: Vec<i32>,
    pub replicas: Vec<i32>,
    pub adding: Vec<i32>,
    pub removing: Vec<i32>,
    pub recovery: LeaderRecoveryState,
    /// Directories that replicas are known to lie in now.
    pub directories: Vec<(i32, Uuid)>,
    elr: Vec<i32>,
}

impl<'a> PartitionChange<'a> {
    /// No change yet.
    pub fn new(
        image: &'a MetadataImage,
        partition: &'a PartitionImage,
        rules: TopicRules,
        moved: Moved,
    ) -> Self {
        let elr = if rules.elr {
            partition.eligible_leader_replicas.clone()
        } else {
            Vec::new()
        };
        Self {
            image,
            partition,
            rules,
            moved,
            election: rules.election(),
            isr: partition.isr.clone(),
            replicas: partition.replicas.clone(),
            adding: partition.adding_replicas.clone(),
            removing: partition.removing_replicas.clone(),
            recovery: partition.leader_recovery_state,
            directories: Vec::new(),
            elr,
        }
    }

    /// What follows; `None` when nothing does.
    pub fn build(mut self, topic_id: Uuid, partition_id: i32) -> Option<MetadataRecord> {
        self.complete_reassignment();
        self.follow_elr();
        let partition = self.partition;
        let (leader, unclean) = self.elect();
        if unclean {
            // What the others have may be more than what the new leader has: they start over from it.
            self.isr = vec![leader];
            self.elr.clear();
            self.recovery = LeaderRecoveryState::Recovering;
        } else if self.elr.contains(&leader) {
            self.isr = vec![leader];
            self.elr.retain(|id| *id != leader);
        }
        self.keep_last_in_sync();
        let isr_changes = self.isr != partition.isr;
        let isr_empties = isr_changes && self.isr.is_empty();
        let removes = partition.replicas.iter().any(|id| !self.replicas.contains(id));
        // Naming the leader raises its epoch, which fences a replica that was taken away.
        let names_leader = leader != partition.leader || removes;
        let replicas_change = self.replicas != partition.replicas;
        let directories = self.new_directories();
        let last_known_elr = self.last_known_elr(leader, isr_empties);
        let change = PartitionChangeRecord {
            topic_id,
            partition_id,
            isr: isr_changes.then_some(self.isr),
            leader: names_leader.then_some(leader),
            replicas: replicas_change.then_some(self.replicas),
            removing_replicas: changed(self.removing, &partition.removing_replicas),
            adding_replicas: changed(self.adding, &partition.adding_replicas),
            directories,
            leader_recovery_state: (self.recovery != partition.leader_recovery_state)
                .then_some(self.recovery),
            eligible_leader_replicas: changed(self.elr, &partition.eligible_leader_replicas),
            last_known_elr,
        };
        let nothing = PartitionChangeRecord {
            topic_id,
            partition_id,
            ..PartitionChangeRecord::default()
        };
        (change != nothing).then_some(MetadataRecord::PartitionChange(change))
    }

    /// A reassignment is complete when all replicas to add are in sync, and others than those to remove.
    fn complete_reassignment(&mut self) {
        if self.adding.is_empty() && self.removing.is_empty() {
            return;
        }
        let removing = &self.removing;
        let isr: Vec<i32> = self
            .isr
            .iter()
            .copied()
            .filter(|id| !removing.contains(id))
            .collect();
        if isr.is_empty() || !self.adding.iter().all(|id| isr.contains(id)) {
            return;
        }
        self.replicas.retain(|id| !removing.contains(id));
        self.isr = isr;
        self.removing.clear();
        self.adding.clear();
    }

    /// Members that leave an ISR below its minimum have all that was committed, for the high watermark stood
    /// still from then on.
    fn follow_elr(&mut self) {
        if !self.rules.elr || self.isr.len() >= self.rules.min_isr.min(self.replicas.len()) {
            self.elr.clear();
            return;
        }
        let before = self.partition;
        self.elr.extend(&before.isr);
        let (isr, replicas, unclean) = (&self.isr, &self.replicas, self.moved.unclean);
        self.elr
            .retain(|id| !isr.contains(id) && replicas.contains(id) && unclean != Some(*id));
        self.elr.sort_unstable();
        self.elr.dedup();
    }

    /// Without eligible leader replicas the last of the ISR stays in it, for it alone has everything.
    fn keep_last_in_sync(&mut self) {
        if self.rules.elr || !self.isr.is_empty() {
            return;
        }
        let before = self.partition.isr.iter();
        self.isr = before.copied().filter(|id| self.replicas.contains(id)).collect();
        if self.isr.is_empty() {
            self.isr.extend(self.replicas.first());
        }
    }

    /// Who leads, and whether committed records may be lost by it.
    fn elect(&self) -> (i32, bool) {
        let current = self.partition.leader;
        let preferred = self.replicas.first().copied();
        if let (Election::Preferred, Some(first)) = (self.election, preferred)
            && self.can_lead(first)
        {
            return (first, false);
        }
        if self.can_lead(current) {
            return (current, false);
        }
        if let Some(leader) = self.replicas.iter().find(|id| self.can_lead(**id)) {
            return (*leader, false);
        }
        if self.election == Election::Preferred {
            return (NO_LEADER, false);
        }
        // Balanced recovery: nobody has all for certain, and who led last has the most.
        if let [last] = self.partition.last_known_elr[..]
            && self.rules.elr
            && self.elr.is_empty()
            && self.isr.is_empty()
            && self.replicas.contains(&last)
            && self.is_active(last)
        {
            return (last, true);
        }
        let alive = self.replicas.iter().find(|id| self.is_active(**id));
        match alive {
            Some(leader) if self.election == Election::Unclean => (*leader, true),
            _ => (NO_LEADER, false),
        }
    }

    fn can_lead(&self, broker_id: i32) -> bool {
        let eligible =
            self.isr.contains(&broker_id) || (self.isr.is_empty() && self.elr.contains(&broker_id));
        eligible && self.is_active(broker_id)
    }

    /// Whether a broker serves, and the directory that has its replica.
    fn is_active(&self, broker_id: i32) -> bool {
        let Moved {
            away,
            back,
            unclean,
            any_directory,
        } = self.moved;
        let Some(broker) = self.image.brokers.get(&broker_id) else {
            return false;
        };
        let active = back == Some(broker_id) || (!broker.fenced && !broker.in_controlled_shutdown);
        active
            && away != Some(broker_id)
            && unclean != Some(broker_id)
            && (any_directory || is_online(broker, self.directory(broker_id)))
    }

    /// Who led when the last replica left the ISR, for as long as nobody leads.
    fn last_known_elr(&self, leader: i32, isr_empties: bool) -> Option<Vec<i32>> {
        let before = &self.partition.last_known_elr;
        if !self.rules.elr {
            return changed(Vec::new(), before);
        }
        let led = self.partition.leader;
        if isr_empties && led != NO_LEADER {
            changed(vec![led], before)
        } else if leader != NO_LEADER {
            changed(Vec::new(), before)
        } else {
            None
        }
    }

    fn directory(&self, broker_id: i32) -> Uuid {
        let known = self.directories.iter().find(|(id, _)| *id == broker_id);
        let held = || {
            let index = self.partition.replicas.iter().position(|id| *id == broker_id)?;
            self.partition.directories.get(index).copied()
        };
        known
            .map(|(_, directory)| *directory)
            .or_else(held)
            .unwrap_or_else(|| {
                let broker = self.image.brokers.get(&broker_id);
                broker.map_or(UNASSIGNED, |broker| default_directory(broker))
            })
    }

    fn new_directories(&self) -> Option<Vec<Uuid>> {
        if self.replicas == self.partition.replicas && self.directories.is_empty() {
            return None;
        }
        let directories = self.replicas.iter().map(|id| self.directory(*id)).collect();
        changed(directories, &self.partition.directories)
    }
}

fn changed<T: PartialEq>(new: Vec<T>, old: &[T]) -> Option<Vec<T>> {
    (new != old).then_some(new)
}

/// Whether a directory serves, by what its broker said of it.
pub(super) fn is_online(broker: &BrokerRegistration, directory: Uuid) -> bool {
    match directory {
        LOST => false,
        _ if is_reserved(&directory) => true,
        _ => broker.log_dirs.is_empty() || broker.log_dirs.contains(&directory),
    }
}

/// Where a new replica will lie: a broker with several directories says so when it has chosen.
pub(super) fn default_directory(broker: &BrokerRegistration) -> Uuid {
    match broker.log_dirs[..] {
        [only] => only,
        _ => UNASSIGNED,
    }
}

/// The records of all partitions that `concerns` says yes to, when brokers come and go.
pub(super) fn when_moved(
    image: &MetadataImage,
    (rules, node_id): (&ControllerRules, i32),
    moved: Moved,
    concerns: impl Fn(&PartitionImage) -> bool,
) -> Vec<MetadataRecord> {
    let mut records = Vec::new();
    for topic in image.topics.iter() {
        let mut of_topic = None;
        for (partition_id, partition) in (0..).zip(&topic.partitions) {
            if !concerns(partition) {
                continue;
            }
            let rules = *of_topic.get_or_insert_with(|| TopicRules::of(topic, image, rules, node_id));
            let mut change = PartitionChange::new(image, partition, rules, moved);
            let gone = [moved.away, moved.unclean];
            change.isr.retain(|id| !gone.contains(&Some(*id)));
            records.extend(change.build(topic.id, partition_id));
        }
    }
    records
}
