package compat;

import static compat.Scenario.GROUP;
import static compat.Scenario.TOPIC;
import static compat.Workload.check;

import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** The Admin client. */
final class Administration {
    private static final ConfigResource RESOURCE = new ConfigResource(ConfigResource.Type.TOPIC, TOPIC);

    private final Admin admin;
    private final String bootstrap;

    Administration(Admin admin, String bootstrap) {
        this.admin = admin;
        this.bootstrap = bootstrap;
    }

    private interface Call {
        void run() throws Exception;
    }

    private static void fails(String what, Class<? extends Exception> kind, Call call) throws Exception {
        try {
            call.run();
        } catch (ExecutionException failure) {
            check(what, failure.getCause().getClass(), kind);
            return;
        }
        throw new AssertionError("WRONG " + what + ": no error");
    }

    private void create(String name, int partitions, int replicas, Map<String, String> configs) throws Exception {
        admin.createTopics(List.of(new NewTopic(name, partitions, (short) replicas).configs(configs))).all().get();
    }

    void createTopic() throws Exception {
        var created = admin.createTopics(List.of(
            new NewTopic(TOPIC, Workload.PARTITIONS, (short) 1).configs(Map.of("retention.ms", "-1"))));
        check("partitions", created.numPartitions(TOPIC).get(), Workload.PARTITIONS);
        check("retention.ms", created.config(TOPIC).get().get("retention.ms").value(), "-1");
        fails("create an existing topic", TopicExistsException.class, () -> create(TOPIC, 1, 1, Map.of()));
        fails("a bad name", InvalidTopicException.class, () -> create("a/b", 1, 1, Map.of()));
        fails("no partitions", InvalidPartitionsException.class, () -> create("none", 0, 1, Map.of()));
        fails("two replicas", InvalidReplicationFactorException.class, () -> create("two", 1, 2, Map.of()));
        fails("a bad setting", InvalidConfigurationException.class, () -> create("bad", 1, 1, Map.of("retention.ms", "x")));
        fails("an unknown setting", InvalidConfigurationException.class, () -> create("bad", 1, 1, Map.of("no.such", "x")));
        fails("describe an unknown topic", UnknownTopicOrPartitionException.class,
            () -> admin.describeTopics(List.of("no-such-topic")).allTopicNames().get());
    }

    void checkStableGroup() throws Exception {
        ConsumerGroupDescription group = admin.describeConsumerGroups(List.of(GROUP)).describedGroups().get(GROUP).get();
        check("group state", group.groupState(), GroupState.STABLE);
        check("assignor", group.partitionAssignor(), "range");
        check("members", group.members().size(), 1);
        var member = group.members().iterator().next();
        check("its host", member.host(), "/127.0.0.1");
        check("its partitions", member.assignment().topicPartitions().size(), Workload.PARTITIONS);
        check("coordinator", group.coordinator().port(), Integer.parseInt(bootstrap.split(":")[1]));
        check("groups", names(admin.listGroups().all().get()).contains(GROUP), true);
    }

    private static Set<String> names(Collection<GroupListing> groups) {
        var names = new TreeSet<String>();
        groups.forEach(group -> names.add(group.groupId()));
        return names;
    }

    void checkCommitted() throws Exception {
        var kept = admin.listConsumerGroupOffsets(GROUP).partitionsToOffsetAndMetadata().get();
        var expected = Workload.expected();
        var want = new HashMap<TopicPartition, OffsetAndMetadata>();
        for (int partition = 0; partition < Workload.PARTITIONS; partition++) {
            var offset = new OffsetAndMetadata(expected.get(partition).size() / 2, "half of " + partition);
            want.put(new TopicPartition(TOPIC, partition), offset);
        }
        check("committed before the restart", kept, want);
    }

    void limitMessages(int bytes) throws Exception {
        var set = new AlterConfigOp(
            new ConfigEntry("max.message.bytes", Integer.toString(bytes)), AlterConfigOp.OpType.SET);
        admin.incrementalAlterConfigs(Map.of(RESOURCE, List.of(set))).all().get();
    }

    void checkTopic() throws Exception {
        check("topics", admin.listTopics().names().get().contains(TOPIC), true);
        var description = admin.describeTopics(List.of(TOPIC)).allTopicNames().get().get(TOPIC);
        check("described partitions", description.partitions().size(), Workload.PARTITIONS);
        var byId = admin.describeTopics(org.apache.kafka.common.TopicCollection.ofTopicIds(List.of(description.topicId())));
        check("by id", byId.allTopicIds().get().get(description.topicId()).name(), TOPIC);
        var partition = new TopicPartition(TOPIC, 0);
        var late = Workload.expected().get(0).size();
        check("earliest", admin.listOffsets(Map.of(partition, OffsetSpec.earliest())).partitionResult(partition).get().offset(), 0L);
        check("latest", admin.listOffsets(Map.of(partition, OffsetSpec.latest())).partitionResult(partition).get().offset(), late + 1L);
        var highest = admin.listOffsets(Map.of(partition, OffsetSpec.maxTimestamp())).partitionResult(partition).get();
        check("highest timestamp", List.of(highest.offset(), highest.timestamp()),
            List.of((long) late, Workload.FIRST_TIMESTAMP + 1_000_000));
        var active = admin.describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers();
        check("producers with a state", active.isEmpty(), false);

        admin.createPartitions(Map.of(TOPIC, NewPartitions.increaseTo(5))).all().get();
        fails("fewer partitions", InvalidPartitionsException.class,
            () -> admin.createPartitions(Map.of(TOPIC, NewPartitions.increaseTo(2))).all().get());
        check("five", admin.describeTopics(List.of(TOPIC)).allTopicNames().get().get(TOPIC).partitions().size(), 5);
        check("reassignments", admin.listPartitionReassignments().reassignments().get(), Map.of());
    }

