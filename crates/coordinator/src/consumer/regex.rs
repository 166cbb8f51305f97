//! Regular expressions that members subscribe to: checked when they come, resolved against the topics' names
//! apart from the heartbeat that asks for it, and again when topics come or time has passed.
//!
//! A name has to match as a whole ([`crate::re2`]). The topics that match are in the log, so that every
//! coordinator assigns the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ::regex::Regex;
use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;

use super::group::{ConsumerGroup, count_regex};
use super::metadata_hash::group_hash;
use super::record::{ConsumerRecord, GroupEpoch, ResolvedRegex};
use super::refusal::Refusal;
use super::update::Update;
use crate::cluster::{ClusterView, VisibleTopics};
use crate::group::GroupShard;
use crate::re2;
use crate::record::GroupRecord;

/// A group's expressions are not resolved more often than this (a constant in Kafka, too).
const REFRESH_INTERVAL_MS_MIN: i64 = 10_000;
/// They are resolved again after this time even if no topic was created.
const REFRESH_INTERVAL_MS_MAX: i64 = 600_000;
/// Checks that an expression can be compiled.
///
/// # Errors
/// INVALID_REGULAR_EXPRESSION.
pub(super) fn check(regex: &str) -> Result<(), Refusal> {
    re2::compile(regex).map(|_| ()).map_err(|error| {
        let message = format!("SubscribedTopicRegex `{regex}` is not a valid regular expression: {error}.");
        Refusal::new(ErrorCode::InvalidRegularExpression, message)
    })
}

/// Whether the group's expressions are due to be resolved, once `update` has taken effect.
pub(super) fn must_resolve(update: &Update<'_>, brings_new: bool) -> bool {
    let group = update.group;
    if !brings_new && group.subscribed_regexes.is_empty() {
        return false;
    }
    let last = group.resolved.values().next();
    // The last time is a record's, so it is compared with the wall clock; one that was set back does not hold
    // anything up.
    let has_passed = |last: &ResolvedRegex, interval_ms: i64| {
        update.wall_ms < last.timestamp_ms || update.wall_ms > last.timestamp_ms.saturating_add(interval_ms)
    };
    if last.is_some_and(|last| !has_passed(last, REFRESH_INTERVAL_MS_MIN)) {
        return false;
    }
    let regexes = group.regexes_after(Some(&update.old), Some(&update.member));
    !regexes.is_empty()
        && (brings_new
            || regexes.len() != group.resolved.len()
            || last.is_some_and(|last| last.version < update.cluster.topics_created_at())
            || last.is_some_and(|last| has_passed(last, REFRESH_INTERVAL_MS_MAX)))
}

impl GroupShard {
    /// Resolves the expressions of a group and bumps its epoch if they match other topics than before.
    pub(crate) fn resolve_regexes(&mut self, group_id: &Arc<str>, now: Now) -> Vec<GroupRecord> {
        let visible = self.resolving.remove(group_id);
        let (Some(group), Some(visible)) = (self.consumer_groups.get(group_id), visible) else {
            return Vec::new();
        };
        let (records, epoch) = resolve(group, &*self.cluster, &visible, now.wall_ms);
        if let Some(group) = self.consumer_groups.get_mut(group_id)
            && epoch.is_some()
        {
            group.topics_seen_at = epoch;
        }
        GroupRecord::of_consumer_group(group_id, records)
    }
}

/// The records of what the expressions match, and the epoch that the group is bumped to.
fn resolve(
    group: &ConsumerGroup,
    cluster: &dyn ClusterView,
    visible: &VisibleTopics,
    wall_ms: i64,
) -> (Vec<ConsumerRecord>, Option<i32>) {
    let mut compiled: BTreeMap<&Arc<str>, Option<Regex>> = BTreeMap::new();
    for regex in group.subscribed_regexes.keys() {
        compiled.insert(regex, re2::compile(regex).ok());
    }
    let mut matches: BTreeMap<&Arc<str>, BTreeSet<Arc<str>>> =
        compiled.keys().map(|regex| (*regex, BTreeSet::new())).collect();
    cluster.each_topic_name(&mut |name| {
        for (regex, topics) in &mut matches {
            if let Some(Some(compiled)) = compiled.get(regex)
                && compiled.is_match(name)
                && visible.have(name)
            {
                topics.insert(name.clone());
            }
        }
    });

    let mut records = Vec::new();
    let mut topics = group.subscribed_topics.clone();
    let mut changed = false;
    for (regex, matched) in matches {
        let known = group.resolved.get(regex).map(|resolved| &resolved.topics);
        if known.unwrap_or(&BTreeSet::new()) != &matched {
            changed = true;
            for topic in known.into_iter().flatten() {
                count_regex(&mut topics, topic, false);
            }
            for topic in &matched {
                count_regex(&mut topics, topic, true);
            }
        }
        records.push(ConsumerRecord::Regex {
            regex: regex.clone(),
            value: Some(ResolvedRegex {
                topics: matched,
                version: cluster.version(),
                timestamp_ms: wall_ms,
            }),
        });
    }
    let metadata_hash = group_hash(topics.keys(), cluster);
    if !changed && metadata_hash == group.epoch.metadata_hash {
        return (records, None);
    }
    let epoch = group.epoch.epoch.wrapping_add(1);
    records.push(ConsumerRecord::Epoch(Some(GroupEpoch { epoch, metadata_hash })));
    (records, Some(epoch))
}
