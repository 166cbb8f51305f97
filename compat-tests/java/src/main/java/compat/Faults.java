package compat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ExecutionException;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Faults on request, seen by the Java client: retries, duplicates avoided, fencing, rebalances. */
public final class Faults {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private static String servers;
    private static Admin admin;

    public static void main(String[] arguments) throws Exception {
        Limit.program(Limit.PROGRAM);
        servers = arguments[0];
        admin = Admin.create(Map.of("bootstrap.servers", servers));
        for (String rule : List.of(
                "produce first=3 error=NOT_LEADER_OR_FOLLOWER",
                "produce every=2 error=NOT_ENOUGH_REPLICAS_AFTER_APPEND",
                "produce nth=2 close=after",
                "produce nth=3 drop",
                "produce nth=2 delay=300ms")) {
            eachRecordOnce(rule);
        }
        aDuplicate();
        fencing();
        throttling();
        rebalance("classic", "heartbeat");
        rebalance("consumer", "consumer-group-heartbeat");
        fetching();
        refusal();
        admin.close();
    }

    private static void rules(String rules) throws Exception {
        var kind = rules.isEmpty() ? AlterConfigOp.OpType.DELETE : AlterConfigOp.OpType.SET;
        var change = new AlterConfigOp(new ConfigEntry("barnabas.faults", rules), kind);
        var node = new ConfigResource(ConfigResource.Type.BROKER, "1");
        admin.incrementalAlterConfigs(Map.of(node, List.of(change))).all().get();
    }

    private static void topic(String name) throws Exception {
        admin.createTopics(Set.of(new NewTopic(name, 1, (short) 1))).all().get();
    }

    private static KafkaProducer<String, String> producer(Map<String, Object> settings) {
        var all = new Properties();
        all.putAll(Map.of("bootstrap.servers", servers, "linger.ms", 0, "retry.backoff.ms", 10));
        all.putAll(Map.of("request.timeout.ms", 1000, "delivery.timeout.ms", 30_000));
        all.putAll(settings);
        return new KafkaProducer<>(all, new StringSerializer(), new StringSerializer());
    }

    private static void write(KafkaProducer<String, String> producer, String topic, int count) throws Exception {
        for (int index = 0; index < count; index++) {
            producer.send(new ProducerRecord<>(topic, Integer.toString(index))).get();
        }
    }

