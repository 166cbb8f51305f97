//! What a decision may look at beside the image and the request.

use barnabas_config::{BrokerConfig, ControllerRules};
use barnabas_security::delegation_tokens::TokenSecret;
use uuid::Uuid;

use super::BrokerHeartbeats;

/// The controller's static settings that decisions depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerSettings {
    /// This node's id.
    pub node_id: i32,
    /// `num.partitions`: for topics that are created with -1 partitions.
    pub default_num_partitions: i32,
    /// `default.replication.factor`: for topics that are created with a replication factor of -1.
    pub default_replication_factor: i16,
    /// `broker.session.timeout.ms`: so long after it was last heard a broker is fenced.
    pub broker_session_timeout_ms: i64,
    /// `leader.imbalance.check.interval.seconds`: how often partitions are given back to their preferred
    /// leaders; `None` without `auto.leader.rebalance.enable`.
    pub leader_rebalance_interval_ms: Option<i64>,
    /// Delegation tokens; `None` where there are none.
    pub tokens: Option<TokenSettings>,
}

/// What the controller makes delegation tokens of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSettings {
    /// `delegation.token.secret.key`.
    pub secret: TokenSecret,
    /// `delegation.token.max.lifetime.ms`.
    pub max_lifetime_ms: i64,
    /// `delegation.token.expiry.time.ms`.
    pub expiry_time_ms: i64,
    /// `delegation.token.expiry.check.interval.ms`.
    pub expiry_check_interval_ms: i64,
}

impl TokenSettings {
    /// Those of a node; `None` where it has no key.
    pub fn of(config: &BrokerConfig) -> Option<Self> {
        let key = config.delegation_token_secret_key.as_ref()?;
        Some(TokenSettings {
            secret: TokenSecret::new(&key.0)?,
            max_lifetime_ms: config.delegation_token_max_lifetime_ms,
            expiry_time_ms: config.delegation_token_expiry_time_ms,
            expiry_check_interval_ms: config.delegation_token_expiry_check_interval_ms,
        })
    }
}

/// Random numbers; a seeded source makes decisions repeatable.
pub trait Random: Send {
    /// A new random id.
    fn uuid(&mut self) -> Uuid;
    /// A number in `0..bound`; 0 when `bound` is 0.
    fn below(&mut self, bound: usize) -> usize;
}

impl Random for barnabas_environment::Random {
    fn uuid(&mut self) -> Uuid {
        barnabas_environment::Random::uuid(self)
    }

    fn below(&mut self, bound: usize) -> usize {
        barnabas_environment::Random::below(self, bound as u64) as usize
    }
}

/// Time, randomness and settings: everything a decision takes that isn't in the image.
pub struct DecideContext<'a> {
    /// Milliseconds since the epoch.
    pub now_ms: i64,
    /// Milliseconds of the monotonic clock: for sessions.
    pub now_monotonic_ms: i64,
    /// Whether this node is the only voter: nobody else can be the active controller.
    pub alone: bool,
    /// What is known of brokers and not in the image. The one thing that decisions change.
    pub heartbeats: &'a mut BrokerHeartbeats,
    /// The controller's settings.
    pub settings: &'a ControllerSettings,
    /// Topic ids and replica placement.
    pub random: &'a mut dyn Random,
    /// What configs there are and which values they take.
    pub rules: &'a ControllerRules,
    /// The epoch that a broker registered by this decision gets; above every earlier one.
    pub next_offset: i64,
}
