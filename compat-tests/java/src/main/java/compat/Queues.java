package compat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Share groups with KafkaShareConsumer: one scenario for each word of the command line. */
public final class Queues {
    private static final long PATIENCE_MS = 40_000;

    private final String bootstrap;

    private Queues(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    public static void main(String[] arguments) throws Exception {
        Queues queues = new Queues(arguments[0]);
        switch (arguments[1]) {
            case "settle" -> queues.settle();
            case "kept" -> queues.kept();
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

    /** Workers that accept, release and reject at random, until each task has come to an end. */
    private void work(int tasks) throws Exception {
        begin("work", tasks);
        Map<String, Integer> ended = new TreeMap<>();
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
                        for (var record : consumer.poll(Duration.ofMillis(200))) {
                            synchronized (ended) {
                                if (ended.containsKey(record.value())) {
                                    again.add(record.value());
                                }
                            }
                            int what = random.nextInt(10);
                            boolean isLast = record.deliveryCount().get() >= 4;
                            consumer.acknowledge(record, what < 7 || isLast ? AcknowledgeType.ACCEPT : what < 9 ? AcknowledgeType.RELEASE : AcknowledgeType.REJECT);
                            if (what < 7 || isLast || what == 9) {
                                ends.add(record.value());
                            }
                        }
                        // Should no answer come, they may or may not have ended.
                        unsure.addAll(ends);
                        boolean isAnswered = consumer.commitSync(Duration.ofSeconds(20)).values().stream().allMatch(error -> error.isEmpty());
                        if (isAnswered) {
                            synchronized (ended) {
                                ends.forEach(task -> ended.merge(task, 1, Integer::sum));
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
    }

    private void begin(String queue, int records) throws Exception {
        try (var admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic(queue, 1, (short) 1))).all().get();
            var group = new ConfigResource(ConfigResource.Type.GROUP, queue);
            var earliest = new AlterConfigOp(new ConfigEntry("share.auto.offset.reset", "earliest"), AlterConfigOp.OpType.SET);
            admin.incrementalAlterConfigs(Map.of(group, List.of(earliest))).all().get();
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
