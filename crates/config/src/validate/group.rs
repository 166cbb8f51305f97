//! A group's settings: Kafka's `GroupConfig.validate`.

use std::collections::BTreeSet;

use super::{Refusal, unknown_name};
use crate::definitions;
use crate::{ConfigException, Layers, Settings, Value};

/// The bounds a broker sets for group settings: the group's setting, then the broker's least and greatest.
const GROUP_BOUNDS: &[(&str, Option<&str>, Option<&str>)] = &[
    (
        "consumer.heartbeat.interval.ms",
        Some("group.consumer.min.heartbeat.interval.ms"),
        Some("group.consumer.max.heartbeat.interval.ms"),
    ),
    (
        "consumer.session.timeout.ms",
        Some("group.consumer.min.session.timeout.ms"),
        Some("group.consumer.max.session.timeout.ms"),
    ),
    (
        "consumer.assignment.interval.ms",
        Some("group.consumer.min.assignment.interval.ms"),
        Some("group.consumer.max.assignment.interval.ms"),
    ),
    (
        "share.heartbeat.interval.ms",
        Some("group.share.min.heartbeat.interval.ms"),
        Some("group.share.max.heartbeat.interval.ms"),
    ),
    (
        "share.session.timeout.ms",
        Some("group.share.min.session.timeout.ms"),
        Some("group.share.max.session.timeout.ms"),
    ),
    (
        "share.record.lock.duration.ms",
        Some("group.share.min.record.lock.duration.ms"),
        Some("group.share.max.record.lock.duration.ms"),
    ),
    (
        "share.delivery.count.limit",
        Some("group.share.min.delivery.count.limit"),
        Some("group.share.max.delivery.count.limit"),
    ),
    (
        "share.partition.max.record.locks",
        Some("group.share.min.partition.max.record.locks"),
        Some("group.share.max.partition.max.record.locks"),
    ),
    (
        "share.assignment.interval.ms",
        Some("group.share.min.assignment.interval.ms"),
        Some("group.share.max.assignment.interval.ms"),
    ),
    (
        "streams.heartbeat.interval.ms",
        Some("group.streams.min.heartbeat.interval.ms"),
        Some("group.streams.max.heartbeat.interval.ms"),
    ),
    (
        "streams.session.timeout.ms",
        Some("group.streams.min.session.timeout.ms"),
        Some("group.streams.max.session.timeout.ms"),
    ),
    (
        "streams.num.standby.replicas",
        None,
        Some("group.streams.max.standby.replicas"),
    ),
    (
        "streams.assignment.interval.ms",
        Some("group.streams.min.assignment.interval.ms"),
        Some("group.streams.max.assignment.interval.ms"),
    ),
    (
        "streams.task.offset.interval.ms",
        Some("group.streams.min.task.offset.interval.ms"),
        None,
    ),
    (
        "streams.num.warmup.replicas",
        None,
        Some("group.streams.max.warmup.replicas"),
    ),
];

const RACK_AWARE_TAGS: &str = "streams.rack.aware.assignment.tags";
const DLQ_TOPIC: &str = "errors.deadletterqueue.topic.name";

/// Checks the whole set of settings a group will have; what the group does not set itself is the broker's
/// concern.
///
/// # Errors
/// An unknown name, a bad value, or one outside the broker's bounds.
pub fn group(layers: &Layers, new: &Settings) -> Result<(), Refusal> {
    unknown_name(new, definitions::group(), "Unknown group config name")?;
    if let Some(tags) = new.get(RACK_AWARE_TAGS) {
        check_distinct(tags)?;
    }
    for (name, raw) in new {
        if let Some(key) = definitions::group().get(name) {
            Value::parse(key, raw)?;
        }
    }
    let of_broker = |name: &str| match definitions::broker().get(name) {
        Some(key) => Ok(layers.effective(key)?.and_then(integer)),
        None => Ok::<_, ConfigException>(None),
    };
    for (name, least, most) in GROUP_BOUNDS {
        let Some(value) = own_integer(new, name)? else {
            continue;
        };
        let bound = |name: &Option<&str>| name.map_or(Ok(None), of_broker);
        check_bounds(name, value, bound(least)?, bound(most)?)?;
    }
    if let Some(assignor) = new.get("streams.assignor.name") {
        check_streams_assignor(layers, assignor.trim())?;
    }
    for kind in ["consumer", "share", "streams"] {
        let session = format!("{kind}.session.timeout.ms");
        let heartbeat = format!("{kind}.heartbeat.interval.ms");
        let own = [own_integer(new, &session)?, own_integer(new, &heartbeat)?];
        if own == [None, None] {
            continue;
        }
        let in_effect = |own: Option<i64>, name: &str| match own {
            Some(value) => Ok(Some(value)),
            None => of_broker(&format!("group.{name}")),
        };
        if in_effect(own[0], &session)? <= in_effect(own[1], &heartbeat)? {
            return Err(ConfigException::new(format!("{session} must be greater than {heartbeat}")).into());
        }
    }
    if new
        .get(DLQ_TOPIC)
        .is_some_and(|topic| topic.trim().starts_with("__"))
    {
        let message = format!("{DLQ_TOPIC}: DLQ topic name must not start with '__'");
        return Err(ConfigException::new(message).into());
    }
    Ok(())
}

