//! Delegation tokens are made, renewed and expired, in Kafka's order of checks.

use barnabas_metadata::controller::{
    CreateDelegationToken, ExpireDelegationToken, RenewDelegationToken, Tick, TokenSettings,
};
use barnabas_metadata::records::MetadataRecord;
use barnabas_protocol::error::ErrorCode;
use barnabas_protocol::messages::create_delegation_token_request::CreatableRenewers;
use barnabas_protocol::messages::{
    CreateDelegationTokenRequest, CreateDelegationTokenResponse, ExpireDelegationTokenRequest,
    RenewDelegationTokenRequest,
};
use barnabas_security::delegation_tokens::TokenSecret;

use super::fixture::{Cluster, text};

const MAX_LIFETIME_MS: i64 = 1000;
const EXPIRY_MS: i64 = 100;

fn cluster(metadata_version: i16) -> Cluster {
    let mut cluster = Cluster::of_one();
    cluster.tokens = Some(TokenSettings {
        secret: TokenSecret::new("key").unwrap(),
        max_lifetime_ms: MAX_LIFETIME_MS,
        expiry_time_ms: EXPIRY_MS,
        expiry_check_interval_ms: 10,
    });
    cluster.apply(&[MetadataRecord::FeatureLevel {
        name: "metadata.version".into(),
        level: metadata_version,
    }]);
    cluster
}

fn create(cluster: &mut Cluster, renewers: &[(&str, &str)]) -> CreateDelegationTokenResponse {
    let renewers = renewers.iter().map(|(kind, name)| {
        CreatableRenewers::default()
            .with_principal_type(text(kind))
            .with_principal_name(text(name))
    });
    cluster.submit(CreateDelegationToken {
        requester: "User:alice".into(),
        request: CreateDelegationTokenRequest::default()
            .with_renewers(renewers.collect())
            .with_max_lifetime_ms(-1),
    })
}

fn renew(cluster: &mut Cluster, requester: &str, hmac: &[u8], period_ms: i64) -> (i16, i64) {
    let reply = cluster.submit(RenewDelegationToken {
        requester: requester.into(),
        request: RenewDelegationTokenRequest::default()
            .with_hmac(hmac.to_vec().into())
            .with_renew_period_ms(period_ms),
    });
    (reply.error_code, reply.expiry_timestamp_ms)
}

fn expire(cluster: &mut Cluster, requester: &str, hmac: &[u8], period_ms: i64) -> (i16, i64) {
    let reply = cluster.submit(ExpireDelegationToken {
        requester: requester.into(),
        request: ExpireDelegationTokenRequest::default()
            .with_hmac(hmac.to_vec().into())
            .with_expiry_time_period_ms(period_ms),
    });
    (reply.error_code, reply.expiry_timestamp_ms)
}

fn refused(error: ErrorCode) -> (i16, i64) {
    (error.code(), 0)
}

#[test]
fn a_token_lives_as_long_as_it_is_renewed_and_no_longer_than_it_may() {
    let mut cluster = cluster(14);
    let made = create(&mut cluster, &[("User", "bob")]);
    assert_eq!((made.error_code, &*made.principal_name), (0, "alice"));
    assert_eq!(
        (made.expiry_timestamp_ms, made.max_timestamp_ms),
        (EXPIRY_MS, MAX_LIFETIME_MS)
    );
    assert_eq!((made.token_id.len(), made.hmac.len()), (22, 64));
    let hmac = made.hmac.clone();
    cluster.now_ms = 50;
    for (who, period_ms, expected) in [
        ("User:alice", -1, 150),
        ("User:bob", 20, 70),
        ("User:alice", i64::MAX, 150),
        ("User:alice", 0, 150),
    ] {
        assert_eq!(
            renew(&mut cluster, who, &hmac, period_ms),
            (0, expected),
            "{who} {period_ms}"
        );
    }
    assert_eq!(
        expire(&mut cluster, "User:alice", &hmac, i64::MAX),
        (0, MAX_LIFETIME_MS)
    );
    assert_eq!(expire(&mut cluster, "User:bob", &hmac, 10), (0, 60));
    let token = cluster.image.delegation_tokens.values().next().unwrap();
    assert_eq!(token.expiration_timestamp, 60);
}

#[test]
fn checks_come_in_kafkas_order() {
    let mut cluster = cluster(14);
    let hmac = create(&mut cluster, &[]).hmac;
    let (alice, eve) = ("User:alice", "User:eve");
    assert_eq!(
        renew(&mut cluster, eve, b"x", -1),
        refused(ErrorCode::DelegationTokenNotFound)
    );
    assert_eq!(
        renew(&mut cluster, eve, &hmac, -1),
        refused(ErrorCode::DelegationTokenOwnerMismatch)
    );
    assert_eq!(
        expire(&mut cluster, eve, &hmac, -1),
        refused(ErrorCode::DelegationTokenOwnerMismatch)
    );
    cluster.now_ms = EXPIRY_MS + 1;
    // Renewing asks for the time first, expiring for who it is.
    assert_eq!(
        renew(&mut cluster, eve, &hmac, -1),
        refused(ErrorCode::DelegationTokenExpired)
    );
    assert_eq!(
        expire(&mut cluster, eve, &hmac, 5),
        refused(ErrorCode::DelegationTokenOwnerMismatch)
    );
    assert_eq!(
        expire(&mut cluster, alice, &hmac, 5),
        refused(ErrorCode::DelegationTokenExpired)
    );
    assert_eq!(expire(&mut cluster, alice, &hmac, -1), (0, EXPIRY_MS + 1));
    assert!(cluster.image.delegation_tokens.is_empty());
    let made = create(&mut cluster, &[("Group", "bob")]);
    assert_eq!(made.error_code, ErrorCode::InvalidPrincipalType.code());
    assert!(cluster.image.delegation_tokens.is_empty());
}

#[test]
fn there_are_none_without_a_key_or_in_an_old_version() {
    let mut old = cluster(13);
    assert_eq!(
        create(&mut old, &[]).error_code,
        ErrorCode::UnsupportedVersion.code()
    );
    let mut without = cluster(14);
    without.tokens = None;
    let disabled = ErrorCode::DelegationTokenAuthDisabled;
    let made = create(&mut without, &[("Group", "bob")]);
    assert_eq!((made.error_code, &*made.token_id), (disabled.code(), ""));
    assert_eq!(renew(&mut without, "User:alice", b"", -1), refused(disabled));
    assert_eq!(expire(&mut without, "User:alice", b"", -1), refused(disabled));
}

#[test]
fn what_has_expired_is_removed_when_it_is_looked_for() {
    let mut cluster = cluster(14);
    create(&mut cluster, &[]);
    let tokens = true;
    let look = Tick {
        tokens,
        ..Tick::default()
    };
    cluster.now_ms = EXPIRY_MS;
    cluster.submit(look);
    assert_eq!(cluster.image.delegation_tokens.len(), 1);
    cluster.now_ms = EXPIRY_MS + 1;
    cluster.submit(Tick::default());
    assert_eq!(cluster.image.delegation_tokens.len(), 1);
    cluster.submit(look);
    assert!(cluster.image.delegation_tokens.is_empty());
}
