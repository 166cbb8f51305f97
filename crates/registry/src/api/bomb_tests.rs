//! Schemas that would cost much more to read or to compare than to send.

use std::time::{Duration, Instant};

use super::Method::{Get, Post, Put};
use super::tests::Session;
use super::*;

/// A build without optimisations on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);
/// A quarter of the largest body of a request.
const TEXT_BYTES: usize = 1 << 18;

fn body(schema_type: &str, text: &str, references: &[(&str, &str)]) -> String {
    let references = references.iter().map(|(name, subject)| {
        object([
            ("name", (*name).into()),
            ("subject", (*subject).into()),
            ("version", 1.into()),
        ])
    });
    object([
        ("schemaType", schema_type.into()),
        ("schema", text.into()),
        ("references", references.collect()),
    ])
    .to_string()
}

/// As many as fit, one after the other.
fn many(of: impl Fn(usize) -> String, separator: &str, bytes: usize) -> String {
    let mut all = String::new();
    for at in 0.. {
        let next = of(at);
        if all.len() + next.len() + separator.len() > bytes {
            break;
        }
        if at > 0 {
            all.push_str(separator);
        }
        all.push_str(&next);
    }
    all
}

/// Whatever comes of it, it comes in time.
fn in_time(what: &str, work: impl FnOnce()) {
    let begun = Instant::now();
    work();
    let took = begun.elapsed();
    assert!(took < PATIENCE, "{what} took {took:?}");
}

