// Prints Apache Kafka's configuration definitions as the tables under crates/config/src/tables.
// Run: java -cp "$KAFKA_LIBS/*" ConfigTables.java broker|topic|group
// KAFKA_LIBS is the libs folder of an unpacked Apache Kafka release.
import java.lang.reflect.Field;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.coordinator.group.GroupConfig;
import org.apache.kafka.server.config.AbstractKafkaConfig;
import org.apache.kafka.server.config.DynamicBrokerConfig;
import org.apache.kafka.server.config.ServerTopicConfigSynonyms;
import org.apache.kafka.storage.internals.log.LogConfig;

public class ConfigTables {
    static Object field(Object o, String name) throws Exception {
        Class<?> c = o.getClass();
        Field f = c.getDeclaredField(name);
        f.setAccessible(true);
        return f.get(o);
    }

    /** A validator as one word and its arguments, see config/rule.rs. */
    @SuppressWarnings("unchecked")
    static String rule(String name, ConfigDef.Validator v) throws Exception {
        if (v == null) return "";
        String kind = v.getClass().getSimpleName();
        switch (kind) {
            case "Range": {
                Object min = field(v, "min"), max = field(v, "max");
                return "range " + (min == null ? "" : min) + ".." + (max == null ? "" : max);
            }
            case "ValidString":
                return "one_of " + String.join(",", (List<String>) field(v, "validStrings"));
            case "CaseInsensitiveValidString":
                return "one_of_ignoring_case " + String.join(",", (Iterable<String>) field(v, "validStrings"));
            case "NonEmptyString":
                return "non_empty";
            case "NonNullValidator":
                return "non_null";
            case "ValidList": {
                List<String> valid = (List<String>) field(field(v, "validString"), "validStrings");
                String word = (boolean) field(v, "isEmptyAllowed") ? "list" : "non_empty_list";
                if ((boolean) field(v, "isNullAllowed")) word = "nullable_" + word;
                return valid.isEmpty() ? word : word + " " + String.join(",", valid);
            }
            case "LambdaValidator":
                return "gzip_level";
            case "ThrottledReplicaListValidator":
                return "throttled_replicas";
            case "Validator":
                return "share_offset_reset";
            case "ControllerQuorumBootstrapServersValidator":
                return "quorum_bootstrap_servers";
            case "ControllerQuorumVotersValidator":
                return "quorum_voters";
            default:
                throw new IllegalStateException(name + ": " + kind);
        }
    }

    static String defaultOf(ConfigDef.ConfigKey k) {
        if (!k.hasDefault()) return "-";
        if (k.defaultValue == null) return "null";
        return "=" + ConfigDef.convertToString(k.defaultValue, k.type);
    }

    public static void main(String[] args) throws Exception {
        ConfigDef def = switch (args[0]) {
            case "broker" -> AbstractKafkaConfig.CONFIG_DEF;
            case "topic" -> LogConfig.configDefCopy();
            default -> GroupConfig.CONFIG_DEF;
        };
        for (Map.Entry<String, ConfigDef.ConfigKey> e : new TreeMap<>(def.configKeys()).entrySet()) {
            ConfigDef.ConfigKey k = e.getValue();
            String last = "";
            if (args[0].equals("broker")) {
                String mode = DynamicBrokerConfig.dynamicConfigUpdateModes().getOrDefault(k.name, "read-only");
                last = !k.internalConfig ? mode : mode.equals("read-only") ? "internal" : "internal " + mode;
            } else if (args[0].equals("topic")) {
                var synonyms = ServerTopicConfigSynonyms.ALL_TOPIC_CONFIG_SYNONYMS.get(k.name);
                last = k.internalConfig ? "internal" : synonyms == null ? "" : String.join(",",
                    synonyms.stream().map(s -> s.name() + (s.converter().apply("1").equals("1") ? "" : "*" + s.converter().apply("1"))).toList());
            } else {
                String synonym = GroupConfig.brokerSynonym(k.name).orElse("");
                last = k.internalConfig ? "internal " + synonym : synonym;
            }
            System.out.println(String.join("\t", k.name, k.type.name().toLowerCase(), defaultOf(k), rule(k.name, k.validator), last));
        }
    }
}
