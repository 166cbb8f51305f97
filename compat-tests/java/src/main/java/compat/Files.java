package compat;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.quota.ClientQuotaFilter;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Fills a broker's folders with every kind of batch there is, and shows every record of a broker.
 *
 * <pre>
 * Files BOOTSTRAP write      topics of all kinds, transactions, a group that has committed half, quotas, credentials
 * Files BOOTSTRAP read       one line for each record of every topic of "write", the ends of the partitions, where the group goes on, …
 * Files BOOTSTRAP append     one more idempotent record, and one more transaction of a producer that left one open
 * </pre>
 */
public final class Files {
    private static final String[] CODECS = {"none", "gzip", "snappy", "lz4", "zstd"};
    private static final String GROUP = "files-group";
    private static final long T0 = 1_700_000_000_000L;
    private static final Map<String, Map<String, String>> TOPICS = new TreeMap<>(Map.of(
        "files-codecs", Map.of(),
        "files-segments", Map.of("segment.bytes", "1048576"),
        "files-transactions", Map.of("segment.bytes", "1048576"),
        "files-compacted", Map.of("cleanup.policy", "compact", "segment.bytes", "1048576", "min.cleanable.dirty.ratio", "0.01"),
        "files-append-time", Map.of("message.timestamp.type", "LogAppendTime"),
        "files-trimmed", Map.of("segment.bytes", "1048576", "retention.ms", "-1"),
        "files-empty", Map.of()));

    private final String bootstrap;

