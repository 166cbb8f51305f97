//! A batch of the window: records that were acquired together the first time, in runs of one fate each.

use std::convert::Infallible;

use crate::delivery::Delivery;

/// Consecutive records of one fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub first: i64,
    /// Inclusive.
    pub last: i64,
    pub delivery: Delivery,
}

impl Run {
    pub fn len(&self) -> i64 {
        self.last - self.first + 1
    }
}

/// A batch. Its runs follow each other without gaps; neighbours differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    runs: Vec<Run>,
    /// How many records it had in the beginning: its front goes away as it is done.
    size: i64,
    /// A gap in what was persisted: never acquired as far as is known, and acquired as new records are.
    is_gap: bool,
}

impl Batch {
    /// A batch of one fate.
    pub fn new(first: i64, last: i64, delivery: Delivery) -> Self {
        Batch {
            runs: vec![Run {
                first,
                last,
                delivery,
            }],
            size: last - first + 1,
            is_gap: false,
        }
    }

    /// What nothing was persisted of.
    pub fn gap(first: i64, last: i64) -> Self {
        Batch {
            is_gap: true,
            ..Batch::new(first, last, Delivery::fresh())
        }
    }

    /// Whether it still is a gap, in whole.
    pub fn is_gap(&self) -> bool {
        let is_untouched = |run: &Run| run.delivery.is_available() && run.delivery.count == 0;
        self.is_gap && self.runs.len() == 1 && is_untouched(&self.runs[0])
    }

    pub fn size(&self) -> i64 {
        self.size
    }

    pub fn first(&self) -> i64 {
        self.runs[0].first
    }

    pub fn last(&self) -> i64 {
        self.runs[self.runs.len() - 1].last
    }

    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The runs that have records in `first..=last`, whole.
    pub fn overlapping(&self, first: i64, last: i64) -> &[Run] {
        let (from, to) = self.places(first, last);
        &self.runs[from..to]
    }

    /// Adds records behind the last.
    pub fn append(&mut self, last: i64, delivery: Delivery) {
        let first = self.last() + 1;
        self.size += last - first + 1;
        self.runs.push(Run {
            first,
            last,
            delivery,
        });
        self.join(self.runs.len() - 2);
    }

    /// Changes the runs that have records in `first..=last`; those that reach beyond are divided before.
    pub fn change(&mut self, first: i64, last: i64, mut change: impl FnMut(&mut Run)) {
        let changed = self.try_change(first, last, |run| {
            change(run);
            Ok::<(), Infallible>(())
        });
        match changed {
            Ok(()) => {}
            Err(never) => match never {},
        }
    }

    /// As [`Batch::change`], up to the first error.
    pub fn try_change<E>(
        &mut self,
        first: i64,
        last: i64,
        mut change: impl FnMut(&mut Run) -> Result<(), E>,
    ) -> Result<(), E> {
        self.divide(first);
        self.divide(last.saturating_add(1));
        let (from, to) = self.places(first, last);
        let changed = self.runs[from..to].iter_mut().try_for_each(&mut change);
        self.join(from.saturating_sub(1));
        changed
    }

    /// Changes whole runs, wherever they end.
    pub fn change_runs(&mut self, mut change: impl FnMut(&mut Run)) {
        self.runs.iter_mut().for_each(&mut change);
        self.join(0);
    }

    /// Takes the records before `first` away; false if none are left.
    pub fn cut_front(&mut self, first: i64) -> bool {
        self.divide(first);
        self.runs.retain(|run| run.first >= first);
        !self.runs.is_empty()
    }

    /// How many records of a fate there are.
    pub fn count(&self, is_counted: impl Fn(&Delivery) -> bool) -> i64 {
        let counted = self.runs.iter().filter(|run| is_counted(&run.delivery));
        counted.map(Run::len).sum()
    }

    fn places(&self, first: i64, last: i64) -> (usize, usize) {
        let from = self.runs.partition_point(|run| run.last < first);
        let to = self.runs.partition_point(|run| run.first <= last);
        (from, to.max(from))
    }

    /// Has a run begin at `offset`, if it lies inside.
    fn divide(&mut self, offset: i64) {
        let at = self.runs.partition_point(|run| run.last < offset);
        let Some(run) = self.runs.get_mut(at).filter(|run| run.first < offset) else {
            return;
        };
        let mut behind = run.clone();
        run.last = offset - 1;
        behind.first = offset;
        self.runs.insert(at + 1, behind);
    }

    /// Has neighbours of one fate be one run.
    fn join(&mut self, from: usize) {
        if self.runs.len() - from < 2 {
            return;
        }
        let mut kept = from;
        for at in from + 1..self.runs.len() {
            if self.runs[kept].delivery == self.runs[at].delivery {
                self.runs[kept].last = self.runs[at].last;
            } else {
                kept += 1;
                self.runs.swap(kept, at);
            }
        }
        self.runs.truncate(kept + 1);
    }
}
