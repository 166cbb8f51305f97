//! Whether every document that fits one schema fits another: by the differences that Confluent's registry
//! tells apart.

use std::collections::HashSet;

use super::view::{Criterion, Kind, View};
use super::{JsonSchema, Place};
use crate::json::Json;
use crate::schema::Incompatibility;
use crate::schema::found::Found;

/// Steps that one comparison may take.
const STEPS_MAX: usize = 100_000;
/// Schemas that are compared within one another.
const DEPTH_MAX: usize = 200;
/// Parts of a combination that are matched with those of another.
const MATCHED_MAX: usize = 200;

/// Why `reader` does not fit what fits `writer`; nothing if it does.
pub fn reads(reader: &JsonSchema, writer: &JsonSchema) -> Vec<Incompatibility> {
    let mut comparing = Comparing {
        old: writer,
        new: reader,
        seen: HashSet::new(),
        found: Found::default(),
        steps: 0,
        depth: 0,
    };
    comparing.compare(&View::Of(writer.root()), &View::Of(reader.root()), "#/");
    if comparing.steps >= STEPS_MAX {
        comparing.report("TOO_COMPLEX", "#/");
    }
    comparing.found.into_vec()
}

pub(super) struct Comparing<'a> {
    old: &'a JsonSchema,
    new: &'a JsonSchema,
    /// Parts that are being compared, or were: by where they lie in memory.
    seen: HashSet<(*const Json, *const Json)>,
    found: Found,
    steps: usize,
    depth: usize,
}

impl<'a> Comparing<'a> {
    pub(super) fn report(&mut self, kind: &'static str, path: &str) {
        self.found.push(Incompatibility {
            kind,
            description: format!(
                "The new schema differs from the old schema at path '{path}': {}",
                in_words(kind)
            ),
            about: String::new(),
        });
    }

    /// Whether what fits `old` fits `new`, without reporting why not.
    pub(super) fn fits(&mut self, old: &View<'a>, new: &View<'a>, path: &str) -> bool {
        let (found, seen) = (std::mem::take(&mut self.found), self.seen.clone());
        self.compare(old, new, path);
        let fits = std::mem::replace(&mut self.found, found).is_empty();
        if !fits {
            self.seen = seen;
        }
        fits
    }

    pub(super) fn compare_places(&mut self, old: Place<'a>, new: Place<'a>, path: &str) {
        self.compare(&View::Of(old), &View::Of(new), path);
    }

    fn compare(&mut self, old: &View<'a>, new: &View<'a>, path: &str) {
        self.steps += 1 + self.seen.len() / 64;
        if self.depth >= DEPTH_MAX {
            self.steps = STEPS_MAX;
        }
        if self.steps >= STEPS_MAX {
            return;
        }
        if let (View::Of(old), View::Of(new)) = (old, new)
            && !self.seen.insert((old.json, new.json))
        {
            return;
        }
        let (old_view, new_view) = (seen_through(self.old, old), seen_through(self.new, new));
        let (Some(old), Some(new)) = (old_view, new_view) else {
            return self.report("REFERENCE_NOT_FOUND", path);
        };
        self.depth += 1;
        self.compare_views(&old, &new, path);
        self.depth -= 1;
    }

