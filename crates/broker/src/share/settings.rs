//! The settings of a share group: its own, between the broker's bounds, or the broker's.

use barnabas_config::BrokerConfig;
use barnabas_metadata::features::SHARE_VERSION;
use barnabas_metadata::image::{ConfigMap, MetadataImage};
use barnabas_metadata::records::{ConfigResource, ConfigResourceType};
use barnabas_replica::partition::Isolation;
use barnabas_share::{Extensions, GroupSettings};
use uuid::Uuid;

use crate::broker::Broker;

/// Where a share group begins in a partition that it knows nothing of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OffsetReset {
    /// Behind the last record.
    Latest,
    /// With the first record.
    Earliest,
    /// With what is at most so many milliseconds old.
    ByDuration(i64),
}

/// What is set for a share group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareSettings {
    /// What its partitions go by.
    pub group: GroupSettings,
    /// `share.isolation.level`.
    pub isolation: Isolation,
    /// `share.auto.offset.reset`.
    pub offset_reset: OffsetReset,
    /// `errors.deadletterqueue.topic.name`: where what is given up goes; nowhere if none is set, or if
    /// share.version is below 2.
    pub dead_letter_topic: Option<String>,
    /// `errors.deadletterqueue.copy.record.enable`: whether dead letters have the keys and values.
    pub dead_letters_copy: bool,
    /// `barnabas.share.selector`, where one is set.
    pub selector: Option<String>,
}

/// The share.version from which on there are dead letters (KIP-1191).
const DEAD_LETTERS_SINCE: i16 = 2;

impl ShareSettings {
    /// The settings of a group in an image. What the group sets was checked when it was set, but the bounds
    /// may be others since.
    pub fn of(image: &MetadataImage, config: &BrokerConfig, group: &str) -> Self {
        let resource = ConfigResource::new(ConfigResourceType::Group, group);
        let nothing = ConfigMap::new();
        let own = image.configs.get(&resource).map_or(&nothing, |own| own);
        let number = |name: &str, default: i32, least: i32, most: i32| {
            let set: Option<i32> = own.get(name).and_then(|value| value.trim().parse().ok());
            set.map_or(
                default,
                |value| if value < least { least } else { value.min(most) },
            )
        };
        let text = |name: &str| own.get(name).map(|value| value.trim());
        let limit = number(
            "share.delivery.count.limit",
            config.group_share_delivery_count_limit,
            config.group_share_min_delivery_count_limit,
            config.group_share_max_delivery_count_limit,
        );
        let dead_letter_topic = text("errors.deadletterqueue.topic.name")
            .filter(|name| !name.is_empty() && image.features.level(SHARE_VERSION) >= DEAD_LETTERS_SINCE);
        ShareSettings {
            group: GroupSettings {
                max_record_locks: number(
                    "share.partition.max.record.locks",
                    config.group_share_partition_max_record_locks,
                    config.group_share_min_partition_max_record_locks,
                    config.group_share_max_partition_max_record_locks,
                ),
                delivery_count_limit: i16::try_from(limit).unwrap_or(i16::MAX),
                record_lock_duration_ms: number(
                    "share.record.lock.duration.ms",
                    config.group_share_record_lock_duration_ms,
                    config.group_share_min_record_lock_duration_ms,
                    config.group_share_max_record_lock_duration_ms,
                ),
                renew_acknowledge_enable: text("share.renew.acknowledge.enable")
                    .is_none_or(|value| value.eq_ignore_ascii_case("true")),
                dead_letters: dead_letter_topic.is_some(),
                extensions: extensions(own),
            },
            isolation: match text("share.isolation.level") {
                Some(level) if level.eq_ignore_ascii_case("read_committed") => Isolation::ReadCommitted,
                _ => Isolation::ReadUncommitted,
            },
            selector: text(SELECTOR).filter(|text| !text.is_empty()).map(str::to_owned),
            offset_reset: offset_reset(text("share.auto.offset.reset").unwrap_or("latest")),
            dead_letter_topic: dead_letter_topic.map(str::to_owned),
            dead_letters_copy: text("errors.deadletterqueue.copy.record.enable")
                .is_some_and(|value| value.eq_ignore_ascii_case("true")),
        }
    }
}

/// What is set of our own; each is off where it is not set.
fn extensions(own: &ConfigMap) -> Extensions {
    let text = |name: &str| own.get(name).map_or("", |value| value.trim());
    let number = |name: &str| text(name).parse::<i64>().ok();
    Extensions {
        backoff_ms: number("barnabas.share.redelivery.backoff.ms").unwrap_or(0),
        backoff_max_ms: number("barnabas.share.redelivery.backoff.max.ms").unwrap_or(BACKOFF_MAX_MS),
        deliver_at: text("barnabas.share.deliver.at.enable").eq_ignore_ascii_case("true"),
        key_order: text("barnabas.share.ordering").eq_ignore_ascii_case("key"),
        selects: !text(SELECTOR).is_empty(),
    }
}

const SELECTOR: &str = "barnabas.share.selector";
/// The longest wait for a retry, where none is set: an hour.
const BACKOFF_MAX_MS: i64 = 3_600_000;

/// `barnabas.delivery.delay.ms` of a topic, where it is set.
pub fn delay_ms(broker: &Broker, topic_id: &Uuid) -> Option<i64> {
    let image = broker.image();
    let topic = image.topics.by_id(topic_id)?;
    let resource = ConfigResource::new(ConfigResourceType::Topic, &*topic.name);
    let set = image.configs.get(&resource)?.get("barnabas.delivery.delay.ms")?;
    set.trim().parse().ok().filter(|delay_ms| *delay_ms >= 0)
}

fn offset_reset(text: &str) -> OffsetReset {
    let lower = text.to_ascii_lowercase();
    match lower.strip_prefix("by_duration:") {
        Some(_) => {
            let duration = text.split_once(':').map_or("", |(_, duration)| duration);
            // It was checked when it was set.
            let duration_ms = barnabas_config::iso_duration_ms(duration).unwrap_or(0);
            OffsetReset::ByDuration(duration_ms)
        }
        None if lower == "earliest" => OffsetReset::Earliest,
        None => OffsetReset::Latest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offset_resets_are_read() {
        assert_eq!(offset_reset("latest"), OffsetReset::Latest);
        assert_eq!(offset_reset("EARLIEST"), OffsetReset::Earliest);
        assert_eq!(
            offset_reset("by_duration:PT1H"),
            OffsetReset::ByDuration(3_600_000)
        );
    }
}
