//! What holds records back, and the clocks that it goes by.

/// The two clocks, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// That goes on steadily: locks and retries.
    pub monotonic_ms: i64,
    /// That the world goes by: times of delivery.
    pub wall_ms: i64,
}

/// What holds an available record back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Nothing.
    Free,
    /// It waits for its retry, to this time of the monotonic clock in milliseconds.
    Until(i64),
    /// An earlier record of its key.
    Key,
}
