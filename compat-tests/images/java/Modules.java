// Testcontainers' modules for Java, with another image and nothing else changed: Modules.java IMAGE MODULE

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.testcontainers.kafka.ConfluentKafkaContainer;
import org.testcontainers.kafka.KafkaContainer;
import org.testcontainers.redpanda.RedpandaContainer;
import org.testcontainers.utility.DockerImageName;

public class Modules {
    public static void main(String[] arguments) throws Exception {
        DockerImageName image = DockerImageName.parse(arguments[0]);
        switch (arguments[1]) {
            case "apache" -> {
                try (var container = new KafkaContainer(image.asCompatibleSubstituteFor("apache/kafka"))) {
                    container.start();
                    roundtrip(container.getBootstrapServers());
                }
            }
            case "confluent" -> {
                try (var container = new ConfluentKafkaContainer(image.asCompatibleSubstituteFor("confluentinc/cp-kafka"))) {
                    container.start();
                    roundtrip(container.getBootstrapServers());
                }
            }
            case "old" -> {
                try (var container = new org.testcontainers.containers.KafkaContainer(image.asCompatibleSubstituteFor("confluentinc/cp-kafka")).withKraft()) {
                    container.start();
                    roundtrip(container.getBootstrapServers());
                }
            }
            case "redpanda" -> {
                try (var container = new RedpandaContainer(image.asCompatibleSubstituteFor("docker.redpanda.com/redpandadata/redpanda"))) {
                    container.start();
                    roundtrip(container.getBootstrapServers());
                }
            }
            default -> throw new IllegalArgumentException(arguments[1]);
        }
        System.out.println("ok");
    }

    static void roundtrip(String bootstrap) throws Exception {
        var strings = new StringSerializer();
        try (var producer = new KafkaProducer<>(Map.<String, Object>of("bootstrap.servers", bootstrap), strings, strings)) {
            producer.send(new ProducerRecord<>("greetings", "hello")).get();
        }
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap, "group.id", "readers", "auto.offset.reset", "earliest");
        var texts = new StringDeserializer();
        try (var consumer = new KafkaConsumer<>(settings, texts, texts)) {
            consumer.subscribe(List.of("greetings"));
            for (int turn = 0; turn < 60; turn++) {
                for (var record : consumer.poll(Duration.ofMillis(500))) {
                    if (!record.value().equals("hello")) throw new AssertionError(record.value());
                    return;
                }
            }
            throw new AssertionError("no record");
        }
    }
}
