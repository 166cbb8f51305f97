//! Users and passwords as bitnami/kafka has them: `KAFKA_CLIENT_USERS` and `KAFKA_CLIENT_PASSWORDS`, those of
//! brokers and those of controllers, at each listener with SASL, in a JAAS entry for each mechanism.
//!
//! Users of SCRAM are metadata: a cluster that this node founds begins with them. There are no default
//! passwords; without a user of their own, brokers log in as the first client.

use std::collections::BTreeMap;
use std::fmt;

use super::addresses;
use super::{Given, VariableError, Variables};

/// What listeners with SASL offer if nothing else is said, as in older images of bitnami/kafka.
const MECHANISMS: &str = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512";
/// How bitnami/kafka calls a user who has only a password.
const DEFAULT_USER: &str = "user";
const PLAIN: &str = "PLAIN";

/// A user of SCRAM.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramUser {
    /// `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub mechanism: String,
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for ScramUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {}", self.name, self.mechanism)
    }
}

#[derive(Clone, PartialEq, Eq)]
struct Login {
    name: String,
    password: String,
}

/// Whom a listener is for besides clients.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Clients,
    Brokers,
    Controllers,
}

/// Makes JAAS entries and users of SCRAM of what is given.
///
/// # Errors
/// Users without passwords, or more of them, and names that no JAAS entry can have.
pub fn take(given: &BTreeMap<&str, &Given>, found: &mut Variables) -> Result<(), VariableError> {
    let Some(first) = given.values().next() else {
        return Ok(());
    };
    let listeners: Vec<(String, String)> = addresses::protocols(found)
        .into_iter()
        .filter(|(_, protocol)| protocol.starts_with("SASL_"))
        .collect();
    if listeners.is_empty() {
        return Ok(());
    }
    let clients = logins(given, "KAFKA_CLIENT_USERS", "KAFKA_CLIENT_PASSWORDS")?;
    let brokers = logins(given, "KAFKA_INTER_BROKER_USER", "KAFKA_INTER_BROKER_PASSWORD")?;
    let controllers = logins(given, "KAFKA_CONTROLLER_USER", "KAFKA_CONTROLLER_PASSWORD")?;
    let broker = brokers.first().or(clients.first()).cloned();
    let controller = controllers.first().cloned().or_else(|| broker.clone());
    let mut filling = Filling { found, from: first };
    let names_controllers = filling
        .setting("controller.listener.names")
        .unwrap_or("CONTROLLER");
    let names_controllers = names_controllers.to_uppercase();
    let inter_broker = filling.inter_broker();
    filling.default("sasl.enabled.mechanisms", MECHANISMS);
    for (name, _) in &listeners {
        let role = match () {
            () if names_controllers.split(',').any(|other| other.trim() == name) => Role::Controllers,
            () if inter_broker == *name => Role::Brokers,
            () => Role::Clients,
        };
        let own = match role {
            Role::Clients => None,
            Role::Brokers => broker.as_ref(),
            Role::Controllers => controller.as_ref(),
        };
        let mut all = if role == Role::Controllers {
            Vec::new()
        } else {
            clients.clone()
        };
        all.extend(
            own.filter(|own| !all.iter().any(|login| login.name == own.name))
                .cloned(),
        );
        for mechanism in filling.mechanisms(name, role) {
            filling.entry(name, &mechanism, &all, own);
        }
    }
    Ok(())
}

/// Pairs of the names in one variable and the passwords in another.
fn logins(
    given: &BTreeMap<&str, &Given>,
    users: &'static str,
    passwords: &'static str,
) -> Result<Vec<Login>, VariableError> {
    let words = |name: &str| -> Vec<String> {
        let value = given.get(name).map_or("", |given| given.value.as_str());
        let separates = |c: char| matches!(c, ',' | ';') || c.is_whitespace();
        let words = value.split(separates).filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    };
    let (mut names, passwords_given) = (words(users), words(passwords));
    if names.is_empty() && passwords_given.len() == 1 {
        names.push(DEFAULT_USER.to_owned());
    }
    let refused = |why: String| VariableError {
        variable: users.to_owned(),
        value: super::short(&names.join(",")),
        why,
        valid: "names separated by commas, and as many passwords in the variable beside it",
    };
    if names.len() != passwords_given.len() {
        let (names, count) = (names.len(), passwords_given.len());
        return Err(refused(format!(
            "it has {names} names, and {passwords} has {count} passwords"
        )));
    }
    let odd = |name: &&String| !name.chars().all(|c| c.is_alphanumeric() || "._-@+".contains(c));
    if let Some(name) = names.iter().find(odd) {
        return Err(refused(format!(
            "{name} has other signs than letters, digits and ._-@+"
        )));
    }
    let both = names.into_iter().zip(passwords_given);
    Ok(both.map(|(name, password)| Login { name, password }).collect())
}

