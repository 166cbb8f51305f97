use super::*;

/// A registry, and what it has written.
#[derive(Default)]
pub(super) struct Session {
    registry: Registry,
    topic: Vec<TopicRecord>,
    pub(super) tells_all: bool,
}

impl Session {
    pub(super) fn call(&mut self, method: Method, path: &str, body: &str) -> (u16, String) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let call = Call {
            method,
            path,
            query,
            body: body.as_bytes(),
            cluster_id: "c",
            tells_all: self.tells_all,
        };
        let decided = answer(&self.registry, &call);
        assert!(decided.records.is_empty() || !call.only_reads(), "{path} writes");
        for record in decided.records {
            self.registry
                .replay(record.key.as_bytes(), record.value.as_deref().map(str::as_bytes));
            self.topic.push(record);
        }
        (decided.answer.status, decided.answer.body)
    }

    /// Each line: method, path, body; then what is answered: the body, or the code of the error.
    fn says(&mut self, table: &[(Method, &str, &str, &str)]) {
        for (method, path, body, expected) in table {
            let (status, answered) = self.call(*method, path, body);
            let code = Json::parse(answered.as_bytes()).ok();
            let code = code.and_then(|body| body.get("error_code")?.as_i64());
            match code {
                Some(code) => {
                    assert_eq!(
                        code.to_string(),
                        *expected,
                        "{method:?} {path} {body}: {answered}"
                    );
                    let status_of_code = if code < 1_000 { code } else { code / 100 };
                    assert_eq!(i64::from(status), status_of_code);
                }
                None => assert_eq!(answered, *expected, "{method:?} {path} {body}"),
            }
        }
    }
}

use Method::{Delete, Get, Post, Put};

fn avro(schema: &str) -> String {
    object([("schema", schema.into())]).to_string()
}

