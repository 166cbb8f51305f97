//! What is found by the name of a resource: what lies at the name itself, at `*`, and at every beginning of
//! it. A look-up costs two hashes and one binary search, however many patterns there are.

use std::collections::{BTreeMap, HashMap};

use crate::PatternType;
use crate::acl_binding::WILDCARD;

/// Values by pattern.
#[derive(Debug)]
pub struct Patterns<T> {
    wildcard: Option<T>,
    literal: HashMap<String, T>,
    prefixed: Prefixes<T>,
}

impl<T> Patterns<T> {
    /// Of these values; a pattern comes once. Those of filters' types are none and are passed over.
    pub fn new(values: impl IntoIterator<Item = ((PatternType, String), T)>) -> Self {
        let (mut wildcard, mut literal, mut prefixed) = (None, HashMap::new(), BTreeMap::new());
        for ((pattern_type, name), value) in values {
            match pattern_type {
                PatternType::Literal if name == WILDCARD => wildcard = Some(value),
                PatternType::Literal => drop(literal.insert(name, value)),
                PatternType::Prefixed => drop(prefixed.insert(name, value)),
                PatternType::Any | PatternType::Match => {}
            }
        }
        Patterns {
            wildcard,
            literal,
            prefixed: Prefixes::new(prefixed),
        }
    }

    /// All that cover a resource of this name.
    pub fn covering<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a T> + use<'a, 'n, T> {
        let literal = self.literal.get(name).into_iter();
        literal.chain(self.prefixed.beginning(name)).chain(&self.wildcard)
    }

    /// What lies at `*`.
    pub fn wildcard(&self) -> Option<&T> {
        self.wildcard.as_ref()
    }

    /// What lies at one whole name.
    pub fn literal(&self, name: &str) -> Option<&T> {
        self.literal.get(name)
    }

    /// What lies at whole names.
    pub fn literals(&self) -> impl Iterator<Item = (&str, &T)> {
        self.literal.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// What lies at beginnings of names.
    pub fn prefixes(&self) -> impl Iterator<Item = (&str, &T)> {
        self.prefixed
            .0
            .iter()
            .map(|prefix| (prefix.text.as_str(), &prefix.value))
    }

    /// What lies at the beginnings of this name.
    pub fn beginning<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a T> + use<'a, 'n, T> {
        self.prefixed.beginning(name)
    }
}

/// Values by beginnings of names, sorted. All that begin a name lie on the way from the greatest that isn't
/// greater than the name to the ones that it begins with itself: a prefix of the name sorts before it, and so
/// does whatever lies between the two, which begins alike.
#[derive(Debug)]
struct Prefixes<T>(Vec<Prefix<T>>);

#[derive(Debug)]
struct Prefix<T> {
    text: String,
    /// The longest other prefix that this one begins with.
    parent: Option<usize>,
    value: T,
}

impl<T> Prefixes<T> {
    fn new(sorted: BTreeMap<String, T>) -> Self {
        let mut prefixes: Vec<Prefix<T>> = Vec::with_capacity(sorted.len());
        for (text, value) in sorted {
            let mut parent = prefixes.len().checked_sub(1);
            while let Some(at) = parent
                && !text.starts_with(&prefixes[at].text)
            {
                parent = prefixes[at].parent;
            }
            prefixes.push(Prefix { text, parent, value });
        }
        Prefixes(prefixes)
    }

    /// The values of all prefixes of `name`, the longest first.
    fn beginning<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a T> + use<'a, 'n, T> {
        let after = self.0.partition_point(|prefix| prefix.text.as_str() <= name);
        let mut next = after.checked_sub(1);
        std::iter::from_fn(move || {
            loop {
                let prefix = &self.0[next?];
                next = prefix.parent;
                if name.starts_with(&prefix.text) {
                    return Some(&prefix.value);
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_that_covers_a_name_is_found() {
        let patterns = [
            "a", "ab", "abc", "abd", "ac", "b", "ba.x", "é", "éa", "*", "**", "abcdef",
        ];
        for (some, _) in (0..1 << patterns.len()).step_by(7).zip(0..) {
            let chosen = patterns
                .iter()
                .enumerate()
                .filter(|(at, _)| some & (1 << at) != 0);
            let chosen: Vec<&str> = chosen.map(|(_, text)| *text).collect();
            let both = [PatternType::Prefixed, PatternType::Literal].into_iter();
            let all = both.flat_map(|kind| chosen.iter().map(move |text| (kind, (*text).to_owned())));
            let index = Patterns::new(all.map(|pattern| (pattern.clone(), pattern)));
            for name in [
                "a", "ab", "abcd", "abcdefg", "abda", "c", "", "b", "ba.xy", "éab", "*", "**x",
            ] {
                let mut found: Vec<_> = index.covering(name).cloned().collect();
                found.sort();
                let mut expected = Vec::new();
                for text in &chosen {
                    if *text == name || *text == "*" {
                        expected.push((PatternType::Literal, (*text).to_owned()));
                    }
                    if name.starts_with(text) {
                        expected.push((PatternType::Prefixed, (*text).to_owned()));
                    }
                }
                expected.sort();
                assert_eq!(found, expected, "{name} among {chosen:?}");
            }
        }
    }
}
