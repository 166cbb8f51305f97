//! Reading rules.

use barnabas_protocol::api::ApiKey;
use barnabas_protocol::error::ErrorCode;

use super::{Action, Capability, FaultRule, FaultRules, Pattern, RULES_MAX, Which, capability};

/// A request is held up for so long at most.
const DELAY_MAX_MS: u64 = 3_600_000;

/// Reads rules, separated by semicolons or line ends.
///
/// # Errors
/// A sentence about the first that can't be understood or is impossible, with its place.
pub fn parse(text: &str) -> Result<FaultRules, String> {
    let mut read = FaultRules::default();
    let mut at = 0;
    for part in text.split([';', '\n']) {
        let place = at + (part.len() - part.trim_start().len());
        at += part.len() + 1;
        let part = part.trim();
        if part.is_empty() || part.starts_with('#') {
            continue;
        }
        let column = text[..place].chars().count() + 1;
        let wrong = |why: String| format!("fault rule at character {column} ('{part}'): {why}");
        if let Some(seed) = part.strip_prefix("seed=") {
            read.seed = seed
                .parse()
                .map_err(|_| wrong(format!("seed={seed} is no number")))?;
            continue;
        }
        if read.rules.len() == RULES_MAX {
            return Err(wrong(format!("there are more than {RULES_MAX} rules")));
        }
        read.rules.push(rule(part).map_err(wrong)?);
    }
    Ok(read)
}

fn rule(text: &str) -> Result<FaultRule, String> {
    let mut words = text.split_whitespace();
    let mut rule = FaultRule {
        text: text.to_owned(),
        apis: apis(words.next().unwrap_or_default())?,
        topic: None,
        partition: None,
        client: None,
        group: None,
        principal: None,
        transactional_id: None,
        which: Which::default(),
        delay_ms: None,
        throttle_ms: None,
        action: Action::Serve,
    };
    let mut seen = Vec::new();
    for word in words {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        if seen.contains(&name) {
            return Err(format!("{name} is given twice"));
        }
        seen.push(name);
        let pattern = || match value {
            "" => Err(format!("{name}= lacks a value")),
            value => Ok(Some(Pattern(value.to_owned()))),
        };
        match name {
            "topic" => rule.topic = pattern()?,
            "client" => rule.client = pattern()?,
            "group" => rule.group = pattern()?,
            "principal" => rule.principal = pattern()?,
            "transactional-id" => rule.transactional_id = pattern()?,
            "partition" => {
                let index = value.parse().ok().filter(|index: &i32| *index >= 0);
                rule.partition = Some(index.ok_or_else(|| format!("{word}: a partition is expected"))?);
            }
            "nth" => rule.which.nth = Some(count(word, value)?),
            "every" => rule.which.every = Some(count(word, value)?),
            "first" => rule.which.first = Some(count(word, value)?),
            "after" => rule.which.after = count(word, value)?,
            "share" => rule.which.share = Some(share(word, value)?),
            "delay" => rule.delay_ms = Some(delay(word, value)?),
            "throttle" => {
                let ms = duration(value).and_then(|ms| i32::try_from(ms).ok());
                rule.throttle_ms =
                    Some(ms.ok_or_else(|| format!("{word}: a time such as 500ms is expected"))?);
            }
            _ => act(&mut rule, word, name, value)?,
        }
    }
    if rule.action == Action::Serve && rule.delay_ms.is_none() && rule.throttle_ms.is_none() {
        return Err(
            "it does nothing: delay=, throttle=, error=, close=, drop, hold, expire or fence is expected"
                .to_owned(),
        );
    }
    check(&rule)?;
    Ok(rule)
}

