package ages;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * What every kafka-clients from 0.11 to 2.8 can do, in the calls they all have. Usage: ages.Client BOOTSTRAP TOPIC before|after
 *
 * <p>before: creates the topic, produces (every codec it knows, with keys and without, idempotently, in a transaction that is aborted
 * and one that is committed), reads all of it as a group and commits half of each partition. after: the group goes on there.
 */
public final class Client {
    private static final int PARTITIONS = 2;
    private static final int BATCH = 6;
    private static final long FIRST_TIMESTAMP = 1_700_000_000_000L;
    private static final long DEADLINE_MS = 30_000;
    private static final long PROGRAM_MS = 110_000;

    private final String bootstrap;
    private final String topic;

    private Client(String bootstrap, String topic) {
        this.bootstrap = bootstrap;
        this.topic = topic;
    }

    public static void main(String[] arguments) throws Exception {
        limit();
        Client client = new Client(arguments[0], arguments[1]);
        if (arguments[2].equals("before")) client.before();
        else client.after();
    }

    private void before() throws Exception {
        createTopic();
        for (String codec : codecs()) {
            try (KafkaProducer<String, String> producer = producer("compression.type", codec)) {
                produce(producer, codec);
            }
        }
        try (KafkaProducer<String, String> producer = producer("enable.idempotence", "true")) {
            produce(producer, "idempotent");
        }
        try (KafkaProducer<String, String> producer = producer("transactional.id", topic)) {
            producer.initTransactions();
            producer.beginTransaction();
            produce(producer, "aborted");
            producer.abortTransaction();
            producer.beginTransaction();
            produce(producer, "committed");
            producer.commitTransaction();
        }
        try (KafkaConsumer<String, String> consumer = consumer()) {
            Map<TopicPartition, List<ConsumerRecord<String, String>>> seen = read(consumer, PARTITIONS * expected(0).size());
            Map<TopicPartition, OffsetAndMetadata> half = new HashMap<>();
            for (TopicPartition partition : seen.keySet()) {
                check("read by group " + partition, shown(seen.get(partition)), expected(partition.partition()));
                half.put(partition, new OffsetAndMetadata(seen.get(partition).get(half()).offset(), "half"));
            }
            consumer.commitSync(half);
        }
    }

    private void after() throws Exception {
        try (KafkaConsumer<String, String> consumer = consumer()) {
            Map<TopicPartition, List<ConsumerRecord<String, String>>> seen = read(consumer, PARTITIONS * (expected(0).size() - half()));
            for (TopicPartition partition : seen.keySet()) {
                List<String> all = expected(partition.partition());
                check("resumed " + partition, shown(seen.get(partition)), all.subList(half(), all.size()));
                OffsetAndMetadata kept = consumer.committed(partition);
                check("committed " + partition, kept, new OffsetAndMetadata(seen.get(partition).get(0).offset(), "half"));
            }
            try (KafkaProducer<String, String> producer = producer("acks", "all")) {
                produce(producer, "late");
            }
            Map<TopicPartition, List<ConsumerRecord<String, String>>> late = read(consumer, BATCH);
            for (TopicPartition partition : late.keySet()) {
                check("after the restart " + partition, shown(late.get(partition)), shown("late", partition.partition()));
                long end = consumer.endOffsets(Collections.singleton(partition)).get(partition);
                check("end of " + partition, end, late.get(partition).get(BATCH / PARTITIONS - 1).offset() + 1);
            }
        }
    }

