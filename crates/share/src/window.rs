//! The batches between start and end offset, in their order.

use std::collections::VecDeque;
use std::ops::Range;

use crate::batch::{Batch, Run};

/// Batches that don't overlap, ascending. What lies between two of them is not in the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    batches: VecDeque<Batch>,
}

impl Window {
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    pub fn len(&self) -> usize {
        self.batches.len()
    }

    pub fn first(&self) -> Option<i64> {
        self.batches.front().map(Batch::first)
    }

    pub fn last(&self) -> Option<i64> {
        self.batches.back().map(Batch::last)
    }

    pub fn batches(&self) -> impl Iterator<Item = &Batch> {
        self.batches.iter()
    }

    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.batches.iter().flat_map(|batch| batch.runs())
    }

    pub fn get(&self, at: usize) -> Option<&Batch> {
        self.batches.get(at)
    }

    /// The places of the batches that have records in `first..=last`.
    pub fn places(&self, first: i64, last: i64) -> Range<usize> {
        let from = self.batches.partition_point(|batch| batch.last() < first);
        let to = self.batches.partition_point(|batch| batch.first() <= last);
        from..to.max(from)
    }

    /// Changes the records in `first..=last`, run by run.
    pub fn change(&mut self, first: i64, last: i64, mut change: impl FnMut(&mut Run)) {
        let places = self.places(first, last);
        for batch in self.batches.range_mut(places) {
            batch.change(first, last, &mut change);
        }
    }

    /// As [`Window::change`], up to the first error.
    pub fn try_change<E>(
        &mut self,
        first: i64,
        last: i64,
        mut change: impl FnMut(&mut Run) -> Result<(), E>,
    ) -> Result<(), E> {
        let places = self.places(first, last);
        let mut batches = self.batches.range_mut(places);
        batches.try_for_each(|batch| batch.try_change(first, last, &mut change))
    }

    /// Changes the runs that have records in `first..=last` as they are, wherever they end.
    pub fn change_within(&mut self, first: i64, last: i64, mut change: impl FnMut(&mut Run)) {
        let places = self.places(first, last);
        for batch in self.batches.range_mut(places) {
            batch.change_runs(&mut change);
        }
    }

    /// The runs that have records in `first..=last`, whole.
    pub fn overlapping(&self, first: i64, last: i64) -> impl Iterator<Item = &Run> {
        let batches = self.batches.range(self.places(first, last));
        batches.flat_map(move |batch| batch.overlapping(first, last))
    }

    /// Changes all runs.
    pub fn change_runs(&mut self, mut change: impl FnMut(&mut Run)) {
        for batch in &mut self.batches {
            batch.change_runs(&mut change);
        }
    }

    /// A batch, to be changed within.
    pub fn batch_mut(&mut self, at: usize) -> Option<&mut Batch> {
        self.batches.get_mut(at)
    }

    pub fn push(&mut self, batch: Batch) {
        debug_assert!(self.last().is_none_or(|last| last < batch.first()));
        self.batches.push_back(batch);
    }

    /// Puts a batch in its place between the others.
    pub fn insert(&mut self, batch: Batch) {
        let at = self.batches.partition_point(|other| other.last() < batch.first());
        debug_assert!(self.get(at).is_none_or(|behind| batch.last() < behind.first()));
        self.batches.insert(at, batch);
    }

    /// Takes out the batches of which this is true.
    pub fn take_out(&mut self, mut is_out: impl FnMut(&Batch) -> bool) {
        self.batches.retain(|batch| !is_out(batch));
    }

    /// Puts batches where one was; answers how many.
    pub fn replace(&mut self, at: usize, batches: Vec<Batch>) -> usize {
        let count = batches.len();
        let behind = self.batches.split_off(at + 1);
        self.batches.pop_back();
        self.batches.extend(batches);
        self.batches.extend(behind);
        count
    }

    /// Takes away what lies before `first`.
    pub fn cut_front(&mut self, first: i64) {
        while let Some(batch) = self.batches.front_mut() {
            if batch.first() >= first || (batch.last() >= first && batch.cut_front(first)) {
                return;
            }
            self.batches.pop_front();
        }
    }
}
