//! A member of a share group (KIP-932): the coordinator assigns partitions, their leaders hand out records,
//! and are told what became of each.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::kafka_uuid;
use barnabas_protocol::messages::ShareFetchResponse;
use barnabas_protocol::messages::share_fetch_response::PartitionData;
use tokio::time::Instant;
use uuid::Uuid;

use super::coordinators::Coordinated;
use super::leaders::TopicPartition;
use super::pending::OnTheirWay;
use super::records::{Fetched, Room, records};
use super::share_heartbeat::{JOINING, LEAVING};
use super::share_session::{AcknowledgeType, IdPartition, Settled, ShareSession, ShareSettings};
use super::{Cluster, KafkaError, To};

/// The version of ShareFetch that is spoken; renewals go by ShareAcknowledge.
const FETCH: i16 = 1;
/// So many records are acquired at once at most, whatever a broker says.
const ACQUIRED_MOST: i64 = 1 << 24;
/// A pause before a leader that can't be asked at the moment is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// What a leader said to what became of records of a partition.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    /// The partition.
    pub partition: TopicPartition,
    /// The offsets of the records.
    pub offsets: BTreeMap<i64, AcknowledgeType>,
    /// Why it doesn't take it, if it doesn't.
    pub error: Option<KafkaError>,
}

type Answer = (Settled, Result<ShareFetchResponse, KafkaError>);

/// See the module.
pub struct ShareMember<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) group: String,
    settings: ShareSettings,
    pub(super) topic: String,
    pub(super) coordinator: To,
    pub(super) member_id: String,
    pub(super) epoch: i32,
    pub(super) assigned: BTreeSet<IdPartition>,
    names: BTreeMap<Uuid, String>,
    pub(super) leaders: BTreeMap<IdPartition, i32>,
    sessions: BTreeMap<i32, ShareSession>,
    on_their_way: OnTheirWay<'a, Answer>,
    settled: Settled,
    acknowledged: Vec<Acknowledged>,
    pub(super) next_heartbeat: Instant,
    /// When to look for leaders, where one is not known.
    pub(super) next_metadata: Option<Instant>,
}

impl<'a> ShareMember<'a> {
    /// Joins the group, to read a topic.
    ///
    /// # Errors
    /// The group doesn't take it.
    pub fn join(
        cluster: &'a Cluster,
        group: &str,
        settings: ShareSettings,
        topic: &str,
    ) -> Result<Self, KafkaError> {
        let mut member = ShareMember {
            cluster,
            group: group.to_owned(),
            settings,
            topic: topic.to_owned(),
            coordinator: cluster.coordinator(Coordinated::Group, group)?,
            member_id: kafka_uuid::encode(Uuid::new_v4()),
            epoch: JOINING,
            assigned: BTreeSet::new(),
            names: BTreeMap::new(),
            leaders: BTreeMap::new(),
            sessions: BTreeMap::new(),
            on_their_way: OnTheirWay::new(),
            settled: Settled::new(),
            acknowledged: Vec::new(),
            next_heartbeat: Instant::now(),
            next_metadata: None,
        };
        member.beat()?;
        Ok(member)
    }

    /// Waits for records, `patience` at most; there may be none. Tells first what became of others.
    ///
    /// # Errors
    /// The group has ended the membership for good, or a partition can't be read.
    pub fn poll(&mut self, patience: Duration) -> Result<Vec<Fetched>, KafkaError> {
        let until = Instant::now() + patience;
        loop {
            if self.next_heartbeat <= Instant::now() {
                self.beat()?;
            }
            if self.next_metadata.is_some_and(|at| at <= Instant::now()) {
                self.find_leaders()?;
            }
            self.send();
            let wake = self.next_metadata.map_or(until, |at| at.min(until));
            let first = self.on_their_way.first(wake.min(self.next_heartbeat));
            if let Some((leader, (settled, answer))) = self.cluster.wait(first) {
                let found = self.take(leader, settled, answer)?;
                if !found.is_empty() {
                    return Ok(found);
                }
            }
            if Instant::now() >= until {
                return Ok(Vec::new());
            }
        }
    }

    /// Notes what became of a record, to be told with the next [`ShareMember::poll`] or
    /// [`ShareMember::commit`].
    pub fn settle(&mut self, record: &Fetched, kind: AcknowledgeType) {
        let named = self.names.iter().filter(|(_, name)| **name == record.topic);
        let mut ids: Vec<Uuid> = named.map(|(id, _)| *id).collect();
        // A topic that was made anew has two.
        ids.sort_by_key(|id| self.assigned.contains(&(*id, record.partition)));
        if let Some(id) = ids.pop() {
            let of_partition = self.settled.entry((id, record.partition)).or_default();
            of_partition.insert(record.offset, kind);
        }
    }

