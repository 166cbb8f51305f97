//! Which settings have an effect. Whoever sets one that has none is warned, at start and at run time.

use super::definitions;
use super::ineffective::{self, Verdict};
use super::listeners::{OAUTHBEARER_SETTINGS, TLS_SETTINGS};
use super::resource::ConfigResourceType;
use super::typed::{BrokerConfig, TopicConfig};

/// How fast partitions move between data folders; a setting that exists at run time only.
pub const LOG_MOVES_LIMIT: &str = "replica.alter.log.dirs.io.max.bytes.per.second";
/// How fast leaders fill throttled replicas; a setting that exists at run time only.
pub const LEADER_REPLICATION_RATE: &str = "leader.replication.throttled.rate";
/// How fast throttled replicas are filled; a setting that exists at run time only.
pub const FOLLOWER_REPLICATION_RATE: &str = "follower.replication.throttled.rate";

/// Settings that are read where they are given: their default means something else than the same value
/// given, or they are read beside the typed views.
const READ_RAW: &[&str] = &[
    "broker.id",
    super::providers::NAMES,
    "barnabas.gateway.host",
    "socket.send.buffer.bytes",
    "socket.receive.buffer.bytes",
    "unclean.leader.election.enable",
    "barnabas.delivery.delay.ms",
    "errors.deadletterqueue.group.enable",
    LOG_MOVES_LIMIT,
    LEADER_REPLICATION_RATE,
    FOLLOWER_REPLICATION_RATE,
];

/// Settings that Kafka changes at run time and this broker at its start alone.
const AT_START: &[&str] = &[
    "connection.failed.authentication.delay.ms",
    "listeners",
    "listener.security.protocol.map",
    "num.network.threads",
    "num.recovery.threads.per.data.dir",
    "sasl.mechanism.inter.broker.protocol",
];

/// Settings that are read for each listener, with its prefix or without (KIP-103).
const OF_LISTENER: &[&str] = &[
    "connections.max.reauth.ms",
    "max.connection.creation.rate",
    "sasl.enabled.mechanisms",
    "sasl.kerberos.principal.to.local.rules",
    "sasl.kerberos.service.name",
];

/// Settings that are read for each SASL mechanism of a listener: with the prefix
/// `listener.name.{listener}.{mechanism}.` (KIP-103, KIP-342).
const OF_MECHANISM: &[&str] = &[
    "connections.max.reauth.ms",
    "sasl.jaas.config",
    "sasl.server.callback.handler.class",
];

fn is_of_tls(name: &str) -> bool {
    TLS_SETTINGS.iter().any(|(known, _)| *known == name)
}

fn is_of_tokens(name: &str) -> bool {
    OAUTHBEARER_SETTINGS.iter().any(|(known, _)| *known == name)
}

/// Whether a setting with a listener's prefix is read for that listener.
fn of_listener(name: &str) -> bool {
    definitions::listener_base_name(name).is_some_and(|base| {
        let of_mechanism = base.split_once('.').map(|(_, base)| base);
        OF_LISTENER.contains(&base)
            || is_of_tls(base)
            || is_of_tokens(base)
            || of_mechanism.is_some_and(|base| OF_MECHANISM.contains(&base) || is_of_tokens(base))
    })
}

/// Whether giving a broker setting a value changes anything: it has a field in the typed view, or gives
/// a topic setting that has one its default.
pub(super) fn of_broker(name: &str) -> bool {
    let gives_topic_default = || {
        let in_effect = |topic_name: &&str| definitions::topic().get(topic_name);
        TopicConfig::NAMES
            .iter()
            .filter_map(in_effect)
            .any(|key| key.broker_synonyms.iter().any(|synonym| synonym.name == name))
    };
    BrokerConfig::NAMES.contains(&name)
        || READ_RAW.contains(&name)
        || OF_LISTENER.contains(&name)
        || is_of_tls(name)
        || is_of_tokens(name)
        || of_listener(name)
        || gives_topic_default()
}

/// How settings begin that Apache Kafka has not.
const OWN: &str = "barnabas.";

/// Settings of share groups that no setting of the broker gives a default.
const OF_SHARE_GROUP: [&str; 5] = [
    "errors.deadletterqueue.copy.record.enable",
    "errors.deadletterqueue.topic.name",
    "share.auto.offset.reset",
    "share.isolation.level",
    "share.renew.acknowledge.enable",
];

/// Whether setting `name` on a resource of this kind at run time changes anything.
pub fn has_effect(kind: ConfigResourceType, name: &str) -> bool {
    match kind {
        ConfigResourceType::Topic => TopicConfig::NAMES.contains(&name) || READ_RAW.contains(&name),
        ConfigResourceType::Broker => {
            let changes = definitions::listener_base_name(name).is_some_and(is_of_tls);
            let at_start = AT_START.contains(&name) || OF_LISTENER.contains(&name) || of_listener(name);
            of_broker(name) && (changes || !at_start)
        }
        ConfigResourceType::BrokerLogger => true,
        // What gives a group's setting its default has an effect with it.
        ConfigResourceType::Group => {
            OF_SHARE_GROUP.contains(&name)
                || name.starts_with(OWN)
                || definitions::group().get(name).is_some_and(|key| {
                    let mut given_by = key.broker_synonyms.iter();
                    given_by.any(|synonym| of_broker(synonym.name))
                })
        }
        ConfigResourceType::ClientMetrics => true,
    }
}

/// Whether someone who sets `name` at run time would miss its effect.
pub fn is_missed(kind: ConfigResourceType, name: &str) -> bool {
    let nobody_notices = || {
        let row = ineffective::of_broker(name);
        kind == ConfigResourceType::Broker && row.is_some_and(|row| row.verdict == Verdict::Silent)
    };
    !has_effect(kind, name) && !nobody_notices()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_would_notice_is_not_missed() {
        let missed = |name| is_missed(ConfigResourceType::Broker, name);
        assert!(missed("num.network.threads") && missed("metric.reporters"));
        assert!(!missed("num.io.threads") && !missed("message.max.bytes"));
        for name in [
            "consumer.assignor.offload.enable",
            "streams.assignor.offload.enable",
        ] {
            assert!(is_missed(ConfigResourceType::Group, name), "{name}");
        }
    }

    #[test]
    fn what_has_a_reader_has_an_effect() {
        assert!(has_effect(ConfigResourceType::Topic, "max.message.bytes"));
        assert!(!has_effect(ConfigResourceType::Topic, "remote.storage.enable"));
        assert!(has_effect(ConfigResourceType::Broker, "message.max.bytes"));
        assert!(has_effect(ConfigResourceType::Broker, "num.partitions"));
        assert!(
            of_broker("num.network.threads")
                && !has_effect(ConfigResourceType::Broker, "num.network.threads")
        );
        for name in [
            "consumer.session.timeout.ms",
            "consumer.heartbeat.interval.ms",
            "consumer.assignment.interval.ms",
            "share.session.timeout.ms",
            "share.heartbeat.interval.ms",
            "share.assignment.interval.ms",
        ] {
            assert!(has_effect(ConfigResourceType::Group, name), "{name}");
        }
        for name in OF_SHARE_GROUP {
            assert!(has_effect(ConfigResourceType::Group, name), "{name}");
        }
        assert!(!has_effect(ConfigResourceType::Broker, "ssl.provider"));
        assert!(of_broker("listener.name.x.ssl.client.auth") && !of_broker("listener.name.x.num.partitions"));
    }
}
