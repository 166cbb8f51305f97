package compat;

import java.io.File;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.QueryableStoreTypes;

/**
 * Joins BOOTSTRAP STATE-FOLDER: a Kafka Streams application under at_least_once, and the check of what it wrote. Orders and payments meet
 * in a windowed join, get the customer's city from a global table, are counted by city and hour behind a repartition topic; then the
 * application loses its local state and finds it again in the changelogs.
 */
public final class Joins {
    private static final int ORDERS = 600;
    /** A full hour that lies long enough back for all orders, and not so long that retention takes them. */
    private static final long START = (System.currentTimeMillis() / 3_600_000 - 12) * 3_600_000;
    private static final List<String> CITIES = List.of("Berlin", "Lagos", "Quito");
    private static final String APPLICATION = "joins";

    public static void main(String[] arguments) throws Exception {
        Limit.program(Duration.ofSeconds(145));
        String bootstrap = arguments[0];
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic("orders", 3, (short) 1), new NewTopic("payments", 3, (short) 1),
                new NewTopic("customers", 2, (short) 1), new NewTopic("paid", 3, (short) 1))).all().get();
            produce(bootstrap);
            Properties settings = settings(bootstrap, arguments[1]);
            try (KafkaStreams first = new KafkaStreams(topology(), settings)) {
                first.start();
                checkPaid(bootstrap);
                await("the counts", () -> counts(first).equals(expected()));
                await("the repartition topic is purged", () -> purged(admin));
            }
            Utils.delete(new File(arguments[1]));
            try (KafkaStreams second = new KafkaStreams(topology(), settings)) {
                second.start();
                await("the counts after the state was lost", () -> counts(second).equals(expected()));
            }
        }
    }

    private static Properties settings(String bootstrap, String folder) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, APPLICATION);
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, folder);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 200);
        settings.put(StreamsConfig.REPARTITION_PURGE_INTERVAL_MS_CONFIG, 200);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        settings.put("auto.offset.reset", "earliest");
        // An instance that closes stays a member until its session ends.
        settings.put("session.timeout.ms", 6_000);
        settings.put("heartbeat.interval.ms", 1_000);
        return settings;
    }

    private static Topology topology() {
        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, String> orders = builder.stream("orders");
        KStream<String, String> payments = builder.stream("payments");
        GlobalKTable<String, String> customers = builder.globalTable("customers");
        KStream<String, String> paid = orders
            .join(payments, (order, payment) -> order, JoinWindows.ofTimeDifferenceAndGrace(Duration.ofMinutes(10), Duration.ofDays(1)))
            .join(customers, (order, customer) -> customer, (customer, city) -> city);
        paid.to("paid");
        paid.groupBy((order, city) -> city)
            .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofHours(1), Duration.ofDays(1)))
            .count(Materialized.as("by-city"));
        return builder.build();
    }

    /** Order n comes n minutes after the start; each fourth is never paid, each fifth is paid too late to count. */
    private static void produce(String bootstrap) {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "acks", "all");
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            for (int customer = 0; customer < CITIES.size(); customer++) {
                producer.send(new ProducerRecord<>("customers", "customer-" + customer, CITIES.get(customer)));
            }
            producer.flush();
            for (int order = 0; order < ORDERS; order++) {
                long at = START + order * 60_000L;
                producer.send(new ProducerRecord<>("orders", null, at, "order-" + order, "customer-" + order % CITIES.size()));
                if (order % 4 == 0) continue;
                long later = order % 5 == 0 ? 3_600_000L : 300_000L;
                producer.send(new ProducerRecord<>("payments", null, at + later, "order-" + order, "paid"));
            }
        }
    }

    private static boolean isPaid(int order) {
        return order % 4 != 0 && order % 5 != 0;
    }

    /** By city and hour: a joined record has the time of the later of both, the payment's. */
    private static Map<String, Long> expected() {
        Map<String, Long> counts = new TreeMap<>();
        for (int order = 0; order < ORDERS; order++) {
            if (isPaid(order)) counts.merge(CITIES.get(order % CITIES.size()) + "@" + (order + 5) / 60, 1L, Long::sum);
        }
        return counts;
    }

    private static void checkPaid(String bootstrap) {
        Map<String, String> found = new HashMap<>();
        Map<String, Object> settings =
            Map.of("bootstrap.servers", bootstrap, "group.id", "check", "group.protocol", "consumer", "auto.offset.reset", "earliest");
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of("paid"));
            long paid = IntStream.range(0, ORDERS).filter(Joins::isPaid).count();
            await("the paid orders", () -> {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) found.put(record.key(), record.value());
                return found.size() >= paid;
            });
        }
        found.forEach((order, city) -> {
            int number = Integer.parseInt(order.substring("order-".length()));
            if (!isPaid(number) || !city.equals(CITIES.get(number % CITIES.size()))) throw new AssertionError(order + ": " + city);
        });
    }

    private static Map<String, Long> counts(KafkaStreams streams) {
        Map<String, Long> counts = new TreeMap<>();
        if (streams.state() != KafkaStreams.State.RUNNING) return counts;
        var store = streams.store(StoreQueryParameters.fromNameAndType("by-city", QueryableStoreTypes.<String, Long>windowStore()));
        try (var all = store.fetchAll(Instant.ofEpochMilli(START), Instant.ofEpochMilli(START + 1_000 * 3_600_000L))) {
            while (all.hasNext()) {
                KeyValue<Windowed<String>, Long> next = all.next();
                counts.put(next.key.key() + "@" + (next.key.window().start() - START) / 3_600_000, next.value);
            }
        }
        return counts;
    }

    /** Streams deletes the records of a repartition topic that it has read. */
    private static boolean purged(Admin admin) throws Exception {
        String topic = APPLICATION + "-by-city-repartition";
        Map<TopicPartition, OffsetSpec> earliest = new HashMap<>();
        for (int partition = 0; partition < 3; partition++) earliest.put(new TopicPartition(topic, partition), OffsetSpec.earliest());
        return admin.listOffsets(earliest).all().get().values().stream().anyMatch(found -> found.offset() > 0);
    }

    private interface Condition {
        boolean holds() throws Exception;
    }

    private static void await(String what, Condition condition) {
        long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
        try {
            while (!condition.holds()) {
                if (System.nanoTime() > deadline) throw new AssertionError("not within 60 s: " + what);
                Thread.sleep(50);
            }
        } catch (Exception error) {
            throw new AssertionError(what, error);
        }
    }

    private Joins() {
    }
}