    /// Tells the leaders what became of records.
    pub fn commit(&mut self) {
        let of_leaders = self.settled_by_leader();
        for (leader, settled) in of_leaders {
            self.tell(leader, settled, false);
        }
    }

    /// What leaders have said since this was last asked.
    pub fn acknowledged(&mut self) -> Vec<Acknowledged> {
        std::mem::take(&mut self.acknowledged)
    }

    /// Tells what became of records, gives back those that were acquired only, and leaves the group.
    pub fn close(&mut self) {
        self.on_their_way.clear();
        let mut of_leaders = self.settled_by_leader();
        for leader in std::mem::take(&mut self.sessions).into_keys() {
            let settled = of_leaders.remove(&leader).unwrap_or_default();
            self.tell(leader, settled, true);
        }
        // The session ends by itself where nobody hears it.
        drop(self.heartbeat(LEAVING));
    }

    /// What is to be told, by whom it concerns; what concerns nobody any more has failed.
    fn settled_by_leader(&mut self) -> BTreeMap<i32, Settled> {
        let mut of_leaders: BTreeMap<i32, Settled> = BTreeMap::new();
        for (partition, offsets) in std::mem::take(&mut self.settled) {
            let leader = self.leaders.get(&partition).copied();
            let is_open = |leader: &i32| self.sessions.get(leader).is_some_and(|session| !session.is_new());
            match leader.filter(is_open) {
                Some(leader) => {
                    of_leaders.entry(leader).or_default().insert(partition, offsets);
                }
                None => {
                    let code = ErrorCode::InvalidShareSessionEpoch.code();
                    self.note(partition, offsets, Some(KafkaError::of_code(code, None)));
                }
            }
        }
        of_leaders
    }

    fn note(
        &mut self,
        partition: IdPartition,
        mut offsets: BTreeMap<i64, AcknowledgeType>,
        error: Option<KafkaError>,
    ) {
        offsets.retain(|_, kind| *kind != AcknowledgeType::Gap);
        let name = self.names.get(&partition.0).cloned().unwrap_or_default();
        if !offsets.is_empty() {
            self.acknowledged.push(Acknowledged {
                partition: (name, partition.1),
                offsets,
                error,
            });
        }
    }

    fn tell(&mut self, leader: i32, settled: Settled, is_last: bool) {
        let who = (self.group.as_str(), self.member_id.as_str());
        let session = self.sessions.entry(leader).or_default();
        let request = session.acknowledge(who, &settled, is_last);
        let asked = self.cluster.call_once(To::Reader(leader), i16::MAX, &request);
        let answer = self.cluster.wait(asked).and_then(|answer| {
            KafkaError::check(answer.error_code, answer.error_message.as_deref())?;
            Ok(answer)
        });
        if answer.is_err() {
            self.sessions.remove(&leader);
        }
        for (at, offsets) in settled {
            let error = match &answer {
                Err(error) => Some(error.clone()),
                Ok(answer) => {
                    let topics = answer.responses.iter().filter(|topic| topic.topic_id == at.0);
                    let mut partitions = topics.flat_map(|topic| &topic.partitions);
                    partitions
                        .find(|partition| partition.partition_index == at.1)
                        .and_then(|said| {
                            KafkaError::check(said.error_code, said.error_message.as_deref()).err()
                        })
                }
            };
            self.note(at, offsets, error);
        }
    }

    fn find_leaders(&mut self) -> Result<(), KafkaError> {
        self.next_metadata = None;
        // What has been delivered of a topic that is assigned no longer is settled yet.
        let ids = self.assigned.iter().map(|(id, _)| id);
        self.names.extend(self.cluster.topic_names(ids)?);
        let topics: Vec<String> = self.names.values().cloned().collect();
        let leaders = match self.assigned.is_empty() {
            true => BTreeMap::new(),
            false => self.cluster.leaders(&topics, false)?,
        };
        self.leaders.clear();
        for (id, index) in &self.assigned {
            let name = self.names.get(id).cloned().unwrap_or_default();
            match leaders.get(&(name, *index)) {
                Some(Some(leader)) => {
                    self.leaders.insert((*id, *index), *leader);
                }
                _ => self.next_metadata = Some(Instant::now() + PAUSE),
            }
        }
        Ok(())
    }