    private void createTopic() throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        try (AdminClient admin = AdminClient.create(settings)) {
            NewTopic wanted = new NewTopic(topic, PARTITIONS, (short) 1);
            admin.createTopics(Collections.singleton(wanted)).all().get(DEADLINE_MS, TimeUnit.MILLISECONDS);
            check("topics", admin.listTopics().names().get(DEADLINE_MS, TimeUnit.MILLISECONDS).contains(topic), true);
            try {
                admin.createTopics(Collections.singleton(wanted)).all().get(DEADLINE_MS, TimeUnit.MILLISECONDS);
                throw new AssertionError("WRONG: the topic was created twice");
            } catch (ExecutionException failure) {
                check("create an existing topic", failure.getCause().getClass(), TopicExistsException.class);
            }
        }
    }

    /** Those that this client knows: zstd came with 2.1. */
    private static List<String> codecs() {
        List<String> known = new ArrayList<>(Arrays.asList("none", "gzip", "snappy", "lz4"));
        for (CompressionType each : CompressionType.values()) {
            if (!known.contains(each.name)) known.add(each.name);
        }
        return known;
    }

    /** Every third record has no key. */
    private List<ProducerRecord<String, String>> batch(String name) {
        List<ProducerRecord<String, String>> records = new ArrayList<>();
        for (int n = 0; n < BATCH; n++) {
            String key = n % 3 == 0 ? null : "key-" + n;
            records.add(new ProducerRecord<>(topic, n % PARTITIONS, FIRST_TIMESTAMP + n, key, name + "-" + n));
        }
        return records;
    }

    private List<String> shown(String name, int partition) {
        List<String> lines = new ArrayList<>();
        for (ProducerRecord<String, String> record : batch(name)) {
            if (record.partition() == partition) lines.add(record.timestamp() + " " + record.key() + " " + record.value());
        }
        return lines;
    }

    private static List<String> shown(List<ConsumerRecord<String, String>> records) {
        List<String> lines = new ArrayList<>();
        for (ConsumerRecord<String, String> record : records) {
            lines.add(record.timestamp() + " " + record.key() + " " + record.value());
        }
        return lines;
    }

    private List<String> expected(int partition) {
        List<String> names = codecs();
        names.addAll(Arrays.asList("idempotent", "committed"));
        List<String> lines = new ArrayList<>();
        for (String name : names) lines.addAll(shown(name, partition));
        return lines;
    }

    private int half() {
        return expected(0).size() / 2;
    }

    private void produce(KafkaProducer<String, String> producer, String name) throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (ProducerRecord<String, String> record : batch(name)) sent.add(producer.send(record));
        for (Future<RecordMetadata> each : sent) each.get(DEADLINE_MS, TimeUnit.MILLISECONDS);
        System.out.println("ok produced " + name);
    }

    private KafkaProducer<String, String> producer(String setting, String value) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("linger.ms", "50");
        settings.put(setting, value);
        return new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
    }

    private KafkaConsumer<String, String> consumer() {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("group.id", topic + "-group");
        settings.put("isolation.level", "read_committed");
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", "false");
        settings.put("session.timeout.ms", "6000");
        KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
        consumer.subscribe(Collections.singletonList(topic));
        return consumer;
    }

    /** By partition, until there are as many as are wanted. */
    @SuppressWarnings("deprecation") // the poll that all of them have
    private Map<TopicPartition, List<ConsumerRecord<String, String>>> read(KafkaConsumer<String, String> consumer, int wanted) {
        Map<TopicPartition, List<ConsumerRecord<String, String>>> seen = new HashMap<>();
        long deadline = System.currentTimeMillis() + DEADLINE_MS;
        for (int count = 0; count < wanted; ) {
            if (System.currentTimeMillis() > deadline) throw new AssertionError("WRONG: " + count + " of " + wanted + " records: " + seen);
            for (ConsumerRecord<String, String> record : consumer.poll(200)) {
                seen.computeIfAbsent(new TopicPartition(record.topic(), record.partition()), any -> new ArrayList<>()).add(record);
                count++;
            }
        }
        return seen;
    }

    private static void check(String what, Object got, Object want) {
        if (!got.equals(want)) throw new AssertionError("WRONG " + what + ":\n  got  " + got + "\n  want " + want);
        System.out.println("ok " + what);
    }

    /** Old clients wait without a deadline in places (poll, for a coordinator). */
    private static void limit() {
        Thread timer = new Thread(() -> {
            try {
                Thread.sleep(PROGRAM_MS);
            } catch (InterruptedException ended) {
                return;
            }
            System.err.println("WRONG: not done after " + PROGRAM_MS + " ms");
            Thread.getAllStackTraces().forEach((thread, frames) -> System.err.println(thread + " " + Arrays.toString(frames)));
            Runtime.getRuntime().halt(1);
        });
        timer.setDaemon(true);
        timer.start();
    }
}
