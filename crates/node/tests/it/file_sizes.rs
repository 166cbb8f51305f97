//! Files stay small enough to be read at once: most have 80 to 250 lines.

use crate::workspace::{root, rust_files};

/// No file is longer.
const LINES_MAX: usize = 600;
/// A longer file is a smell.
const LINES_GOOD: usize = 400;
/// So many files smell. May fall, never rise: lower it after a split.
const SMELLS_MAX: usize = 17;

#[test]
fn files_are_small() {
    let mut large = Vec::new();
    for krate in std::fs::read_dir(root().join("crates")).unwrap() {
        let krate = krate.unwrap().path();
        for part in ["src", "tests", "examples"]
            .iter()
            .filter(|part| krate.join(part).exists())
        {
            let folder = krate.join(part);
            let files = rust_files(folder.strip_prefix(root()).unwrap().to_str().unwrap());
            let lines = files
                .into_iter()
                .filter(|(_, text)| !text.starts_with("// @generated"))
                .map(|(file, text)| (text.lines().count(), file));
            large.extend(lines.filter(|(lines, _)| *lines > LINES_GOOD));
        }
    }
    large.sort_unstable();
    assert!(
        large.iter().all(|(lines, _)| *lines <= LINES_MAX),
        "split what is longer than {LINES_MAX} lines: {large:#?}"
    );
    assert!(
        large.len() <= SMELLS_MAX,
        "one more file is longer than {LINES_GOOD} lines: {large:#?}"
    );
}
