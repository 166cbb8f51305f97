//! What the registry says of itself.

use super::Decided;
use crate::error::RegistryError;
use crate::json::{Json, object};

/// The registry whose interface this is, as clients ask for it to know what they may ask.
const VERSION: &str = "7.9.0";

/// `/v1/metadata/id` and `/v1/metadata/version`.
pub fn metadata(what: &str, cluster_id: &str) -> Result<Decided, RegistryError> {
    match what {
        "id" => {
            let clusters = object([
                ("kafka-cluster", cluster_id.into()),
                ("schema-registry-cluster", "schema-registry".into()),
            ]);
            let scope = object([("path", Json::Array(Vec::new())), ("clusters", clusters)]);
            Ok(Decided::told(object([("id", "".into()), ("scope", scope)])))
        }
        "version" => Ok(Decided::told(object([
            ("version", VERSION.into()),
            ("commitId", "".into()),
        ]))),
        _ => Err(RegistryError::new(404, "HTTP 404 Not Found")),
    }
}
