//! The states of a classic group and which may follow which.
//!
//! ```text
//!          first member joins                all members joined           leader's assignment is in the log
//!  Empty ───────────────────▶ PreparingRebalance ─────────▶ CompletingRebalance ─────────▶ Stable
//!    ▲                          │  ▲                                │                        │
//!    └── last member is gone ───┘  └── a member joins, leaves or expires ───────────────────┘
//! ```
//!
//! A group that is gone is not in the shard at all; Kafka answers for it with the name of its fifth state,
//! `Dead`.

/// State of a classic group (Kafka's `ClassicGroupState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassicState {
    /// No members; the group may hold offsets.
    Empty,
    /// Members are asked to join again; JoinGroup requests are parked.
    PreparingRebalance,
    /// Every member knows its generation; the leader's assignment is awaited, SyncGroup requests are parked.
    CompletingRebalance,
    /// Every member may have its assignment.
    Stable,
}

impl ClassicState {
    /// Kafka's name for the state, as DescribeGroups and ListGroups give it.
    pub const fn name(self) -> &'static str {
        match self {
            ClassicState::Empty => "Empty",
            ClassicState::PreparingRebalance => "PreparingRebalance",
            ClassicState::CompletingRebalance => "CompletingRebalance",
            ClassicState::Stable => "Stable",
        }
    }

    /// Whether a group in this state may move to `next`.
    pub const fn may_become(self, next: ClassicState) -> bool {
        matches!(
            (self, next),
            (ClassicState::Empty, ClassicState::PreparingRebalance)
                | (ClassicState::Stable, ClassicState::PreparingRebalance)
                | (
                    ClassicState::CompletingRebalance,
                    ClassicState::PreparingRebalance
                )
                | (
                    ClassicState::PreparingRebalance,
                    ClassicState::CompletingRebalance
                )
                | (ClassicState::PreparingRebalance, ClassicState::Empty)
                | (ClassicState::CompletingRebalance, ClassicState::Stable)
        )
    }
}

/// What DescribeGroups calls a group that does not exist.
pub const DEAD: &str = "Dead";
