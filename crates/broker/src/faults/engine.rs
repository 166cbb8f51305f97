//! Which rule applies to a request. Pure: what is drawn follows from the rules' seed.

use barnabas_config::faults::{Action, FaultRule, FaultRules, is_spared};
use barnabas_protocol::api::ApiKey;

/// What a rule may ask of a request.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// The API.
    pub api: ApiKey,
    /// The client id.
    pub client: &'a str,
    /// The principal, `User:name`.
    pub principal: &'a str,
    /// The partitions that it names; -1 where it names the topic alone.
    pub partitions: &'a [(String, i32)],
    /// The group that it names.
    pub group: Option<&'a str>,
    /// The transactional id that it names.
    pub transactional_id: Option<&'a str>,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The rule.
    pub rule: String,
    /// The how-manieth request it is to which the rule applies, from 1 on.
    pub number: u64,
    /// How long it waits before anything else, in ms.
    pub delay_ms: u64,
    /// For how long the client is told to pause, in ms.
    pub throttle_ms: Option<i32>,
    /// What becomes of it then.
    pub action: Action,
}

/// A rule and what has come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleState {
    /// As it was given.
    pub rule: String,
    /// How many requests it has matched.
    pub matched: u64,
    /// To how many of those it has applied.
    pub applied: u64,
}

/// All rules.
#[derive(Debug, Default)]
pub struct Engine {
    rules: FaultRules,
    states: Vec<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    matched: u64,
    applied: u64,
    random: SplitMix,
}

