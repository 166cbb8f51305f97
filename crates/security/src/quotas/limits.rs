//! Which limit applies to a client, and who shares it (KIP-55).

use std::collections::HashMap;

use super::Client;

/// One part of an entity of quotas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuotaPart {
    /// The entity has no such part.
    Absent,
    /// Whoever has no limit by its name.
    Default,
    /// Whoever has this name.
    Named(String),
}

/// The limits of one quota.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    by_user: HashMap<String, OfClients>,
    default_user: OfClients,
    without_user: OfClients,
    count: usize,
}

/// The limits of a user by client id.
#[derive(Clone, Debug, Default, PartialEq)]
struct OfClients {
    by_client: HashMap<String, f64>,
    default_client: Option<f64>,
    /// Of all its clients together.
    together: Option<f64>,
}

impl OfClients {
    fn of_client(&self, client_id: &str) -> Option<f64> {
        self.by_client.get(client_id).copied().or(self.default_client)
    }
}

/// Those who share a limit: a user and a client id, all clients of a user, all users of a client id.
pub(super) type Sharers = (Option<String>, Option<String>);

/// The limit that applies.
pub(super) struct Found {
    pub limit: f64,
    pub sharers: Sharers,
}

impl Limits {
    /// Adds the limit of an entity. One without a user and a client id limits nobody.
    pub fn add(&mut self, user: QuotaPart, client_id: QuotaPart, limit: f64) {
        let of_user = match user {
            QuotaPart::Absent => &mut self.without_user,
            QuotaPart::Default => &mut self.default_user,
            QuotaPart::Named(name) => self.by_user.entry(name).or_default(),
        };
        match client_id {
            QuotaPart::Absent => of_user.together = Some(limit),
            QuotaPart::Default => of_user.default_client = Some(limit),
            QuotaPart::Named(name) => drop(of_user.by_client.insert(name, limit)),
        }
        self.count += 1;
    }

    /// Whether nobody is limited.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The most exact limit of a client: that of its user and client id goes before that of its user, this
    /// before those of any user, these before those of its client id.
    pub(super) fn find(&self, client: Client<'_>) -> Option<Found> {
        if self.is_empty() {
            return None;
        }
        let Client { user, client_id } = client;
        let (own_user, own_client) = (Some(user.to_owned()), Some(client_id.to_owned()));
        let has_client = !client_id.is_empty();
        for of_user in [self.by_user.get(user), Some(&self.default_user)]
            .into_iter()
            .flatten()
        {
            if has_client && let Some(limit) = of_user.of_client(client_id) {
                let sharers = (own_user, own_client);
                return Some(Found { limit, sharers });
            }
            if let Some(limit) = of_user.together {
                let sharers = (own_user, None);
                return Some(Found { limit, sharers });
            }
        }
        let limit = self.without_user.of_client(client_id).filter(|_| has_client)?;
        let sharers = (None, own_client);
        Some(Found { limit, sharers })
    }
}

#[cfg(test)]
mod tests {
    use super::QuotaPart::{Absent, Default};
    use super::*;

    fn named(name: &str) -> QuotaPart {
        QuotaPart::Named(name.to_owned())
    }

    /// From the most exact entity to the least, each is what applies once those before it are gone.
    #[test]
    fn the_most_exact_limit_applies() {
        let entities = [
            (named("bob"), named("app"), (true, true)),
            (named("bob"), Default, (true, true)),
            (named("bob"), Absent, (true, false)),
            (Default, named("app"), (true, true)),
            (Default, Default, (true, true)),
            (Default, Absent, (true, false)),
            (Absent, named("app"), (false, true)),
            (Absent, Default, (false, true)),
        ];
        let (user, client_id) = ("bob", "app");
        for first in 0..=entities.len() {
            let mut limits = Limits::default();
            for (limit, (user, client, _)) in (0..).zip(&entities).skip(first) {
                limits.add(user.clone(), client.clone(), f64::from(limit));
            }
            let found = limits.find(Client { user, client_id });
            let Some((_, _, (by_user, by_client))) = entities.get(first) else {
                assert!(found.is_none() && limits.is_empty());
                continue;
            };
            let Found { limit, sharers } = found.unwrap();
            assert_eq!(limit, first as f64);
            assert_eq!((sharers.0.is_some(), sharers.1.is_some()), (*by_user, *by_client));
        }
    }

    #[test]
    fn others_are_not_limited() {
        let mut limits = Limits::default();
        limits.add(named("bob"), named("app"), 1.0);
        limits.add(Absent, named("lib"), 2.0);
        for (user, client_id) in [("bob", "other"), ("eve", "app"), ("bob", ""), ("eve", "")] {
            assert!(
                limits.find(Client { user, client_id }).is_none(),
                "{user} {client_id}"
            );
        }
        limits.add(named("bob"), Absent, 3.0);
        let found = limits.find(Client {
            user: "bob",
            client_id: "",
        });
        assert_eq!(found.unwrap().limit, 3.0);
    }
}
