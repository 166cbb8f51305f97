//! docs/COMPATIBILITY.md says what the dispatch table says.

use std::fmt::Write;

use barnabas_broker::dispatch::APIS;
use barnabas_protocol::api::ApiKey;

use crate::workspace::root;

const BEGIN: &str = "<!-- the table is written by a test, see below -->\n";
const END: &str = "<!-- end of the table -->\n";

fn table() -> String {
    let mut text = String::from("| key | API | versions |\n| --- | --- | --- |\n");
    for key in ApiKey::ALL.iter().filter(|key| key.listeners().broker) {
        let versions = match APIS.iter().any(|api| api.key == *key) {
            true if key.min_version() == key.max_version() => key.max_version().to_string(),
            true => format!("{}–{}", key.min_version(), key.max_version()),
            false => "–".to_owned(),
        };
        writeln!(text, "| {} | {} | {versions} |", key.key(), key.name()).unwrap();
    }
    text
}

/// `UPDATE_DOCS=1 cargo test -p barnabas-node --test it compatibility` writes the table instead.
#[test]
fn the_page_lists_what_is_served() {
    let path = root().join("docs/COMPATIBILITY.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page
        .split_once(BEGIN)
        .expect("the page has a place for the table");
    let (written, after) = rest.split_once(END).expect("the table has an end");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
        return;
    }
    assert_eq!(
        written,
        table(),
        "write the table anew: UPDATE_DOCS=1 cargo test -p barnabas-node --test it compatibility"
    );
}

#[test]
fn the_table_is_sorted() {
    assert!(APIS.windows(2).all(|pair| pair[0].key < pair[1].key));
}