fn integer(value: Value) -> Option<i64> {
    match value {
        Value::Integer(number) => Some(number),
        _ => None,
    }
}

/// The number that the group sets itself.
fn own_integer(new: &Settings, name: &str) -> Result<Option<i64>, ConfigException> {
    match (definitions::group().get(name), new.get(name)) {
        (Some(key), Some(raw)) => Ok(integer(Value::parse(key, raw)?)),
        _ => Ok(None),
    }
}

fn check_bounds(
    name: &str,
    value: i64,
    least: Option<i64>,
    most: Option<i64>,
) -> Result<(), ConfigException> {
    let message = match (least, most) {
        (Some(least), Some(most)) if value < least || value > most => {
            format!("{name} must be in the range {least} to {most} inclusive.")
        }
        (Some(least), None) if value < least => format!("{name} must be greater than or equal to {least}"),
        (None, Some(most)) if value > most => format!("{name} must be less than or equal to {most}"),
        _ => return Ok(()),
    };
    Err(ConfigException::new(message))
}

fn check_distinct(tags: &str) -> Result<(), ConfigException> {
    let mut seen = BTreeSet::new();
    let mut given = tags.trim().split(',').map(str::trim);
    if tags.trim().is_empty() || given.all(|tag| seen.insert(tag)) {
        Ok(())
    } else {
        let message = format!("{RACK_AWARE_TAGS} must not contain duplicate tag keys.");
        Err(ConfigException::new(message))
    }
}

/// The task assignor must be one of the broker's.
fn check_streams_assignor(layers: &Layers, name: &str) -> Result<(), ConfigException> {
    let key = definitions::broker().get("group.streams.assignors");
    let Some(Value::List(known)) = key.map(|key| layers.effective(key)).transpose()?.flatten() else {
        return Ok(());
    };
    if known.iter().any(|assignor| assignor == name) {
        return Ok(());
    }
    Err(ConfigException::new(format!(
        "streams.assignor.name '{name}' is not a registered task assignor. Registered assignors are: [{}].",
        known.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{layers, settings};
    use super::*;

    #[test]
    fn a_groups_settings_stay_within_the_brokers_bounds() {
        let message = |pairs| group(&layers(), &settings(pairs)).unwrap_err().message;
        assert_eq!(
            message(&[("consumer.session.timeout.ms", "5000")]),
            "consumer.session.timeout.ms must be in the range 45000 to 60000 inclusive."
        );
        assert_eq!(
            message(&[("streams.num.standby.replicas", "5000")]),
            "streams.num.standby.replicas must be less than or equal to 2"
        );
        assert_eq!(
            message(&[("streams.task.offset.interval.ms", "10")]),
            "streams.task.offset.interval.ms must be greater than or equal to 15000"
        );
        assert_eq!(
            message(&[("streams.assignor.name", "nope")]),
            "streams.assignor.name 'nope' is not a registered task assignor. Registered assignors are: [sticky]."
        );
        assert_eq!(
            message(&[("streams.rack.aware.assignment.tags", "a, a")]),
            "streams.rack.aware.assignment.tags must not contain duplicate tag keys."
        );
        assert_eq!(
            message(&[("errors.deadletterqueue.topic.name", "__x")]),
            "errors.deadletterqueue.topic.name: DLQ topic name must not start with '__'"
        );
        assert_eq!(message(&[("nope", "")]), "Unknown group config name: nope");
        assert_eq!(
            group(&layers(), &settings(&[("consumer.session.timeout.ms", "50000")])),
            Ok(())
        );
    }
}
