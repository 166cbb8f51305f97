//! Faults on request: rules by which a broker treats requests as a broken network or a broken broker would
//! (`barnabas.faults`, `--fault`), so that people can see how their application behaves then.
//!
//! ```text
//! produce topic=orders share=10% error=NOT_LEADER_OR_FOLLOWER; heartbeat group=billing nth=3 expire; seed=7
//! ```
//!
//! This reads the rules and says what is impossible; what they do is the broker's.

mod capability;
mod parse;

pub use capability::{Capability, capability, is_spared};
pub use parse::parse;

use barnabas_protocol::api::ApiKey;
use barnabas_protocol::error::ErrorCode;

/// The setting.
pub const SETTING: &str = "barnabas.faults";

/// What a rule looks like.
pub const SYNTAX: &str = "API[,API...]|* [topic=|partition=|client=|group=|principal=|transactional-id=...] \
                          [nth=|every=|first=|after=|share=...] [delay=|throttle=...] \
                          [error=NAME|close=before|close=after|drop|hold|expire|fence], several separated by semicolons";

/// No node has more rules: so many are a mistake.
pub const RULES_MAX: usize = 1000;

/// All rules of a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaultRules {
    /// The rules; the first that applies decides.
    pub rules: Vec<FaultRule>,
    /// What shares are drawn from.
    pub seed: u64,
}

/// A rule: which requests, and what becomes of them.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultRule {
    /// As it was given.
    pub text: String,
    /// The APIs; none means every one, but for those by which rules are changed and clients log in.
    pub apis: Vec<ApiKey>,
    /// A topic that the request names.
    pub topic: Option<Pattern>,
    /// A partition that the request names, of that topic if there is one.
    pub partition: Option<i32>,
    /// The client id.
    pub client: Option<Pattern>,
    /// The group.
    pub group: Option<Pattern>,
    /// The principal, `User:name`.
    pub principal: Option<Pattern>,
    /// The transactional id.
    pub transactional_id: Option<Pattern>,
    /// Which of the requests that match.
    pub which: Which,
    /// How long it waits before anything else, in ms: at least and at most.
    pub delay_ms: Option<(u64, u64)>,
    /// For how long the client is told to pause, in ms.
    pub throttle_ms: Option<i32>,
    /// What becomes of it then.
    pub action: Action,
}

/// Which of the requests that match a rule it applies to. All conditions must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Which {
    /// Those behind so many.
    pub after: u64,
    /// So many of those.
    pub first: Option<u64>,
    /// This one alone, counted from 1.
    pub nth: Option<u64>,
    /// Each so-manieth.
    pub every: Option<u64>,
    /// A share of them, drawn by the seed: above 0, at most 1.
    pub share: Option<f64>,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is served.
    Serve,
    /// It is answered with this error, and has no effect.
    Error(ErrorCode),
    /// The connection is closed, and it has no effect.
    CloseBefore,
    /// It has its effect, and the connection is closed instead of an answer.
    CloseAfter,
    /// It has its effect, and is never answered.
    Drop,
    /// It waits until the rules change.
    Hold,
    /// The session of the member that sent it ends, and then it is served.
    Expire,
    /// The producer of its transactional id is fenced, and then it is served.
    Fence,
}

/// A name, in which `*` stands for anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Whether a name is meant.
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else {
            return false;
        };
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(part);
            }
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, yes, no) in [
            ("orders", "orders", "orders2"),
            ("orders*", "orders2", "my-orders"),
            ("*-dlq", "a-dlq", "a-dlq-2"),
            ("a*b*c", "a1b2c", "a1c2b"),
            ("*", "", "\u{0}never"),
        ] {
            assert!(Pattern(pattern.to_owned()).matches(yes), "{pattern} {yes}");
            assert!(
                pattern == "*" || !Pattern(pattern.to_owned()).matches(no),
                "{pattern} {no}"
            );
        }
    }
}
