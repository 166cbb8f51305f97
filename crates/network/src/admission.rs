//! How many connections the broker takes: in all (`max.connections`) and from one address
//! (`max.connections.per.ip`).
//!
//! As in Apache Kafka, a listener waits while all places are taken, and closes a connection from an address
//! that has too many at once. Both limits may change at run time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Counts the open connections.
#[derive(Debug, Default)]
pub struct Admission {
    counts: Mutex<Counts>,
    left: Notify,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// An admitted connection's place; free again when dropped.
#[derive(Debug)]
pub struct Place {
    admission: Arc<Admission>,
    address: IpAddr,
}

impl Admission {
    /// Waits until there are fewer than `max` connections; `max` is asked anew whenever one has left.
    pub async fn has_room(&self, max: impl Fn() -> usize) {
        loop {
            let left = self.left.notified();
            if self.counts.lock().total < max() {
                return;
            }
            left.await;
        }
    }

    /// Gives a connection its place, unless `address` has `max_per_address` already.
    pub fn admit(self: &Arc<Self>, address: IpAddr, max_per_address: usize) -> Option<Place> {
        let mut counts = self.counts.lock();
        let of_address = counts.by_address.entry(address).or_default();
        if *of_address >= max_per_address {
            return None;
        }
        *of_address += 1;
        counts.total += 1;
        Some(Place {
            admission: self.clone(),
            address,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.admission.counts.lock();
        counts.total -= 1;
        if let Some(of_address) = counts.by_address.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                counts.by_address.remove(&self.address);
            }
        }
        drop(counts);
        self.admission.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

    #[test]
    fn an_address_has_its_own_limit_and_gets_places_back() {
        let admission = Arc::new(Admission::default());
        let first = admission.admit(HERE, 1).unwrap();
        assert!(admission.admit(HERE, 1).is_none());
        assert!(admission.admit(THERE, 1).is_some());
        drop(first);
        assert!(admission.admit(HERE, 1).is_some());
        assert!(
            admission.counts.lock().by_address.is_empty(),
            "nothing is kept of addresses without connections"
        );
    }

    #[tokio::test]
    async fn a_listener_waits_for_a_connection_to_leave() {
        let admission = Arc::new(Admission::default());
        let place = admission.admit(HERE, 9).unwrap();
        let mut room = std::pin::pin!(admission.has_room(|| 1));
        tokio::select! {
            biased;
            () = &mut room => panic!("there is no room yet"),
            () = std::future::ready(()) => drop(place),
        }
        room.await;
    }
}
