//! Replication between brokers: which leaders this one follows, and what its own leaders ask of the
//! controller.
//!
//! What is followed follows from the image ([`Replication::apply`]). There is a fetcher for each broker that
//! leads something this one follows, and it ends with the last partition; the ISR manager begins with the
//! first leader that has a follower. A node that is alone has nothing of this.

mod dir_assignments;
mod exchange;
mod fetch_session;
mod fetcher;
mod fetcher_core;
mod isr_manager;
mod lost_leaders;
mod messages;
mod own_epoch;
mod range;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Weak};

use barnabas_metadata::channel::ControllerChannel;
use barnabas_metadata::image::{BrokersImage, MetadataDelta};
use barnabas_network::client::Connector;
use tokio::runtime::Handle;
use uuid::Uuid;

use self::exchange::TopicIdPartition;
use self::fetcher::{Fetcher, FetcherContext};
pub use self::lost_leaders::LostLeaders;
use self::own_epoch::OwnEpoch;
use crate::ReplicaManager;
use crate::partition::core::LeaderEpoch;

/// What replication needs of the node.
pub struct ReplicationContext {
    /// The way to the controllers.
    pub channel: Arc<dyn ControllerChannel>,
    /// How other brokers are reached.
    pub connector: Connector,
    /// Where what has no thread of its own runs.
    pub runtime: Handle,
    /// Under what this process registers as a broker.
    pub incarnation_id: Uuid,
}

/// See the module. Lives under a lock of the [`ReplicaManager`].
pub(crate) struct Replication {
    replicas: Weak<ReplicaManager>,
    context: ReplicationContext,
    listener: String,
    own_epoch: Arc<OwnEpoch>,
    /// By leader.
    sources: BTreeMap<i32, Source>,
    /// Who is followed by which fetcher, and in which epoch.
    followed: BTreeMap<TopicIdPartition, (i32, LeaderEpoch)>,
    isr_manager_runs: bool,
    dir_assignments_run: bool,
}

/// A broker that is followed.
struct Source {
    address: String,
    fetchers: Vec<Arc<Fetcher>>,
}

impl Source {
    fn fetcher(&self, key: TopicIdPartition) -> Option<&Arc<Fetcher>> {
        let mut hash = DefaultHasher::new();
        key.hash(&mut hash);
        let place = hash.finish() % self.fetchers.len().max(1) as u64;
        self.fetchers.get(place as usize)
    }
}

impl Replication {
    pub(crate) fn new(replicas: &Arc<ReplicaManager>, context: ReplicationContext) -> Self {
        let config = replicas.config();
        Replication {
            replicas: Arc::downgrade(replicas),
            listener: config.inter_broker_listener(),
            own_epoch: Arc::new(OwnEpoch::new(config.node_id, context.incarnation_id)),
            context,
            sources: BTreeMap::new(),
            followed: BTreeMap::new(),
            isr_manager_runs: false,
            dir_assignments_run: false,
        }
    }

    /// Follows all that there is to follow.
    pub(crate) fn begin(&mut self, brokers: &BrokersImage) {
        let Some(replicas) = self.replicas.upgrade() else {
            return;
        };
        if self.own_epoch.look(brokers) {
            // They had to wait for it.
            let fetchers = self.sources.values().flat_map(|source| &source.fetchers);
            fetchers.for_each(|fetcher| fetcher.wake());
        }
        if self.is_alone(brokers) {
            return;
        }
        self.run_dir_assignments(&replicas);
        let keys = all_keys(&replicas).chain(self.followed.keys().copied());
        let keys: BTreeSet<TopicIdPartition> = keys.collect();
        self.look_at(&replicas, brokers, keys.into_iter());
    }

    /// Follows what a delta says, once the partitions themselves have taken it over.
    pub(crate) fn apply(&mut self, brokers: &BrokersImage, delta: &MetadataDelta) {
        if !delta.brokers_changed.is_empty() {
            self.drop_moved(brokers);
            self.begin(brokers);
            return;
        }
        let Some(replicas) = self.replicas.upgrade().filter(|_| !self.is_alone(brokers)) else {
            return;
        };
        let deleted = delta.topics_deleted.iter().flat_map(|topic| {
            (0..)
                .zip(&topic.partitions)
                .map(|(partition, _)| TopicIdPartition {
                    topic_id: topic.id,
                    partition,
                })
        });
        let changed = delta.partitions.iter().flat_map(|(&topic_id, partitions)| {
            let both = partitions.created.iter().chain(&partitions.changed);
            both.map(move |&partition| TopicIdPartition { topic_id, partition })
        });
        self.look_at(&replicas, brokers, deleted.chain(changed));
    }

    /// Nobody is there to follow, or to be followed by.
    fn is_alone(&self, brokers: &BrokersImage) -> bool {
        brokers.len() < 2 && self.followed.is_empty()
    }

