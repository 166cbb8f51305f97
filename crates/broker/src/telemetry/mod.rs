//! Metrics that clients push (KIP-714). Served only where somebody takes them, as in Apache Kafka, whose
//! broker offers it where a plugin receives them.
//!
//! [`subscription`] and [`instances`] decide; this is the shell, with the lock and the image.

mod instances;
mod subscription;

use std::sync::Arc;

use barnabas_metadata::image::{ConfigMap, MetadataImage};
use barnabas_metadata::records::ConfigResourceType;
use barnabas_protocol::error::ErrorCode;
use parking_lot::Mutex;
use uuid::Uuid;

use self::instances::Instances;
pub use self::instances::Push;
use self::subscription::Subscription;
pub use self::subscription::Wanted;

/// What is known of a client that pushes metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// The id that it was given or brought.
    pub instance_id: String,
    /// What it calls itself.
    pub client_id: String,
    /// Its library; empty where it has not said.
    pub software_name: String,
    /// The library's version.
    pub software_version: String,
    /// Where it comes from.
    pub source_address: String,
    /// The port there; empty, since connections don't keep it.
    pub source_port: String,
}

/// Takes what clients push.
pub trait MetricsReceiver: Send + Sync {
    /// Takes OTLP's `MetricsData`; answers whether it could be read.
    fn receive(&self, id: Uuid, client: &Client, metrics: &[u8]) -> bool;

    /// A client is gone.
    fn forget(&self, id: &Uuid);

    /// How many clients there are.
    fn known(&self, count: usize);
}

/// See the module.
pub struct Telemetry {
    receiver: Arc<dyn MetricsReceiver>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    instances: Instances,
    /// The image whose subscriptions those are.
    offset: Option<i64>,
    configs: Vec<Arc<ConfigMap>>,
}

impl State {
    fn follow(&mut self, image: &MetadataImage) {
        if self.offset == Some(image.offset) {
            return;
        }
        self.offset = Some(image.offset);
        let all = image.configs.iter();
        let mut found: Vec<_> = all
            .filter(|(resource, _)| resource.kind == ConfigResourceType::ClientMetrics)
            .collect();
        found.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        let configs: Vec<Arc<ConfigMap>> = found.into_iter().map(|(_, configs)| configs.clone()).collect();
        if configs != self.configs {
            let subscriptions = configs.iter().filter_map(|configs| Subscription::of(configs));
            self.instances.subscribe(subscriptions.collect());
            self.configs = configs;
        }
    }
}

impl Telemetry {
    /// With who takes the metrics.
    pub fn new(receiver: Arc<dyn MetricsReceiver>) -> Self {
        Telemetry {
            receiver,
            state: Mutex::default(),
        }
    }

    /// A client asks what it is asked for; answers that with its id.
    ///
    /// # Errors
    /// THROTTLING_QUOTA_EXCEEDED.
    pub fn get(
        &self,
        image: &MetadataImage,
        id: Uuid,
        client: &Client,
        now_ms: i64,
    ) -> Result<(i32, Wanted), ErrorCode> {
        self.turn(image, now_ms, |instances| instances.get(id, client, now_ms))
    }

    /// Whether a client may push, judged before its metrics are read.
    ///
    /// # Errors
    /// INVALID_REQUEST, THROTTLING_QUOTA_EXCEEDED, UNKNOWN_SUBSCRIPTION_ID, UNSUPPORTED_COMPRESSION_TYPE,
    /// TELEMETRY_TOO_LARGE.
    pub fn push(
        &self,
        image: &MetadataImage,
        (id, client): (Uuid, &Client),
        push: &Push,
        bytes_max: usize,
        now_ms: i64,
    ) -> Result<(), ErrorCode> {
        self.turn(image, now_ms, |instances| {
            instances.push(id, client, push, bytes_max, now_ms)
        })
    }

    /// Gives metrics on.
    ///
    /// # Errors
    /// INVALID_RECORD where they can't be read; `None` are those that could not be decompressed.
    pub fn receive(&self, id: Uuid, client: &Client, metrics: Option<&[u8]>) -> Result<(), ErrorCode> {
        if metrics.is_some_and(|metrics| self.receiver.receive(id, client, metrics)) {
            return Ok(());
        }
        self.state.lock().instances.unreadable(&id);
        Err(ErrorCode::InvalidRecord)
    }

    fn turn<R>(&self, image: &MetadataImage, now_ms: i64, act: impl FnOnce(&mut Instances) -> R) -> R {
        let mut state = self.state.lock();
        state.follow(image);
        let gone = state.instances.expire(now_ms);
        let outcome = act(&mut state.instances);
        self.receiver.known(state.instances.len());
        drop(state);
        gone.iter().for_each(|id| self.receiver.forget(id));
        outcome
    }
}
