//! What a decision costs with ten thousand ACLs: `cargo run --release -p barnabas-security --example decisions`.

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::Instant;

use barnabas_security::{
    AclBinding, AclOperation, Action, Authorizer, KafkaPrincipal, PatternType, PermissionType, Requester,
    ResourceType, StandardAuthorizer, SuperUsers,
};
use uuid::Uuid;

const ACLS: u128 = 10_000;
const DECISIONS: u32 = 1_000_000;

fn acl(i: u128) -> AclBinding {
    let (principal, resource_name, pattern_type) = match i % 4 {
        0 => (
            format!("User:user-{i}"),
            format!("team-{i}-"),
            PatternType::Prefixed,
        ),
        1 => ("User:bob".to_owned(), format!("topic-{i}"), PatternType::Literal),
        2 => (
            format!("User:user-{i}"),
            "shared".to_owned(),
            PatternType::Literal,
        ),
        _ => ("User:*".to_owned(), format!("open-{i}"), PatternType::Prefixed),
    };
    AclBinding {
        resource_type: ResourceType::Topic,
        resource_name,
        pattern_type,
        operation: AclOperation::Read,
        principal,
        host: "*".to_owned(),
        permission_type: PermissionType::Allow,
    }
}

fn main() {
    let authorizer = StandardAuthorizer::new(SuperUsers::default(), false);
    let started = Instant::now();
    authorizer.apply((0..ACLS).map(|i| (Uuid::from_u128(i + 1), Some(acl(i)))));
    println!("{ACLS} ACLs taken over in {:?}", started.elapsed());
    let started = Instant::now();
    authorizer.apply([(Uuid::from_u128(u128::MAX), Some(acl(1)))]);
    println!("one more in {:?}", started.elapsed());
    for (who, topic) in [
        ("bob", "topic-5001"),
        ("bob", "topic-5000"),
        ("user-5000", "team-5000-x"),
        ("user-5002", "shared"),
        ("zoe", "open-5003-x"),
        ("zoe", "nowhere"),
    ] {
        let principal = KafkaPrincipal::user(who);
        let requester = Requester {
            principal: &principal,
            host: Ipv4Addr::LOCALHOST.into(),
            request: "Fetch",
        };
        let action = Action::new(AclOperation::Read, ResourceType::Topic, topic);
        let started = Instant::now();
        let mut allowed = false;
        for _ in 0..DECISIONS {
            allowed = authorizer.authorize(black_box(requester), black_box(action));
        }
        let each = started.elapsed() / DECISIONS;
        println!("{who} reads {topic}: {each:?} each, allowed: {allowed}");
    }
}
