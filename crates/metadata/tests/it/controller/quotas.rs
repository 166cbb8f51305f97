//! Quotas are altered entity by entity, and found by what their entity is.

use std::collections::{BTreeMap, BTreeSet};

use barnabas_metadata::controller::{AlterClientQuotas, QuotaAlteration};
use barnabas_metadata::image::{QuotaEntity, QuotaFilter, QuotaMatch};
use barnabas_protocol::error::ErrorCode;

use super::fixture::Cluster;

type Parts<'a> = &'a [(&'a str, Option<&'a str>)];

fn entity(parts: Parts<'_>) -> QuotaEntity {
    parts
        .iter()
        .map(|(kind, name)| ((*kind).to_owned(), name.map(str::to_owned)))
        .collect()
}

fn alteration(parts: Parts<'_>, quotas: &[(&str, Option<f64>)]) -> QuotaAlteration {
    QuotaAlteration {
        entity: entity(parts).into_iter().collect(),
        quotas: quotas
            .iter()
            .map(|(key, value)| ((*key).to_owned(), *value))
            .collect(),
    }
}

/// Alters and applies; answers with each entity's error.
fn alter(cluster: &mut Cluster, request: AlterClientQuotas) -> Vec<Option<ErrorCode>> {
    let decision = cluster.decide(request);
    cluster.apply(&decision.records);
    let code = |(_, outcome): (_, Result<(), barnabas_metadata::controller::ApiError>)| {
        outcome.err().map(|error| error.code)
    };
    decision.reply.into_iter().map(code).collect()
}

fn of(alterations: Vec<QuotaAlteration>) -> AlterClientQuotas {
    AlterClientQuotas {
        alterations,
        ..AlterClientQuotas::default()
    }
}

#[test]
fn a_quota_is_set_changed_and_removed() {
    let mut cluster = Cluster::of_one();
    let alice: Parts<'_> = &[("user", Some("alice")), ("client-id", None)];
    let set = |value| of(vec![alteration(alice, &[("producer_byte_rate", value)])]);
    assert_eq!(alter(&mut cluster, set(Some(1000.0))), [None]);
    assert_eq!(
        cluster.decide(set(Some(1000.0))).records,
        [],
        "it is that already"
    );
    assert_eq!(cluster.image.quotas[&entity(alice)]["producer_byte_rate"], 1000.0);
    let only_validated = AlterClientQuotas {
        validate_only: true,
        ..set(Some(5.0))
    };
    assert_eq!(alter(&mut cluster, only_validated), [None]);
    assert_eq!(cluster.image.quotas[&entity(alice)]["producer_byte_rate"], 1000.0);
    assert_eq!(alter(&mut cluster, set(None)), [None]);
    assert!(cluster.image.quotas.is_empty());
    assert_eq!(cluster.decide(set(None)).records, [], "it is gone already");
}

#[test]
fn an_entity_that_is_refused_leaves_the_others_alone() {
    let mut cluster = Cluster::of_one();
    let good = [("request_percentage", Some(12.5))];
    let refused = [
        alteration(&[], &good),
        alteration(&[("user", Some(""))], &good),
        alteration(&[("group", Some("g"))], &good),
        alteration(
            &[("user", None), ("ip", None)],
            &[("connection_creation_rate", Some(1.0))],
        ),
        alteration(&[("ip", None)], &good),
        alteration(
            &[("ip", Some("nowhere"))],
            &[("connection_creation_rate", Some(1.0))],
        ),
        alteration(&[("user", Some("a"))], &[("no_such", Some(1.0))]),
        alteration(&[("user", Some("b"))], &[("request_percentage", Some(0.0))]),
        alteration(&[("user", Some("c"))], &[("producer_byte_rate", Some(0.5))]),
        alteration(&[("user", Some("d"))], &[("producer_byte_rate", Some(1e20))]),
        alteration(&[("user", Some("f"))], &[("request_percentage", Some(f64::NAN))]),
        alteration(
            &[("user", Some("g"))],
            &[("request_percentage", Some(f64::INFINITY))],
        ),
        alteration(&[("user", Some("e"))], &[good[0], good[0]]),
    ];
    let mut all = refused.to_vec();
    all.push(alteration(&[("client-id", Some("x"))], &good));
    let request = AlterClientQuotas {
        unknown_hosts: BTreeSet::from(["nowhere".to_owned()]),
        ..of(all)
    };
    let outcomes = alter(&mut cluster, request);
    assert_eq!(outcomes.len(), refused.len() + 1);
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_none()).count(), 1);
    assert!(
        outcomes
            .iter()
            .flatten()
            .all(|code| *code == ErrorCode::InvalidRequest)
    );
    let kept: Vec<&QuotaEntity> = cluster.image.quotas.keys().collect();
    assert_eq!(kept, [&entity(&[("client-id", Some("x"))])]);
}

