//! Keys and values that name a schema of the registry, as JSON beside what they are: for whoever may read the
//! registry's topic.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use barnabas_broker::schemas_topic::SCHEMAS_TOPIC;
use barnabas_registry::Decoder;
use barnabas_security::{AclOperation, KafkaPrincipal, Requester, ResourceType, Rights};
use barnabas_tools::client::records::Fetched;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::Asking;
use super::shown::{cut, schema_id};

/// Schemas that are read for one answer, or for one page that follows a topic.
const SCHEMAS_MAX: usize = 20;

/// See the module.
#[derive(Default)]
pub struct Decoding {
    known: BTreeMap<i32, Result<Decoder, String>>,
}

impl Decoding {
    /// Reads the schemas that records name.
    pub fn learn<'r>(&mut self, asking: &Asking, records: impl Iterator<Item = &'r Fetched>) {
        let named = records.flat_map(|record| [record.key.as_deref(), record.value.as_deref()]);
        let named = named.flatten().filter_map(schema_id);
        let is_new = |id: &i32| !matches!(self.known.get(id), Some(Ok(_)));
        let mut ids: Vec<i32> = named.filter(is_new).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.truncate(SCHEMAS_MAX.saturating_sub(self.known.len()));
        let running = asking.node.running();
        let broker = running.and_then(|running| running.broker.as_deref());
        let (Some(broker), false) = (broker, ids.is_empty()) else {
            return;
        };
        let principal = match &asking.user {
            Some(name) => KafkaPrincipal::user(name),
            None => KafkaPrincipal::anonymous(),
        };
        let requester = Requester {
            principal: &principal,
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            request: "SchemaRegistry",
        };
        let rights = Rights::new(&*broker.authorizer, requester);
        if !rights.on(AclOperation::Read, ResourceType::Topic, SCHEMAS_TOPIC) {
            return;
        }
        // This is a thread that may wait.
        match Handle::current().block_on(asking.node.schemas.decoders(broker, &ids)) {
            Ok(decoders) => self.known.extend(decoders),
            Err(error) => self
                .known
                .extend(ids.into_iter().map(|id| (id, Err(error.message.clone())))),
        }
    }

    /// Adds to what is shown of a record what its key and its value say, `most` bytes of each.
    pub fn add(&self, record: &Fetched, shown: &mut Value, most: usize) {
        for (name, bytes) in [("key", &record.key), ("value", &record.value)] {
            let Some(bytes) = bytes.as_deref() else { continue };
            let decoder = schema_id(bytes).and_then(|id| self.known.get(&id));
            let decoded = match decoder {
                None => continue,
                Some(Ok(decoder)) => decoder.decode(bytes.get(5..).unwrap_or_default()).map(|text| {
                    let part = cut(&text, most);
                    json!({ "type": decoder.schema_type().name(), "text": part, "cut": part.len() < text.len() })
                }),
                Some(Err(error)) => Err(error.clone()),
            };
            shown[name]["decoded"] = decoded.unwrap_or_else(|error| json!({ "error": error }));
        }
    }
}
