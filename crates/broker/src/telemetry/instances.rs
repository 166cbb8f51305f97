//! The clients that push metrics, each with what it was asked for: Apache Kafka's `ClientMetricsManager`,
//! as a core that is told the time.

use std::collections::HashMap;

use barnabas_protocol::error::ErrorCode;
use uuid::Uuid;

use super::Client;
use super::subscription::{Subscription, Wanted};

/// Clients that are remembered; the one that has been silent longest goes first.
const INSTANCES_MAX: usize = 16_384;
/// A client that is silent so long is forgotten, or for three of its intervals if they are longer,
/// milliseconds.
const EXPIRY_MS: i64 = 60_000;

/// One client.
#[derive(Debug)]
struct Instance {
    client: Client,
    wanted: Wanted,
    /// Of which state of the subscriptions that is.
    version: u64,
    last_get_ms: Option<i64>,
    last_push_ms: Option<i64>,
    /// Its last push was refused so.
    last_error: ErrorCode,
    /// It has said that it goes.
    terminating: bool,
    expires_ms: i64,
}

impl Instance {
    fn last_ms(&self) -> Option<i64> {
        self.last_get_ms.max(self.last_push_ms)
    }

    fn is_due(&self, now_ms: i64) -> bool {
        let interval_ms = i64::from(self.wanted.interval_ms);
        self.last_ms()
            .is_none_or(|last_ms| now_ms - last_ms >= interval_ms)
    }

    /// A client that was refused for another reason than its haste may ask at once.
    fn may_get(&mut self, now_ms: i64) -> bool {
        if self.is_due(now_ms) {
            self.last_get_ms = Some(now_ms);
            return true;
        }
        matches!(
            self.last_error,
            ErrorCode::UnknownSubscriptionId | ErrorCode::UnsupportedCompressionType
        )
    }

    /// The first push after it has asked may come at any time.
    fn may_push(&mut self, now_ms: i64) -> bool {
        let may = self.last_get_ms > self.last_push_ms || self.is_due(now_ms);
        if may {
            self.last_push_ms = Some(now_ms);
        }
        may
    }
}

/// A push, as far as it is judged before its metrics are read.
#[derive(Clone, Copy, Debug)]
pub struct Push {
    /// What the client believes to be asked for.
    pub subscription_id: i32,
    /// Whether it goes.
    pub terminating: bool,
    /// Whether its compression is one of Kafka's.
    pub is_known_compression: bool,
    /// Its size.
    pub bytes: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Instances {
    subscriptions: Vec<Subscription>,
    version: u64,
    instances: HashMap<Uuid, Instance>,
}

impl Instances {
    /// Other metrics are wanted from now on.
    pub fn subscribe(&mut self, subscriptions: Vec<Subscription>) {
        self.subscriptions = subscriptions;
        self.version += 1;
    }

    /// How many clients there are.
    pub fn len(&self) -> usize {
        self.instances.len()
    }

    /// A client asks what it is asked for; answers that with its id.
    ///
    /// # Errors
    /// THROTTLING_QUOTA_EXCEEDED for one that comes before its interval is over.
    pub fn get(&mut self, id: Uuid, client: &Client, now_ms: i64) -> Result<(i32, Wanted), ErrorCode> {
        let instance = self.instance(id, client, now_ms);
        if !instance.may_get(now_ms) {
            return Err(ErrorCode::ThrottlingQuotaExceeded);
        }
        instance.last_error = ErrorCode::None;
        Ok((instance.wanted.id(), instance.wanted.clone()))
    }

    /// A client pushes metrics.
    ///
    /// # Errors
    /// INVALID_REQUEST after its last push, THROTTLING_QUOTA_EXCEEDED, UNKNOWN_SUBSCRIPTION_ID,
    /// UNSUPPORTED_COMPRESSION_TYPE, TELEMETRY_TOO_LARGE.
    pub fn push(
        &mut self,
        id: Uuid,
        client: &Client,
        push: &Push,
        bytes_max: usize,
        now_ms: i64,
    ) -> Result<(), ErrorCode> {
        let instance = self.instance(id, client, now_ms);
        let judged = if instance.terminating {
            Err(ErrorCode::InvalidRequest)
        } else if !instance.may_push(now_ms) && !push.terminating {
            Err(ErrorCode::ThrottlingQuotaExceeded)
        } else if push.subscription_id != instance.wanted.id() {
            Err(ErrorCode::UnknownSubscriptionId)
        } else if !push.is_known_compression {
            Err(ErrorCode::UnsupportedCompressionType)
        } else if push.bytes > bytes_max {
            Err(ErrorCode::TelemetryTooLarge)
        } else {
            Ok(())
        };
        instance.last_error = judged.err().unwrap_or(ErrorCode::None);
        instance.terminating = push.terminating;
        judged
    }