    private Files(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    public static void main(String[] arguments) throws Exception {
        Limit.program(Duration.ofSeconds(115));
        Files files = new Files(arguments[0]);
        switch (arguments[1]) {
            case "write" -> files.write();
            case "read" -> {
                files.read();
                files.resume();
                files.readClients();
            }
            case "append" -> files.append();
            default -> throw new IllegalArgumentException(arguments[1]);
        }
    }

    private void write() throws Exception {
        try (Admin admin = Admin.create(Map.<String, Object>of("bootstrap.servers", bootstrap))) {
            List<NewTopic> topics = new ArrayList<>();
            TOPICS.forEach((name, configs) -> topics.add(new NewTopic(name, 2, (short) 1).configs(configs)));
            admin.createTopics(topics).all().get();
            codecs();
            segments();
            transactions();
            compacted();
            plain("files-append-time");
            trimmed(admin);
            clients(admin);
            commitHalf();
        }
    }

    /** Every codec, with keys, headers twice and null, tombstones, old timestamps; as an idempotent producer and as none. */
    private void codecs() throws Exception {
        for (String codec : CODECS) {
            for (String idempotent : List.of("true", "false")) {
                try (var producer = producer(Map.of("compression.type", codec, "enable.idempotence", idempotent, "linger.ms", "50"))) {
                    for (int i = 0; i < 60; i++) {
                        var record = new ProducerRecord<>("files-codecs", i % 2, T0 + 1000L * (i % 7), bytes(codec + i), bytes("value " + i));
                        record.headers().add(new RecordHeader("h", bytes(codec))).add(new RecordHeader("h", null)).add("é", new byte[] {(byte) 0xff, 0});
                        producer.send(record);
                    }
                    producer.send(new ProducerRecord<>("files-codecs", 0, T0, null, bytes("no key")));
                    producer.send(new ProducerRecord<>("files-codecs", 0, T0, bytes("tombstone"), (byte[]) null));
                    producer.send(new ProducerRecord<>("files-codecs", 0, T0, new byte[0], new byte[0]));
                }
            }
        }
    }

    private void segments() throws Exception {
        Random random = new Random(5);
        try (var producer = producer(Map.of("linger.ms", "5"))) {
            for (int i = 0; i < 400; i++) {
                byte[] value = new byte[9000];
                random.nextBytes(value);
                producer.send(new ProducerRecord<>("files-segments", i % 2, T0 + i, bytes("k" + i), value));
            }
        }
    }

    /** Three producers whose transactions overlap; every third is aborted, the last of each stays open. */
    private void transactions() throws Exception {
        Random random = new Random(7);
        List<KafkaProducer<byte[], byte[]>> producers = new ArrayList<>();
        for (int p = 0; p < 3; p++) {
            var producer = producer(Map.of("transactional.id", "files-" + p, "transaction.timeout.ms", "600000", "compression.type", CODECS[p]));
            producer.initTransactions();
            producers.add(producer);
        }
        for (int round = 0; round < 12; round++) {
            for (var producer : producers) {
                producer.beginTransaction();
            }
            for (int i = 0; i < 24; i++) {
                byte[] value = new byte[9500];
                random.nextBytes(value);
                producers.get(i % 3).send(new ProducerRecord<>("files-transactions", i / 3 % 2, T0 + round, bytes("r" + round + "-" + i), value));
            }
            producers.forEach(KafkaProducer::flush);
            for (int p = 0; p < 3; p++) {
                if ((round + p) % 3 == 0) {
                    producers.get(p).abortTransaction();
                } else {
                    producers.get(p).commitTransaction();
                }
            }
        }
        producers.get(0).beginTransaction();
        producers.get(0).send(new ProducerRecord<>("files-transactions", 0, T0, bytes("open"), bytes("never committed"))).get();
        for (int p = 1; p < 3; p++) {
            producers.get(p).close();
        }
        // The first one's transaction stays open: the process ends without closing it.
    }

    /** Keys again and again over several segments, some removed, some in transactions. */
    private void compacted() throws Exception {
        Random random = new Random(9);
        try (var producer = producer(Map.of("compression.type", "lz4", "linger.ms", "5"))) {
            for (int i = 0; i < 900; i++) {
                byte[] value = new byte[4000];
                random.nextBytes(value);
                String key = "k" + random.nextInt(60);
                producer.send(new ProducerRecord<>("files-compacted", i % 2, T0 + i, bytes(key), i % 11 == 0 ? null : value));
            }
        }
        try (var producer = producer(Map.of("transactional.id", "files-compacted"))) {
            producer.initTransactions();
            for (int round = 0; round < 4; round++) {
                producer.beginTransaction();
                for (int i = 0; i < 10; i++) {
                    producer.send(new ProducerRecord<>("files-compacted", i % 2, T0 + 1000 + round, bytes("t" + i), bytes("round " + round)));
                }
                if (round % 2 == 0) {
                    producer.commitTransaction();
                } else {
                    producer.abortTransaction();
                }
            }
        }
        // Enough to close the segment that holds them.
        try (var producer = producer(Map.of())) {
            for (int i = 0; i < 300; i++) {
                byte[] value = new byte[8000];
                random.nextBytes(value);
                producer.send(new ProducerRecord<>("files-compacted", i % 2, T0 + 2000 + i, bytes("z" + i % 5), value));
            }
        }
    }

    private void plain(String topic) throws Exception {
        try (var producer = producer(Map.of("compression.type", "gzip"))) {
            for (int i = 0; i < 50; i++) {
                producer.send(new ProducerRecord<>(topic, i % 2, T0, bytes("k" + i), bytes("v" + i)));
            }
        }
    }

    /** A log whose start was moved by DeleteRecords, once within a segment and once over several. */
    private void trimmed(Admin admin) throws Exception {
        Random random = new Random(11);
        try (var producer = producer(Map.of())) {
            for (int i = 0; i < 400; i++) {
                byte[] value = new byte[9000];
                random.nextBytes(value);
                producer.send(new ProducerRecord<>("files-trimmed", i % 2, T0 + i, bytes("k" + i), value));
            }
        }
        admin.deleteRecords(Map.of(
            new TopicPartition("files-trimmed", 0), RecordsToDelete.beforeOffset(7),
            new TopicPartition("files-trimmed", 1), RecordsToDelete.beforeOffset(170))).all().get();
    }

    /** A quota of two kinds of entity, one of them the default, and credentials of both mechanisms. */
    private void clients(Admin admin) throws Exception {
        admin.alterClientQuotas(List.of(
            new ClientQuotaAlteration(new ClientQuotaEntity(Map.of(ClientQuotaEntity.USER, "files-user")), List.of(
                new ClientQuotaAlteration.Op("producer_byte_rate", 1e9), new ClientQuotaAlteration.Op("request_percentage", 12.5))),
            new ClientQuotaAlteration(new ClientQuotaEntity(Collections.singletonMap(ClientQuotaEntity.CLIENT_ID, null)), List.of(
                new ClientQuotaAlteration.Op("consumer_byte_rate", 2e9))))).all().get();
        for (ScramMechanism mechanism : List.of(ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)) {
            admin.alterUserScramCredentials(List.of(
                new UserScramCredentialUpsertion("files-user", new ScramCredentialInfo(mechanism, 4096), "secret"))).all().get();
        }
    }

    private void readClients() throws Exception {
        try (Admin admin = Admin.create(Map.<String, Object>of("bootstrap.servers", bootstrap))) {
            var quotas = new TreeMap<String, String>();
            admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get().forEach(
                (entity, values) -> quotas.put(entity.entries().toString(), new TreeMap<>(values).toString()));
            System.out.println("quotas " + quotas);
            var credentials = new TreeSet<String>();
            admin.describeUserScramCredentials(List.of("files-user")).all().get().get("files-user").credentialInfos().forEach(
                credential -> credentials.add(credential.toString()));
            System.out.println("credentials " + credentials);
        }
    }

    private void commitHalf() {
        try (var consumer = consumer("read_uncommitted", GROUP)) {
            Map<TopicPartition, OffsetAndMetadata> half = new HashMap<>();
            consumer.endOffsets(partitions(List.of("files-codecs", "files-segments"))).forEach(
                (partition, end) -> half.put(partition, new OffsetAndMetadata(end / 2, "half")));
            consumer.commitSync(half);
        }
    }

    private void read() {
        for (String isolation : List.of("read_uncommitted", "read_committed")) {
            try (var consumer = consumer(isolation, null)) {
                Collection<TopicPartition> partitions = partitions(TOPICS.keySet());
                consumer.assign(partitions);
                var ends = consumer.endOffsets(partitions);
                consumer.seekToBeginning(partitions);
                TreeMap<String, String> lines = new TreeMap<>();
                long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
                while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
                    if (System.nanoTime() > deadline) throw new AssertionError("read only " + lines.size() + " records up to " + ends);
                    for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
                        lines.put(String.format("%s-%d %09d", record.topic(), record.partition(), record.offset()), show(record));
                    }
                }
                lines.forEach((place, record) -> System.out.println(isolation + " " + place + " " + record));
                var starts = new TreeMap<String, Long>();
                consumer.beginningOffsets(partitions).forEach((partition, offset) -> starts.put(partition.toString(), offset));
                System.out.println(isolation + " starts " + starts);
                var sorted = new TreeMap<String, Long>();
                ends.forEach((partition, offset) -> sorted.put(partition.toString(), offset));
                System.out.println(isolation + " ends " + sorted);
            }
        }
    }

    private void resume() {
        try (var consumer = consumer("read_uncommitted", GROUP)) {
            List<TopicPartition> partitions = partitions(List.of("files-codecs", "files-segments"));
            consumer.assign(partitions);
            for (TopicPartition partition : partitions) {
                System.out.println(partition + " goes on at " + consumer.position(partition));
            }
            var committed = consumer.committed(Set.copyOf(partitions));
            partitions.forEach(partition -> System.out.println(partition + " committed " + committed.get(partition)));
        }
    }

    private void append() throws Exception {
        try (var producer = producer(Map.of())) {
            System.out.println(producer.send(new ProducerRecord<>("files-segments", 0, T0, bytes("more"), bytes("more"))).get().offset());
        }
        // Its predecessor left a transaction open, which this ends.
        try (var producer = producer(Map.of("transactional.id", "files-0"))) {
            producer.initTransactions();
            producer.beginTransaction();
            System.out.println(producer.send(new ProducerRecord<>("files-transactions", 0, T0, bytes("more"), bytes("more"))).get().offset());
            producer.commitTransaction();
        }
    }

    private static List<TopicPartition> partitions(Collection<String> topics) {
        List<TopicPartition> partitions = new ArrayList<>();
        for (String topic : new TreeSet<>(topics)) {
            partitions.add(new TopicPartition(topic, 0));
            partitions.add(new TopicPartition(topic, 1));
        }
        return partitions;
    }

    private static String show(ConsumerRecord<byte[], byte[]> record) {
        StringBuilder headers = new StringBuilder();
        for (Header header : record.headers()) {
            headers.append(header.key()).append('=').append(base64(header.value())).append(';');
        }
        return record.timestampType() + " " + record.timestamp() + " epoch " + record.leaderEpoch().orElse(-1)
            + " " + base64(record.key()) + " " + base64(record.value()) + " " + headers;
    }

    /** All of it, or of long values what tells them apart. */
    private static String base64(byte[] bytes) {
        if (bytes == null) {
            return "null";
        }
        try {
            byte[] shown = bytes.length < 100 ? bytes : MessageDigest.getInstance("SHA-256").digest(bytes);
            return bytes.length + "'" + Base64.getEncoder().encodeToString(shown) + "'";
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private KafkaProducer<byte[], byte[]> producer(Map<String, String> more) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.putAll(more);
        return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private KafkaConsumer<byte[], byte[]> consumer(String isolation, String group) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("isolation.level", isolation);
        properties.put("enable.auto.commit", "false");
        properties.put("auto.offset.reset", "none");
        if (group != null) {
            properties.put("group.id", group);
        }
        return new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }
}
