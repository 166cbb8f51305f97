//! Client quotas at this node (KIP-13, KIP-124, KIP-219, KIP-599): what requests take is counted, and a
//! client that has taken too much is told for how long its connection pauses. Its answer goes out at once.
//!
//! While there is no quota, a flag is all that a request looks at.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use barnabas_config::BrokerConfig;
use barnabas_environment::Clock;
use barnabas_metadata::image::{CLIENT_ID, IP, MetadataDelta, MetadataImage, QuotaEntity, USER};
use barnabas_network::response::{Outcome, PendingReply, Reply};
use barnabas_network::rpc::RequestContext;
use barnabas_protocol::api::ApiKey;
use barnabas_protocol::frame::SIZE_PREFIX;
use barnabas_security::quotas::{Client, ClientQuotas, Limits, QuotaKind, QuotaPart, Windows};

/// See the module.
pub struct Throttling {
    quotas: ClientQuotas,
    clock: Clock,
}

impl Throttling {
    /// No quota yet.
    pub fn new(config: &BrokerConfig, clock: Clock) -> Self {
        let windows = |count: i32, size_seconds: i32| Windows {
            count: usize::try_from(count).unwrap_or(1),
            size_ms: i64::from(size_seconds) * 1000,
        };
        let quotas = ClientQuotas::new(
            windows(config.quota_window_num, config.quota_window_size_seconds),
            windows(
                config.controller_quota_window_num,
                config.controller_quota_window_size_seconds,
            ),
        );
        Throttling { quotas, clock }
    }

    /// Lets the quotas of an image take effect.
    pub fn apply(&self, image: &MetadataImage, delta: &MetadataDelta) {
        if delta.quotas_changed {
            self.quotas.set(|key| limits(image, key));
        }
    }

    /// The time, if there is any quota that it could matter for.
    pub fn begin(&self) -> Option<Instant> {
        self.quotas.is_any().then(|| self.clock.instant())
    }

    /// How long ago that was.
    pub fn since(&self, began: Option<Instant>) -> Duration {
        began.map_or(Duration::ZERO, |began| self.clock.instant() - began)
    }

    /// Counts a Produce whose body has so many bytes, and answers for how many milliseconds the client
    /// pauses.
    pub fn produce(&self, context: &RequestContext, body_bytes: usize) -> i32 {
        if !self.quotas.is_any() {
            return 0;
        }
        // The header: key, version, correlation id, the client id and its length.
        let bytes = 10 + context.client_id.len() + body_bytes;
        let (client, now_ms) = (client(context), self.clock.monotonic_ms());
        let pause_ms = self
            .quotas
            .record(QuotaKind::Produce, client, bytes as f64, now_ms);
        self.pause(context, pause_ms)
    }

    /// The most bytes that an answer to a consumer's Fetch may have.
    pub fn fetch_bytes_max(&self, context: &RequestContext) -> i32 {
        if !self.quotas.is_any() {
            return i32::MAX;
        }
        let most = self.quotas.most_at_once(QuotaKind::Fetch, client(context));
        most.map_or(i32::MAX, |most| most as i32)
    }

    /// Counts a consumer's Fetch that would be answered with so many bytes, and took so long. For as many
    /// milliseconds as this answers the client pauses, and gets no records.
    pub fn fetch(&self, context: &RequestContext, bytes: usize, spent: Duration) -> i32 {
        if !self.quotas.is_any() {
            return 0;
        }
        let (client, now_ms) = (client(context), self.clock.monotonic_ms());
        let of_time = self
            .quotas
            .record(QuotaKind::Request, client, percent(spent), now_ms);
        let of_bytes = self.quotas.record(QuotaKind::Fetch, client, bytes as f64, now_ms);
        let pause_ms = of_time.max(of_bytes);
        if pause_ms > 0 {
            self.quotas
                .take_back(QuotaKind::Fetch, client, bytes as f64, now_ms);
        }
        self.pause(context, pause_ms)
    }

    /// Counts changes of metadata; the number is for how many milliseconds the client pauses.
    ///
    /// # Errors
    /// The quota is used up, and the client knows what that is.
    pub fn mutate(&self, context: &RequestContext, changes: usize, is_strict: bool) -> Result<i32, i32> {
        if !self.quotas.is_any() {
            return Ok(0);
        }
        let now_ms = self.clock.monotonic_ms();
        let taken = self
            .quotas
            .mutate(client(context), changes as f64, is_strict, now_ms);
        let pause = |pause_ms| self.pause(context, pause_ms);
        taken.map(pause).map_err(pause)
    }

    /// Counts the time that a request took so far, and that it still takes, when it is answered.
    pub fn time(self: &Arc<Self>, context: RequestContext, spent: Duration, outcome: Outcome) -> Outcome {
        let (reply, is_exclusive) = match outcome {
            Outcome::Ready(reply) => return Outcome::Ready(self.answered(&context, spent, reply)),
            Outcome::Staged(reply) => (reply, false),
            Outcome::Exclusive(reply) => (reply, true),
        };
        let (throttling, clock) = (self.clone(), self.clock.clone());
        let timed: PendingReply = Box::pin(async move {
            let (reply, spent) = Timed { reply, clock, spent }.await;
            throttling.answered(&context, spent, reply)
        });
        match is_exclusive {
            true => Outcome::Exclusive(timed),
            false => Outcome::Staged(timed),
        }
    }

