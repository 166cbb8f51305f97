//! Client quotas by entity (KIP-546). Finding is Kafka's `ClientQuotasImage.describe`.

use std::collections::BTreeMap;

/// The entity type of a user.
pub const USER: &str = "user";
/// The entity type of a client id.
pub const CLIENT_ID: &str = "client-id";
/// The entity type of an address.
pub const IP: &str = "ip";

/// A client entity: type ([`USER`], [`CLIENT_ID`], [`IP`]) to name, `None` for the default entity of that
/// type.
pub type QuotaEntity = BTreeMap<String, Option<String>>;

/// The quotas of every entity that has some.
pub type QuotasImage = BTreeMap<QuotaEntity, BTreeMap<String, f64>>;

/// Which entities are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuotaFilter {
    /// By entity type, what its name must be.
    pub parts: BTreeMap<String, QuotaMatch>,
    /// Whether an entity may have no other part than these.
    pub strict: bool,
}

/// What an entity's name of one type must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuotaMatch {
    /// Exactly this; `None` for the default.
    Exact(Option<String>),
    /// Anything.
    Any,
}

impl QuotaFilter {
    /// Whether an entity is looked for.
    pub fn matches(&self, entity: &QuotaEntity) -> bool {
        let matches = |(kind, wanted): (&String, &QuotaMatch)| match (entity.get(kind), wanted) {
            (Some(name), QuotaMatch::Exact(wanted)) => name == wanted,
            (found, QuotaMatch::Any) => found.is_some(),
            (None, QuotaMatch::Exact(_)) => false,
        };
        (!self.strict || entity.len() == self.parts.len()) && self.parts.iter().all(matches)
    }
}
