//! Settings in YAML: Kafka's names, which may be nested by their dots; a sequence is a list.
//!
//! A name that is given twice is an error however it is written, for one of the values would be lost without
//! a word.

use std::collections::HashSet;

use serde_yaml::Value;

/// Reads every pair. A null leaves its setting at the default.
///
/// # Errors
/// What is wrong with the text.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<(String, String)>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let read = &bytes[..error.valid_up_to()];
        let line = 1 + read.iter().filter(|b| **b == b'\n').count();
        format!("line {line}: YAML is UTF-8, and this line is not")
    })?;
    let root: Value = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    let mut pairs = Vec::new();
    match root {
        Value::Null => {}
        Value::Mapping(_) => flatten("", &root, &mut pairs)?,
        _ => return Err("the file must be a mapping of settings to values".to_owned()),
    }
    let mut names = HashSet::new();
    match pairs.iter().find(|(name, _)| !names.insert(name)) {
        Some((name, _)) => Err(format!("{name} is given twice")),
        None => Ok(pairs),
    }
}

fn flatten(prefix: &str, value: &Value, pairs: &mut Vec<(String, String)>) -> Result<(), String> {
    match value {
        Value::Null => {}
        Value::Mapping(entries) => {
            for (key, value) in entries {
                let key =
                    scalar(key).ok_or_else(|| format!("a name under '{prefix}' is not a plain word"))?;
                let name = if prefix.is_empty() {
                    key
                } else {
                    format!("{prefix}.{key}")
                };
                flatten(&name, value, pairs)?;
            }
        }
        Value::Sequence(items) => {
            let items: Option<Vec<String>> = items.iter().map(scalar).collect();
            let items = items.ok_or_else(|| format!("{prefix}: a list holds plain values only"))?;
            pairs.push((prefix.to_owned(), items.join(",")));
        }
        _ => {
            let value = scalar(value).ok_or_else(|| format!("{prefix}: tags are not supported"))?;
            pairs.push((prefix.to_owned(), value));
        }
    }
    Ok(())
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn names_may_be_nested_by_their_dots() {
        let text = "node.id: 3\nlog:\n  segment.bytes: 1048576\n  retention:\n    hours: 24\nlisteners:\n  - A://:1\n  - \
                    B://:2\nauto.create.topics.enable: false\nbroker.rack: null\nrack2: \"\"\n";
        let pairs = parse(text.as_bytes()).unwrap();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(
            pairs,
            [
                ("node.id", "3"),
                ("log.segment.bytes", "1048576"),
                ("log.retention.hours", "24"),
                ("listeners", "A://:1,B://:2"),
                ("auto.create.topics.enable", "false"),
                ("rack2", ""),
            ]
        );
        for nothing in ["", "\u{feff}", "# a\r\n", "---\r\n", "log: {}"] {
            assert_eq!(parse(nothing.as_bytes()), Ok(Vec::new()), "{nothing:?}");
        }
    }

    #[test]
    fn what_is_no_mapping_of_settings_is_an_error() {
        let deep = "a: {".repeat(1_000);
        let laughs = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned()
            + &(0..30)
                .map(|i| format!("b{i}: &b{i} [*a,*a]\n"))
                .collect::<String>();
        for text in [
            "- a",
            "a: [b: c]",
            "a: !tag b",
            "a: b: c",
            "a: 1\na: 2",
            "log.dirs: /a\nlog:\n  dirs: /b",
            "a: 1\n---\na: 2",
            "a: [~]",
            "\ta: 1",
            deep.as_str(),
            laughs.as_str(),
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text:.80}");
        }
        let error = parse(b"# one\na: r\xe9glages").unwrap_err();
        assert_eq!(error, "line 2: YAML is UTF-8, and this line is not");
    }

    #[test]
    fn numbers_and_lines_of_windows_are_read() {
        let pairs = parse(b"a: 0x10\r\nb: 1_000\r\nc: '08'\r\nd: yes\r\ne: |\r\n  x\r\n").unwrap();
        let values: Vec<&str> = pairs.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["16", "1_000", "08", "yes", "x\n"]);
    }
}
