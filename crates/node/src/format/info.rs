//! `barnabas info`: which data folders there are, and whose.

use std::collections::BTreeMap;

use barnabas_config::load::StartSettings;
use barnabas_storage::{Folder, MetaProperties, kafka_uuid};

/// What to print, and whether all is well.
pub fn run(settings: &StartSettings) -> (String, bool) {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    let mut metadata: Option<BTreeMap<&str, String>> = None;
    let mut paths = settings.data_dirs.clone();
    paths.sort();
    for path in &paths {
        let shown = path.display();
        if !path.is_dir() {
            problems.push(format!("{shown} does not exist"));
            continue;
        }
        found.push(shown.to_string());
        match MetaProperties::read(&Folder::real(path)) {
            Ok(Some(properties)) => {
                let these = pairs(&properties);
                let cluster = |pairs: &BTreeMap<&str, String>| pairs.get("cluster.id").cloned();
                match &metadata {
                    Some(first) if cluster(first) != cluster(&these) => {
                        problems.push(format!("{shown} belongs to another cluster than the first"));
                    }
                    Some(_) => {}
                    None => metadata = Some(these),
                }
            }
            Ok(None) => problems.push(format!("{shown} is not formatted.")),
            Err(error) => problems.push(format!("{shown}: {error}")),
        }
    }
    let mut text = String::new();
    if !found.is_empty() {
        let what = if found.len() == 1 {
            "directory"
        } else {
            "directories"
        };
        text += &format!("Found log {what}:\n  {}\n\n", found.join("\n  "));
    }
    if let Some(metadata) = metadata {
        let pairs: Vec<String> = metadata
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        text += &format!("Found metadata: {{{}}}\n\n", pairs.join(", "));
    }
    if !problems.is_empty() {
        let what = if problems.len() == 1 {
            "problem"
        } else {
            "problems"
        };
        text += &format!("Found {what}:\n  {}\n\n", problems.join("\n  "));
    }
    (text, problems.is_empty())
}

fn pairs(properties: &MetaProperties) -> BTreeMap<&'static str, String> {
    let mut pairs = BTreeMap::from([
        ("cluster.id", properties.cluster_id.clone()),
        ("node.id", properties.node_id.to_string()),
        ("version", "1".to_owned()),
    ]);
    if let Some(id) = properties.directory_id {
        pairs.insert("directory.id", kafka_uuid::encode(id));
    }
    pairs
}
