//! How far groups were behind over the last hour, of partitions that this node leads: a ring of a fixed size
//! for each of the groups that were seen first.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};

/// How often a point is taken.
pub const STEP: Duration = Duration::from_secs(15);
/// How many: an hour of them.
const POINTS: usize = 240;
/// Groups of which points are kept.
const GROUPS_MAX: usize = 500;

/// The rings.
#[derive(Default)]
pub struct Lags(Mutex<Rings>);

#[derive(Default)]
struct Rings {
    times: VecDeque<i64>,
    /// As many points as there are times; none where the group had no lag that this node knew.
    groups: BTreeMap<String, VecDeque<Option<f64>>>,
}

impl Lags {
    /// Takes a point of each group.
    pub fn take(&self, ms: i64, mut lags: BTreeMap<String, u64>) {
        let rings = &mut *self.0.lock();
        let is_full = rings.times.len() == POINTS;
        if is_full {
            rings.times.pop_front();
        }
        rings.groups.retain(|group, points| {
            if is_full {
                points.pop_front();
            }
            points.push_back(lags.remove(group).map(|lag| lag as f64));
            points.iter().any(Option::is_some)
        });
        for (group, lag) in lags {
            if rings.groups.len() == GROUPS_MAX {
                break;
            }
            let mut points = VecDeque::from(vec![None; rings.times.len()]);
            points.push_back(Some(lag as f64));
            rings.groups.insert(group, points);
        }
        rings.times.push_back(ms);
    }

    /// The points of a group, the oldest first; `None` where there are none.
    pub fn shown(&self, group: &str) -> Option<Value> {
        let rings = self.0.lock();
        let points = rings.groups.get(group)?;
        let known = rings
            .times
            .iter()
            .zip(points)
            .filter_map(|(ms, lag)| Some((*ms, (*lag)?)));
        let (times, lags): (Vec<i64>, Vec<f64>) = known.unzip();
        Some(json!({ "times": times, "lags": lags }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
        pairs
            .iter()
            .map(|(group, lag)| ((*group).to_owned(), *lag))
            .collect()
    }

    #[test]
    fn rings_have_an_hour_and_forget_groups_that_are_gone() {
        let lags = Lags::default();
        lags.take(1, point(&[("a", 5)]));
        lags.take(2, point(&[("a", 7), ("b", 1)]));
        lags.take(3, point(&[("b", 0)]));
        assert_eq!(
            lags.shown("a"),
            Some(json!({ "times": [1, 2], "lags": [5.0, 7.0] }))
        );
        assert_eq!(
            lags.shown("b"),
            Some(json!({ "times": [2, 3], "lags": [1.0, 0.0] }))
        );
        assert_eq!(lags.shown("c"), None);
        for ms in 0..300 {
            lags.take(100 + ms, point(&[("b", 2)]));
        }
        assert_eq!(lags.shown("a"), None);
        let shown = lags.shown("b").unwrap();
        assert_eq!(shown["times"].as_array().map(Vec::len), Some(POINTS));
        assert_eq!(shown["times"][0], json!(160));
        let many = (0..2 * GROUPS_MAX).map(|at| (format!("g{at}"), 1)).collect();
        lags.take(500, many);
        assert_eq!(lags.0.lock().groups.len(), GROUPS_MAX);
    }
}
