package compat;

import static compat.Scenario.GROUP;
import static compat.Scenario.TOPIC;
import static compat.Workload.bytes;
import static compat.Workload.check;

import compat.Workload.Item;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Producer and consumer. */
final class Records {
    private static final Duration DEADLINE = Duration.ofSeconds(30);

    private final String bootstrap;
    private final List<List<Item>> expected = Workload.expected();
    private final Item late = new Item(0, Workload.FIRST_TIMESTAMP + 1_000_000, bytes("late"), bytes("after"), List.of());

    Records(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    private KafkaProducer<byte[], byte[]> producer(Map<String, Object> settings) {
        var all = new HashMap<String, Object>(settings);
        all.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        all.put(ProducerConfig.LINGER_MS_CONFIG, 20);
        return new KafkaProducer<>(all, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private KafkaConsumer<byte[], byte[]> consumer(Map<String, Object> settings) {
        var all = new HashMap<String, Object>();
        all.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        all.put(ConsumerConfig.GROUP_ID_CONFIG, GROUP);
        all.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        all.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        all.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        all.putAll(settings);
        return new KafkaConsumer<>(all, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    /** The first codecs without idempotence and with acks=1, the rest with the defaults (idempotent, acks=all). */
    void produceAll() throws Exception {
        var next = new int[Workload.PARTITIONS];
        for (var batch : Workload.batches().entrySet()) {
            var settings = new HashMap<String, Object>();
            settings.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, batch.getKey());
            if (batch.getKey().equals("none") || batch.getKey().equals("gzip")) {
                settings.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, false);
                settings.put(ProducerConfig.ACKS_CONFIG, "1");
            }
            try (var producer = producer(settings)) {
                List<Future<RecordMetadata>> sent = new ArrayList<>();
                batch.getValue().forEach(item -> sent.add(producer.send(item.to(TOPIC))));
                for (int index = 0; index < sent.size(); index++) {
                    var placed = sent.get(index).get();
                    var item = batch.getValue().get(index);
                    if (placed.offset() != next[item.partition()]++ || placed.timestamp() != item.timestamp()) {
                        throw new AssertionError("WRONG acknowledgement " + placed + " of " + item);
                    }
                }
            }
            System.out.println("ok produced with " + batch.getKey());
        }
    }

    private List<Map<Long, Item>> read(KafkaConsumer<byte[], byte[]> consumer, int count) {
        List<Map<Long, Item>> got = new ArrayList<>();
        for (int partition = 0; partition < Workload.PARTITIONS; partition++) {
            got.add(new TreeMap<>());
        }
        long deadline = System.nanoTime() + DEADLINE.toNanos();
        while (count > 0) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("WRONG: " + count + " records missing, got " + got);
            }
            for (ConsumerRecord<byte[], byte[]> seen : consumer.poll(Duration.ofMillis(500))) {
                if (seen.timestampType() != TimestampType.CREATE_TIME || seen.leaderEpoch().isEmpty()) {
                    throw new AssertionError("WRONG timestamp type or leader epoch of " + seen);
                }
                if (got.get(seen.partition()).put(seen.offset(), Item.of(seen)) != null) {
                    throw new AssertionError("WRONG: seen twice " + seen);
                }
                count--;
            }
        }
        return got;
    }

    private void checkRecords(String what, List<Map<Long, Item>> got, boolean fromHalf) {
        for (int partition = 0; partition < Workload.PARTITIONS; partition++) {
            Map<Long, Item> want = new TreeMap<>();
            var all = expected.get(partition);
            for (int offset = fromHalf ? all.size() / 2 : 0; offset < all.size(); offset++) {
                want.put((long) offset, all.get(offset));
            }
            check(what + " of partition " + partition, got.get(partition), want);
        }
    }

    private int count(boolean fromHalf) {
        return expected.stream().mapToInt(all -> fromHalf ? all.size() - all.size() / 2 : all.size()).sum();
    }

    /** The whole topic by group; half of each partition is committed. */
    void readAllAndCommitHalf(Administration administration) throws Exception {
        try (var consumer = consumer(Map.of())) {
            consumer.subscribe(List.of(TOPIC));
            checkRecords("records", read(consumer, count(false)), false);
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
            for (int partition = 0; partition < Workload.PARTITIONS; partition++) {
                var offset = new OffsetAndMetadata(expected.get(partition).size() / 2, "half of " + partition);
                offsets.put(new TopicPartition(TOPIC, partition), offset);
            }
            consumer.commitSync(offsets);
            check("committed", consumer.committed(offsets.keySet()), offsets);
            administration.checkStableGroup();
        }
    }

    /** What was not committed comes again, exactly, then what is new; with the cooperative assignor. */
    void resume() throws Exception {
        var cooperative = Map.<String, Object>of(
            ConsumerConfig.PARTITION_ASSIGNMENT_STRATEGY_CONFIG,
            "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
        try (var consumer = consumer(cooperative); var producer = producer(Map.of())) {
            consumer.subscribe(List.of(TOPIC));
            checkRecords("records after the restart", read(consumer, count(true)), true);
            long offset = expected.get(0).size();
            check("offset after the restart", producer.send(late.to(TOPIC)).get().offset(), offset);
            check("what came after the restart", read(consumer, 1).get(0), Map.of(offset, late));
            consumer.commitSync();
            check("position", consumer.position(new TopicPartition(TOPIC, 0)), offset + 1);
        }
    }

    void seek() {
        try (var consumer = consumer(Map.of(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 1))) {
            List<TopicPartition> partitions = new ArrayList<>();
            for (int partition = 0; partition < Workload.PARTITIONS; partition++) {
                partitions.add(new TopicPartition(TOPIC, partition));
            }
            consumer.assign(partitions.subList(0, 1));
            consumer.seek(partitions.get(0), 7);
            check("seek to an offset", read(consumer, 1).get(0), Map.of(7L, expected.get(0).get(7)));

            long between = expected.get(2).get(2).timestamp() - Workload.STEP_MS / 2;
            var found = consumer.offsetsForTimes(Map.of(
                partitions.get(0), Workload.FIRST_TIMESTAMP + 100_000_000L,
                partitions.get(1), expected.get(1).get(4).timestamp(),
                partitions.get(2), between));
            check("no offset after the end", found.get(partitions.get(0)), null);
            check("offset of an exact time", found.get(partitions.get(1)).offset(), 4L);
            check("offset of a time between", found.get(partitions.get(2)).offset(), 2L);
            check("its timestamp", found.get(partitions.get(2)).timestamp(), expected.get(2).get(2).timestamp());
            consumer.assign(partitions.subList(2, 3));
            consumer.seek(partitions.get(2), found.get(partitions.get(2)).offset());
            check("seek to a timestamp", read(consumer, 1).get(2), Map.of(2L, expected.get(2).get(2)));

            check("beginning", consumer.beginningOffsets(partitions).get(partitions.get(0)), 0L);
            check("end", consumer.endOffsets(partitions).get(partitions.get(0)), expected.get(0).size() + 1L);
        }
    }

    void tooLarge(Administration administration) throws Exception {
        administration.limitMessages(2_000);
        try (var producer = producer(Map.of())) {
            var large = new Item(0, Workload.FIRST_TIMESTAMP, null, new byte[5_000], List.of());
            try {
                producer.send(large.to(TOPIC)).get();
                throw new AssertionError("WRONG: a record too large was taken");
            } catch (ExecutionException failure) {
                check("a record too large", failure.getCause().getClass(), RecordTooLargeException.class);
            }
        }
    }
}