    void checkConfigs() throws Exception {
        var config = admin.describeConfigs(List.of(RESOURCE)).all().get().get(RESOURCE);
        check("max.message.bytes", config.get("max.message.bytes").value(), "2000");
        check("its source", config.get("max.message.bytes").source(), ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG);
        check("retention.ms", config.get("retention.ms").value(), "-1");
        check("a default", config.get("segment.bytes").source(), ConfigEntry.ConfigSource.DEFAULT_CONFIG);
        var delete = new AlterConfigOp(new ConfigEntry("retention.ms", ""), AlterConfigOp.OpType.DELETE);
        var append = new AlterConfigOp(new ConfigEntry("cleanup.policy", "compact"), AlterConfigOp.OpType.APPEND);
        admin.incrementalAlterConfigs(Map.of(RESOURCE, List.of(delete, append))).all().get();
        config = admin.describeConfigs(List.of(RESOURCE)).all().get().get(RESOURCE);
        check("retention.ms deleted", config.get("retention.ms").value(), "604800000");
        check("cleanup.policy appended", config.get("cleanup.policy").value(), "delete,compact");
        var bad = new AlterConfigOp(new ConfigEntry("segment.bytes", "0"), AlterConfigOp.OpType.SET);
        fails("a value out of range", InvalidConfigurationException.class,
            () -> admin.incrementalAlterConfigs(Map.of(RESOURCE, List.of(bad))).all().get());
        check("config resources", admin.listConfigResources().all().get().contains(RESOURCE), true);
    }

    void checkCluster() throws Exception {
        var cluster = admin.describeCluster();
        var node = cluster.nodes().get().iterator().next();
        check("node", node.host() + ":" + node.port(), bootstrap);
        check("controller", cluster.controller().get().id(), node.id());
        check("cluster id", cluster.clusterId().get().length(), 22);
        check("metadata.version is finalized",
            admin.describeFeatures().featureMetadata().get().finalizedFeatures().containsKey("metadata.version"), true);
        check("quorum leader", admin.describeMetadataQuorum().quorumInfo().get().leaderId(), node.id());
        var directories = admin.describeLogDirs(List.of(node.id())).allDescriptions().get().get(node.id());
        var replicas = directories.values().iterator().next().replicaInfos();
        check("bytes in the log", replicas.get(new TopicPartition(TOPIC, 0)).size() > 0, true);
        var broker = new ConfigResource(ConfigResource.Type.BROKER, Integer.toString(node.id()));
        var settings = admin.describeConfigs(List.of(broker)).all().get().get(broker);
        check("advertised", settings.get("advertised.listeners").value().contains(bootstrap), true);
    }

    void checkGroupsAndDelete() throws Exception {
        var group = admin.describeConsumerGroups(List.of(GROUP)).describedGroups().get(GROUP).get();
        check("group without members", group.groupState(), GroupState.EMPTY);
        var partition = new TopicPartition(TOPIC, 1);
        admin.alterConsumerGroupOffsets(GROUP, Map.of(partition, new OffsetAndMetadata(3))).all().get();
        var offsets = admin.listConsumerGroupOffsets(GROUP).partitionsToOffsetAndMetadata().get();
        check("altered offset", offsets.get(partition).offset(), 3L);
        admin.deleteConsumerGroupOffsets(GROUP, Set.of(partition)).all().get();
        offsets = admin.listConsumerGroupOffsets(GROUP).partitionsToOffsetAndMetadata().get();
        check("deleted offset", offsets.containsKey(partition), false);
        admin.deleteConsumerGroups(List.of(GROUP)).all().get();
        fails("delete a group that is gone", GroupIdNotFoundException.class,
            () -> admin.deleteConsumerGroups(List.of(GROUP)).all().get());
        check("groups", names(admin.listGroups().all().get()).contains(GROUP), false);

        admin.deleteTopics(List.of(TOPIC)).all().get();
        fails("delete an unknown topic", UnknownTopicOrPartitionException.class,
            () -> admin.deleteTopics(List.of(TOPIC)).all().get());
        check("topics", admin.listTopics().names().get().contains(TOPIC), false);
    }
}