fn wide() -> Vec<(&'static str, &'static str, String)> {
    let fields = |of: &dyn Fn(usize) -> String| many(of, ",", TEXT_BYTES);
    let avro = |fields: &str| format!(r#"{{"type":"record","name":"r","fields":[{fields}]}}"#);
    let symbols = fields(&|at| format!("\"S{at}\""));
    let texts = fields(&|at| format!("\"t{at}\""));
    let json = |name: &str, given: &str| format!(r#"{{"type":"object","{name}":{given}}}"#);
    let alternatives = |name: &str| {
        let all = fields(&|at| format!(r#"{{"properties":{{"p{at}":{{"type":"string"}}}}}}"#));
        format!(r#"{{"{name}":[{all}]}}"#)
    };
    let message = |at: usize| format!("message M{at} {{ M0 a = 1; repeated .p.M{at} b = 2; }}\n");
    let field = |at: usize| format!("optional int32 f{at} = {};\n", at + 1);
    let value = |at: usize| format!("V{at} = {at};\n");
    vec![
        (
            "AVRO",
            "fields",
            avro(&fields(&|at| format!(r#"{{"name":"f{at}","type":"int"}}"#))),
        ),
        (
            "AVRO",
            "aliases",
            avro(&format!(r#"{{"name":"f","type":"int","aliases":[{symbols}]}}"#)),
        ),
        (
            "AVRO",
            "symbols",
            format!(r#"{{"type":"enum","name":"e","symbols":[{symbols}]}}"#),
        ),
        (
            "AVRO",
            "branches",
            format!(
                "[{}]",
                fields(&|at| format!(r#"{{"type":"fixed","name":"n{at}","size":1}}"#))
            ),
        ),
        ("JSON", "enum", format!(r#"{{"enum":[{texts}]}}"#)),
        ("JSON", "required", json("required", &format!("[{texts}]"))),
        (
            "JSON",
            "properties",
            json(
                "properties",
                &format!("{{{}}}", fields(&|at| format!("\"p{at}\":{{}}"))),
            ),
        ),
        ("JSON", "anchors", anchors()),
        ("JSON", "one of", alternatives("oneOf")),
        ("JSON", "all of", alternatives("allOf")),
        (
            "PROTOBUF",
            "messages",
            format!(
                "syntax = \"proto3\"; package p;\n{}",
                many(message, "", TEXT_BYTES)
            ),
        ),
        (
            "PROTOBUF",
            "fields",
            format!(
                "syntax = \"proto2\"; message M {{ {} }}",
                many(field, "", TEXT_BYTES)
            ),
        ),
        (
            "PROTOBUF",
            "one of",
            format!(
                "syntax = \"proto3\"; message M {{ oneof o {{ {} }} }}",
                many(|at| format!("int32 f{at} = {};", at + 1), "", TEXT_BYTES)
            ),
        ),
        (
            "PROTOBUF",
            "maps",
            format!(
                "syntax = \"proto3\"; message M {{ {} }}",
                many(|at| format!("map<int32, M> f{at} = {};", at + 1), "", TEXT_BYTES)
            ),
        ),
        (
            "PROTOBUF",
            "values",
            format!(
                "syntax = \"proto3\"; enum E {{ {} }}",
                many(value, "", TEXT_BYTES)
            ),
        ),
    ]
}

#[test]
fn what_is_wide_is_compared_in_time() {
    for (schema_type, what, text) in wide() {
        let mut session = Session::default();
        in_time(&format!("{schema_type} {what}"), || {
            let (status, told) = session.call(Post, "/subjects/s/versions", &body(schema_type, &text, &[]));
            assert_eq!(
                status,
                200,
                "{schema_type} {what}: {}",
                &told[..told.len().min(200)]
            );
            session.call(Put, "/config/s", r#"{"compatibility":"FULL"}"#);
            // The same again, and with all names changed.
            for other in [text.clone(), text.replace(['f', 'S', 'p', 't', 'V'], "o")] {
                let path = "/compatibility/subjects/s/versions/latest?verbose=true";
                session.call(Post, path, &body(schema_type, &other, &[]));
            }
            session.call(Post, "/subjects/s?normalize=true", &body(schema_type, &text, &[]));
        });
    }
}

fn anchors() -> String {
    let named = |at: usize| format!(r#""d{at}":{{"$anchor":"a{at}","type":"string"}}"#);
    let naming = |at: usize| format!(r##""p{at}":{{"$ref":"#a{at}"}}"##);
    let half = TEXT_BYTES / 2;
    format!(
        r#"{{"properties":{{{}}},"$defs":{{{}}}}}"#,
        many(naming, ",", half / 2),
        many(named, ",", half)
    )
}

#[test]
fn what_differs_below_a_long_name_is_told_in_few_words() {
    let schema = |of: &str| {
        let leaves = many(|at| format!(r#""{at}":{{"type":"{of}"}}"#), ",", TEXT_BYTES / 2);
        let long = "n".repeat(TEXT_BYTES / 3);
        format!(
            r#"{{"type":"object","properties":{{"{long}":{{"type":"object","properties":{{{leaves}}}}}}}}}"#
        )
    };
    let mut session = Session::default();
    session.call(
        Post,
        "/subjects/s/versions",
        &body("JSON", &schema("string"), &[]),
    );
    let path = "/compatibility/subjects/s/versions/latest?verbose=true";
    let (status, told) = session.call(Post, path, &body("JSON", &schema("number"), &[]));
    // The old schema is told as a whole.
    assert!(status == 200 && told.len() < 3 * TEXT_BYTES, "{}", told.len());
    assert!(told.contains("TYPE_CHANGED"));
}

#[test]
fn what_is_deep_is_refused() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(50_000), close.repeat(50_000));
    // Every type would have all of it in its name.
    let long = "n".repeat(TEXT_BYTES / 2);
    for (schema_type, text) in [
        ("AVRO", deep("[", "]")),
        ("JSON", deep(r#"{"not":"#, "}")),
        ("JSON", format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000))),
        (
            "PROTOBUF",
            format!("syntax = \"proto3\"; {}", deep("message A {", "}")),
        ),
        (
            "PROTOBUF",
            format!("syntax = \"proto3\"; option (a) = {};", deep("{b:", "}")),
        ),
        (
            "PROTOBUF",
            format!(
                "syntax = \"proto2\"; {}",
                deep("message A { optional group A = 1 {", "}}")
            ),
        ),
        ("PROTOBUF", format!("option a = {}1;", "-".repeat(500_000))),
        (
            "PROTOBUF",
            format!(
                "syntax = \"proto3\"; package {long}; {}",
                many(|at| format!("message M{at} {{}}"), "", TEXT_BYTES / 2)
            ),
        ),
        (
            "AVRO",
            format!("[{{\"type\":\"fixed\",\"name\":\"{long}.x\",\"size\":1}}]"),
        ),
        ("PROTOBUF", crate::base64::encode(&nested_descriptor(20_000))),
    ] {
        let mut session = Session::default();
        in_time(schema_type, || {
            let (status, told) = session.call(Post, "/subjects/s/versions", &body(schema_type, &text, &[]));
            assert_eq!(status, 422, "{schema_type}: {told}");
        });
    }
    let mut session = Session::default();
    for bytes in [deep("[", "]"), deep("{\"schema\":", "}")] {
        assert_eq!(session.call(Post, "/subjects/s/versions", &bytes).0, 400);
    }
}

/// Messages in messages, each the whole of the one around it.
fn nested_descriptor(depth: usize) -> Vec<u8> {
    let mut inner = Vec::new();
    for at in 0..depth {
        // Field 3 of a message, 4 of the file; beyond what a length of three bytes says it is cut.
        let tag = if at + 1 == depth { 0x22 } else { 0x1a };
        let length = inner.len() as u32;
        let mut outer = vec![
            tag,
            (length & 0x7f) as u8 | 0x80,
            (length >> 7 & 0x7f) as u8 | 0x80,
            (length >> 14 & 0x7f) as u8,
        ];
        outer.append(&mut inner);
        inner = outer;
    }
    inner
}

#[test]
fn references_that_double_at_each_level_are_read_once() {
    for schema_type in ["AVRO", "JSON", "PROTOBUF"] {
        let mut session = Session::default();
        in_time(schema_type, || {
            for level in 0..40_u32 {
                let below = level.checked_sub(1).map(|below| format!("l{below}"));
                let named: Vec<String> = ["a", "b"]
                    .iter()
                    .filter_map(|twin| Some(format!("{}{twin}", below.as_ref()?)))
                    .collect();
                for twin in ["a", "b"] {
                    let name = format!("l{level}{twin}");
                    let text = doubled(schema_type, &name, &named);
                    let references: Vec<(&str, &str)> =
                        named.iter().map(|name| (name.as_str(), name.as_str())).collect();
                    let path = format!("/subjects/{name}/versions");
                    let (status, told) = session.call(Post, &path, &body(schema_type, &text, &references));
                    assert_eq!(status, 200, "{schema_type} {name}: {told}");
                }
            }
            let (status, told) = session.call(Get, "/subjects/l39a/versions/1?format=resolved", "");
            assert!(status == 200 && told.len() < 100_000, "{}", told.len());
        });
    }
}

fn doubled(schema_type: &str, name: &str, named: &[String]) -> String {
    let all = |of: &dyn Fn(&String) -> String, separator: &str| {
        let all: Vec<String> = named.iter().map(of).collect();
        all.join(separator)
    };
    match schema_type {
        "AVRO" => {
            let fields = all(&|of| format!(r#"{{"name":"{of}","type":"{of}"}}"#), ",");
            format!(r#"{{"type":"record","name":"{name}","fields":[{fields}]}}"#)
        }
        "JSON" => format!(r#"{{"title":"{name}","allOf":[{}]}}"#, {
            let parts = all(&|of| format!(r#"{{"$ref":"{of}"}}"#), ",");
            if parts.is_empty() { "{}".to_owned() } else { parts }
        }),
        _ => {
            let imports = all(&|of| format!("import \"{of}\";"), " ");
            let fields: Vec<String> = (1..)
                .zip(named)
                .map(|(number, of)| format!("{of} f{number} = {number};"))
                .collect();
            format!(
                "syntax = \"proto3\"; {imports} message {name} {{ {} }}",
                fields.concat()
            )
        }
    }
}

#[test]
fn a_schema_is_not_compared_with_more_than_can_be_read() {
    let mut session = Session::default();
    session.call(Put, "/config/s", r#"{"compatibility":"BACKWARD"}"#);
    let filler = "x".repeat(TEXT_BYTES * 2);
    let text = |at: usize| format!(r#"{{"type":"record","name":"r","doc":"{at}{filler}","fields":[]}}"#);
    for at in 0..70 {
        let (status, told) = session.call(Post, "/subjects/s/versions", &body("AVRO", &text(at), &[]));
        assert_eq!(status, 200, "{told}");
    }
    session.call(Put, "/config/s", r#"{"compatibility":"BACKWARD_TRANSITIVE"}"#);
    in_time("all versions", || {
        let (status, told) = session.call(Post, "/subjects/s/versions", &body("AVRO", &text(80), &[]));
        assert!(status == 422 && told.contains("too many versions"), "{told}");
    });
}
