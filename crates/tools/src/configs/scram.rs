//! SCRAM credentials of users. A password never leaves this process: what is sent was salted and hashed.

use barnabas_protocol::messages::alter_user_scram_credentials_request::{
    ScramCredentialDeletion, ScramCredentialUpsertion,
};
use barnabas_protocol::messages::describe_user_scram_credentials_request::UserName;
use barnabas_protocol::messages::{AlterUserScramCredentialsRequest, DescribeUserScramCredentialsRequest};
use barnabas_security::sasl::scram::{ITERATIONS_MIN, ScramHash};
use bytes::Bytes;
use uuid::Uuid;

use super::alter::Changes;
use crate::client::{Cluster, KafkaError, To, wire};
use crate::console::Console;
use crate::failure::{Outcome, said};

/// The code of users that have no credentials.
const RESOURCE_NOT_FOUND: i16 = 91;

/// The mechanism's hash and its number in the protocol.
pub fn hash(mechanism: &str) -> Option<(ScramHash, i8)> {
    match mechanism {
        "SCRAM-SHA-256" => Some((ScramHash::Sha256, 1)),
        "SCRAM-SHA-512" => Some((ScramHash::Sha512, 2)),
        _ => None,
    }
}

/// Changes a user's credentials.
pub fn alter(user: &str, cluster: &Cluster, added: &Changes, deleted: &[String]) -> Outcome {
    let deletions = deleted
        .iter()
        .filter_map(|mechanism| hash(mechanism))
        .map(|(_, mechanism)| {
            ScramCredentialDeletion::default()
                .with_name(wire(user))
                .with_mechanism(mechanism)
        });
    let mut upsertions = Vec::new();
    for (name, text) in added {
        let Some((hash, mechanism)) = hash(name) else {
            continue;
        };
        let (iterations, password) = credential(name, text)?;
        let salt = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
        let salted = hash.salted_password(password.as_bytes(), &salt, iterations);
        upsertions.push(
            ScramCredentialUpsertion::default()
                .with_name(wire(user))
                .with_mechanism(mechanism)
                .with_iterations(iterations)
                .with_salt(Bytes::from(salt))
                .with_salted_password(Bytes::from(salted)),
        );
    }
    let request = AlterUserScramCredentialsRequest::default()
        .with_deletions(deletions.collect())
        .with_upsertions(upsertions);
    let response = cluster.ask(To::Controller, "alterUserScramCredentials", &request)?;
    let mut results = response.results.iter();
    Ok(results
        .try_for_each(|result| KafkaError::check(result.error_code, result.error_message.as_deref()))?)
}

/// `iterations=4096,password=secret`, the iterations being the least unless given.
fn credential<'t>(mechanism: &str, text: &'t str) -> Outcome<(i32, &'t str)> {
    let (iterations, password) = match text.strip_prefix("iterations=") {
        Some(rest) => rest
            .split_once(',')
            .map_or((None, ""), |(number, rest)| (Some(number), rest)),
        None => (None, text),
    };
    let iterations = match iterations.map(str::parse::<i32>) {
        None | Some(Ok(-1)) => Some(ITERATIONS_MIN),
        Some(number) => number.ok(),
    };
    let (Some(iterations), Some(password)) = (iterations, password.strip_prefix("password=")) else {
        return said(format!("Invalid credential property {mechanism}"));
    };
    if iterations < ITERATIONS_MIN {
        return said(format!(
            "Iterations {iterations} is less than the minimum {ITERATIONS_MIN} required for {mechanism}"
        ));
    }
    Ok((iterations, password))
}

/// Shows the credentials of these users, or of all.
pub fn describe(names: &[String], cluster: &Cluster, console: &mut Console) -> Outcome {
    let user = |name: &String| UserName::default().with_name(wire(name));
    let users = (!names.is_empty()).then(|| names.iter().map(user).collect());
    let request = DescribeUserScramCredentialsRequest::default().with_users(users);
    let response = cluster.ask(To::Any, "describeUserScramCredentials", &request)?;
    KafkaError::check(response.error_code, response.error_message.as_deref())?;
    for result in response
        .results
        .iter()
        .filter(|result| result.error_code != RESOURCE_NOT_FOUND)
    {
        let user = &result.user;
        if let Err(error) = KafkaError::check(result.error_code, result.error_message.as_deref()) {
            console.line(format!(
                "Error retrieving SCRAM credential configs for user-principal '{user}': ExecutionException: {error}"
            ));
            continue;
        }
        let credentials = result.credential_infos.iter().map(|info| {
            let mechanism = if info.mechanism == 1 {
                "SCRAM-SHA-256"
            } else {
                "SCRAM-SHA-512"
            };
            format!("{mechanism}=iterations={}", info.iterations)
        });
        let credentials: Vec<String> = credentials.collect();
        console.line(format!(
            "SCRAM credential configs for user-principal '{user}' are {}",
            credentials.join(", ")
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read() {
        for (text, expected) in [
            ("password=p,q=r", Some((4096, "p,q=r"))),
            ("iterations=8192,password=p", Some((8192, "p"))),
            ("iterations=-1,password=p", Some((4096, "p"))),
            ("iterations=1,password=p", None),
            ("iterations=x,password=p", None),
            ("secret", None),
        ] {
            assert_eq!(credential("SCRAM-SHA-256", text).ok(), expected, "{text}");
        }
    }
}