    /// Its metrics could not be read.
    pub fn unreadable(&mut self, id: &Uuid) {
        if let Some(instance) = self.instances.get_mut(id) {
            instance.last_error = ErrorCode::InvalidRecord;
        }
    }

    /// Forgets clients that have been silent for long; answers which.
    pub fn expire(&mut self, now_ms: i64) -> Vec<Uuid> {
        let silent = self
            .instances
            .extract_if(|_, instance| instance.expires_ms <= now_ms);
        silent.map(|(id, _)| id).collect()
    }

    fn instance(&mut self, id: Uuid, client: &Client, now_ms: i64) -> &mut Instance {
        let is_current = |instance: &Instance| instance.version == self.version;
        if !self.instances.get(&id).is_some_and(is_current) {
            // As in Apache Kafka one that is asked for something new begins anew.
            let client = self
                .instances
                .remove(&id)
                .map_or(client.clone(), |old| old.client);
            if self.instances.len() >= INSTANCES_MAX {
                let first = self
                    .instances
                    .iter()
                    .min_by_key(|(_, instance)| instance.expires_ms);
                if let Some(first) = first.map(|(id, _)| *id) {
                    self.instances.remove(&first);
                }
            }
            let instance = Instance {
                wanted: Wanted::of(&self.subscriptions, &client),
                client,
                version: self.version,
                last_get_ms: None,
                last_push_ms: None,
                last_error: ErrorCode::None,
                terminating: false,
                expires_ms: 0,
            };
            self.instances.insert(id, instance);
        }
        let instance = self
            .instances
            .get_mut(&id)
            .expect("it was put there if it was not there");
        let silent_ms = EXPIRY_MS.max(i64::from(instance.wanted.interval_ms) * 3);
        instance.expires_ms = now_ms + silent_ms;
        instance
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const ID: Uuid = Uuid::from_u128(7);

    fn instances() -> Instances {
        let settings = [("metrics", "a"), ("interval.ms", "1000")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut instances = Instances::default();
        instances.subscribe(vec![Subscription::of(&BTreeMap::from(settings)).unwrap()]);
        instances
    }

    fn push(subscription_id: i32) -> Push {
        Push {
            subscription_id,
            terminating: false,
            is_known_compression: true,
            bytes: 10,
        }
    }

    #[test]
    fn a_client_asks_and_pushes_once_each_interval() {
        let (mut instances, client) = (instances(), Client::default());
        let (id, wanted) = instances.get(ID, &client, 0).unwrap();
        assert_eq!((wanted.metrics, wanted.interval_ms), (vec!["a".to_owned()], 1000));
        let mut at = |now_ms, push: Push| instances.push(ID, &client, &push, 100, now_ms);
        assert_eq!(at(10, push(id)), Ok(()));
        assert_eq!(at(900, push(id)), Err(ErrorCode::ThrottlingQuotaExceeded));
        assert_eq!(at(1010, push(id)), Ok(()));
        assert_eq!(at(2010, push(id + 1)), Err(ErrorCode::UnknownSubscriptionId));
        assert!(instances.get(ID, &client, 2020).is_ok());
        let mut at = |now_ms, push: Push| instances.push(ID, &client, &push, 100, now_ms);
        let odd = Push {
            is_known_compression: false,
            ..push(id)
        };
        assert_eq!(at(3020, odd), Err(ErrorCode::UnsupportedCompressionType));
        let large = Push {
            bytes: 101,
            ..push(id)
        };
        assert_eq!(at(4020, large), Err(ErrorCode::TelemetryTooLarge));
        assert_eq!(
            instances.get(ID, &client, 4030),
            Err(ErrorCode::ThrottlingQuotaExceeded)
        );
        let last = Push {
            terminating: true,
            ..push(id)
        };
        assert_eq!(instances.push(ID, &client, &last, 100, 4040), Ok(()));
        assert_eq!(
            instances.push(ID, &client, &push(id), 100, 9000),
            Err(ErrorCode::InvalidRequest)
        );
    }

    #[test]
    fn other_subscriptions_are_told_at_once_and_the_silent_are_forgotten() {
        let (mut instances, client) = (instances(), Client::default());
        let (id, _) = instances.get(ID, &client, 0).unwrap();
        instances.subscribe(Vec::new());
        assert_eq!(
            instances.push(ID, &client, &push(id), 100, 10),
            Err(ErrorCode::UnknownSubscriptionId)
        );
        let (_, wanted) = instances.get(ID, &client, 20).unwrap();
        assert!(wanted.metrics.is_empty());
        assert!(instances.expire(900_019).is_empty());
        assert_eq!((instances.expire(900_020), instances.len()), (vec![ID], 0));
    }
}
