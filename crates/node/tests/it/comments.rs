//! Comments keep to the line length of the code: rustfmt holds the code to it, this test holds the comments.

use crate::workspace::{root, rust_files};

/// Tables, layouts and drawings are as wide as they have to be.
fn is_drawing(comment: &str) -> bool {
    let text = comment.trim_start_matches(['/', '!']);
    text.contains(['|', '│', '─']) || text.contains("   ")
}

#[test]
fn comments_keep_to_the_line_length() {
    let settings = std::fs::read_to_string(root().join("rustfmt.toml")).unwrap();
    let width: usize = settings
        .lines()
        .find_map(|line| line.strip_prefix("max_width = "))
        .and_then(|width| width.parse().ok())
        .expect("rustfmt.toml gives the line length");
    let mut long = Vec::new();
    for krate in std::fs::read_dir(root().join("crates")).unwrap() {
        let source = krate.unwrap().path().join("src");
        let files = rust_files(source.strip_prefix(root()).unwrap().to_str().unwrap());
        for (file, text) in files
            .iter()
            .filter(|(_, text)| !text.starts_with("// @generated"))
        {
            let too_long = text.lines().enumerate().filter(|(_, line)| {
                let comment = line.trim_start();
                comment.starts_with("//") && line.chars().count() > width && !is_drawing(comment)
            });
            long.extend(too_long.map(|(index, _)| format!("{file}:{}", index + 1)));
        }
    }
    assert!(
        long.is_empty(),
        "comments longer than {width} characters: {long:#?}"
    );
}
