//! GUIDs: who is told them, and what is found by them.

use super::tests::Session;
use super::{Json, Method};

fn guid(session: &mut Session, body: &str) -> String {
    let (status, told) = session.call(Method::Post, "/subjects/s/versions", body);
    assert_eq!(status, 200, "{told}");
    let told = Json::parse(told.as_bytes()).unwrap();
    let guid = told.get("guid").and_then(Json::as_str).map(str::to_owned);
    guid.unwrap_or_default()
}

#[test]
fn a_schema_is_found_by_its_guid_in_every_context() {
    let mut session = Session::default();
    assert_eq!(guid(&mut session, r#"{"schema":"\"int\""}"#), "");
    session.tells_all = true;
    let guid = guid(&mut session, r#"{"schema":"\"int\""}"#);
    let there = session.call(
        Method::Post,
        "/subjects/:.c:s/versions",
        r#"{"schema":"\"int\""}"#,
    );
    assert_eq!(there.0, 200);
    let by_guid = format!("/schemas/guids/{guid}");
    let told = session.call(Method::Get, &by_guid, "");
    assert_eq!(told, (200, format!(r#"{{"schema":"\"int\"","guid":"{guid}"}}"#)));
    let ids = r#"[{"context":".","id":1},{"context":".c","id":1}]"#;
    let told = session.call(Method::Get, &format!("{by_guid}/ids"), "");
    assert_eq!(told, (200, ids.to_owned()));
    for path in [
        "/schemas/ids/1",
        "/subjects/s/versions/1",
        "/subjects/s/versions/latest",
    ] {
        let (_, told) = session.call(Method::Get, path, "");
        assert!(told.contains(&guid), "{path}: {told}");
    }
    for path in ["/subjects/s?permanent=false", "/subjects/s?permanent=true"] {
        assert_eq!(session.call(Method::Delete, path, "").0, 200);
    }
    let told = session.call(Method::Get, &format!("{by_guid}/ids"), "");
    assert_eq!(told, (200, r#"[{"context":".c","id":1}]"#.to_owned()));
    for path in [
        "/schemas/guids/x",
        "/schemas/guids/00000000-0000-0000-0000-000000000000",
    ] {
        assert_eq!(session.call(Method::Get, path, "").0, 404, "{path}");
    }
}
