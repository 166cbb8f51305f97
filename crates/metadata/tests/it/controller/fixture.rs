//! An image that decisions are made against, and a source of numbers that repeats itself.

use std::cell::RefCell;

use barnabas_config::{ControllerRules, Layers};
use barnabas_metadata::controller::{
    BrokerHeartbeats, ControllerSettings, Decide, DecideContext, Decision, Random, TokenSettings,
};
use barnabas_metadata::image::MetadataImage;
use barnabas_metadata::records::{BrokerRegistration, MetadataRecord};
use barnabas_protocol::messages::{BrokerId, StrBytes, TopicName};
use uuid::Uuid;

/// Counts ids up; always takes the first of several.
struct Counter(u128);

impl Random for Counter {
    fn uuid(&mut self) -> Uuid {
        self.0 += 1;
        Uuid::from_u128(self.0)
    }

    fn below(&mut self, _: usize) -> usize {
        0
    }
}

/// A cluster under test.
pub struct Cluster {
    pub image: MetadataImage,
    pub heartbeats: RefCell<BrokerHeartbeats>,
    /// The monotonic clock.
    pub now_ms: i64,
    /// Whether the controller is the only voter.
    pub alone: bool,
    /// What delegation tokens are made of.
    pub tokens: Option<TokenSettings>,
}

/// `broker.session.timeout.ms`.
pub const SESSION_MS: i64 = 9000;

impl Cluster {
    /// A cluster of these brokers: id and rack.
    pub fn of(brokers: &[(i32, Option<&str>)]) -> Self {
        let records: Vec<_> = brokers.iter().map(|(id, rack)| register(*id, *rack)).collect();
        Self::new(MetadataImage::empty().apply(&records, 1, 1).0)
    }

    /// One broker, number 1.
    pub fn of_one() -> Self {
        Self::of(&[(1, None)])
    }

    /// A cluster with this image, whose controller has just become active.
    pub fn new(image: MetadataImage) -> Self {
        let heartbeats = BrokerHeartbeats::new(SESSION_MS, None, &image, 0);
        Self {
            image,
            heartbeats: RefCell::new(heartbeats),
            now_ms: 0,
            alone: false,
            tokens: None,
        }
    }

    /// Decides without changing the image.
    pub fn decide<R: Decide>(&self, request: R) -> Decision<R::Reply> {
        let settings = ControllerSettings {
            node_id: 1,
            default_num_partitions: 2,
            default_replication_factor: 1,
            broker_session_timeout_ms: SESSION_MS,
            leader_rebalance_interval_ms: Some(300_000),
            tokens: self.tokens.clone(),
        };
        let mut ctx = DecideContext {
            now_ms: self.now_ms,
            now_monotonic_ms: self.now_ms,
            alone: self.alone,
            heartbeats: &mut self.heartbeats.borrow_mut(),
            settings: &settings,
            random: &mut Counter(100 * self.image.offset as u128),
            rules: &ControllerRules::new(Layers::default()),
            next_offset: self.image.offset + 1,
        };
        request.decide(&self.image, &mut ctx)
    }

    /// Decides and applies.
    pub fn submit<R: Decide>(&mut self, request: R) -> R::Reply {
        let decision = self.decide(request);
        self.apply(&decision.records);
        decision.reply
    }

    pub fn apply(&mut self, records: &[MetadataRecord]) {
        self.image = self.image.apply(records, self.image.offset + 1, 1).0;
    }
}

fn register(broker_id: i32, rack: Option<&str>) -> MetadataRecord {
    MetadataRecord::RegisterBroker(BrokerRegistration {
        broker_id,
        broker_epoch: 1,
        incarnation_id: Uuid::from_u128(1),
        endpoints: vec![],
        features: vec![],
        rack: rack.map(str::to_owned),
        fenced: false,
        in_controlled_shutdown: false,
        log_dirs: vec![Uuid::from_u128(1000 + broker_id as u128)],
        cordoned_log_dirs: vec![],
    })
}

pub fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

pub fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub fn broker_ids(ids: &[i32]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}