impl Engine {
    /// Takes over rules. Those that are there already go on counting, unless the seed is another.
    pub fn replace(&mut self, rules: FaultRules) {
        let mut old: Vec<(&str, &State)> = Vec::new();
        if rules.seed == self.rules.seed {
            let texts = self.rules.rules.iter().map(|rule| rule.text.as_str());
            old = texts.zip(&self.states).collect();
        }
        let state = |(index, rule): (usize, &FaultRule)| {
            let known = old.iter().position(|(text, _)| *text == rule.text);
            let new = || State {
                random: SplitMix(rules.seed ^ (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
                ..State::default()
            };
            known.map_or_else(new, |at| old[at].1.clone())
        };
        let states = rules.rules.iter().enumerate().map(state).collect();
        (self.rules, self.states) = (rules, states);
    }

    /// The rules, and how often each has applied.
    pub fn states(&self) -> Vec<RuleState> {
        let both = self.rules.rules.iter().zip(&self.states);
        both.map(|(rule, state)| RuleState {
            rule: rule.text.clone(),
            matched: state.matched,
            applied: state.applied,
        })
        .collect()
    }

    /// What becomes of a request: the first rule that applies to it decides. All that match count it.
    pub fn decide(&mut self, subject: &Subject<'_>) -> Option<Decision> {
        let mut decision = None;
        for (rule, state) in self.rules.rules.iter().zip(&mut self.states) {
            if !matches(rule, subject) {
                continue;
            }
            state.matched += 1;
            if decision.is_some() || !state.applies(rule) {
                continue;
            }
            state.applied += 1;
            decision = Some(Decision {
                rule: rule.text.clone(),
                number: state.applied,
                delay_ms: rule
                    .delay_ms
                    .map_or(0, |(least, most)| state.random.between(least, most)),
                throttle_ms: rule.throttle_ms,
                action: rule.action,
            });
        }
        decision
    }
}

fn matches(rule: &FaultRule, subject: &Subject<'_>) -> bool {
    let is_of_api = match rule.apis.is_empty() {
        true => !is_spared(subject.api),
        false => rule.apis.contains(&subject.api),
    };
    let names = |pattern: &Option<barnabas_config::faults::Pattern>, name: Option<&str>| {
        pattern
            .as_ref()
            .is_none_or(|pattern| name.is_some_and(|name| pattern.matches(name)))
    };
    let is_of_partition = (rule.topic.is_none() && rule.partition.is_none())
        || subject.partitions.iter().any(|(topic, partition)| {
            names(&rule.topic, Some(topic)) && rule.partition.is_none_or(|wanted| wanted == *partition)
        });
    is_of_api
        && is_of_partition
        && names(&rule.client, Some(subject.client))
        && names(&rule.principal, Some(subject.principal))
        && names(&rule.group, subject.group)
        && names(&rule.transactional_id, subject.transactional_id)
}

impl State {
    /// Whether a rule applies to the request that it has just matched.
    fn applies(&mut self, rule: &FaultRule) -> bool {
        let which = &rule.which;
        let Some(number) = self.matched.checked_sub(which.after).filter(|number| *number > 0) else {
            return false;
        };
        // A number is drawn for each, so that the others follow from the seed alone.
        let is_drawn = which.share.is_none_or(|share| self.random.unit() < share);
        is_drawn
            && which.first.is_none_or(|first| number <= first)
            && which.nth.is_none_or(|nth| number == nth)
            && which.every.is_none_or(|every| number.is_multiple_of(every))
    }
}

/// Steele, Lea and Flood's generator: quick, and the same from the same seed.
#[derive(Clone, Copy, Debug, Default)]
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Both bounds are possible.
    fn between(&mut self, least: u64, most: u64) -> u64 {
        match most - least {
            0 => least,
            width => least + self.next() % (width + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barnabas_config::faults::parse;

    fn engine(rules: &str) -> Engine {
        let mut engine = Engine::default();
        engine.replace(parse(rules).unwrap());
        engine
    }

    const PRODUCE: Subject<'static> = Subject {
        api: ApiKey::Produce,
        client: "app-1",
        principal: "User:alice",
        partitions: &[],
        group: None,
        transactional_id: None,
    };

    /// To which of the first requests of `subject` a rule applies.
    fn applied(rules: &str, subject: &Subject<'_>) -> Vec<u64> {
        let mut engine = engine(rules);
        (1..=10).filter(|_| engine.decide(subject).is_some()).collect()
    }

    #[test]
    fn numbers_choose_among_those_that_match() {
        for (rule, expected) in [
            ("produce drop", vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
            ("produce nth=3 drop", vec![3]),
            ("produce first=2 drop", vec![1, 2]),
            ("produce after=7 drop", vec![8, 9, 10]),
            ("produce after=2 first=2 drop", vec![3, 4]),
            ("produce every=4 drop", vec![4, 8]),
            ("produce after=1 nth=1 drop", vec![2]),
            ("fetch drop", vec![]),
            ("* drop", vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ] {
            assert_eq!(applied(rule, &PRODUCE), expected, "{rule}");
        }
    }

    #[test]
    fn a_share_follows_from_the_seed() {
        let first = applied("seed=1; produce share=0.5 drop", &PRODUCE);
        assert_eq!(applied("seed=1; produce share=50% drop", &PRODUCE), first);
        assert_ne!(applied("seed=2; produce share=0.5 drop", &PRODUCE), first);
        let mut engine = engine("produce share=0.1 drop");
        let hits = (0..10_000).filter(|_| engine.decide(&PRODUCE).is_some()).count();
        assert!((900..1100).contains(&hits), "{hits}");
    }

    #[test]
    fn rules_are_about_what_a_request_names() {
        let partitions = [("orders".to_owned(), 3), ("other".to_owned(), 0)];
        let subject = Subject {
            partitions: &partitions,
            group: Some("g"),
            transactional_id: Some("tx-1"),
            ..PRODUCE
        };
        for (rule, expected) in [
            ("produce topic=orders drop", true),
            ("produce topic=orders partition=3 drop", true),
            ("produce topic=orders partition=0 drop", false),
            ("produce partition=0 drop", true),
            ("produce topic=o* client=app-* principal=User:alice drop", true),
            ("produce client=other drop", false),
            ("produce principal=User:bob drop", false),
            ("produce transactional-id=tx-* drop", true),
            ("produce transactional-id=x drop", false),
        ] {
            let mut engine = engine(rule);
            assert_eq!(engine.decide(&subject).is_some(), expected, "{rule}");
        }
    }

    #[test]
    fn rules_that_stay_go_on_counting_and_the_first_decides() {
        let mut engine = engine("produce nth=2 drop; produce delay=5ms");
        assert_eq!(engine.decide(&PRODUCE).unwrap().delay_ms, 5);
        engine.replace(parse("produce nth=2 drop; produce delay=7ms").unwrap());
        assert_eq!(engine.decide(&PRODUCE).unwrap().action, Action::Drop);
        let counts: Vec<(u64, u64)> = engine
            .states()
            .iter()
            .map(|state| (state.matched, state.applied))
            .collect();
        assert_eq!(counts, [(2, 1), (1, 0)]);
    }

    #[test]
    fn stars_spare_what_clients_and_rules_need() {
        let subject = Subject {
            api: ApiKey::IncrementalAlterConfigs,
            ..PRODUCE
        };
        assert!(engine("* drop").decide(&subject).is_none());
        assert!(
            engine("incremental-alter-configs drop")
                .decide(&subject)
                .is_some()
        );
    }
}
