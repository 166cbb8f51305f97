//! By which connection each broker was heard last. A broker whose connection has ended is dead, unless it
//! comes back by another one: Apache Kafka's controllers would wait for the end of its session.

use std::collections::BTreeMap;

use barnabas_network::ConnectionId;

/// Pure: the service says what happens, and asks after a while.
#[derive(Debug, Default)]
pub struct Sessions {
    brokers: BTreeMap<i32, Session>,
}

#[derive(Clone, Copy, Debug)]
struct Session {
    broker_epoch: i64,
    connection: ConnectionId,
    /// Whether the connection has ended.
    lost: bool,
}

/// A broker, as long as it keeps its registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incarnation {
    /// The broker.
    pub broker_id: i32,
    /// The epoch of its registration.
    pub broker_epoch: i64,
}

impl Sessions {
    /// A heartbeat has come by a connection. `broker_epoch` is that of the broker's registration. What was
    /// late on an earlier connection changes nothing: the broker has given that one up.
    pub fn heard(&mut self, broker: Incarnation, connection: ConnectionId) {
        let known = self.brokers.get(&broker.broker_id);
        if known.is_some_and(|known| {
            known.broker_epoch == broker.broker_epoch && !known.lost && known.connection > connection
        }) {
            return;
        }
        let session = Session {
            broker_epoch: broker.broker_epoch,
            connection,
            lost: false,
        };
        self.brokers.insert(broker.broker_id, session);
    }

    /// A connection has ended; answers the brokers that are lost unless they are heard again.
    pub fn closed(&mut self, connection: ConnectionId) -> Vec<Incarnation> {
        let of_it = self
            .brokers
            .iter_mut()
            .filter(|(_, session)| session.connection == connection && !session.lost);
        of_it
            .map(|(id, session)| {
                session.lost = true;
                Incarnation {
                    broker_id: *id,
                    broker_epoch: session.broker_epoch,
                }
            })
            .collect()
    }

    /// Whether a broker is still lost since that connection has ended; what is known of it is forgotten then.
    pub fn take_lost(&mut self, broker: Incarnation, connection: ConnectionId) -> bool {
        let is_lost = self.brokers.get(&broker.broker_id).is_some_and(|session| {
            session.lost && session.broker_epoch == broker.broker_epoch && session.connection == connection
        });
        if is_lost {
            self.brokers.remove(&broker.broker_id);
        }
        is_lost
    }

    /// Whether a broker was heard by a connection that lasts.
    pub fn is_connected(&self, broker: Incarnation) -> bool {
        self.brokers
            .get(&broker.broker_id)
            .is_some_and(|session| !session.lost && session.broker_epoch == broker.broker_epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKER: Incarnation = Incarnation {
        broker_id: 1,
        broker_epoch: 7,
    };

    #[test]
    fn a_broker_is_lost_with_its_last_connection() {
        let [first, second, others] = [1, 2, 3].map(ConnectionId::numbered);
        let mut sessions = Sessions::default();
        sessions.heard(BROKER, first);
        sessions.heard(BROKER, second);
        assert_eq!(sessions.closed(first), []);
        assert_eq!(sessions.closed(others), []);
        assert!(sessions.is_connected(BROKER));
        assert_eq!(sessions.closed(second), [BROKER]);
        assert!(!sessions.is_connected(BROKER));
        assert!(sessions.take_lost(BROKER, second));
        assert!(!sessions.take_lost(BROKER, second), "it is lost once");
    }

    #[test]
    fn a_broker_that_comes_back_in_time_is_not_lost() {
        let [first, second] = [1, 2].map(ConnectionId::numbered);
        let mut sessions = Sessions::default();
        sessions.heard(BROKER, first);
        assert_eq!(sessions.closed(first), [BROKER]);
        sessions.heard(BROKER, second);
        assert!(!sessions.take_lost(BROKER, first));
        let restarted = Incarnation {
            broker_epoch: 9,
            ..BROKER
        };
        assert_eq!(sessions.closed(second), [BROKER]);
        assert!(!sessions.take_lost(BROKER, first), "each end has its own grace");
        sessions.heard(restarted, first);
        assert!(
            !sessions.take_lost(BROKER, second),
            "that was another incarnation"
        );
        assert!(sessions.is_connected(restarted));
    }

    #[test]
    fn what_was_late_on_an_earlier_connection_does_not_move_a_broker_back() {
        let [first, second] = [1, 2].map(ConnectionId::numbered);
        let mut sessions = Sessions::default();
        sessions.heard(BROKER, second);
        sessions.heard(BROKER, first);
        assert_eq!(sessions.closed(first), []);
        assert_eq!(sessions.closed(second), [BROKER]);
    }
}