    fn look_at(
        &mut self,
        replicas: &Arc<ReplicaManager>,
        brokers: &BrokersImage,
        keys: impl Iterator<Item = TopicIdPartition>,
    ) {
        let mut touched: BTreeSet<i32> = BTreeSet::new();
        for key in keys {
            let partition = replicas.partitions().by_id(&key.topic_id, key.partition).ok();
            if partition
                .as_ref()
                .is_some_and(|partition| partition.leads_others())
            {
                self.run_isr_manager(replicas);
            }
            let leader = partition.and_then(|partition| partition.followed_leader());
            let leader = leader.filter(|(broker_id, _)| self.source(replicas, brokers, *broker_id));
            if self.followed.get(&key).copied() == leader {
                continue;
            }
            if let Some((before, _)) = self.followed.remove(&key)
                && let Some(fetcher) = self.sources.get(&before).and_then(|source| source.fetcher(key))
            {
                fetcher.change(|core| core.forget(key));
                touched.insert(before);
            }
            if let Some((broker_id, leader_epoch)) = leader
                && let Some(fetcher) = self
                    .sources
                    .get(&broker_id)
                    .and_then(|source| source.fetcher(key))
            {
                fetcher.change(|core| core.follow(key, leader_epoch));
                self.followed.insert(key, (broker_id, leader_epoch));
                touched.insert(broker_id);
            }
        }
        for broker_id in touched {
            let Some(source) = self.sources.get(&broker_id) else {
                continue;
            };
            if source.fetchers.iter().all(|fetcher| fetcher.is_idle()) {
                self.drop_source(broker_id);
            } else {
                source.fetchers.iter().for_each(|fetcher| fetcher.wake());
            }
        }
    }

    /// Whether a leader can be followed; its fetchers run then.
    fn source(&mut self, replicas: &Arc<ReplicaManager>, brokers: &BrokersImage, broker_id: i32) -> bool {
        if self.sources.contains_key(&broker_id) {
            return true;
        }
        let Some(address) = address(brokers, broker_id, &self.listener) else {
            return false;
        };
        let count = replicas.config().num_replica_fetchers.max(1);
        let fetchers = (0..count).map(|index| {
            let context = FetcherContext {
                replicas: replicas.clone(),
                broker_id,
                connector: self.context.connector.clone(),
                address: address.clone(),
                own_epoch: self.own_epoch.clone(),
            };
            let name = format!("fetcher-{index}-{broker_id}");
            Fetcher::start(
                name,
                context,
                &self.context.runtime,
                replicas.stopping().child_token(),
            )
        });
        match fetchers.collect() {
            Ok(fetchers) => {
                self.sources.insert(broker_id, Source { address, fetchers });
                true
            }
            Err(error) => {
                tracing::error!(%error, broker_id, "a leader can't be followed: the system refuses a thread");
                false
            }
        }
    }

    /// Leaves the leaders that have gone, or are reached elsewhere by now.
    fn drop_moved(&mut self, brokers: &BrokersImage) {
        let moved = |(&broker_id, source): (&i32, &Source)| {
            let now = address(brokers, broker_id, &self.listener);
            (now.as_ref() != Some(&source.address)).then_some(broker_id)
        };
        for broker_id in self.sources.iter().filter_map(moved).collect::<Vec<_>>() {
            self.drop_source(broker_id);
        }
    }

    fn drop_source(&mut self, broker_id: i32) {
        if let Some(source) = self.sources.remove(&broker_id) {
            source.fetchers.iter().for_each(|fetcher| fetcher.stop());
            if let Some(replicas) = self.replicas.upgrade() {
                replicas.lost_leaders().found(broker_id);
            }
            self.followed.retain(|_, (leader, _)| *leader != broker_id);
        }
    }

    fn run_isr_manager(&mut self, replicas: &Arc<ReplicaManager>) {
        if !std::mem::replace(&mut self.isr_manager_runs, true) {
            let (channel, own_epoch) = (self.context.channel.clone(), self.own_epoch.clone());
            let running = isr_manager::run(replicas.clone(), channel, own_epoch);
            self.context.runtime.spawn(running);
        }
    }

    fn run_dir_assignments(&mut self, replicas: &Arc<ReplicaManager>) {
        if !std::mem::replace(&mut self.dir_assignments_run, true) {
            let (channel, own_epoch) = (self.context.channel.clone(), self.own_epoch.clone());
            let running = dir_assignments::run(replicas.clone(), channel, own_epoch);
            self.context.runtime.spawn(running);
        }
    }
}

fn all_keys(replicas: &ReplicaManager) -> impl Iterator<Item = TopicIdPartition> {
    replicas
        .partitions()
        .all()
        .into_iter()
        .map(|partition| TopicIdPartition {
            topic_id: partition.id().topic_id,
            partition: partition.id().partition,
        })
}

/// Where a broker that is registered is reached by the brokers' listener.
fn address(brokers: &BrokersImage, broker_id: i32, listener: &str) -> Option<String> {
    let endpoint = brokers.get(&broker_id)?.endpoint(listener)?;
    Some(endpoint.address())
}
