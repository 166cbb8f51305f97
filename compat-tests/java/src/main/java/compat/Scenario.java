package compat;

import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;

/** The scenario with kafka-clients. Usage: compat.Scenario BOOTSTRAP before|after */
public final class Scenario {
    static final String TOPIC = "java-scenario";
    static final String GROUP = "java-group";

    public static void main(String[] arguments) throws Exception {
        Limit.program(Limit.PROGRAM);
        String bootstrap = arguments[0];
        var records = new Records(bootstrap);
        try (Admin admin = Admin.create(Map.of(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, (Object) bootstrap))) {
            var administration = new Administration(admin, bootstrap);
            if (arguments[1].equals("before")) {
                administration.createTopic();
                records.produceAll();
                records.readAllAndCommitHalf(administration);
            } else {
                administration.checkCommitted();
                records.resume();
                records.seek();
                records.tooLarge(administration);
                administration.checkTopic();
                administration.checkConfigs();
                administration.checkCluster();
                administration.checkGroupsAndDelete();
            }
        }
    }

    private Scenario() {}
}
