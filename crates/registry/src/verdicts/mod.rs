//! Rules of compatibility, case by case, in `cases.jsonl`: those of Avro's specification (schema resolution)
//! and those that Confluent documents for JSON Schema and Protobuf. `compat-tests/registry/verdicts` has Avro
//! for Java judge the same cases.

use crate::json::Json;
use crate::schema::{Parsed, SchemaType};

#[test]
fn verdicts_are_as_published() {
    let mut wrong = Vec::new();
    for line in include_str!("cases.jsonl").lines() {
        let case = Json::parse(line.as_bytes()).unwrap();
        let text = |name: &str| case.get(name).and_then(Json::as_str).unwrap();
        let language = SchemaType::named(Some(text("language"))).unwrap();
        let parsed = |name: &str| Parsed::parse(language, text(name), &[], true).unwrap();
        let (old, new) = (parsed("old"), parsed("new"));
        for (name, found) in [
            ("new_reads_old", new.reads(&old)),
            ("old_reads_new", old.reads(&new)),
        ] {
            let expected = case.get(name).and_then(Json::as_bool);
            if expected.is_some_and(|expected| expected != found.is_empty()) {
                let kinds: Vec<&str> = found.iter().map(|one| one.kind).collect();
                wrong.push(format!(
                    "{}: {}: {name}: {kinds:?}",
                    text("language"),
                    text("rule")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
