//! SCRAM credentials are set and removed, one of each user in a request.

use barnabas_metadata::controller::AlterUserScramCredentials;
use barnabas_metadata::records::ScramMechanism;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::alter_user_scram_credentials_request::{
    ScramCredentialDeletion, ScramCredentialUpsertion,
};
use barnabas_protocol::messages::{AlterUserScramCredentialsRequest, StrBytes};

use super::fixture::Cluster;

fn upsert(name: &str, mechanism: i8, iterations: i32) -> ScramCredentialUpsertion {
    ScramCredentialUpsertion::default()
        .with_name(StrBytes::from_string(name.to_owned()))
        .with_mechanism(mechanism)
        .with_iterations(iterations)
        .with_salt(b"salt".to_vec().into())
        .with_salted_password(vec![7; 32].into())
}

fn delete(name: &str, mechanism: i8) -> ScramCredentialDeletion {
    ScramCredentialDeletion::default()
        .with_name(StrBytes::from_string(name.to_owned()))
        .with_mechanism(mechanism)
}

/// Alters and applies; answers with each user's error.
fn alter(
    cluster: &mut Cluster,
    deletions: &[ScramCredentialDeletion],
    upsertions: &[ScramCredentialUpsertion],
) -> Vec<(String, Option<ErrorCode>)> {
    let request = AlterUserScramCredentialsRequest::default()
        .with_deletions(deletions.to_vec())
        .with_upsertions(upsertions.to_vec());
    let decision = cluster.decide(AlterUserScramCredentials(request));
    cluster.apply(&decision.records);
    let outcomes = decision.reply.into_iter();
    outcomes
        .map(|(user, outcome)| (user, outcome.err().map(|error| error.code)))
        .collect()
}

#[test]
fn a_credential_is_set_and_removed() {
    let mut cluster = Cluster::of_one();
    let alice = |code| vec![("alice".to_owned(), code)];
    assert_eq!(alter(&mut cluster, &[], &[upsert("alice", 1, 4096)]), alice(None));
    assert_eq!(alter(&mut cluster, &[], &[upsert("alice", 2, 8192)]), alice(None));
    let kept = &cluster.image.scram["alice"];
    assert_eq!(kept[&ScramMechanism::Sha256].iterations, 4096);
    assert_eq!(kept[&ScramMechanism::Sha512].server_key.len(), 64);
    assert_eq!(alter(&mut cluster, &[delete("alice", 1)], &[]), alice(None));
    assert_eq!(
        alter(&mut cluster, &[delete("alice", 1)], &[]),
        alice(Some(ErrorCode::ResourceNotFound))
    );
    assert_eq!(alter(&mut cluster, &[delete("alice", 2)], &[]), alice(None));
    assert!(cluster.image.scram.is_empty());
}

#[test]
fn what_is_refused_changes_nothing_and_spoils_no_other_user() {
    let mut cluster = Cluster::of_one();
    let table = [
        (upsert("", 1, 4096), ErrorCode::UnacceptableCredential),
        (upsert("bob", 0, 4096), ErrorCode::UnsupportedSaslMechanism),
        (upsert("bob", 3, 4096), ErrorCode::UnsupportedSaslMechanism),
        (upsert("bob", 1, 4095), ErrorCode::UnacceptableCredential),
        (upsert("bob", 1, 16385), ErrorCode::UnacceptableCredential),
    ];
    for (refused, code) in table {
        let name = refused.name.to_string();
        let good = upsert("carol", 1, 16384);
        let outcomes = alter(&mut cluster, &[], &[refused, good]);
        assert_eq!(outcomes, [(name, Some(code)), ("carol".to_owned(), None)]);
    }
    let twice = [upsert("bob", 1, 4096), upsert("bob", 2, 4096)];
    let duplicate = ("bob".to_owned(), Some(ErrorCode::DuplicateResource));
    assert_eq!(alter(&mut cluster, &[], &twice), std::slice::from_ref(&duplicate));
    // The first error of a user stays.
    let missing = ("bob".to_owned(), Some(ErrorCode::ResourceNotFound));
    assert_eq!(alter(&mut cluster, &[delete("bob", 2)], &twice[..1]), [missing]);
    assert_eq!(cluster.image.scram.keys().collect::<Vec<_>>(), ["carol"]);
}