fn act(rule: &mut FaultRule, word: &str, name: &str, value: &str) -> Result<(), String> {
    let action = match (name, value) {
        ("error", name) => {
            let known = ErrorCode::ALL
                .iter()
                .find(|error| error.name().eq_ignore_ascii_case(name));
            match known {
                Some(ErrorCode::None) => return Err("error=NONE is none".to_owned()),
                Some(error) => Action::Error(*error),
                None => return Err(format!("{word}: there is no such error in the Kafka protocol")),
            }
        }
        ("close", "before" | "") => Action::CloseBefore,
        ("close", "after") => Action::CloseAfter,
        ("close", _) => return Err(format!("{word}: close=before or close=after is expected")),
        ("drop", "") => Action::Drop,
        ("hold", "") => Action::Hold,
        ("expire", "") => Action::Expire,
        ("fence", "") => Action::Fence,
        _ => return Err(format!("{word} is not understood")),
    };
    if rule.action != Action::Serve {
        return Err(format!(
            "{word}: only one of error, close, drop, hold, expire and fence is possible"
        ));
    }
    rule.action = action;
    Ok(())
}

/// The APIs of a rule, by their names in any case, with or without dashes and underscores.
fn apis(list: &str) -> Result<Vec<ApiKey>, String> {
    if list == "*" {
        return Ok(Vec::new());
    }
    let plain = |name: &str| name.replace(['-', '_'], "").to_lowercase();
    let find = |name: &str| {
        let mut known = ApiKey::ALL.iter().filter(|api| api.listeners().broker);
        known
            .find(|api| plain(api.name()) == plain(name))
            .copied()
            .ok_or_else(|| format!("{name} is no API that a broker serves"))
    };
    list.split(',').map(find).collect()
}

fn count(word: &str, value: &str) -> Result<u64, String> {
    let count = value.parse().ok().filter(|count: &u64| *count > 0);
    count.ok_or_else(|| format!("{word}: a number from 1 on is expected"))
}

/// `0.1` or `10%`.
fn share(word: &str, value: &str) -> Result<f64, String> {
    let share = match value.strip_suffix('%') {
        Some(percent) => percent.parse::<f64>().map(|percent| percent / 100.0),
        None => value.parse(),
    };
    let share = share.ok().filter(|share| *share > 0.0 && *share <= 1.0);
    share.ok_or_else(|| format!("{word}: a share above 0 is expected, up to 1 or 100%"))
}

/// `200ms`, or `100ms..2s`.
fn delay(word: &str, value: &str) -> Result<(u64, u64), String> {
    let (least, most) = value.split_once("..").unwrap_or((value, value));
    let bounds = duration(least).zip(duration(most));
    let bounds = bounds.filter(|(least, most)| least <= most && *most <= DELAY_MAX_MS);
    bounds.ok_or_else(|| format!("{word}: a time such as 200ms or 100ms..2s is expected, up to an hour"))
}

/// A time in ms: `200ms`, `2s`, `1m`, or a number of ms.
fn duration(text: &str) -> Option<u64> {
    let unit = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let factor = match &text[unit..] {
        "" | "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        _ => return None,
    };
    text[..unit].parse::<u64>().ok()?.checked_mul(factor)
}

