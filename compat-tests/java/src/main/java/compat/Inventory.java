package compat;

import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * The inventory service of the order story: a member of the group "inventory". Usage: compat.Inventory BOOTSTRAP TOPIC
 *
 * <p>Writes "assigned N…" when partitions change, "order PARTITION OFFSET KEY VALUE" for each order, then commits.
 */
public final class Inventory {
    public static void main(String[] arguments) {
        Limit.program(Limit.SERVICE);
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", arguments[0],
            "group.id", "inventory",
            "auto.offset.reset", "earliest",
            "enable.auto.commit", false,
            "session.timeout.ms", 6000,
            "heartbeat.interval.ms", 500);
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(arguments[1]), new ConsumerRebalanceListener() {
                @Override
                public void onPartitionsRevoked(Collection<TopicPartition> partitions) {}

                @Override
                public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                    var line = new StringBuilder("assigned");
                    partitions.stream().map(TopicPartition::partition).sorted().forEach(one -> line.append(' ').append(one));
                    System.out.println(line);
                }
            });
            while (true) {
                var orders = consumer.poll(Duration.ofMillis(200));
                orders.forEach(one -> System.out.println(
                    "order " + one.partition() + " " + one.offset() + " " + one.key() + " " + one.value()));
                if (!orders.isEmpty()) {
                    consumer.commitSync();
                }
            }
        }
    }

    private Inventory() {}
}
