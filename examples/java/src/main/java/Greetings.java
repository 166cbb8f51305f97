import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Writes three greetings, reads them as a member of a group, and prints them. */
public class Greetings {
    static final String TOPIC = "greetings-java";
    static final List<ProducerRecord<String, String>> GREETINGS = List.of(
        new ProducerRecord<>(TOPIC, "Ada", "Good morning"),
        new ProducerRecord<>(TOPIC, "Grace", "Ahoy"),
        new ProducerRecord<>(TOPIC, "Linus", "Moi"));

    public static void main(String[] arguments) throws Exception {
        String bootstrap = System.getenv().getOrDefault("BOOTSTRAP", "localhost:9092");
        write(bootstrap);
        read(bootstrap);
    }

    static void write(String bootstrap) throws Exception {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap);
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            for (var greeting : GREETINGS) {
                producer.send(greeting).get(30, TimeUnit.SECONDS);
            }
        }
    }

    static void read(String bootstrap) {
        Map<String, Object> settings =
            Map.of("bootstrap.servers", bootstrap, "group.id", "readers-java", "auto.offset.reset", "earliest");
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(TOPIC));
            long deadline = System.currentTimeMillis() + 30_000;
            for (int left = GREETINGS.size(); left > 0; ) {
                if (System.currentTimeMillis() > deadline) throw new IllegalStateException("not all greetings came within 30 s");
                for (var record : consumer.poll(Duration.ofSeconds(1))) {
                    System.out.printf("%s says '%s' (offset %d)%n", record.key(), record.value(), record.offset());
                    left--;
                }
            }
        } // close: the group remembers what was read
    }
}
