//! What a decision may look at beside the image and the request.

use barnabas_config::ControllerRules;
use uuid::Uuid;

/// The controller's static settings that decisions depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerSettings {
    /// This node's id.
    pub node_id: i32,
    /// `num.partitions`: for topics that are created with -1 partitions.
    pub default_num_partitions: i32,
    /// `default.replication.factor`: for topics that are created with a replication factor of -1.
    pub default_replication_factor: i16,
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
    /// The controller's settings.
    pub settings: &'a ControllerSettings,
    /// Topic ids and replica placement.
    pub random: &'a mut dyn Random,
    /// What configs there are and which values they take.
    pub rules: &'a ControllerRules,
    /// The epoch that a broker registered by this decision gets; above every earlier one.
    pub next_offset: i64,
}
