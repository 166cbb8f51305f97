//! A setting counts as being in effect because the typed views have a field for it: then somebody must read the field.

use crate::workspace::{root, rust_files, without_comments};

/// Who reads fields at start: `authorizer`, `http`, `load`, `listeners` and `quorum`.
const READ_AT_START: [&str; 4] = [
    "crates/config/src/authorizer",
    "crates/config/src/http",
    "crates/config/src/l",
    "crates/config/src/quorum",
];

#[test]
fn every_field_of_the_typed_views_is_read() {
    let view = |name: &str| {
        let path = root().join("crates/config/src/typed").join(name);
        std::fs::read_to_string(path).unwrap()
    };
    let views = view("broker.rs") + &view("topic.rs");
    let fields: Vec<&str> = views
        .lines()
        .filter(|line| line.starts_with("        ") && line.ends_with("\",") && line.contains("= \""))
        .filter_map(|line| line.trim().split(':').next())
        .collect();
    assert!(fields.len() > 40, "{fields:?}");
    let readers: Vec<String> = rust_files("crates")
        .into_iter()
        .filter(|(file, _)| {
            !file.starts_with("crates/config/src/")
                || READ_AT_START.iter().any(|reader| file.starts_with(reader))
        })
        .map(|(_, text)| without_comments(&text))
        .collect();
    let is_read = |field: &&str| readers.iter().any(|text| reads(text, field));
    let unread: Vec<&&str> = fields.iter().filter(|field| !is_read(field)).collect();
    assert!(
        unread.is_empty(),
        "nobody reads these, so they have no effect and do not belong into config/typed/: {unread:#?}"
    );
}

fn reads(text: &str, field: &str) -> bool {
    text.match_indices(field).any(|(at, _)| {
        let after = text[at + field.len()..].chars().next();
        text[..at].trim_end().ends_with('.') && !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}
