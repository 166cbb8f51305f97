//! Regular expressions that members subscribe to: checked when they come, resolved against the topics' names apart from the
//! heartbeat that asks for it, and again when topics come or time has passed.
//!
//! RE2's syntax, as Apache Kafka's (re2j); a name has to match as a whole. The topics that match are in the log, so that every
//! coordinator assigns the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ::regex::{Regex, RegexBuilder};
use barnabas_environment::Now;
use barnabas_protocol::error::ErrorCode;

use super::group::{ConsumerGroup, count_regex};
use super::metadata_hash::group_hash;
use super::record::{ConsumerRecord, GroupEpoch, ResolvedRegex};
use super::refusal::Refusal;
use super::update::Update;
use crate::cluster::ClusterView;
use crate::group::GroupShard;
use crate::record::GroupRecord;

/// A group's expressions are not resolved more often than this (a constant in Kafka, too).
const REFRESH_INTERVAL_MS_MIN: i64 = 10_000;
/// They are resolved again after this time even if no topic was created.
const REFRESH_INTERVAL_MS_MAX: i64 = 600_000;
/// What a compiled expression may take in memory.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// Checks that an expression can be compiled.
///
/// # Errors
/// INVALID_REGULAR_EXPRESSION.
pub(super) fn check(regex: &str) -> Result<(), Refusal> {
    compile(regex).map(|_| ()).map_err(|error| {
        let message = format!("SubscribedTopicRegex `{regex}` is not a valid regular expression: {error}.");
        Refusal::new(ErrorCode::InvalidRegularExpression, message)
    })
}

/// The expression, to match a whole name. Errors: what is wrong with it.
fn compile(regex: &str) -> Result<Regex, String> {
    let build = |regex: &str| {
        RegexBuilder::new(regex)
            .size_limit(COMPILED_BYTES_MAX)
            .dfa_size_limit(COMPILED_BYTES_MAX)
            .build()
    };
    let unquoted = unquote(regex);
    // Alone first: an unbalanced parenthesis must not be balanced by those around it.
    build(&unquoted)
        .and_then(|_| build(&format!("^(?:{unquoted})$")))
        .map_err(|error| describe(&error.to_string()))
}

/// What the regex crate says, and what Apache Kafka's library says of the same.
const SAYINGS: [(&str, &str); 7] = [
    ("unclosed group", "missing closing )"),
    ("unclosed character class", "missing closing ]"),
    (
        "repetition operator missing expression",
        "missing argument to repetition operator",
    ),
    ("unrecognized escape sequence", "invalid escape sequence"),
    (
        "incomplete escape sequence",
        "trailing backslash at end of expression",
    ),
    ("invalid character class range", "invalid character class range"),
    ("look-around", "invalid or unsupported Perl syntax"),
];

/// Says what is wrong in Apache Kafka's words, or else with the last line of what the regex crate says: the ones above it draw
/// the expression.
fn describe(error: &str) -> String {
    let last = error.lines().last().unwrap_or_default();
    let last = last.trim_start_matches("error: ");
    let known = SAYINGS.iter().find(|(start, _)| last.starts_with(start));
    known.map_or(last, |(_, saying)| saying).to_owned()
}

/// RE2's `\Q…\E` (take the text literally), which the regex crate lacks.
fn unquote(regex: &str) -> String {
    let mut unquoted = String::with_capacity(regex.len());
    let mut rest = regex;
    while let Some(start) = rest.find('\\') {
        let (before, escape) = rest.split_at(start);
        unquoted.push_str(before);
        let Some(literal) = escape.strip_prefix("\\Q") else {
            // The escape and what it escapes go together, for that may be a backslash.
            let end = escape.char_indices().nth(2).map_or(escape.len(), |(end, _)| end);
            unquoted.push_str(&escape[..end]);
            rest = &escape[end..];
            continue;
        };
        let (literal, after) = literal.split_once("\\E").unwrap_or((literal, ""));
        unquoted.push_str(&::regex::escape(literal));
        rest = after;
    }
    unquoted.push_str(rest);
    unquoted
}

/// Whether the group's expressions are due to be resolved, once `update` has taken effect.
pub(super) fn must_resolve(update: &Update<'_>, brings_new: bool) -> bool {
    let group = update.group;
    if !brings_new && group.subscribed_regexes.is_empty() {
        return false;
    }
    let last = group.resolved.values().next();
    // The last time is a record's, so it is compared with the wall clock; one that was set back does not hold anything up.
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
        let Some(group) = self.consumer_groups.get(group_id) else {
            return Vec::new();
        };
        let (records, epoch) = resolve(group, &*self.cluster, now.wall_ms);
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
    wall_ms: i64,
) -> (Vec<ConsumerRecord>, Option<i32>) {
    let mut compiled: BTreeMap<&Arc<str>, Option<Regex>> = BTreeMap::new();
    for regex in group.subscribed_regexes.keys() {
        compiled.insert(regex, compile(regex).ok());
    }
    let mut matches: BTreeMap<&Arc<str>, BTreeSet<Arc<str>>> =
        compiled.keys().map(|regex| (*regex, BTreeSet::new())).collect();
    cluster.each_topic_name(&mut |name| {
        for (regex, topics) in &mut matches {
            if let Some(Some(compiled)) = compiled.get(regex)
                && compiled.is_match(name)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_match_whole_names() {
        for (regex, name, matches) in [
            ("topic.*", "topic-1", true),
            ("topic", "topic-1", false),
            ("a|b", "ab", false),
            ("\\Qa.b\\E", "a.b", true),
            ("\\Qa.b\\E.", "axb1", false),
            ("\\\\Qa", "Qa", false),
            ("(?i)TOPIC-\\d+", "topic-12", true),
        ] {
            assert_eq!(compile(regex).unwrap().is_match(name), matches, "{regex} {name}");
        }
    }

    #[test]
    fn bad_expressions_are_refused() {
        for regex in ["[", "(", "a)(b", "*", "(?<n>", "x{1001}{1001}", "(?=a)b", "\\1"] {
            assert_eq!(
                check(regex).unwrap_err().code,
                ErrorCode::InvalidRegularExpression,
                "{regex}"
            );
        }
    }
}
