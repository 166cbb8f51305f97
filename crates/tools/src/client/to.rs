//! Whom a client asks.

use super::Brokers;

/// Whom to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Any node that answers.
    Any,
    /// The one that takes what a controller decides.
    Controller,
    /// The broker with this id.
    Broker(i32),
    /// The broker with this id, which was found to coordinate something: where it doesn't answer, another one
    /// may be it by now, and whoever asks has to look again.
    Found(i32),
    /// The broker with this id, on a connection where answers may take their time.
    Reader(i32),
}

impl To {
    /// The id of the node that is meant, if it is a certain one.
    pub(super) fn node(self, brokers: &Brokers) -> Option<i32> {
        match self {
            To::Controller => Some(brokers.controller),
            to => to.id(),
        }
    }

    /// The id of the broker, if it is a certain one.
    pub fn id(self) -> Option<i32> {
        match self {
            To::Any | To::Controller => None,
            To::Broker(id) | To::Found(id) | To::Reader(id) => Some(id),
        }
    }

    /// Whether the connection is one where answers may take their time.
    pub(super) fn may_wait(self) -> bool {
        matches!(self, To::Reader(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_asked_at_its_own_node() {
        let brokers = Brokers {
            list: Vec::new(),
            controller: 7,
        };
        for (to, expected) in [
            (To::Any, None),
            (To::Controller, Some(7)),
            (To::Broker(2), Some(2)),
            (To::Found(4), Some(4)),
            (To::Reader(3), Some(3)),
        ] {
            assert_eq!(to.node(&brokers), expected, "{to:?}");
        }
    }
}
