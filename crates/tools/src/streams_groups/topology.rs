//! A topology as text, as Kafka Streams describes its own.

use barnabas_protocol::messages::streams_group_describe_response::{
    TopologyDescription, TopologyDescriptionNode,
};

const SOURCE: i8 = 1;
const SINK: i8 = 3;

/// The text; empty lines end each part.
pub fn shown(description: &TopologyDescription) -> String {
    let mut text = "Topologies:\n".to_owned();
    for part in &description.subtopologies {
        text += &format!("   Sub-topology: {}\n", part.subtopology_id);
        for node in &part.nodes {
            let before = part
                .nodes
                .iter()
                .filter(|other| other.successors.contains(&node.name));
            text += &self::node(node, before.map(|other| other.name.to_string()).collect());
        }
        text += "\n";
    }
    for (index, store) in description.global_stores.iter().enumerate() {
        let number = description.subtopologies.len() + index;
        text += &format!("   Sub-topology: {number} for global store (will not generate tasks)\n");
        text += &node(&store.source, Vec::new());
        text += &node(&store.processor, vec![store.source.name.to_string()]);
        text += "\n";
    }
    text
}

fn node(node: &TopologyDescriptionNode, mut before: Vec<String>) -> String {
    let names = |mut names: Vec<String>| {
        names.sort();
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        }
    };
    before.sort();
    let before = names(before);
    let after = names(node.successors.iter().map(ToString::to_string).collect());
    let name = &node.name;
    match node.node_type {
        SOURCE => {
            let topics: Vec<String> = node.source_topics.iter().map(|topic| topic.to_string()).collect();
            format!(
                "    Source: {name} (topics: [{}])\n      --> {after}\n",
                topics.join(", ")
            )
        }
        SINK => {
            let topic = node
                .sink_topic
                .as_ref()
                .map_or_else(String::new, |topic| topic.to_string());
            format!("    Sink: {name} (topic: {topic})\n      <-- {before}\n")
        }
        _ => {
            let stores: Vec<String> = node.stores.iter().map(ToString::to_string).collect();
            format!(
                "    Processor: {name} (stores: [{}])\n      --> {after}\n      <-- {before}\n",
                stores.join(", ")
            )
        }
    }
}
