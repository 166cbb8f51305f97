//! ACLs, users with SCRAM credentials, and quotas.

use barnabas_protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use barnabas_protocol::messages::alter_user_scram_credentials_request::{
    ScramCredentialDeletion, ScramCredentialUpsertion,
};
use barnabas_protocol::messages::{
    AlterClientQuotasRequest, AlterUserScramCredentialsRequest, DescribeClientQuotasRequest,
    DescribeUserScramCredentialsRequest,
};
use barnabas_security::sasl::scram::{ITERATIONS_MIN, ScramHash};
use barnabas_security::{AclBinding, AclFilter, AclOperation, PatternType, PermissionType, ResourceType};
use barnabas_tools::client::{KafkaError, To, wire};
use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use super::asked::Asked;
use super::failure::Failure;
use super::{Asking, done};

/// The code of users that have no credentials.
const RESOURCE_NOT_FOUND: i16 = 91;
/// The kinds of an entity that has quotas: how the console calls them, and the protocol.
const ENTITIES: [(&str, &str); 3] = [("user", "user"), ("client", "client-id"), ("ip", "ip")];

/// All ACLs.
pub fn acls(asking: &Asking) -> Result<Value, Failure> {
    let every = AclFilter {
        resource_type: ResourceType::Any,
        resource_name: None,
        pattern_type: PatternType::Any,
        principal: None,
        host: None,
        operation: AclOperation::Any,
        permission_type: PermissionType::Any,
    };
    let mut found = asking.cluster.acls(&every)?;
    found.sort();
    let rows = found.iter().map(|acl| {
        json!({
            "type": acl.resource_type.name(),
            "name": acl.resource_name,
            "pattern": acl.pattern_type.name(),
            "principal": acl.principal,
            "host": acl.host,
            "operation": acl.operation.name(),
            "permission": acl.permission_type.name(),
        })
    });
    Ok(json!({ "acls": rows.collect::<Vec<_>>() }))
}

fn binding(asked: &Asked) -> Result<AclBinding, Failure> {
    fn word<T>(asked: &Asked, name: &str, known: impl Fn(&str) -> Option<T>) -> Result<T, Failure> {
        let given = asked.needed(name)?;
        known(given).ok_or_else(|| Failure::bad(format!("{name}={given} is none of Kafka's")))
    }
    let code = |given: &str, named: &dyn Fn(i8) -> Option<&'static str>| {
        (0..i8::MAX).find(|code| named(*code) == Some(given))
    };
    Ok(AclBinding {
        resource_type: word(asked, "type", |given| {
            code(given, &|code| {
                ResourceType::from_code(code).map(ResourceType::name)
            })
            .and_then(ResourceType::from_code)
        })?,
        resource_name: asked.needed("name")?.to_owned(),
        pattern_type: word(asked, "pattern", |given| {
            code(given, &|code| PatternType::from_code(code).map(PatternType::name))
                .and_then(PatternType::from_code)
        })?,
        operation: word(asked, "operation", |given| {
            code(given, &|code| {
                AclOperation::from_code(code).map(AclOperation::name)
            })
            .and_then(AclOperation::from_code)
        })?,
        principal: asked.needed("principal")?.to_owned(),
        host: asked.text("host").unwrap_or("*").to_owned(),
        permission_type: word(asked, "permission", |given| {
            code(given, &|code| {
                PermissionType::from_code(code).map(PermissionType::name)
            })
            .and_then(PermissionType::from_code)
        })?,
    })
}

/// `acls/create` with the fields of an ACL.
pub fn create_acl(asking: &Asking) -> Result<Value, Failure> {
    asking.cluster.create_acls(&[binding(&asking.asked)?])?;
    done()
}

/// `acls/delete` with the fields of an ACL: that one goes, and no other.
pub fn delete_acl(asking: &Asking) -> Result<Value, Failure> {
    let acl = binding(&asking.asked)?;
    let filter = AclFilter {
        resource_type: acl.resource_type,
        resource_name: Some(acl.resource_name),
        pattern_type: acl.pattern_type,
        principal: Some(acl.principal),
        host: Some(acl.host),
        operation: acl.operation,
        permission_type: acl.permission_type,
    };
    asking.cluster.delete_acls(&[filter])?;
    done()
}

/// Users with SCRAM credentials. What is secret about them the cluster does not tell.
pub fn users(asking: &Asking) -> Result<Value, Failure> {
    let request = DescribeUserScramCredentialsRequest::default().with_users(None);
    let answer = asking
        .cluster
        .ask(To::Any, "describeUserScramCredentials", &request)?;
    KafkaError::check(answer.error_code, answer.error_message.as_deref())?;
    let mut users = Vec::new();
    for user in answer
        .results
        .iter()
        .filter(|user| user.error_code != RESOURCE_NOT_FOUND)
    {
        KafkaError::check(user.error_code, user.error_message.as_deref())?;
        let credentials = user.credential_infos.iter().map(|info| {
            let mechanism = if info.mechanism == 1 {
                "SCRAM-SHA-256"
            } else {
                "SCRAM-SHA-512"
            };
            json!([mechanism, info.iterations])
        });
        users.push(json!({ "user": user.user.as_str(), "credentials": credentials.collect::<Vec<_>>() }));
    }
    Ok(json!({ "users": users }))
}

