//! A group's settings: Kafka's `GroupConfig.validate`.

use super::{Refusal, unknown_name};
use crate::definitions::{self, ConfigKey};
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
];

/// Whether a broker setting bounds what groups may set.
pub(crate) fn bounds_groups(name: &str) -> bool {
    GROUP_BOUNDS
        .iter()
        .any(|(_, least, most)| *least == Some(name) || *most == Some(name))
}

/// Checks the whole set of settings a group will have.
///
/// # Errors
/// An unknown name, a bad value, or one outside the broker's bounds.
pub fn group(layers: &Layers, new: &Settings) -> Result<(), Refusal> {
    unknown_name(new, definitions::group(), "Unknown group config name")?;
    let integer = |key: Option<&ConfigKey>, group_key: bool| -> Result<i64, ConfigException> {
        let Some(key) = key else { return Ok(0) };
        let value = match new.get(key.name) {
            Some(raw) if group_key => Some(Value::parse(key, raw)?),
            _ if group_key => layers.group_default(key)?,
            _ => layers.effective(key)?,
        };
        Ok(if let Some(Value::Integer(number)) = value {
            number
        } else {
            0
        })
    };
    for (name, raw) in new {
        if let Some(key) = definitions::group().get(name) {
            Value::parse(key, raw)?;
        }
    }
    for (name, least, most) in GROUP_BOUNDS {
        let value = integer(definitions::group().get(name), true)?;
        if let Some(least) = least
            && value < integer(definitions::broker().get(least), false)?
        {
            return Err(
                ConfigException::new(format!("{name} must be greater than or equal to {least}")).into(),
            );
        }
        if let Some(most) = most
            && value > integer(definitions::broker().get(most), false)?
        {
            return Err(ConfigException::new(format!("{name} must be less than or equal to {most}")).into());
        }
    }
    for kind in ["consumer", "share", "streams"] {
        let (session, heartbeat) = (
            format!("{kind}.session.timeout.ms"),
            format!("{kind}.heartbeat.interval.ms"),
        );
        if integer(definitions::group().get(&session), true)?
            <= integer(definitions::group().get(&heartbeat), true)?
        {
            return Err(ConfigException::new(format!("{session} must be greater than {heartbeat}")).into());
        }
    }
    Ok(())
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
            "consumer.session.timeout.ms must be greater than or equal to group.consumer.min.session.timeout.ms"
        );
        assert_eq!(
            message(&[("streams.num.standby.replicas", "5000")]),
            "streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas"
        );
        assert_eq!(message(&[("nope", "")]), "Unknown group config name: nope");
        assert_eq!(
            group(&layers(), &settings(&[("consumer.session.timeout.ms", "50000")])),
            Ok(())
        );
    }
}