    /// Asks each leader that isn't asked yet, and takes leave of those that lead nothing any more.
    fn send(&mut self) {
        let mut wanted: BTreeMap<i32, BTreeSet<IdPartition>> = BTreeMap::new();
        for (partition, leader) in &self.leaders {
            wanted.entry(*leader).or_default().insert(*partition);
        }
        let mut of_leaders = self.settled_by_leader();
        let idle = |leader: &&i32| !wanted.contains_key(leader) && !self.on_their_way.to(**leader);
        let gone: Vec<i32> = self.sessions.keys().filter(idle).copied().collect();
        for leader in gone {
            self.tell(leader, of_leaders.remove(&leader).unwrap_or_default(), true);
            self.sessions.remove(&leader);
        }
        for (leader, partitions) in wanted {
            if self.on_their_way.to(leader) {
                continue;
            }
            let settled = of_leaders.remove(&leader).unwrap_or_default();
            let who = (self.group.as_str(), self.member_id.as_str());
            let session = self.sessions.entry(leader).or_default();
            let request = session.fetch(who, &self.settings, partitions, &settled);
            let cluster = self.cluster;
            self.on_their_way.add(leader, async move {
                let answer = cluster.call_once(To::Reader(leader), FETCH, &request).await;
                (settled, answer)
            });
        }
        // For leaders that are being asked: with their next request.
        self.settled.extend(of_leaders.into_values().flatten());
    }

    fn take(
        &mut self,
        leader: i32,
        settled: Settled,
        answer: Result<ShareFetchResponse, KafkaError>,
    ) -> Result<Vec<Fetched>, KafkaError> {
        let answer = answer.and_then(|answer| {
            KafkaError::check(answer.error_code, answer.error_message.as_deref())?;
            Ok(answer)
        });
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.is_retriable() => {
                self.sessions.remove(&leader);
                self.next_metadata = Some(Instant::now() + PAUSE);
                for (partition, offsets) in settled {
                    self.note(partition, offsets, Some(error.clone()));
                }
                // Not at once again.
                self.leaders.retain(|_, led_by| *led_by != leader);
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let mut said: BTreeMap<IdPartition, KafkaError> = BTreeMap::new();
        let mut found = Vec::new();
        let mut room = Room::new(self.settings.decompressed_max);
        for topic in &answer.responses {
            for partition in &topic.partitions {
                let at = (topic.topic_id, partition.partition_index);
                let (code, message) = (
                    partition.acknowledge_error_code,
                    partition.acknowledge_error_message.as_deref(),
                );
                if let Err(error) = KafkaError::check(code, message) {
                    said.insert(at, error);
                }
                match ErrorCode::from_code(partition.error_code) {
                    Some(ErrorCode::None) => found.extend(self.acquired(at, partition, &mut room)?),
                    Some(error) if error.retriable() => self.next_metadata = Some(Instant::now() + PAUSE),
                    _ => {
                        let message = partition.error_message.as_deref();
                        return Err(KafkaError::of_code(partition.error_code, message));
                    }
                }
            }
        }
        for (partition, offsets) in settled {
            self.note(partition, offsets, said.remove(&partition));
        }
        Ok(found)
    }

    /// The records of a partition that were acquired, and settles offsets at which there is none.
    fn acquired(
        &mut self,
        at: IdPartition,
        partition: &PartitionData,
        room: &mut Room,
    ) -> Result<Vec<Fetched>, KafkaError> {
        if partition.acquired_records.is_empty() {
            return Ok(Vec::new());
        }
        let name = self.names.get(&at.0).cloned().unwrap_or_default();
        let bytes = partition.records.as_deref().unwrap_or_default();
        let (read, next) = records(&name, at.1, 0, bytes, None, room)?;
        let mut read = read.into_iter().peekable();
        let mut found = Vec::new();
        for run in &partition.acquired_records {
            if run.last_offset.saturating_sub(run.first_offset) > ACQUIRED_MOST {
                let (first, last) = (run.first_offset, run.last_offset);
                return Err(KafkaError::plain(format!(
                    "{name}-{}: acquired {first} to {last}",
                    at.1
                )));
            }
            for offset in run.first_offset..=run.last_offset {
                while read.next_if(|record| record.offset < offset).is_some() {}
                match read.next_if(|record| record.offset == offset) {
                    Some(record) => found.push(Fetched {
                        deliveries: Some(run.delivery_count),
                        ..record
                    }),
                    None => {
                        let kind = match offset < next {
                            true => AcknowledgeType::Gap,
                            false => AcknowledgeType::Release,
                        };
                        self.settled.entry(at).or_default().insert(offset, kind);
                    }
                }
            }
        }
        Ok(found)
    }
}
