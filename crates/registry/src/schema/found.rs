//! What a comparison has found, and where: as much of it as people read. Both sides are whatever somebody has
//! sent, and a long name may stand before many differences.

use super::Incompatibility;

/// Bytes of words; what is found beyond them only counts.
const WORDS_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a place.
const PATH_BYTES_MAX: usize = 2048;

/// See the module.
#[derive(Debug, Default)]
pub struct Found {
    all: Vec<Incompatibility>,
    bytes: usize,
}

impl Found {
    /// One more.
    pub fn push(&mut self, one: Incompatibility) {
        let bytes = one.description.len() + one.about.len();
        // The first is told whatever it takes: without any the schemas would fit.
        if self.all.is_empty() || self.bytes + bytes <= WORDS_BYTES_MAX {
            self.bytes += bytes;
            self.all.push(one);
        }
    }

    /// Whether all fits.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What was found.
    pub fn into_vec(self) -> Vec<Incompatibility> {
        self.all
    }
}

/// A place within a place.
pub fn below(path: &str, part: &str) -> String {
    let separator = if path.ends_with('/') { "" } else { "/" };
    let mut below = format!("{path}{separator}{part}");
    if below.len() > PATH_BYTES_MAX {
        let end = (0..=PATH_BYTES_MAX).rev().find(|at| below.is_char_boundary(*at));
        below.truncate(end.unwrap_or(0));
        below.push('…');
    }
    below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_bounded_and_the_verdict_stays() {
        let mut found = Found::default();
        for _ in 0..100 {
            found.push(Incompatibility {
                kind: "TYPE_CHANGED",
                description: "x".repeat(WORDS_BYTES_MAX / 2),
                about: String::new(),
            });
        }
        assert!(!found.is_empty());
        assert_eq!(found.into_vec().len(), 2);
        let mut path = "/".to_owned();
        for _ in 0..3_000 {
            path = below(&path, "ü");
        }
        assert!(path.len() <= PATH_BYTES_MAX + 8 && path.ends_with('…'));
        assert_eq!(below(&below("/", "a"), "b"), "/a/b");
    }
}