#[test]
fn an_entity_that_is_named_twice_is_refused_once() {
    let mut cluster = Cluster::of_one();
    let one = alteration(&[("user", Some("a"))], &[("request_percentage", Some(1.0))]);
    let codes = alter(&mut cluster, of(vec![one.clone(), one]));
    assert_eq!(codes, [Some(ErrorCode::InvalidRequest)]);
}

// The orders were printed by Java with Apache Kafka's own class.
#[test]
fn entities_and_their_parts_come_in_the_order_of_kafkas_hash_maps() {
    let cluster = Cluster::of_one();
    let asked: [Parts<'_>; 5] = [
        &[("x", Some("y"))],
        &[("y", Some("x")), ("a b", Some("y")), ("y", Some("y"))],
        &[(".", Some("y")), ("y", Some("x"))],
        &[("user", Some("a")), ("client-id", None)],
        &[("user", None)],
    ];
    let all = asked.map(|entity| QuotaAlteration {
        entity: entity
            .iter()
            .map(|(kind, name)| ((*kind).to_owned(), name.map(str::to_owned)))
            .collect(),
        quotas: vec![
            ("b".into(), Some(1.0)),
            ("no.such".into(), Some(1.0)),
            ("a".into(), Some(1.0)),
        ],
    });
    let answered = cluster
        .decide(of(all.to_vec()))
        .reply
        .into_iter()
        .map(|(parts, outcome)| {
            let part =
                |(kind, name): (String, Option<String>)| format!("{kind}={}", name.unwrap_or_default());
            let parts: Vec<String> = parts.into_iter().map(part).collect();
            (parts.join(","), outcome.unwrap_err().message.unwrap_or_default())
        });
    let unhandled = |kind| format!("Unhandled client quota entity type: {kind}");
    let key = "Invalid configuration key no.such".to_owned();
    let expected = [
        ("x=y", unhandled("x")),
        ("y=x,.=y", unhandled("y")),
        ("y=y,a b=y", unhandled("y")),
        ("user=", key.clone()),
        ("client-id=,user=a", key),
    ];
    let expected = expected.map(|(parts, message)| (parts.to_owned(), message));
    assert_eq!(answered.collect::<Vec<_>>(), expected);
}

#[test]
fn a_filter_finds_entities_by_their_parts() {
    let alice = entity(&[("user", Some("alice"))]);
    let alice_x = entity(&[("user", Some("alice")), ("client-id", Some("x"))]);
    let anyone = entity(&[("user", None)]);
    let filter = |parts: &[(&str, QuotaMatch)], strict| QuotaFilter {
        parts: parts
            .iter()
            .map(|(kind, wanted)| ((*kind).to_owned(), wanted.clone()))
            .collect::<BTreeMap<_, _>>(),
        strict,
    };
    let exact = |name: Option<&str>| QuotaMatch::Exact(name.map(str::to_owned));
    let table = [
        (filter(&[], false), [true, true, true]),
        (filter(&[], true), [false, false, false]),
        (
            filter(&[("user", exact(Some("alice")))], false),
            [true, true, false],
        ),
        (
            filter(&[("user", exact(Some("alice")))], true),
            [true, false, false],
        ),
        (filter(&[("user", exact(None))], false), [false, false, true]),
        (filter(&[("user", QuotaMatch::Any)], true), [true, false, true]),
        (
            filter(&[("client-id", QuotaMatch::Any)], false),
            [false, true, false],
        ),
        (
            filter(&[("client-id", exact(None))], false),
            [false, false, false],
        ),
    ];
    for (filter, expected) in table {
        let found = [&alice, &alice_x, &anyone].map(|entity| filter.matches(entity));
        assert_eq!(found, expected, "{filter:?}");
    }
}