    private static KafkaConsumer<String, String> consumer(Map<String, Object> settings) {
        var all = new Properties();
        all.putAll(Map.of("bootstrap.servers", servers, "auto.offset.reset", "earliest"));
        all.putAll(settings);
        return new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer());
    }

    private static List<String> read(String topic) {
        var at = new TopicPartition(topic, 0);
        var values = new ArrayList<String>();
        try (var consumer = consumer(Map.of())) {
            consumer.assign(List.of(at));
            long end = consumer.endOffsets(List.of(at)).get(at);
            long until = System.nanoTime() + PATIENCE.toNanos();
            while (consumer.position(at) < end && System.nanoTime() < until) {
                consumer.poll(Duration.ofMillis(100)).forEach(record -> values.add(record.value()));
            }
        }
        return values;
    }

    private static void check(boolean is, String what) {
        if (!is) {
            throw new AssertionError(what);
        }
    }

    private static double retries(KafkaProducer<String, String> producer) {
        return producer.metrics().entrySet().stream()
            .filter(metric -> metric.getKey().name().equals("record-retry-total") && metric.getKey().group().equals("producer-metrics"))
            .mapToDouble(metric -> (double) metric.getValue().metricValue()).sum();
    }

    private static void eachRecordOnce(String rule) throws Exception {
        String topic = "once-" + rule.replaceAll("[^\\w-]", "-");
        topic(topic);
        rules(rule + " topic=" + topic);
        try (var producer = producer(Map.of())) {
            write(producer, topic, 5);
            check(rule.contains("delay") || retries(producer) > 0, rule + ": nothing was retried");
        }
        rules("");
        check(read(topic).equals(List.of("0", "1", "2", "3", "4")), rule + ": " + read(topic));
    }

    /** What an application that turns idempotence off risks. */
    private static void aDuplicate() throws Exception {
        topic("twice");
        rules("produce topic=twice nth=2 close=after");
        try (var producer = producer(Map.of("enable.idempotence", false))) {
            write(producer, "twice", 3);
        }
        rules("");
        check(read("twice").equals(List.of("0", "1", "1", "2")), "twice: " + read("twice"));
    }

    private static void fencing() throws Exception {
        topic("fenced");
        try (var producer = producer(Map.of("transactional.id", "fenced", "request.timeout.ms", 10_000))) {
            producer.initTransactions();
            producer.beginTransaction();
            write(producer, "fenced", 1);
            producer.commitTransaction();
            rules("produce transactional-id=fenced fence");
            producer.beginTransaction();
            try {
                write(producer, "fenced", 1);
                producer.commitTransaction();
                throw new AssertionError("it was not fenced");
            } catch (ExecutionException | KafkaException fenced) {
                Throwable cause = fenced instanceof ExecutionException ? fenced.getCause() : fenced;
                check(cause instanceof ProducerFencedException
                    || cause instanceof org.apache.kafka.common.errors.InvalidProducerEpochException, "fenced by " + cause);
            }
        }
        rules("");
    }

    private static void throttling() throws Exception {
        topic("throttled");
        rules("produce topic=throttled first=1 throttle=400ms");
        try (var producer = producer(Map.of())) {
            write(producer, "throttled", 1);
            double told = producer.metrics().entrySet().stream()
                .filter(metric -> metric.getKey().name().equals("produce-throttle-time-max"))
                .mapToDouble(metric -> (double) metric.getValue().metricValue()).max().orElse(0);
            check(told == 400, "told to pause for " + told);
        }
        rules("");
    }

    private static void rebalance(String protocol, String api) throws Exception {
        topic("members-" + protocol);
        var seen = new ArrayList<String>();
        var settings = new java.util.HashMap<String, Object>(Map.of("group.id", "members-" + protocol, "group.protocol", protocol));
        if (protocol.equals("classic")) {
            settings.put("heartbeat.interval.ms", 100);
        }
        try (var consumer = consumer(settings)) {
            consumer.subscribe(List.of("members-" + protocol), new ConsumerRebalanceListener() {
                @Override
                public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                    if (!partitions.isEmpty()) seen.add("assigned");
                }

                @Override
                public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
                    if (!partitions.isEmpty()) seen.add("revoked");
                }

                @Override
                public void onPartitionsLost(Collection<TopicPartition> partitions) {
                    if (!partitions.isEmpty()) seen.add("lost");
                }
            });
            poll(consumer, seen, List.of("assigned"));
            rules(api + " group=members-" + protocol + " first=1 expire");
            poll(consumer, seen, List.of("assigned", "lost", "assigned"));
        }
        rules("");
    }

    private static void poll(KafkaConsumer<String, String> consumer, List<String> seen, List<String> wanted) {
        long until = System.nanoTime() + PATIENCE.toNanos();
        while (!seen.equals(wanted)) {
            check(System.nanoTime() < until, "seen " + seen + " instead of " + wanted);
            consumer.poll(Duration.ofMillis(50));
        }
    }

    /** A consumer whose session at the broker is given up and whose connection ends reads everything, once. */
    private static void fetching() throws Exception {
        topic("fetched");
        try (var producer = producer(Map.of())) {
            write(producer, "fetched", 5);
        }
        rules("fetch topic=fetched nth=2 close=before; fetch topic=fetched every=3 error=NOT_LEADER_OR_FOLLOWER");
        var values = new ArrayList<String>();
        try (var consumer = consumer(Map.of("max.poll.records", 1, "max.partition.fetch.bytes", 1, "fetch.max.bytes", 1))) {
            consumer.assign(List.of(new TopicPartition("fetched", 0)));
            long until = System.nanoTime() + PATIENCE.toNanos();
            while (values.size() < 5) {
                check(System.nanoTime() < until, "read " + values);
                consumer.poll(Duration.ofMillis(50)).forEach(record -> values.add(record.value()));
            }
        }
        rules("");
        check(values.equals(List.of("0", "1", "2", "3", "4")), "read " + values);
    }

    private static void refusal() throws Exception {
        try {
            rules("fetch group=g drop");
            throw new AssertionError("an impossible rule was taken");
        } catch (ExecutionException refused) {
            check(refused.getCause() instanceof InvalidConfigurationException, "refused by " + refused.getCause());
            check(refused.getCause().getMessage().contains("group= is not possible for Fetch"), refused.getCause().getMessage());
        }
    }

    private Faults() {}
}