/// Refuses what can never happen.
fn check(rule: &FaultRule) -> Result<(), String> {
    let refuse_unless = |word: &str, is_wanted: bool, has: fn(&Capability) -> bool, why: &str| {
        if !is_wanted {
            return Ok(());
        }
        if rule.apis.is_empty() {
            return Err(format!("{word} is not possible for *: name the APIs"));
        }
        match rule.apis.iter().find(|api| !has(&capability(**api))) {
            Some(api) => Err(format!("{word} is not possible for {}: {why}", api.name())),
            None => Ok(()),
        }
    };
    let names_partition = rule.topic.is_some() || rule.partition.is_some();
    let word = if rule.topic.is_some() {
        "topic="
    } else {
        "partition="
    };
    refuse_unless(
        word,
        names_partition,
        |api| api.topics,
        "its requests name no topics",
    )?;
    refuse_unless(
        "group=",
        rule.group.is_some(),
        |api| api.group,
        "its requests name no group",
    )?;
    refuse_unless(
        "transactional-id=",
        rule.transactional_id.is_some(),
        |api| api.transactional_id,
        "its requests name none",
    )?;
    let is_error = matches!(rule.action, Action::Error(_));
    refuse_unless(
        "error=",
        is_error,
        |api| api.error,
        "its answer is not made by this",
    )?;
    refuse_unless(
        "expire",
        rule.action == Action::Expire,
        |api| api.member,
        "its requests don't come from a member of a group",
    )?;
    let is_transactional = |api: &Capability| api.transactional_id;
    refuse_unless(
        "fence",
        rule.action == Action::Fence,
        is_transactional,
        "it is no producer's in a transaction",
    )?;
    if rule.throttle_ms.is_some() {
        if let Some(api) = rule.apis.iter().find(|api| !capability(**api).throttle) {
            return Err(format!(
                "throttle= is not possible for {}: its answer has no place for it",
                api.name()
            ));
        }
        if matches!(
            rule.action,
            Action::CloseBefore | Action::CloseAfter | Action::Drop
        ) {
            return Err("throttle= says something only where there is an answer".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read() {
        let read = parse(
            "seed=7; produce topic=orders* partition=0 share=10% error=not_leader_or_follower\n\
             # a remark\n\
             Heartbeat,consumer-group-heartbeat group=g nth=3 expire; * client=app after=2 first=5 delay=100ms..2s \
             throttle=500",
        )
        .unwrap();
        assert_eq!((read.seed, read.rules.len()), (7, 3));
        let [produce, heartbeat, all] = &read.rules[..] else {
            panic!("{read:?}")
        };
        assert_eq!(produce.apis, [ApiKey::Produce]);
        assert_eq!(produce.action, Action::Error(ErrorCode::NotLeaderOrFollower));
        assert_eq!((produce.partition, produce.which.share), (Some(0), Some(0.1)));
        assert!(produce.topic.as_ref().unwrap().matches("orders-2"));
        assert_eq!(
            heartbeat.apis,
            [ApiKey::Heartbeat, ApiKey::ConsumerGroupHeartbeat]
        );
        assert_eq!((heartbeat.which.nth, heartbeat.action), (Some(3), Action::Expire));
        assert!(all.apis.is_empty());
        assert_eq!((all.delay_ms, all.throttle_ms), (Some((100, 2000)), Some(500)));
        assert_eq!((all.which.after, all.which.first), (2, Some(5)));
        assert_eq!(parse(" ;; \n").unwrap(), FaultRules::default());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, expected) in [
            (
                "fetch; nope close",
                "fault rule at character 1 ('fetch'): it does nothing",
            ),
            (
                "fetch drop; nope close",
                "fault rule at character 13 ('nope close'): nope is no API",
            ),
            ("fetch error=NOPE", "error=NOPE: there is no such error"),
            ("fetch error=NONE", "error=NONE is none"),
            (
                "fetch close=later",
                "close=later: close=before or close=after is expected",
            ),
            ("fetch drop hold", "hold: only one of error, close"),
            ("fetch drop drop", "drop is given twice"),
            ("fetch nth=0 drop", "nth=0: a number from 1 on"),
            ("fetch share=0 drop", "share=0: a share above 0"),
            ("fetch share=101% drop", "share=101%: a share above 0"),
            ("fetch delay=2s..1s", "delay=2s..1s: a time such as"),
            ("fetch delay=2h", "delay=2h: a time such as"),
            ("fetch topic= drop", "topic= lacks a value"),
            ("fetch soon drop", "soon is not understood"),
            ("seed=x", "seed=x is no number"),
            // Impossible.
            (
                "fetch group=g drop",
                "group= is not possible for Fetch: its requests name no group",
            ),
            (
                "heartbeat topic=t drop",
                "topic= is not possible for Heartbeat: its requests name no topics",
            ),
            (
                "metadata error=UNKNOWN_TOPIC_OR_PARTITION",
                "error= is not possible for Metadata",
            ),
            (
                "* error=NOT_CONTROLLER",
                "error= is not possible for *: name the APIs",
            ),
            ("produce expire", "expire is not possible for Produce"),
            ("fetch fence", "fence is not possible for Fetch"),
            (
                "api-versions throttle=5s",
                "throttle= is not possible for ApiVersions",
            ),
            (
                "fetch throttle=5s drop",
                "throttle= says something only where there is an answer",
            ),
        ] {
            let said = parse(text).unwrap_err();
            assert!(said.contains(expected), "{text}: {said}");
        }
    }
}
