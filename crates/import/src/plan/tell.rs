//! The plan as a person reads it.

use std::io::{self, Write};
use std::path::PathBuf;

use barnabas_metadata::controller::ImportedTopic;
use barnabas_metadata::records::ConfigResource;
use barnabas_storage::kafka_uuid;

use super::Plan;
use crate::source::Source;
use crate::{Import, Mode};

impl Plan {
    /// Writes it.
    ///
    /// # Errors
    /// Of `out`.
    pub fn tell(
        &self,
        sources: &[Source],
        import: &Import,
        data_dirs: &[PathBuf],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        for source in sources {
            let state = if source.clean {
                "stopped in order"
            } else {
                "not stopped in order"
            };
            writeln!(
                out,
                "From {}: node {} of cluster {}, {state}",
                source.path.display(),
                source.properties.node_id,
                source.properties.cluster_id
            )?;
        }
        let how = match import.mode {
            Mode::Copy => "by copy",
            Mode::Link => "by copy and, for closed segments, hard link",
            Mode::InPlace => "in place",
        };
        for data_dir in data_dirs {
            let folders = self.folders.iter().filter(|folder| folder.to == *data_dir);
            let bytes: u64 = folders.clone().map(|folder| folder.bytes).sum();
            writeln!(
                out,
                "To {}, {how}: {} partitions, {bytes} bytes",
                data_dir.display(),
                folders.count()
            )?;
        }
        for topic in &self.topics {
            self.tell_topic(topic, out)?;
        }
        for (resource, configs) in &self.configs {
            if self
                .topics
                .iter()
                .any(|topic| *resource == ConfigResource::topic(&*topic.name))
            {
                continue;
            }
            let pairs: Vec<String> = configs
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            writeln!(out, "  {resource}: {}", pairs.join(" "))?;
        }
        let levels: Vec<String> = self
            .features
            .iter()
            .map(|(name, level)| format!("{name}={level}"))
            .collect();
        if !levels.is_empty() {
            writeln!(
                out,
                "  features, if the data folder has no topics yet: {}",
                levels.join(" ")
            )?;
        }
        for (entity, key, value) in &self.quotas {
            let part = |(kind, name): (&String, &Option<String>)| {
                format!("{kind} {}", name.as_deref().unwrap_or("<default>"))
            };
            let parts: Vec<String> = entity.iter().map(part).collect();
            writeln!(out, "  quota of {}: {key}={value}", parts.join(", "))?;
        }
        for credential in &self.scram {
            writeln!(
                out,
                "  {:?} credential of {}",
                credential.mechanism, credential.name
            )?;
        }
        for (count, what) in [
            (self.acls.len(), "ACLs"),
            (self.delegation_tokens.len(), "delegation tokens"),
        ] {
            if count > 0 {
                writeln!(out, "  {count} {what}")?;
            }
        }
        writeln!(out, "  producer ids from {} on", self.next_producer_id)?;
        for remark in &self.remarks {
            writeln!(out, "Note: {remark}")?;
        }
        for left_out in &self.left_out {
            writeln!(out, "Not taken over: {left_out}")?;
        }
        writeln!(
            out,
            "Not taken over: the settings in the node's server.properties; they are the configuration's"
        )
    }

    fn tell_topic(&self, topic: &ImportedTopic, out: &mut dyn Write) -> io::Result<()> {
        let of_topic = self
            .folders
            .iter()
            .filter(|folder| folder.topic_id == topic.topic_id);
        let bytes: u64 = of_topic.map(|folder| folder.bytes).sum();
        let resource = ConfigResource::topic(&*topic.name);
        let configs = self.configs.iter().find(|(known, _)| *known == resource);
        let pairs: Vec<String> = configs
            .into_iter()
            .flat_map(|(_, configs)| configs)
            .map(|(name, value)| format!(" {name}={value}"))
            .collect();
        writeln!(
            out,
            "  topic {} (id {}): {} partitions, {bytes} bytes{}",
            topic.name,
            kafka_uuid::encode(topic.topic_id),
            topic.partitions.len(),
            pairs.concat()
        )
    }
}
