//! The settings of streams groups: their own within the broker's bounds, or else the broker's.

use std::str::FromStr;

use barnabas_config::BrokerConfig;
use barnabas_coordinator::StreamsSettings;
use barnabas_metadata::image::ConfigMap;

/// What streams groups have that set nothing of their own, and between which bounds what they set counts.
#[derive(Debug)]
pub(super) struct StreamsDefaults {
    settings: StreamsSettings,
    session_timeout_ms: (i32, i32),
    heartbeat_interval_ms: (i32, i32),
    assignment_interval_ms: (i32, i32),
    task_offset_interval_ms: (i32, i32),
    num_standby_replicas: (i32, i32),
}

impl StreamsDefaults {
    pub(super) fn new(config: &BrokerConfig) -> Self {
        let assignment_interval_ms = (
            config.group_streams_min_assignment_interval_ms,
            config.group_streams_max_assignment_interval_ms,
        );
        let interval_ms = config.group_streams_assignment_interval_ms;
        StreamsDefaults {
            settings: StreamsSettings {
                session_timeout_ms: config.group_streams_session_timeout_ms,
                heartbeat_interval_ms: config.group_streams_heartbeat_interval_ms,
                // The only one that can be changed at run time, where its bounds are not checked.
                assignment_interval_ms: capped(
                    interval_ms,
                    assignment_interval_ms.0,
                    assignment_interval_ms.1,
                ),
                initial_rebalance_delay_ms: config.group_streams_initial_rebalance_delay_ms,
                num_standby_replicas: config.group_streams_num_standby_replicas,
                task_offset_interval_ms: config.group_streams_task_offset_interval_ms,
                acceptable_recovery_lag: config.group_streams_acceptable_recovery_lag,
                rack_aware_tags: tags(
                    config
                        .group_streams_rack_aware_assignment_tags
                        .iter()
                        .map(String::as_str),
                ),
            },
            session_timeout_ms: (
                config.group_streams_min_session_timeout_ms,
                config.group_streams_max_session_timeout_ms,
            ),
            heartbeat_interval_ms: (
                config.group_streams_min_heartbeat_interval_ms,
                config.group_streams_max_heartbeat_interval_ms,
            ),
            assignment_interval_ms,
            task_offset_interval_ms: (config.group_streams_min_task_offset_interval_ms, i32::MAX),
            num_standby_replicas: (0, config.group_streams_max_standby_replicas),
        }
    }

    /// The settings of a group that has set `own`, which the controller has validated.
    pub(super) fn with(&self, own: Option<&ConfigMap>) -> StreamsSettings {
        let mut settings = self.settings.clone();
        let Some(own) = own else { return settings };
        let within = |name: &str, default: i32, (least, most): (i32, i32)| {
            set(own, name).map_or(default, |value| capped(value, least, most))
        };
        settings.session_timeout_ms = within(
            "streams.session.timeout.ms",
            settings.session_timeout_ms,
            self.session_timeout_ms,
        );
        settings.heartbeat_interval_ms = within(
            "streams.heartbeat.interval.ms",
            settings.heartbeat_interval_ms,
            self.heartbeat_interval_ms,
        );
        settings.assignment_interval_ms = within(
            "streams.assignment.interval.ms",
            settings.assignment_interval_ms,
            self.assignment_interval_ms,
        );
        settings.task_offset_interval_ms = within(
            "streams.task.offset.interval.ms",
            settings.task_offset_interval_ms,
            self.task_offset_interval_ms,
        );
        settings.num_standby_replicas = within(
            "streams.num.standby.replicas",
            settings.num_standby_replicas,
            self.num_standby_replicas,
        );
        let delay = set(own, "streams.initial.rebalance.delay.ms");
        settings.initial_rebalance_delay_ms = delay.unwrap_or(settings.initial_rebalance_delay_ms);
        let lag = set(own, "streams.acceptable.recovery.lag");
        settings.acceptable_recovery_lag = lag.unwrap_or(settings.acceptable_recovery_lag);
        if let Some(said) = own.get("streams.rack.aware.assignment.tags") {
            settings.rack_aware_tags = tags(said.split(','));
        }
        settings
    }
}

fn set<T: FromStr>(own: &ConfigMap, name: &str) -> Option<T> {
    own.get(name).and_then(|value| value.trim().parse().ok())
}

fn tags<'a>(tags: impl Iterator<Item = &'a str>) -> Vec<String> {
    tags.map(str::trim)
        .filter(|tag| !tag.is_empty())
        .map(str::to_owned)
        .collect()
}

/// `value` within bounds that may cross: the least counts first.
pub(super) fn capped(value: i32, least: i32, most: i32) -> i32 {
    if value < least { least } else { value.min(most) }
}