    fn compare_views(&mut self, old: &View<'a>, new: &View<'a>, path: &str) {
        match (old, new) {
            (View::Never, _) | (_, View::Empty) => {}
            (View::Combined(how, old), View::Combined(now, new)) => {
                self.combined((*how, old), (*now, new), path)
            }
            (old, View::Combined(criterion, parts)) => {
                let fits = match criterion {
                    Criterion::All => parts.iter().all(|part| self.fits(old, part, path)),
                    _ => parts.iter().any(|part| self.fits(old, part, path)),
                };
                if !fits {
                    self.report("COMBINED_TYPE_SUBSCHEMAS_CHANGED", path);
                }
            }
            (View::Combined(criterion, parts), new) => {
                let fits = match criterion {
                    Criterion::All => parts.iter().any(|part| self.fits(part, new, path)),
                    _ => parts.iter().all(|part| self.fits(part, new, path)),
                };
                if !fits {
                    self.report("COMBINED_TYPE_SUBSCHEMAS_CHANGED", path);
                }
            }
            (View::Values(old), View::Values(new)) => {
                let known: HashSet<String> = new.iter().map(|value| value.sorted().to_string()).collect();
                if old
                    .iter()
                    .any(|value| !known.contains(&value.sorted().to_string()))
                {
                    self.report("ENUM_ARRAY_NARROWED", path);
                }
            }
            // What does not fit the new one must not have fitted the old one.
            (View::Not(old), View::Not(new)) => {
                let mut swapped = Comparing {
                    old: self.new,
                    new: self.old,
                    seen: HashSet::new(),
                    found: Found::default(),
                    steps: self.steps,
                    depth: self.depth,
                };
                swapped.compare(&View::Of(*new), &View::Of(*old), path);
                self.steps = swapped.steps;
                if !swapped.found.is_empty() {
                    self.report("NOT_TYPE_EXTENDED", path);
                }
            }
            (View::Typed(was, old, at), View::Typed(is, new, to)) => match (was, is) {
                (Kind::Number, Kind::Integer) => self.report("TYPE_NARROWED", path),
                (was, is) if was == is || (*was, *is) == (Kind::Integer, Kind::Number) => {
                    self.compare_typed(*is, (old, *at), (new, *to), path);
                }
                _ => self.report("TYPE_CHANGED", path),
            },
            _ => self.report("TYPE_CHANGED", path),
        }
    }

    fn combined(&mut self, old: (Criterion, &[View<'a>]), new: (Criterion, &[View<'a>]), path: &str) {
        let ((how, old), (now, new)) = (old, new);
        let loosens =
            now == Criterion::Any || old.len() == 1 || how == Criterion::All && now == Criterion::One;
        if how != now && !loosens {
            return self.report("COMBINED_TYPE_CHANGED", path);
        }
        if now == Criterion::All && new.len() > old.len() {
            return self.report("PRODUCT_TYPE_EXTENDED", path);
        }
        if how != Criterion::All && now != Criterion::All && new.len() < old.len() {
            return self.report("SUM_TYPE_NARROWED", path);
        }
        if old.len().max(new.len()) > MATCHED_MAX {
            self.steps = STEPS_MAX;
            return;
        }
        let mut edges = Vec::new();
        for part in old {
            let fitting = (0..new.len()).filter(|at| self.fits(part, &new[*at], path));
            edges.push(fitting.collect::<Vec<usize>>());
        }
        if matched(&edges, new.len()) < old.len().min(new.len()) {
            self.report("COMBINED_TYPE_SUBSCHEMAS_CHANGED", path);
        }
    }
}

fn seen_through<'a>(schema: &'a JsonSchema, view: &View<'a>) -> Option<View<'a>> {
    let mut view = view.clone();
    // A part that demands one thing is what that is, however often it says so.
    for _ in 0..DEPTH_MAX {
        match view {
            View::Of(place) => view = schema.view(place)?,
            View::Combined(_, ref parts) if parts.len() == 1 => view = view.unwrapped(),
            other => return Some(other),
        }
    }
    None
}

/// How many on the left can each have one of their own on the right.
fn matched(edges: &[Vec<usize>], right: usize) -> usize {
    fn place(from: usize, edges: &[Vec<usize>], taken: &mut [Option<usize>], tried: &mut [bool]) -> bool {
        for &to in &edges[from] {
            if std::mem::replace(&mut tried[to], true) {
                continue;
            }
            if taken[to].is_none_or(|other| place(other, edges, taken, tried)) {
                taken[to] = Some(from);
                return true;
            }
        }
        false
    }
    let mut taken = vec![None; right];
    (0..edges.len())
        .filter(|from| place(*from, edges, &mut taken, &mut vec![false; right]))
        .count()
}

fn in_words(kind: &str) -> String {
    kind.to_lowercase().replace('_', " ")
}