/// Settings being made of what is given.
struct Filling<'a> {
    found: &'a mut Variables,
    /// What errors name.
    from: &'a Given,
}

impl Filling<'_> {
    fn setting(&self, name: &str) -> Option<&str> {
        self.found.settings.get(name).map(|given| given.value.trim())
    }

    fn default(&mut self, name: &str, value: &str) {
        let variable = self.from.variable.clone();
        let value = value.to_owned();
        let settings = &mut self.found.settings;
        settings
            .entry(name.to_owned())
            .or_insert(Given { value, variable });
    }

    fn inter_broker(&self) -> String {
        let named = self.setting("inter.broker.listener.name");
        let named = named.or_else(|| self.setting("security.inter.broker.protocol"));
        named.unwrap_or("PLAINTEXT").to_uppercase()
    }

    /// What a listener offers; where brokers or controllers log in, also by what.
    fn mechanisms(&mut self, listener: &str, role: Role) -> Vec<String> {
        if role == Role::Controllers {
            self.default("sasl.mechanism.controller.protocol", PLAIN);
            return self.list("sasl.mechanism.controller.protocol");
        }
        let own = format!(
            "listener.name.{}.sasl.enabled.mechanisms",
            listener.to_lowercase()
        );
        let name = if self.setting(&own).is_some() {
            own.as_str()
        } else {
            "sasl.enabled.mechanisms"
        };
        let mechanisms = self.list(name);
        if let (Role::Brokers, Some(first)) = (role, mechanisms.first()) {
            self.default("sasl.mechanism.inter.broker.protocol", first);
        }
        mechanisms
    }

    fn list(&self, name: &str) -> Vec<String> {
        let entries = self.setting(name).unwrap_or_default().split(',');
        entries
            .map(|entry| entry.trim().to_uppercase())
            .filter(|entry| !entry.is_empty())
            .collect()
    }

    /// The JAAS entry of a listener and a mechanism.
    fn entry(&mut self, listener: &str, mechanism: &str, all: &[Login], own: Option<&Login>) {
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let mut options = Vec::new();
        if let Some(own) = own {
            options.push(format!("username={}", quoted(&own.name)));
            options.push(format!("password={}", quoted(&own.password)));
        }
        let class = match mechanism {
            PLAIN => {
                let users = all.iter();
                options.extend(users.map(|user| format!("user_{}={}", user.name, quoted(&user.password))));
                "plain.PlainLoginModule"
            }
            "SCRAM-SHA-256" | "SCRAM-SHA-512" => {
                for user in all {
                    let user = ScramUser {
                        mechanism: mechanism.to_owned(),
                        name: user.name.clone(),
                        password: user.password.clone(),
                    };
                    if !self.found.users.contains(&user) {
                        self.found.users.push(user);
                    }
                }
                "scram.ScramLoginModule"
            }
            _ => return,
        };
        let options: String = options.iter().map(|option| format!(" {option}")).collect();
        let (listener, mechanism) = (listener.to_lowercase(), mechanism.to_lowercase());
        self.default(
            &format!("listener.name.{listener}.{mechanism}.sasl.jaas.config"),
            &format!("org.apache.kafka.common.security.{class} required{options};"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Variables, String> {
        let owned = variables.iter().map(|(name, value)| (name.into(), value.into()));
        Variables::read(owned, &|path| Err(format!("there is no {path}"))).map_err(|error| error.to_string())
    }

    const LISTENERS: [(&str, &str); 3] = [
        (
            "KAFKA_CFG_LISTENERS",
            "SASL_PLAINTEXT://:9092,CONTROLLER://:9093,INSIDE://:9094",
        ),
        (
            "KAFKA_CFG_LISTENER_SECURITY_PROTOCOL_MAP",
            "CONTROLLER:SASL_PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,INSIDE:SASL_SSL",
        ),
        ("KAFKA_CFG_INTER_BROKER_LISTENER_NAME", "INSIDE"),
    ];

    #[test]
    fn every_listener_with_sasl_knows_its_users() {
        let mut variables = LISTENERS.to_vec();
        variables.extend([
            ("KAFKA_CLIENT_USERS", "alice,bob"),
            ("KAFKA_CLIENT_PASSWORDS", "a-1;b\"2"),
            ("KAFKA_INTER_BROKER_USER", "broker"),
            ("KAFKA_INTER_BROKER_PASSWORD", "c"),
            ("KAFKA_CFG_SASL_ENABLED_MECHANISMS", "PLAIN,SCRAM-SHA-512"),
        ]);
        let found = read(&variables).unwrap();
        let value = |name: &str| found.settings.get(name).map_or("-", |given| given.value.as_str());
        let plain = "org.apache.kafka.common.security.plain.PlainLoginModule required";
        assert_eq!(
            value("listener.name.sasl_plaintext.plain.sasl.jaas.config"),
            format!(r#"{plain} user_alice="a-1" user_bob="b\"2";"#)
        );
        assert_eq!(
            value("listener.name.inside.plain.sasl.jaas.config"),
            format!(
                r#"{plain} username="broker" password="c" user_alice="a-1" user_bob="b\"2" user_broker="c";"#
            )
        );
        assert_eq!(
            value("listener.name.controller.plain.sasl.jaas.config"),
            format!(r#"{plain} username="broker" password="c" user_broker="c";"#)
        );
        assert_eq!(
            value("listener.name.inside.scram-sha-512.sasl.jaas.config"),
            r#"org.apache.kafka.common.security.scram.ScramLoginModule required username="broker" password="c";"#
        );
        assert_eq!(value("sasl.mechanism.inter.broker.protocol"), "PLAIN");
        assert_eq!(value("sasl.mechanism.controller.protocol"), "PLAIN");
        let users: Vec<&str> = found.users.iter().map(|user| user.name.as_str()).collect();
        assert_eq!(users, ["alice", "bob", "broker"]);
        assert!(!format!("{:?}", found.users).contains("a-1"));
    }

    #[test]
    fn what_is_given_otherwise_stays_and_without_sasl_nothing_happens() {
        let jaas = "KAFKA_CFG_LISTENER_NAME_SASL_PLAINTEXT_PLAIN_SASL_JAAS_CONFIG";
        let mut variables = LISTENERS.to_vec();
        variables.extend([("KAFKA_CLIENT_PASSWORDS", "a"), (jaas, "mine")]);
        let found = read(&variables).unwrap();
        let own = &found.settings["listener.name.sasl_plaintext.plain.sasl.jaas.config"];
        assert_eq!((own.value.as_str(), own.variable.as_str()), ("mine", jaas));
        let inside = &found.settings["listener.name.inside.plain.sasl.jaas.config"].value;
        assert!(inside.contains(r#"username="user" password="a""#), "{inside}");
        let plain = read(&[("KAFKA_CLIENT_USERS", "a"), ("KAFKA_CLIENT_PASSWORDS", "b")]);
        assert_eq!(plain, Ok(Variables::default()));
    }

    #[test]
    fn what_does_not_fit_is_told_without_a_password() {
        for (users, passwords, why) in [
            (
                "a,b",
                "secret",
                "it has 2 names, and KAFKA_CLIENT_PASSWORDS has 1 passwords",
            ),
            (
                "a",
                "",
                "it has 1 names, and KAFKA_CLIENT_PASSWORDS has 0 passwords",
            ),
            ("a=\"b", "secret", "a=\"b has other signs than letters"),
        ] {
            let mut variables = LISTENERS.to_vec();
            variables.extend([
                ("KAFKA_CLIENT_USERS", users),
                ("KAFKA_CLIENT_PASSWORDS", passwords),
            ]);
            let error = read(&variables).unwrap_err();
            assert!(
                error.starts_with(&format!("KAFKA_CLIENT_USERS={users} is not valid: {why}")),
                "{error}"
            );
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