fn mechanism(asked: &Asked) -> Result<(ScramHash, i8), Failure> {
    match asked.text("mechanism").unwrap_or("SCRAM-SHA-512") {
        "SCRAM-SHA-256" => Ok((ScramHash::Sha256, 1)),
        "SCRAM-SHA-512" => Ok((ScramHash::Sha512, 2)),
        other => Err(Failure::bad(format!(
            "mechanism={other}: SCRAM-SHA-256 or SCRAM-SHA-512 is expected"
        ))),
    }
}

/// `users/set` with `user`, `password` and `mechanism`. What goes to the cluster was salted and hashed.
pub fn set_user(asking: &Asking) -> Result<Value, Failure> {
    let asked = &asking.asked;
    let (hash, mechanism) = mechanism(asked)?;
    let salt = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    let salted = hash.salted_password(asked.needed("password")?.as_bytes(), &salt, ITERATIONS_MIN);
    let upsertion = ScramCredentialUpsertion::default()
        .with_name(wire(asked.needed("user")?))
        .with_mechanism(mechanism)
        .with_iterations(ITERATIONS_MIN)
        .with_salt(Bytes::from(salt))
        .with_salted_password(Bytes::from(salted));
    alter_users(
        asking,
        AlterUserScramCredentialsRequest::default().with_upsertions(vec![upsertion]),
    )
}

/// `users/delete` with `user` and `mechanism`.
pub fn delete_user(asking: &Asking) -> Result<Value, Failure> {
    let (_, mechanism) = mechanism(&asking.asked)?;
    let deletion = ScramCredentialDeletion::default()
        .with_name(wire(asking.asked.needed("user")?))
        .with_mechanism(mechanism);
    alter_users(
        asking,
        AlterUserScramCredentialsRequest::default().with_deletions(vec![deletion]),
    )
}

fn alter_users(asking: &Asking, request: AlterUserScramCredentialsRequest) -> Result<Value, Failure> {
    let answer = asking
        .cluster
        .ask(To::Controller, "alterUserScramCredentials", &request)?;
    for user in &answer.results {
        KafkaError::check(user.error_code, user.error_message.as_deref())?;
    }
    done()
}

/// All quotas.
pub fn quotas(asking: &Asking) -> Result<Value, Failure> {
    let request = DescribeClientQuotasRequest::default();
    let answer = asking.cluster.ask(To::Any, "describeClientQuotas", &request)?;
    KafkaError::check(answer.error_code, answer.error_message.as_deref())?;
    let entries = answer.entries.unwrap_or_default();
    let quotas = entries.iter().map(|entry| {
        let entity = entry.entity.iter().map(|part| {
            let name = part.entity_name.as_ref().map(|name| name.as_str());
            json!([part.entity_type.as_str(), name])
        });
        let values = entry
            .values
            .iter()
            .map(|value| (value.key.to_string(), value.value.into()));
        json!({
            "entity": entity.collect::<Vec<_>>(),
            "values": values.collect::<serde_json::Map<String, Value>>(),
        })
    });
    Ok(json!({ "quotas": quotas.collect::<Vec<_>>() }))
}

/// `quotas/set` with `user`, `client` or `ip` (an empty object is the default of its kind), `set` (numbers by
/// name, as texts) and `delete` (names).
pub fn set_quotas(asking: &Asking) -> Result<Value, Failure> {
    let asked = &asking.asked;
    let mut entity = Vec::new();
    for (name, kind) in ENTITIES {
        let part = EntityData::default().with_entity_type(wire(kind));
        match asked.value(name) {
            None => {}
            Some(Value::String(named)) => entity.push(part.with_entity_name(Some(wire(named)))),
            Some(_) => entity.push(part.with_entity_name(None)),
        }
    }
    if entity.is_empty() {
        return Err(Failure::bad("user, client or ip is missing"));
    }
    let mut changes = Vec::new();
    for (name, value) in asked.pairs("set")? {
        let number = value.trim().parse::<f64>();
        let number = number.map_err(|_| Failure::bad(format!("{name}={value} is no number")))?;
        changes.push(OpData::default().with_key(wire(&name)).with_value(number));
    }
    for name in asked.texts("delete")? {
        changes.push(OpData::default().with_key(wire(&name)).with_remove(true));
    }
    let entry = EntryData::default().with_entity(entity).with_ops(changes);
    let request = AlterClientQuotasRequest::default().with_entries(vec![entry]);
    let answer = asking
        .cluster
        .ask(To::Controller, "alterClientQuotas", &request)?;
    for entry in &answer.entries {
        KafkaError::check(entry.error_code, entry.error_message.as_deref())?;
    }
    done()
}
