//! Client quotas by entity (KIP-546).

use std::collections::BTreeMap;

/// A client entity: type (`user`, `client-id`, `ip`) to name, `None` for the default entity of that type.
pub type QuotaEntity = BTreeMap<String, Option<String>>;

/// The quotas of every entity that has some.
pub type QuotasImage = BTreeMap<QuotaEntity, BTreeMap<String, f64>>;