    /// Counts time that a request took; the answer says for how long the client pauses.
    fn answered(&self, context: &RequestContext, spent: Duration, reply: Reply) -> Reply {
        let (client, now_ms) = (client(context), self.clock.monotonic_ms());
        let pause_ms = self
            .quotas
            .record(QuotaKind::Request, client, percent(spent), now_ms);
        match self.pause(context, pause_ms) {
            0 => reply,
            pause_ms => told(context, reply, pause_ms),
        }
    }

    /// Has the client pause as another node has told it in a response, which begins with its header.
    pub fn heed(&self, context: &RequestContext, response: &[u8]) {
        let place = place(context.api_key, context.api_version).map(|place| place - SIZE_PREFIX);
        if let Some(place) = place
            && let Some(told) = response.get(place..place + 4)
        {
            let told = i32::from_be_bytes([told[0], told[1], told[2], told[3]]);
            self.pause(context, i64::from(told));
        }
    }

    fn pause(&self, context: &RequestContext, pause_ms: i64) -> i32 {
        if pause_ms <= 0 {
            return 0;
        }
        let pause = Duration::from_millis(pause_ms.unsigned_abs());
        context.connection.pause_for(pause);
        i32::try_from(pause_ms).unwrap_or(i32::MAX)
    }
}

/// A reply with the time that went into it; waiting doesn't count.
struct Timed {
    reply: PendingReply,
    clock: Clock,
    spent: Duration,
}

impl Future for Timed {
    type Output = (Reply, Duration);

    fn poll(mut self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        let began = self.clock.instant();
        let polled = self.reply.as_mut().poll(context);
        let now = self.clock.instant();
        self.spent += now - began;
        polled.map(|reply| (reply, self.spent))
    }
}

fn client(context: &RequestContext) -> Client<'_> {
    Client {
        user: &context.principal.name,
        client_id: &context.client_id,
    }
}

fn percent(spent: Duration) -> f64 {
    spent.as_secs_f64() * 100.0
}

/// The limits that the quotas of one key are.
fn limits(image: &MetadataImage, key: &str) -> Limits {
    let part = |entity: &QuotaEntity, kind: &str| match entity.get(kind) {
        None => QuotaPart::Absent,
        Some(None) => QuotaPart::Default,
        Some(Some(name)) => QuotaPart::Named(name.clone()),
    };
    let mut limits = Limits::default();
    for (entity, quotas) in image.quotas.iter() {
        if let Some(limit) = quotas.get(key)
            && !entity.contains_key(IP)
        {
            limits.add(part(entity, USER), part(entity, CLIENT_ID), *limit);
        }
    }
    limits
}

/// A reply that says for how many milliseconds the client pauses, where its version has a place for it. What
/// it says already, it says if it is more.
pub fn told(context: &RequestContext, mut reply: Reply, pause_ms: i32) -> Reply {
    if let Reply::Frame { head, rest } = &mut reply
        && let Some(place) = match context.api_key {
            ApiKey::Produce if rest.is_empty() => place_in_produce(context.api_version, head),
            key => place(key, context.api_version),
        }
        && let Some(field) = head.get_mut(place..place + 4)
    {
        let told = i32::from_be_bytes([field[0], field[1], field[2], field[3]]);
        field.copy_from_slice(&told.max(pause_ms).to_be_bytes());
    }
    reply
}

/// Where in the frame of a Produce's answer it is: last, before the tagged fields. `None` where there are
/// any, which only errors have.
fn place_in_produce(version: i16, head: &[u8]) -> Option<usize> {
    let tags = usize::from(ApiKey::Produce.is_flexible(version));
    let has_tagged_fields = tags == 1 && head.last() != Some(&0);
    head.len().checked_sub(4 + tags).filter(|_| !has_tagged_fields)
}

/// Where in a frame `throttle_time_ms` is; `None` where it has none, or where it has no fixed place.
fn place(key: ApiKey, version: i16) -> Option<usize> {
    let since = match key {
        // It lies behind lists: their handlers write it, or nobody misses it.
        ApiKey::Produce | ApiKey::ApiVersions => return None,
        ApiKey::SaslHandshake | ApiKey::SaslAuthenticate => return None,
        ApiKey::Metadata | ApiKey::OffsetCommit | ApiKey::OffsetFetch => 3,
        ApiKey::ListOffsets | ApiKey::JoinGroup => 2,
        ApiKey::FindCoordinator
        | ApiKey::Heartbeat
        | ApiKey::LeaveGroup
        | ApiKey::SyncGroup
        | ApiKey::DescribeGroups
        | ApiKey::ListGroups => 1,
        _ => 0,
    };
    let tags = usize::from(key.response_header_version(version) >= 1);
    let error_code = if key == ApiKey::OffsetDelete { 2 } else { 0 };
    (version >= since).then_some(SIZE_PREFIX + 4 + tags + error_code)
}
