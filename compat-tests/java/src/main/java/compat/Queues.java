package compat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Share groups with KafkaShareConsumer: one scenario for each word of the command line. */
public final class Queues {
    private static final long PATIENCE_MS = 40_000;
    private static final String DEAD_LETTERS = "errors.deadletterqueue.topic.name";

    private final String bootstrap;

    private Queues(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    public static void main(String[] arguments) throws Exception {
        Queues queues = new Queues(arguments[0]);
        switch (arguments[1]) {
            case "settle" -> queues.settle();
            case "kept" -> queues.kept();
            case "dead" -> queues.dead();
            case "extensions" -> queues.extensions();
            case "work" -> queues.work(Integer.parseInt(arguments[2]));
            default -> throw new IllegalArgumentException(arguments[1]);
        }
        System.out.println("done");
    }

    /** Implicit and explicit acknowledgement, release and reject, renewal, one record at a time. */
    private void settle() throws Exception {
        begin("implicit", 10);
        try (var consumer = consumer("implicit", "implicit", Map.of())) {
            check(10, read(consumer, 10).size());
            consumer.commitSync();
        }
        begin("explicit", 10);
        try (var consumer = consumer("explicit", "explicit", Map.of())) {
            for (var record : read(consumer, 10)) {
                check((short) 1, record.deliveryCount().get());
                consumer.acknowledge(record, switch ((int) record.offset() % 3) {
                    case 0 -> AcknowledgeType.ACCEPT;
                    case 1 -> AcknowledgeType.RELEASE;
                    default -> AcknowledgeType.REJECT;
                });
            }
            settled(consumer.commitSync());
            // What was released comes again, and nothing else.
            for (var record : read(consumer, 3)) {
                check(1L, record.offset() % 3);
                check((short) 2, record.deliveryCount().get());
                consumer.acknowledge(record, AcknowledgeType.RENEW);
            }
            settled(consumer.commitSync());
            for (var record : read(consumer, 3)) {
                consumer.acknowledge(record, AcknowledgeType.ACCEPT);
            }
            settled(consumer.commitSync());
        }
        begin("one", 4);
        var one = Map.of("share.acquire.mode", "record_limit", "max.poll.records", "1");
        try (var first = consumer("one", "explicit", one); var second = consumer("one", "explicit", one)) {
            var held = read(first, 1);
            check(0L, held.get(0).offset());
            var other = read(second, 1);
            check(true, other.get(0).offset() != 0);
            first.acknowledge(held.get(0), AcknowledgeType.ACCEPT);
            second.acknowledge(other.get(0), AcknowledgeType.ACCEPT);
            settled(first.commitSync());
            settled(second.commitSync());
        }
    }

    /** After the broker has come back: what was accepted or rejected does not. */
    private void kept() throws Exception {
        try (var producer = producer()) {
            for (String queue : List.of("implicit", "explicit")) {
                producer.send(new ProducerRecord<>(queue, "last")).get();
            }
        }
        for (String queue : List.of("implicit", "explicit")) {
            try (var consumer = consumer(queue, "implicit", Map.of())) {
                check("last", read(consumer, 1).get(0).value());
                consumer.commitSync();
            }
        }
    }

    /** What is rejected or released too often is in the dead letter topic, with Kafka's headers, and nothing else is. */
    private void dead() throws Exception {
        begin("dead", 6, Map.of(DEAD_LETTERS, "dlq.dead", "errors.deadletterqueue.copy.record.enable", "true", "share.delivery.count.limit", "2"));
        try (var consumer = consumer("dead", "explicit", Map.of())) {
            for (int times = 1; times <= 2; times++) {
                for (var record : read(consumer, times == 1 ? 6 : 2)) {
                    consumer.acknowledge(record, switch ((int) record.offset() % 3) {
                        case 0 -> AcknowledgeType.ACCEPT;
                        case 1 -> AcknowledgeType.REJECT;
                        default -> AcknowledgeType.RELEASE;
                    });
                }
                settled(consumer.commitSync());
            }
        }
        var said = letters("dlq.dead", 4).stream().map(letter -> {
            List<String> headers = new ArrayList<>();
            letter.headers().forEach(header -> headers.add(header.key() + "=" + new String(header.value())));
            return letter.value() + " " + headers;
        }).sorted().toList();
        List<String> expected = new ArrayList<>();
        for (int offset : List.of(1, 2, 4, 5)) {
            boolean isRejected = offset % 3 == 1;
            expected.add("task" + offset + " " + List.of("__dlq.errors.topic=dead", "__dlq.errors.partition=0", "__dlq.errors.offset=" + offset,
                "__dlq.errors.group=dead", "__dlq.errors.delivery.count=" + (isRejected ? 1 : 2),
                "__dlq.errors.message=" + (isRejected ? "Offset rejected by client." : "Offset delivery count exceeded the threshold.")));
        }
        check(expected, said);
        // A topic that is not there yet, one that takes no dead letters: the queue goes on.
        for (String topic : List.of("dlq.none.yet", "dlq.closed", "other")) {
            String queue = "goes.on." + topic;
            if (topic.equals("dlq.closed")) {
                begin(topic, 0);
            }
            begin(queue, 3, Map.of(DEAD_LETTERS, topic));
            try (var consumer = consumer(queue, "explicit", Map.of())) {
                read(consumer, 3).forEach(record -> consumer.acknowledge(record, AcknowledgeType.REJECT));
                settled(consumer.commitSync());
                try (var producer = producer()) {
                    producer.send(new ProducerRecord<>(queue, "later")).get();
                }
                check("later", read(consumer, 1).get(0).value());
                consumer.commitSync();
            }
        }
        check(3, letters("dlq.none.yet", 3).size());
    }

    /** What a dead letter topic has, once it has as many. */
    private List<ConsumerRecord<String, String>> letters(String topic, int count) {
        List<ConsumerRecord<String, String>> letters = new ArrayList<>();
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "earliest", "allow.auto.create.topics", false);
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            long deadline = System.currentTimeMillis() + PATIENCE_MS;
            while (consumer.partitionsFor(topic).isEmpty() && System.currentTimeMillis() < deadline) {
                Thread.onSpinWait();
            }
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            while (letters.size() < count || consumer.position(consumer.assignment().iterator().next()) < consumer.endOffsets(consumer.assignment()).values().iterator().next()) {
                check(true, System.currentTimeMillis() < deadline);
                consumer.poll(Duration.ofMillis(200)).forEach(letters::add);
            }
        }
        return letters;
    }

    /** Workers that accept, release and reject at random, until each task has come to an end. */
    private void work(int tasks) throws Exception {
        begin("work", tasks, Map.of(DEAD_LETTERS, "dlq.work", "errors.deadletterqueue.copy.record.enable", "true"));
        Map<String, Integer> ended = new TreeMap<>();
        Set<String> givenUp = ConcurrentHashMap.newKeySet();
        Set<String> unsure = ConcurrentHashMap.newKeySet();
        List<String> again = new ArrayList<>();
        List<Thread> workers = new ArrayList<>();
        long deadline = System.currentTimeMillis() + PATIENCE_MS;
        for (int number = 0; number < 4; number++) {
            Random random = new Random(number);
            Thread worker = new Thread(() -> {
                try (var consumer = consumer("work", "explicit", Map.of("max.poll.records", "7"))) {
                    while (System.currentTimeMillis() < deadline) {
                        synchronized (ended) {
                            if (ended.size() + unsure.stream().filter(task -> !ended.containsKey(task)).count() >= tasks) {
                                return;
                            }
                        }
                        List<String> ends = new ArrayList<>();
                        Set<String> dead = new HashSet<>();
                        for (var record : consumer.poll(Duration.ofMillis(200))) {
                            synchronized (ended) {
                                if (ended.containsKey(record.value())) {
                                    again.add(record.value());
                                }
                            }
                            int what = random.nextInt(10);
                            boolean isLast = record.deliveryCount().get() >= 5;
                            consumer.acknowledge(record, what < 7 ? AcknowledgeType.ACCEPT : what < 9 ? AcknowledgeType.RELEASE : AcknowledgeType.REJECT);
                            if (what < 7 || isLast || what == 9) {
                                ends.add(record.value());
                            }
                            if (what >= 7 && (isLast || what == 9)) {
                                dead.add(record.value());
                            }
                        }
                        // Should no answer come, they may or may not have ended.
                        unsure.addAll(ends);
                        boolean isAnswered = consumer.commitSync(Duration.ofSeconds(20)).values().stream().allMatch(error -> error.isEmpty());
                        if (isAnswered) {
                            synchronized (ended) {
                                ends.forEach(task -> ended.merge(task, 1, Integer::sum));
                                givenUp.addAll(dead);
                                System.out.println("ended " + ended.size());
                            }
                        }
                    }
                }
            });
            workers.add(worker);
            worker.start();
        }
        for (Thread worker : workers) {
            worker.join();
        }
        check(List.of(), again);
        check(true, ended.values().stream().allMatch(times -> times == 1));
        Set<String> all = ConcurrentHashMap.newKeySet();
        all.addAll(ended.keySet());
        all.addAll(unsure);
        check(tasks, all.size());
        // Each is accepted once, or in the dead letter topic once.
        List<String> letters = new ArrayList<>(letters("dlq.work", givenUp.size()).stream().map(ConsumerRecord::value).toList());
        check(letters.size(), Set.copyOf(letters).size());
        check(true, letters.containsAll(givenUp));
        letters.removeAll(givenUp);
        letters.removeAll(unsure.stream().filter(task -> !ended.containsKey(task)).toList());
        check(List.of(), letters);
    }

    /** What Apache Kafka has not: a backoff, times of delivery, order by key, selectors. */
    private void extensions() throws Exception {
        begin("backoff", 2, Map.of("barnabas.share.redelivery.backoff.ms", "2000"));
        try (var consumer = consumer("backoff", "explicit", Map.of())) {
            for (var record : read(consumer, 2)) {
                consumer.acknowledge(record, record.offset() == 0 ? AcknowledgeType.RELEASE : AcknowledgeType.ACCEPT);
            }
            long released = System.currentTimeMillis();
            settled(consumer.commitSync());
            send("backoff", "other", Map.of());
            check("other", accept(consumer, 1).get(0).value());
            var again = accept(consumer, 1).get(0);
            check((short) 2, again.deliveryCount().get());
            check(true, System.currentTimeMillis() - released >= 2000);
        }
        begin("times", 0, Map.of("barnabas.share.deliver.at.enable", "true"));
        try (var consumer = consumer("times", "explicit", Map.of())) {
            long due = System.currentTimeMillis() + 2500;
            send("times", "later", Map.of("barnabas-deliver-at", Long.toString(due)));
            send("times", "in a year", Map.of("barnabas-deliver-at", Long.toString(due + 365L * 24 * 3600 * 1000)));
            send("times", "now", Map.of("barnabas-deliver-at", "5"));
            // However long it takes to join, both, and not the third.
            check(Set.of("now", "later"), Set.copyOf(values(read(consumer, 2), consumer, AcknowledgeType.ACCEPT)));
            check(true, System.currentTimeMillis() >= due);
        }
        begin("keys", 0, Map.of("barnabas.share.ordering", "key"));
        for (String record : List.of("a0", "a1", "b0", "a2", "b1")) {
            send("keys", record, Map.of());
        }
        try (var consumer = consumer("keys", "explicit", Map.of())) {
            check(List.of("a0", "b0"), values(read(consumer, 2), consumer, AcknowledgeType.RELEASE));
            check(List.of("a0", "b0"), values(read(consumer, 2), consumer, AcknowledgeType.ACCEPT));
            check(List.of("a1", "b1"), values(read(consumer, 2), consumer, AcknowledgeType.ACCEPT));
            check(List.of("a2"), values(read(consumer, 1), consumer, AcknowledgeType.ACCEPT));
        }
        begin("selected", 0, Map.of("barnabas.share.selector", "amount >= 10 AND key <> 'c'"));
        for (String amount : List.of("9", "10", "11.5", "many")) {
            send("selected", "a" + amount, Map.of("amount", amount));
        }
        send("selected", "c10", Map.of("amount", "10"));
        send("selected", "last", Map.of("amount", "12"));
        try (var consumer = consumer("selected", "explicit", Map.of())) {
            check(List.of("a10", "a11.5", "last"), values(read(consumer, 3), consumer, AcknowledgeType.ACCEPT));
        }
        try {
            begin("unread", 0, Map.of("barnabas.share.selector", "amount >= 10 AND"));
            throw new AssertionError("it was taken");
        } catch (ExecutionException refused) {
            check(InvalidConfigurationException.class, refused.getCause().getClass());
            check(true, refused.getMessage().contains("at character 17: a value is expected, not the end"));
        }
    }

    private static List<String> values(List<ConsumerRecord<String, String>> records, KafkaShareConsumer<String, String> consumer, AcknowledgeType type) {
        records.forEach(record -> consumer.acknowledge(record, type));
        settled(consumer.commitSync());
        return records.stream().map(ConsumerRecord::value).toList();
    }

    private static List<ConsumerRecord<String, String>> accept(KafkaShareConsumer<String, String> consumer, int count) {
        var records = read(consumer, count);
        values(records, consumer, AcknowledgeType.ACCEPT);
        return records;
    }

    /** A record whose key is the first letter of its value. */
    private void send(String topic, String value, Map<String, String> headers) throws Exception {
        var record = new ProducerRecord<>(topic, value.substring(0, 1), value);
        headers.forEach((name, text) -> record.headers().add(name, text.getBytes()));
        try (var producer = producer()) {
            producer.send(record).get();
        }
    }

    private void begin(String queue, int records) throws Exception {
        begin(queue, records, Map.of());
    }

    private void begin(String queue, int records, Map<String, String> settings) throws Exception {
        try (var admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic(queue, 1, (short) 1))).all().get();
            var group = new ConfigResource(ConfigResource.Type.GROUP, queue);
            List<AlterConfigOp> set = new ArrayList<>();
            set.add(new AlterConfigOp(new ConfigEntry("share.auto.offset.reset", "earliest"), AlterConfigOp.OpType.SET));
            settings.forEach((name, value) -> set.add(new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET)));
            admin.incrementalAlterConfigs(Map.of(group, set)).all().get();
        }
        try (var producer = producer()) {
            for (int number = 0; number < records; number++) {
                producer.send(new ProducerRecord<>(queue, "task" + number));
            }
            producer.flush();
        }
    }

    private KafkaProducer<String, String> producer() {
        return new KafkaProducer<>(Map.of("bootstrap.servers", bootstrap), new StringSerializer(), new StringSerializer());
    }

    private KafkaShareConsumer<String, String> consumer(String group, String mode, Map<String, String> settings) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("group.id", group);
        properties.put("share.acknowledgement.mode", mode);
        properties.putAll(settings);
        var consumer = new KafkaShareConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
        consumer.subscribe(List.of(group));
        return consumer;
    }

    private static List<ConsumerRecord<String, String>> read(KafkaShareConsumer<String, String> consumer, int count) {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        long deadline = System.currentTimeMillis() + PATIENCE_MS;
        while (records.size() < count) {
            if (System.currentTimeMillis() > deadline) {
                throw new AssertionError(records.size() + " records of " + count);
            }
            consumer.poll(Duration.ofMillis(500)).forEach(records::add);
        }
        check(count, records.size());
        return records;
    }

    private static <K, E> void settled(Map<K, java.util.Optional<E>> outcome) {
        check(true, outcome.values().stream().allMatch(error -> error.isEmpty()));
    }

    private static void check(Object expected, Object actual) {
        if (!expected.equals(actual)) {
            throw new AssertionError("expected " + expected + ", not " + actual);
        }
    }
}
