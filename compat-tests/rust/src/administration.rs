//! The admin client.

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::RDKafkaErrorCode;

use crate::workload::{PARTITIONS, check};
use crate::{DEADLINE, Failure, GROUP, TOPIC};

pub struct Administration {
    admin: AdminClient<DefaultClientContext>,
    metadata: BaseConsumer,
    options: AdminOptions,
    runtime: tokio::runtime::Runtime,
}

impl Administration {
    pub fn new(bootstrap: &str) -> Result<Self, Failure> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", bootstrap);
        let options = AdminOptions::new()
            .operation_timeout(Some(DEADLINE))
            .request_timeout(Some(DEADLINE));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Self {
            admin: config.create()?,
            metadata: config.create()?,
            options,
            runtime,
        })
    }

    fn partitions(&self) -> Result<usize, Failure> {
        let metadata = self.metadata.fetch_metadata(Some(TOPIC), DEADLINE)?;
        Ok(metadata.topics()[0].partitions().len())
    }

    pub fn create_topic(&self) -> Result<(), Failure> {
        let topic = NewTopic::new(TOPIC, PARTITIONS, TopicReplication::Fixed(1)).set("retention.ms", "-1");
        let made = self
            .runtime
            .block_on(self.admin.create_topics([&topic], &self.options))?;
        check("create topic", made, vec![Ok(TOPIC.to_owned())]);
        let again = self
            .runtime
            .block_on(self.admin.create_topics([&topic], &self.options))?;
        let refused = vec![Err((TOPIC.to_owned(), RDKafkaErrorCode::TopicAlreadyExists))];
        check("create an existing topic", again, refused);
        check("partitions", self.partitions()?, PARTITIONS as usize);
        Ok(())
    }

    pub fn change_settings(&self) -> Result<(), Failure> {
        let specifier = ResourceSpecifier::Topic(TOPIC);
        let change = AlterConfig::new(specifier)
            .set("max.message.bytes", "2000")
            .set("retention.ms", "-1");
        let changed = self
            .runtime
            .block_on(self.admin.alter_configs([&change], &self.options))?;
        check(
            "alter configs",
            changed.iter().filter(|one| one.is_ok()).count(),
            1,
        );
        let described = self
            .runtime
            .block_on(self.admin.describe_configs([&specifier], &self.options))?;
        let resource = described
            .into_iter()
            .next()
            .ok_or("no answer")?
            .map_err(|code| code.to_string())?;
        for (name, value) in [
            ("max.message.bytes", "2000"),
            ("retention.ms", "-1"),
            ("cleanup.policy", "delete"),
        ] {
            let entry = resource.get(name).ok_or_else(|| format!("no {name}"))?;
            check(name, entry.value.as_deref(), Some(value));
        }
        Ok(())
    }

    pub fn grow_and_delete(&self) -> Result<(), Failure> {
        let grown = self.runtime.block_on(
            self.admin
                .create_partitions([&NewPartitions::new(TOPIC, 5)], &self.options),
        )?;
        check("create partitions", grown, vec![Ok(TOPIC.to_owned())]);
        let fewer = self.runtime.block_on(
            self.admin
                .create_partitions([&NewPartitions::new(TOPIC, 2)], &self.options),
        )?;
        let refused = vec![Err((TOPIC.to_owned(), RDKafkaErrorCode::InvalidPartitions))];
        check("fewer partitions", fewer, refused);
        check("five partitions", self.partitions()?, 5);

        let groups = self.metadata.fetch_group_list(None, DEADLINE)?;
        check(
            "list groups",
            groups.groups().iter().any(|group| group.name() == GROUP),
            true,
        );
        let gone = self
            .runtime
            .block_on(self.admin.delete_groups(&[GROUP], &self.options))?;
        check("delete group", gone, vec![Ok(GROUP.to_owned())]);
        let again = self
            .runtime
            .block_on(self.admin.delete_groups(&[GROUP], &self.options))?;
        let unknown = vec![Err((GROUP.to_owned(), RDKafkaErrorCode::GroupIdNotFound))];
        check("delete a group that is gone", again, unknown);

        let gone = self
            .runtime
            .block_on(self.admin.delete_topics(&[TOPIC], &self.options))?;
        check("delete topic", gone, vec![Ok(TOPIC.to_owned())]);
        let again = self
            .runtime
            .block_on(self.admin.delete_topics(&[TOPIC], &self.options))?;
        let unknown = vec![Err((TOPIC.to_owned(), RDKafkaErrorCode::UnknownTopicOrPartition))];
        check("delete an unknown topic", again, unknown);
        Ok(())
    }
}
