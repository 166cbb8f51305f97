package compat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.InvalidTxnStateException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Transactions of the Java client: commit, abort, fencing, timeouts, offsets; what a read_committed consumer sees of them. */
public final class Transactions {
    private static final Duration POLL = Duration.ofMillis(200);
    private final String bootstrap;
    private final String topic;
    private final TopicPartition partition;

    private Transactions(String bootstrap, String topic) {
        this.bootstrap = bootstrap;
        this.topic = topic;
        this.partition = new TopicPartition(topic, 0);
    }

    public static void main(String[] arguments) throws Exception {
        Limit.program(Limit.PROGRAM);
        Transactions transactions = new Transactions(arguments[0], arguments[1]);
        switch (arguments[2]) {
            case "outcomes" -> transactions.outcomes();
            case "fencing" -> transactions.fencing();
            case "timeout" -> transactions.timeout();
            case "offsets" -> transactions.offsets();
            case "hang" -> transactions.hang();
            default -> throw new IllegalArgumentException(arguments[2]);
        }
    }

    /** Committed records are seen, aborted ones are not, and undecided ones hold up what follows them. */
    private void outcomes() throws Exception {
        create();
        try (KafkaProducer<String, String> producer = producer("outcomes", 60_000);
             KafkaProducer<String, String> other = producer("others", 60_000)) {
            producer.initTransactions();
            other.initTransactions();
            transaction(producer, true, "a1", "a2");
            transaction(producer, false, "x1", "x2");
            transaction(producer, true, "b1");
            other.beginTransaction();
            send(other, "open");
            other.flush();
            transaction(producer, true, "behind");
            equal(List.of("a1", "a2", "b1"), read("read_committed", 3), "before the open transaction");
            equal(List.of("a1", "a2", "x1", "x2", "b1", "open", "behind"), read("read_uncommitted", 7), "all records");
            long committed = end("read_committed");
            long all = end("read_uncommitted");
            if (committed >= all) throw new AssertionError("the last stable offset " + committed + " is not below " + all);
            other.abortTransaction();
            equal(List.of("a1", "a2", "b1", "behind"), read("read_committed", 4), "after the abort");
            equal(end("read_committed"), end("read_uncommitted"), "everything is decided");
            producer.beginTransaction();
            producer.abortTransaction();
            producer.beginTransaction();
            producer.commitTransaction();
            transaction(producer, true, "after empty ones");
            equal(List.of("a1", "a2", "b1", "behind", "after empty ones"), read("read_committed", 5), "at the end");
        }
    }

    /** The second producer of a transactional id ends the first one's transaction, and the first is told. */
    private void fencing() throws Exception {
        create();
        try (KafkaProducer<String, String> old = producer("fenced", 60_000);
             KafkaProducer<String, String> young = producer("fenced", 60_000)) {
            old.initTransactions();
            transaction(old, true, "first");
            old.beginTransaction();
            send(old, "lost");
            old.flush();
            young.initTransactions();
            fails(() -> {
                send(old, "too late").get();
                old.commitTransaction();
            }, ProducerFencedException.class, InvalidProducerEpochException.class);
            transaction(young, true, "second");
        }
        equal(List.of("first", "second"), read("read_committed", 2), "the fenced producer's records");
    }

    /** A transaction that takes too long is aborted; its producer is told. */
    private void timeout() throws Exception {
        create();
        try (KafkaProducer<String, String> producer = producer("slow", 500)) {
            producer.initTransactions();
            producer.beginTransaction();
            send(producer, "too slow");
            producer.flush();
            long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
            while (end("read_committed") != end("read_uncommitted")) {
                if (System.nanoTime() > deadline) throw new AssertionError("the transaction did not time out");
                Thread.sleep(50);
            }
            fails(producer::commitTransaction, InvalidTxnStateException.class, ProducerFencedException.class, InvalidProducerEpochException.class);
        }
        try (KafkaProducer<String, String> producer = producer("slow", 60_000)) {
            producer.initTransactions();
            transaction(producer, true, "in time");
        }
        equal(List.of("in time"), read("read_committed", 1), "after the timeout");
        try (KafkaProducer<String, String> producer = producer("too patient", 900_001)) {
            fails(producer::initTransactions, KafkaException.class);
        }
    }

