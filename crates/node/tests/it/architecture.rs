//! The arrows between the crates, and who may name which dependency (docs/ARCHITECTURE.md). Inside of a
//! crate: `layers.rs`.

use crate::workspace::{root, rust_files, without_comments};

/// Each crate and what it may import of the others.
#[rustfmt::skip]
const ARROWS: &[(&str, &[&str])] = &[
    ("environment", &[]),
    ("protocol", &[]),
    ("config", &["protocol"]),
    ("storage", &["environment", "protocol"]),
    ("security", &["protocol", "config"]),
    ("metadata", &["environment", "protocol", "config", "security"]),
    ("coordinator", &["environment", "protocol"]),
    ("share", &["environment"]),
    ("kerberos", &["security"]),
    ("network", &["environment", "protocol", "storage", "security"]),
    ("controller", &["environment", "protocol", "config", "metadata", "security", "network"]),
    ("replica", &["environment", "protocol", "config", "storage", "metadata", "network"]),
    ("broker", &["environment", "protocol", "config", "storage", "metadata", "coordinator", "share", "security", "network", "controller", "replica"]),
    ("inspect", &["protocol", "storage"]),
    ("import", &["environment", "protocol", "config", "storage", "metadata", "inspect"]),
    ("tools", &["protocol", "config", "security", "kerberos", "network"]),
    ("registry", &[]),
    ("http", &["protocol", "config", "metadata", "coordinator", "security", "network", "replica", "broker", "tools", "registry"]),
    ("node", &["environment", "protocol", "config", "storage", "metadata", "coordinator", "share", "security", "kerberos", "network", "controller", "replica", "broker", "registry", "http", "inspect", "import", "tools"]),
    ("bench", &["protocol"]),
    ("simulation", &["environment", "protocol", "config", "storage", "metadata", "network", "node"]),
];

/// Dependencies that have one home: nobody else may name them.
const HOMES: &[(&str, &str)] = &[
    ("openraft", "crates/metadata/src/quorum"),
    ("sled", "crates/metadata/src/quorum"),
    ("kafka_protocol", "crates/protocol/"),
];

/// What only the shell inside a crate may name, and where that is: its cores wait for nobody and lock
/// nothing.
const SHELLS: &[(&str, &[&str], &str)] = &[
    (
        "coordinator",
        &["tokio", "parking_lot"],
        "crates/coordinator/src/runtime/",
    ),
    (
        "share",
        &["tokio", "parking_lot", "Instant", "SystemTime"],
        "nowhere",
    ),
];

fn names(text: &str, word: &str) -> bool {
    let part_of_a_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(part_of_a_word) && !after.is_some_and(part_of_a_word)
    })
}

#[test]
fn no_crate_imports_against_the_arrows() {
    let mut wrong = Vec::new();
    for (krate, allowed) in ARROWS {
        let forbidden = ARROWS
            .iter()
            .map(|(other, _)| *other)
            .filter(|other| other != krate && !allowed.contains(other));
        let manifest = std::fs::read_to_string(root().join(format!("crates/{krate}/Cargo.toml"))).unwrap();
        let sources = rust_files(&format!("crates/{krate}/src"));
        for other in forbidden {
            // Whatever draws numbers in a test draws them from a seed, in every crate.
            let manifest = match (other, manifest.split_once("[dev-dependencies]")) {
                ("environment", Some((of_the_product, _))) => of_the_product,
                _ => &manifest,
            };
            if manifest.contains(&format!("barnabas-{other}")) {
                wrong.push(format!("crates/{krate}/Cargo.toml depends on {other}"));
            }
            for (file, text) in &sources {
                if names(&without_comments(text), &format!("barnabas_{other}")) {
                    wrong.push(format!("{file} names {other}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_crate_is_in_the_table() {
    let mut folders: Vec<String> = std::fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let mut table: Vec<&str> = ARROWS.iter().map(|(krate, _)| *krate).collect();
    table.sort_unstable();
    assert_eq!(folders, table);
}

#[test]
fn dependencies_stay_in_their_homes() {
    let mut wrong = Vec::new();
    for (krate, _) in ARROWS {
        for (file, text) in rust_files(&format!("crates/{krate}/src")) {
            for (dependency, home) in HOMES {
                if !file.starts_with(home) && names(&without_comments(&text), dependency) {
                    wrong.push(format!("{file} names {dependency}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn cores_neither_wait_nor_lock() {
    let mut wrong = Vec::new();
    for (krate, dependencies, shell) in SHELLS {
        for (file, text) in rust_files(&format!("crates/{krate}/src")) {
            let text = without_comments(&text);
            for dependency in dependencies.iter().filter(|_| !file.starts_with(shell)) {
                if names(&text, dependency) {
                    wrong.push(format!("{file} names {dependency}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