fn record(fields: &str) -> String {
    avro(&format!(r#"{{"type":"record","name":"r","fields":[{fields}]}}"#))
}

#[test]
fn versions_ids_and_deletions() {
    let one = record(r#"{"name":"a","type":"int"}"#);
    let two = record(r#"{"name":"a","type":"int"},{"name":"b","type":"int","default":0}"#);
    let bad = record(r#"{"name":"c","type":"string"}"#);
    let mut session = Session::default();
    session.says(&[
        (Get, "/subjects", "", "[]"),
        (Get, "/subjects/s/versions", "", "40401"),
        (Get, "/subjects/s/versions/1", "", "40401"),
        (Get, "/schemas/ids/1", "", "40403"),
        (Post, "/subjects/s", &one, "40401"),
        (Delete, "/subjects/s", "", "40401"),
        (Post, "/subjects/s/versions", &avro("{"), "42201"),
        (Post, "/subjects/s/versions", "{}", "42201"),
        (Post, "/subjects/s/versions", "[", "400"),
        (Post, "/subjects/s/versions", &one, r#"{"id":1}"#),
        (Post, "/subjects/s/versions", &one, r#"{"id":1}"#),
        (Post, "/subjects/t/versions", &one, r#"{"id":1}"#),
        (Post, "/subjects/s/versions", &bad, "409"),
        (Post, "/subjects/s/versions", &two, r#"{"id":2}"#),
        (Get, "/subjects/s/versions", "", "[1,2]"),
        (Get, "/subjects/s/versions/0", "", "42202"),
        (Get, "/subjects/s/versions/x", "", "42202"),
        (Get, "/subjects/s/versions/3", "", "40402"),
        (
            Get,
            "/subjects/s/versions/1",
            "",
            r#"{"subject":"s","version":1,"id":1,"schema":"{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"}]}"}"#,
        ),
        (
            Get,
            "/subjects/t/versions/latest/schema",
            "",
            r#"{"type":"record","name":"r","fields":[{"name":"a","type":"int"}]}"#,
        ),
        (Get, "/schemas/ids/1/subjects", "", r#"["s","t"]"#),
        (
            Get,
            "/schemas/ids/1/versions",
            "",
            r#"[{"subject":"s","version":1},{"subject":"t","version":1}]"#,
        ),
        (Post, "/subjects/s", &bad, "40403"),
        (Delete, "/subjects/s/versions/1?permanent=true", "", "40407"),
        (Delete, "/subjects/s/versions/1", "", "1"),
        (Delete, "/subjects/s/versions/1", "", "40406"),
        (Get, "/subjects/s/versions", "", "[2]"),
        (Get, "/subjects/s/versions?deleted=true", "", "[1,2]"),
        (Get, "/subjects/s/versions/1", "", "40402"),
        (Get, "/schemas/ids/1/subjects", "", r#"["t"]"#),
        (Delete, "/subjects/s/versions/1?permanent=true", "", "1"),
        (Get, "/subjects/s/versions?deleted=true", "", "[2]"),
        (Delete, "/subjects/t?permanent=true", "", "40405"),
        (Delete, "/subjects/t", "", "[1]"),
        (Delete, "/subjects/t", "", "40404"),
        (Get, "/subjects", "", r#"["s"]"#),
        (Get, "/subjects?deleted=true", "", r#"["s","t"]"#),
        (Get, "/subjects?deletedOnly=true", "", r#"["t"]"#),
        (Post, "/subjects/t/versions", &one, r#"{"id":1}"#),
        (Get, "/subjects/t/versions", "", "[2]"),
        (Delete, "/subjects/t", "", "[2]"),
        (Delete, "/subjects/t?permanent=true", "", "[1,2]"),
        (Get, "/subjects?deleted=true", "", r#"["s"]"#),
        (Get, "/schemas/ids/1", "", "40403"),
        // Ids are never given twice.
        (Post, "/subjects/t/versions", &one, r#"{"id":3}"#),
        (Get, "/schemas/ids/3?fetchMaxId=true", "", r#"{"schema":"{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"}]}","maxId":3}"#),
        (Get, "/subjects/t/versions", "", "[1]"),
        (Get, "/nowhere", "", "404"),
        (Put, "/subjects", "", "405"),
    ]);
    // The topic alone says the same, also without what compaction takes.
    let mut compacted: Vec<&TopicRecord> = Vec::new();
    for record in &session.topic {
        compacted.retain(|before| before.key != record.key);
        compacted.push(record);
    }
    let mut again = Session::default();
    for record in compacted {
        again
            .registry
            .replay(record.key.as_bytes(), record.value.as_deref().map(str::as_bytes));
    }
    for path in [
        "/subjects?deleted=true",
        "/schemas?deleted=true",
        "/subjects/t/versions",
    ] {
        assert_eq!(again.call(Get, path, ""), session.call(Get, path, ""));
    }
}

#[test]
fn levels() {
    let one = record(r#"{"name":"a","type":"int"}"#);
    let more = record(r#"{"name":"a","type":"int"},{"name":"b","type":"int"}"#);
    let none = record("");
    let mut session = Session::default();
    session.says(&[
        (Get, "/config", "", r#"{"compatibilityLevel":"BACKWARD"}"#),
        (Get, "/config/s", "", "40408"),
        (
            Get,
            "/config/s?defaultToGlobal=true",
            "",
            r#"{"compatibilityLevel":"BACKWARD"}"#,
        ),
        (Put, "/config", r#"{"compatibility":"nothing"}"#, "42203"),
        (
            Put,
            "/config",
            r#"{"compatibility":"forward"}"#,
            r#"{"compatibility":"FORWARD"}"#,
        ),
        (
            Post,
            "/compatibility/subjects/s/versions/latest",
            &one,
            r#"{"is_compatible":true}"#,
        ),
        (Post, "/compatibility/subjects/s/versions/1", &one, "40401"),
        (Post, "/subjects/s/versions", &one, r#"{"id":1}"#),
        (
            Post,
            "/compatibility/subjects/s/versions/latest",
            &more,
            r#"{"is_compatible":true}"#,
        ),
        (
            Post,
            "/compatibility/subjects/s/versions/latest",
            &none,
            r#"{"is_compatible":false}"#,
        ),
        (
            Put,
            "/config/s",
            r#"{"compatibility":"BACKWARD"}"#,
            r#"{"compatibility":"BACKWARD"}"#,
        ),
        (Get, "/config/s", "", r#"{"compatibilityLevel":"BACKWARD"}"#),
        (
            Post,
            "/compatibility/subjects/s/versions/latest",
            &more,
            r#"{"is_compatible":false}"#,
        ),
        (
            Post,
            "/compatibility/subjects/s/versions",
            &none,
            r#"{"is_compatible":true}"#,
        ),
        (
            Put,
            "/config/s",
            r#"{"compatibility":"NONE"}"#,
            r#"{"compatibility":"NONE"}"#,
        ),
        (Post, "/subjects/s/versions", &none, r#"{"id":2}"#),
        (
            Put,
            "/config/s",
            r#"{"compatibility":"FULL"}"#,
            r#"{"compatibility":"FULL"}"#,
        ),
        (Post, "/subjects/s/versions", &more, "409"),
        (Delete, "/config/s", "", r#"{"compatibilityLevel":"FULL"}"#),
        (Delete, "/config/s", "", "40401"),
        (Delete, "/config", "", r#"{"compatibilityLevel":"FORWARD"}"#),
        (Get, "/config", "", r#"{"compatibilityLevel":"BACKWARD"}"#),
    ]);
    let path = "/compatibility/subjects/s/versions/latest?verbose=true";
    let (_, told) = session.call(Post, path, &more);
    assert!(told.contains("READER_FIELD_MISSING_DEFAULT_VALUE") && told.contains("{oldSchemaVersion: 2}"));
}

#[test]
fn modes_and_imports() {
    let one = record(r#"{"name":"a","type":"int"}"#);
    let with_id = one.replacen('{', r#"{"id":77,"version":5,"#, 1);
    let mut session = Session::default();
    session.says(&[
        (Get, "/mode", "", r#"{"mode":"READWRITE"}"#),
        (Get, "/mode/s", "", "40409"),
        (Put, "/mode", r#"{"mode":"x"}"#, "42204"),
        (Post, "/subjects/s/versions", &with_id, "42205"),
        (Put, "/mode", r#"{"mode":"READONLY"}"#, r#"{"mode":"READONLY"}"#),
        (Post, "/subjects/s/versions", &one, "42205"),
        (Put, "/mode/s", r#"{"mode":"IMPORT"}"#, r#"{"mode":"IMPORT"}"#),
        (Post, "/subjects/s/versions", &one, "42205"),
        (Post, "/subjects/s/versions", &with_id, r#"{"id":77}"#),
        (Get, "/subjects/s/versions", "", "[5]"),
        (Get, "/mode/t?defaultToGlobal=true", "", r#"{"mode":"READONLY"}"#),
        (Delete, "/mode/s", "", r#"{"mode":"IMPORT"}"#),
        (Put, "/mode", r#"{"mode":"READWRITE"}"#, r#"{"mode":"READWRITE"}"#),
        (Put, "/mode", r#"{"mode":"IMPORT"}"#, "42205"),
        (
            Put,
            "/mode?force=true",
            r#"{"mode":"IMPORT"}"#,
            r#"{"mode":"IMPORT"}"#,
        ),
        (Delete, "/mode", "", r#"{"mode":"IMPORT"}"#),
        (Post, "/subjects/t/versions", &record(""), r#"{"id":78}"#),
    ]);
}

#[test]
fn contexts_and_references() {
    let inner = avro(r#"{"type":"record","name":"a.Inner","fields":[]}"#);
    let outer = |version: i32| {
        let text = r#"{"type":"record","name":"Outer","fields":[{"name":"i","type":"a.Inner"}]}"#;
        let reference = object([
            ("name", "a.Inner".into()),
            ("subject", "inner".into()),
            ("version", version.into()),
        ]);
        object([
            ("schema", text.into()),
            ("references", Json::Array(vec![reference])),
        ])
        .to_string()
    };
    let (outer, later) = (outer(1), outer(2));
    let mut session = Session::default();
    session.says(&[
        (Post, "/subjects/outer/versions", &outer, "42201"),
        (Post, "/subjects/inner/versions", &inner, r#"{"id":1}"#),
        (Post, "/subjects/outer/versions", &later, "42201"),
        (Post, "/subjects/outer/versions", &outer, r#"{"id":2}"#),
        (
            Get,
            "/schemas/ids/2",
            "",
            r#"{"references":[{"name":"a.Inner","subject":"inner","version":1}],"schema":"{\"type\":\"record\",\"name\":\"Outer\",\"fields\":[{\"name\":\"i\",\"type\":\"a.Inner\"}]}"}"#,
        ),
        (Get, "/subjects/inner/versions/1/referencedby", "", "[2]"),
        (Delete, "/subjects/inner/versions/1", "", "42206"),
        (Delete, "/subjects/inner", "", "42206"),
        (Post, "/subjects/:.c:inner/versions", &inner, r#"{"id":1}"#),
        (Post, "/contexts/.c/subjects/outer/versions", &outer, r#"{"id":2}"#),
        (Get, "/contexts", "", r#"[".",".c"]"#),
        (Get, "/subjects", "", r#"[":.c:inner",":.c:outer","inner","outer"]"#),
        (Get, "/subjects?subjectPrefix=:.c:i", "", r#"[":.c:inner"]"#),
        (Get, "/contexts/.c/subjects", "", r#"[":.c:inner",":.c:outer"]"#),
        (Get, "/schemas/ids/1/subjects", "", r#"["inner"]"#),
        (Get, "/schemas/ids/1/subjects?subject=:.c:inner", "", r#"[":.c:inner"]"#),
        (Put, "/config/:.c:", r#"{"compatibility":"NONE"}"#, r#"{"compatibility":"NONE"}"#),
        (
            Get,
            "/config/:.c:inner?defaultToGlobal=true",
            "",
            r#"{"compatibilityLevel":"NONE"}"#,
        ),
        (Delete, "/subjects/outer", "", "[1]"),
        (Get, "/subjects/inner/versions/1/referencedby", "", "[]"),
        (Delete, "/subjects/inner", "", "[1]"),
    ]);
}

#[test]
fn schemas_that_name_ever_more_are_bounded() {
    // Each of 40 names the one before it under two names: 2^40 ways.
    let mut session = Session::default();
    for at in 0..40 {
        let before = |name: &str| {
            object([
                ("name", name.into()),
                ("subject", format!("s{}", at - 1).into()),
                ("version", 1.into()),
            ])
        };
        let references = if at == 0 {
            Vec::new()
        } else {
            vec![before("x"), before("y")]
        };
        let text = format!(r#"{{"type":"fixed","name":"f{at}","size":1}}"#);
        let body = object([("schema", text.into()), ("references", Json::Array(references))]);
        let path = format!("/subjects/s{at}/versions");
        assert_eq!(session.call(Post, &path, &body.to_string()).0, 200);
    }
}

#[test]
fn schemas_are_told_in_the_format_that_is_asked_for() {
    let inner = avro(r#"{"type":"record","name":"a.I","fields":[]}"#);
    let outer = r#"{"schema":"{\"type\":\"record\",\"name\":\"O\",\"fields\":[{\"name\":\"f\",\"type\":\"a.I\"},{\"name\":\"g\",\"type\":\"a.I\"}]}","references":[{"name":"a.I","subject":"i","version":1}]}"#;
    let file = object([
        ("schemaType", "PROTOBUF".into()),
        (
            "schema",
            "syntax = \"proto2\"; message M { optional int32 a = 1; extensions 100 to 199; } extend M { optional int32 x = 100; }".into(),
        ),
    ])
    .to_string();
    let mut session = Session::default();
    for (subject, body) in [("i", &*inner), ("o", outer), ("p", &*file)] {
        let (status, told) = session.call(Post, &format!("/subjects/{subject}/versions"), body);
        assert_eq!(status, 200, "{subject}: {told}");
    }
    let resolved = r#"{"type":"record","name":"O","fields":[{"name":"f","type":{"type":"record","name":"I","namespace":"a","fields":[]}},{"name":"g","type":"a.I"}]}"#;
    for path in ["/schemas/ids/2/schema", "/subjects/o/versions/1/schema"] {
        let (_, text) = session.call(Get, &format!("{path}?format=resolved"), "");
        assert_eq!(text, resolved, "{path}");
        let (_, text) = session.call(Get, &format!("{path}?format=unknown"), "");
        assert!(
            text.contains(r#""type":"a.I""#) && !text.contains("namespace"),
            "{path}: {text}"
        );
    }
    let schema_of = |told: &str| {
        let told = Json::parse(told.as_bytes()).unwrap();
        told.get("schema").and_then(Json::as_str).unwrap().to_owned()
    };
    for (method, path, body) in [
        (Get, "/schemas/ids/2", ""),
        (Get, "/subjects/o/versions/1", ""),
        (Get, "/subjects/o/versions/latest", ""),
        (Get, "/subjects/o/metadata", ""),
        (Post, "/subjects/o", outer),
    ] {
        let (_, told) = session.call(method, &format!("{path}?format=resolved"), body);
        assert_eq!(schema_of(&told), resolved, "{path}");
    }
    let (_, told) = session.call(Get, "/subjects/p/versions/1?format=ignore_extensions", "");
    assert_eq!(
        schema_of(&told),
        "syntax = \"proto2\";\nmessage M {\n  optional int32 a = 1;\n}"
    );
    let (_, told) = session.call(Get, "/subjects/p/versions/1?format=serialized", "");
    assert!(schema_of(&told).starts_with("Cgdk"), "{told}");
}