    /** Offsets count with the transaction they were sent in. */
    private void offsets() throws Exception {
        create();
        String group = topic + "-group";
        try (KafkaConsumer<String, String> consumer = consumer("read_committed", group);
             KafkaProducer<String, String> producer = producer("offsets", 60_000)) {
            producer.initTransactions();
            transaction(producer, true, "in");
            consumer.subscribe(List.of(topic));
            List<ConsumerRecord<String, String>> seen = new ArrayList<>();
            long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
            while (seen.isEmpty()) {
                if (System.nanoTime() > deadline) throw new AssertionError("the group got no record");
                consumer.poll(POLL).forEach(seen::add);
            }
            ConsumerGroupMetadata member = consumer.groupMetadata();
            producer.beginTransaction();
            producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(1)), member);
            producer.abortTransaction();
            equal(null, consumer.committed(Set.of(partition)).get(partition), "an aborted offset");
            producer.beginTransaction();
            producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(1, "with the output")), member);
            send(producer, "out");
            producer.commitTransaction();
            OffsetAndMetadata committed = consumer.committed(Set.of(partition)).get(partition);
            equal(new OffsetAndMetadata(1, committed.leaderEpoch(), "with the output"), committed, "a committed offset");
            producer.beginTransaction();
            producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(9)), new ConsumerGroupMetadata(group));
            producer.abortTransaction();
            ConsumerGroupMetadata stranger = new ConsumerGroupMetadata(group, 99, "nobody", java.util.Optional.empty());
            producer.beginTransaction();
            fails(() -> producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(3)), stranger),
                org.apache.kafka.clients.consumer.CommitFailedException.class);
            producer.abortTransaction();
        }
        equal(List.of("in", "out"), read("read_committed", 2), "the output");
    }

    /** Leaves a transaction open, as a producer does that dies. */
    private void hang() throws Exception {
        create();
        KafkaProducer<String, String> producer = producer("hanging", 600_000);
        producer.initTransactions();
        transaction(producer, true, "before");
        producer.beginTransaction();
        send(producer, "hanging");
        producer.flush();
        Runtime.getRuntime().halt(0);
    }

    private void create() throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
        }
    }

    private KafkaProducer<String, String> producer(String id, int timeoutMs) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("transactional.id", topic + "-" + id);
        settings.put("transaction.timeout.ms", timeoutMs);
        settings.put("max.block.ms", 60_000);
        return new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
    }

    private KafkaConsumer<String, String> consumer(String isolation, String group) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("isolation.level", isolation);
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", false);
        if (group != null) settings.put("group.id", group);
        return new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
    }

    private java.util.concurrent.Future<?> send(KafkaProducer<String, String> producer, String value) {
        return producer.send(new ProducerRecord<>(topic, 0, "key", value));
    }

    private void transaction(KafkaProducer<String, String> producer, boolean commit, String... values) {
        producer.beginTransaction();
        for (String value : values) send(producer, value);
        if (commit) {
            producer.commitTransaction();
        } else {
            producer.flush();
            producer.abortTransaction();
        }
    }

    /** All values from the start; at least as many as are wanted, and what follows them at once. */
    private List<String> read(String isolation, int wanted) {
        List<String> values = new ArrayList<>();
        try (KafkaConsumer<String, String> consumer = consumer(isolation, null)) {
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
            while (consumer.position(partition) < end || values.size() < wanted) {
                if (System.nanoTime() > deadline) throw new AssertionError("read only " + values);
                consumer.poll(POLL).forEach(record -> values.add(record.value()));
            }
        }
        return values;
    }

    private long end(String isolation) {
        try (KafkaConsumer<String, String> consumer = consumer(isolation, null)) {
            return consumer.endOffsets(List.of(partition)).get(partition);
        }
    }

    private static void equal(Object expected, Object found, String what) {
        if (!java.util.Objects.equals(expected, found)) throw new AssertionError(what + ": " + found + " instead of " + expected);
    }

    private interface Action {
        void run() throws Exception;
    }

    @SafeVarargs
    private static void fails(Action action, Class<? extends Exception>... expected) throws Exception {
        try {
            action.run();
        } catch (Exception failure) {
            for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
                for (Class<? extends Exception> kind : expected) {
                    if (kind.isInstance(cause)) return;
                }
            }
            throw failure;
        }
        throw new AssertionError("did not fail");
    }
}
