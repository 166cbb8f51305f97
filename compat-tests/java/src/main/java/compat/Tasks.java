package compat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.StreamsGroupDescription;
import org.apache.kafka.clients.admin.StreamsGroupMemberDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.tools.streams.StreamsGroupCommand;

/**
 * Tasks BOOTSTRAP STATE-FOLDER: Kafka Streams applications in streams groups (KIP-1071). One counts words behind a repartition topic, with
 * standby tasks, while an instance of it is killed and comes back; one does so exactly once and is stopped in between; one is shut down by
 * a member that fails.
 *
 * Tasks instance BOOTSTRAP STATE-FOLDER PORT: an instance of the first application, until somebody kills it.
 */
public final class Tasks {
    private static final int PARTITIONS = 4;
    private static final String COUNTER = "counter";
    private static final String EXACT = "exact";
    private static final String DOOMED = "doomed";
    private static final List<String> WORDS = List.of("ash", "beech", "cedar", "elm", "fir", "gum", "holly", "ivy");

    public static void main(String[] arguments) throws Exception {
        Limit.program(Duration.ofSeconds(145));
        if (arguments[0].equals("instance")) {
            instance(arguments[1], arguments[2], COUNTER, Integer.parseInt(arguments[3]), false).start();
            Thread.currentThread().join();
        }
        String bootstrap = arguments[0];
        String folder = arguments[1];
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic("words", PARTITIONS, (short) 1), new NewTopic("totals", PARTITIONS, (short) 1),
                new NewTopic("exact-totals", PARTITIONS, (short) 1))).all().get();
            setStandbys(admin, COUNTER);
            killedAndBack(bootstrap, folder, admin);
            exactlyOnce(bootstrap, folder, admin);
            shutDown(bootstrap, folder, admin);
            deleted(admin);
        }
    }

    /** Two instances share the tasks, and follow each other's state. One is killed, and later there again. */
    private static void killedAndBack(String bootstrap, String folder, Admin admin) throws Exception {
        try (KafkaStreams stays = instance(bootstrap, folder + "/stays", COUNTER, 7001, false)) {
            stays.start();
            Process killed = start(bootstrap, folder + "/killed");
            try {
                produce(bootstrap, 200);
                await("the counts", () -> totals(bootstrap, "totals").equals(expected(200)));
                await("two members that share the tasks", () -> shares(describe(admin, COUNTER)));
                await("both endpoints", () -> endpoints(stays).equals(Set.of(7001, 7002)));
                check(describe(admin, COUNTER));
                checkCommand(bootstrap);
            } finally {
                killed.destroyForcibly().waitFor();
            }
            produce(bootstrap, 100);
            await("the counts of the one that is left", () -> totals(bootstrap, "totals").equals(expected(300)));
            await("one member with all tasks", () -> members(admin, COUNTER).size() == 1 && active(members(admin, COUNTER)) == 2 * PARTITIONS);
            Process back = start(bootstrap, folder + "/killed");
            try {
                await("two members again", () -> shares(describe(admin, COUNTER)));
                produce(bootstrap, 100);
                await("the counts of both", () -> totals(bootstrap, "totals").equals(expected(400)));
            } finally {
                back.destroyForcibly().waitFor();
            }
        }
    }

    /** An application that counts exactly once is stopped, and goes on where it was. */
    private static void exactlyOnce(String bootstrap, String folder, Admin admin) throws Exception {
        int words = produced;
        for (int round = 0; round < 2; round++) {
            try (KafkaStreams exact = instance(bootstrap, folder + "/exact", EXACT, 7003, true)) {
                exact.start();
                int so_far = words;
                await("exact counts", () -> totals(bootstrap, "exact-totals").equals(expected(so_far)));
            }
            await("nobody is left", () -> describe(admin, EXACT).groupState() == GroupState.EMPTY);
            if (round == 0) {
                produce(bootstrap, 100);
                words += 100;
            }
        }
    }

    /** A member that fails may end the whole application. */
    private static void shutDown(String bootstrap, String folder, Admin admin) throws Exception {
        try (KafkaStreams one = doomed(bootstrap, folder + "/one"); KafkaStreams other = doomed(bootstrap, folder + "/other")) {
            one.start();
            other.start();
            await("both ended", () -> one.state() == KafkaStreams.State.ERROR && other.state() == KafkaStreams.State.ERROR);
        }
    }

    private static void deleted(Admin admin) throws Exception {
        Collection<String> listed = admin.listGroups(ListGroupsOptions.forStreamsGroups()).all().get().stream()
            .filter(group -> group.type().equals(java.util.Optional.of(GroupType.STREAMS))).map(group -> group.groupId()).toList();
        if (!new HashSet<>(listed).containsAll(Set.of(COUNTER, EXACT))) throw new AssertionError("listed: " + listed);
        if (admin.listStreamsGroupOffsets(Map.of(EXACT, new org.apache.kafka.clients.admin.ListStreamsGroupOffsetsSpec()))
            .partitionsToOffsetAndMetadata(EXACT).get().isEmpty()) throw new AssertionError("no offsets");
        admin.deleteStreamsGroups(List.of(EXACT)).all().get();
        if (admin.listGroups(ListGroupsOptions.forStreamsGroups()).all().get().stream().anyMatch(group -> group.groupId().equals(EXACT)))
            throw new AssertionError("it is still there");
    }

    private static void check(StreamsGroupDescription group) {
        if (group.topologyEpoch() != 0 || group.subtopologies().size() != 2) throw new AssertionError("subtopologies: " + group);
        for (StreamsGroupMemberDescription member : group.members()) {
            if (member.userEndpoint().isEmpty() || member.processId().isEmpty()) throw new AssertionError("member: " + member);
        }
    }

    /** kafka-streams-groups.sh shows the same. */
    private static void checkCommand(String bootstrap) throws Exception {
        PrintStream out = System.out;
        ByteArrayOutputStream shown = new ByteArrayOutputStream();
        System.setOut(new PrintStream(shown, true));
        try {
            for (String what : List.of("--state", "--members", "--offsets")) {
                StreamsGroupCommand.execute(new String[] {"--bootstrap-server", bootstrap, "--describe", "--group", COUNTER, what, "--verbose"});
            }
        } finally {
            System.setOut(out);
        }
        for (String word : List.of("Stable", "STANDBY: ", "TARGET-ACTIVE: ", "counter-counts-repartition")) {
            if (!shown.toString().contains(word)) throw new AssertionError(word + " is not in " + shown);
        }
    }

    private static KafkaStreams doomed(String bootstrap, String folder) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.<String, String>stream("words").foreach((key, word) -> {
            throw new IllegalStateException("it was to fail");
        });
        KafkaStreams streams = new KafkaStreams(builder.build(), settings(bootstrap, folder, DOOMED, 7004, false));
        streams.setUncaughtExceptionHandler(thrown -> StreamThreadExceptionResponse.SHUTDOWN_APPLICATION);
        return streams;
    }

    private static KafkaStreams instance(String bootstrap, String folder, String application, int port, boolean exactly) {
        return new KafkaStreams(topology(exactly ? "exact-totals" : "totals"), settings(bootstrap, folder, application, port, exactly));
    }

    private static Topology topology(String totals) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.<String, String>stream("words").groupBy((key, word) -> word).count(Materialized.as("counts")).toStream()
            .to(totals, Produced.with(Serdes.String(), Serdes.Long()));
        return builder.build();
    }

    private static Properties settings(String bootstrap, String folder, String application, int port, boolean exactly) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        settings.put(StreamsConfig.GROUP_PROTOCOL_CONFIG, "streams");
        settings.put(StreamsConfig.STATE_DIR_CONFIG, folder);
        settings.put(StreamsConfig.APPLICATION_SERVER_CONFIG, "localhost:" + port);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, exactly ? StreamsConfig.EXACTLY_ONCE_V2 : StreamsConfig.AT_LEAST_ONCE);
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put("auto.offset.reset", "earliest");
        return settings;
    }

    private static Process start(String bootstrap, String folder) throws Exception {
        return new ProcessBuilder(ProcessHandle.current().info().command().orElseThrow(), "-Xmx256m", "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC", "-cp", System.getProperty("java.class.path"), "compat.Tasks", "instance", bootstrap, folder, "7002")
            .redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
    }

    private static void setStandbys(Admin admin, String group) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.GROUP, group);
        AlterConfigOp set = new AlterConfigOp(new ConfigEntry("streams.num.standby.replicas", "1"), AlterConfigOp.OpType.SET);
        admin.incrementalAlterConfigs(Map.of(resource, List.of(set))).all().get();
    }

    private static StreamsGroupDescription describe(Admin admin, String group) throws Exception {
        return admin.describeStreamsGroups(List.of(group)).all().get().get(group);
    }

    private static Collection<StreamsGroupMemberDescription> members(Admin admin, String group) throws Exception {
        return describe(admin, group).members();
    }

    private static int active(Collection<StreamsGroupMemberDescription> members) {
        return members.stream().flatMap(member -> member.assignment().activeTasks().stream()).mapToInt(task -> task.partitions().size()).sum();
    }

    /** Each has half of the active tasks, and each stateful task has a copy. */
    private static boolean shares(StreamsGroupDescription group) {
        int copies = group.members().stream().flatMap(member -> member.assignment().standbyTasks().stream())
            .mapToInt(task -> task.partitions().size()).sum();
        return group.groupState() == GroupState.STABLE && group.members().size() == 2 && copies == PARTITIONS
            && group.members().stream().allMatch(member -> active(List.of(member)) == PARTITIONS);
    }

    private static Set<Integer> endpoints(KafkaStreams streams) {
        Set<Integer> ports = new HashSet<>();
        streams.metadataForAllStreamsClients().forEach(client -> {
            if (!client.topicPartitions().isEmpty()) ports.add(client.port());
        });
        return ports;
    }

    private static int produced;

    private static void produce(String bootstrap, int words) {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "acks", "all");
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            for (int word = 0; word < words; word++, produced++) {
                producer.send(new ProducerRecord<>("words", "key-" + produced, WORDS.get(produced % WORDS.size())));
            }
        }
    }

    private static Map<String, Long> expected(int words) {
        Map<String, Long> counts = new TreeMap<>();
        for (int word = 0; word < words; word++) counts.merge(WORDS.get(word % WORDS.size()), 1L, Long::sum);
        return counts;
    }

    /** The last total of each word, of committed transactions. */
    private static Map<String, Long> totals(String bootstrap, String topic) {
        Map<String, Object> settings = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "isolation.level", "read_committed"));
        Map<String, Long> totals = new TreeMap<>();
        try (KafkaConsumer<String, Long> consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new LongDeserializer())) {
            var partitions = consumer.partitionsFor(topic).stream()
                .map(found -> new org.apache.kafka.common.TopicPartition(topic, found.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<org.apache.kafka.common.TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
                for (ConsumerRecord<String, Long> record : consumer.poll(Duration.ofMillis(100))) totals.put(record.key(), record.value());
            }
        }
        return totals;
    }

    private interface Condition {
        boolean holds() throws Exception;
    }

    private static void await(String what, Condition condition) throws Exception {
        Instant deadline = Instant.now().plusSeconds(60);
        while (!condition.holds()) {
            if (Instant.now().isAfter(deadline)) throw new AssertionError("not in time: " + what);
            Thread.sleep(100);
        }
        System.out.println(what);
    }
}
