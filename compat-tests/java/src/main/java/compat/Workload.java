package compat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/** The records of the scenario, the same in every language (see compat-tests/README.md), and checks that explain themselves. */
final class Workload {
    static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
    static final int PARTITIONS = 3;
    static final int PER_CODEC = 6;
    static final long FIRST_TIMESTAMP = 1_700_000_000_000L;
    static final long STEP_MS = 1_000;

    /** What a consumer must see, byte for byte. */
    record Item(int partition, long timestamp, byte[] key, byte[] value, List<Header> headers) {
        ProducerRecord<byte[], byte[]> to(String topic) {
            return new ProducerRecord<>(topic, partition, timestamp, key, value, headers);
        }

        static Item of(ConsumerRecord<byte[], byte[]> seen) {
            return new Item(seen.partition(), seen.timestamp(), seen.key(), seen.value(), List.of(seen.headers().toArray()));
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Item that && toString().equals(that.toString());
        }

        @Override
        public int hashCode() {
            return toString().hashCode();
        }

        @Override
        public String toString() {
            var shown = new StringBuilder();
            for (Header header : headers) {
                shown.append(header.key()).append('=').append(Arrays.toString(header.value())).append(' ');
            }
            return partition + "@" + timestamp + " " + Arrays.toString(key) + " -> " + Arrays.toString(value) + " " + shown;
        }
    }

    /** A batch for each codec, in the order in which they are produced; the odd ones come with the last. */
    static Map<String, List<Item>> batches() {
        var batches = new LinkedHashMap<String, List<Item>>();
        int sequence = 0;
        List<Item> last = null;
        for (String codec : CODECS) {
            last = new ArrayList<>();
            for (int index = 0; index < PER_CODEC; index++, sequence++) {
                List<Header> headers = List.of(
                    new RecordHeader("codec", bytes(codec)),
                    new RecordHeader("codec", bytes("again")),
                    new RecordHeader("binary", new byte[] {0, (byte) 0xff, (byte) 0x80}),
                    new RecordHeader("empty", new byte[0]),
                    new RecordHeader("null", (byte[]) null));
                String value = "value-" + codec + "-" + index + "-" + "x".repeat(100);
                last.add(item(sequence, bytes(codec + "-" + index), bytes(value), headers));
            }
            batches.put(codec, last);
        }
        last.add(item(sequence++, bytes("tombstone"), null, List.of()));
        last.add(item(sequence++, null, bytes("no key"), List.of()));
        last.add(item(sequence, new byte[0], new byte[0], List.of()));
        return batches;
    }

    private static Item item(int sequence, byte[] key, byte[] value, List<Header> headers) {
        return new Item(sequence % PARTITIONS, FIRST_TIMESTAMP + sequence * STEP_MS, key, value, headers);
    }

    /** By partition, in offset order: a record's offset is its index. */
    static List<List<Item>> expected() {
        List<List<Item>> partitions = new ArrayList<>();
        for (int partition = 0; partition < PARTITIONS; partition++) {
            partitions.add(new ArrayList<>());
        }
        batches().values().forEach(batch -> batch.forEach(item -> partitions.get(item.partition()).add(item)));
        return partitions;
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** Ends the program with both values when they differ. */
    static void check(String what, Object got, Object want) {
        if (!Objects.equals(got, want)) {
            throw new AssertionError("WRONG " + what + ":\n  got  " + got + "\n  want " + want);
        }
        System.out.println("ok " + what);
    }

    private Workload() {}
}
