//! Links between the pages of the repository lead somewhere.

use std::fs;
use std::path::{Path, PathBuf};

use crate::workspace::root;

/// Every page of the repository, without what tools have fetched or built.
fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() {
            if !name.starts_with('.') && !["target", "node_modules", "venv"].contains(&name.as_ref()) {
                pages(&path, found);
            }
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

/// The text outside of code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence && !line.starts_with("    ")
    })
}

/// What `](…)` names, without links to other places.
fn links(text: &str) -> Vec<&str> {
    let in_line = |line| {
        str::split(line, "](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
    };
    prose(text)
        .flat_map(in_line)
        .filter(|link| !link.contains("://") && !link.starts_with("mailto:"))
        .collect()
}

/// The anchors of a page's headings, as forges make them.
fn anchors(text: &str) -> Vec<String> {
    let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
    let headings = prose(text).filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(kept)
                .collect::<String>()
                .replace(' ', "-")
        })
        .collect()
}

#[test]
fn no_link_is_dead() {
    let mut found = Vec::new();
    pages(&root(), &mut found);
    let mut dead = Vec::new();
    for page in &found {
        let text = fs::read_to_string(page).unwrap();
        for link in links(&text) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                page.clone()
            } else {
                page.parent().unwrap().join(file)
            };
            let is_there = match anchor {
                "" => target.exists(),
                anchor => fs::read_to_string(&target)
                    .is_ok_and(|text| anchors(&text).iter().any(|known| known == anchor)),
            };
            if !is_there {
                dead.push(format!(
                    "{}: {link}",
                    page.strip_prefix(root()).unwrap().display()
                ));
            }
        }
    }
    assert!(found.len() > 5, "the pages are somewhere else");
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn links_and_anchors_are_found() {
    let page = "# The way, of a `Fetch`\nSee [a](a.md#b), [c](https://c) and ![d](e/d.svg).\n```\n[no](no.md)\n```\n";
    assert_eq!(links(page), ["a.md#b", "e/d.svg"]);
    assert_eq!(anchors(page), ["the-way-of-a-fetch"]);
}
