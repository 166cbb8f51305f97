import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Scanner;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.kafka.common.utils.internals.Exit;

/**
 * Runs Apache Kafka's tools one after the other in one JVM, for a JVM each costs a second. Each line of the input names one
 * ({"class": "...", "arguments": [...], "input": "..."}) and each line of the output is what it did ({"code", "out", "err"}).
 */
public class KafkasTools {
    /** Ends a tool that exits. Some catch it and go on; what they do from then on doesn't count. */
    private static final class Ended extends Error {
        final int code;
        final byte[] written;

        Ended(int code, byte[] written) {
            super("exit " + code, null, false, false);
            this.code = code;
            this.written = written;
        }
    }

    private static ByteArrayOutputStream out;
    private static Ended first;

    private static void exit(int code) {
        Ended ended = new Ended(code, out.toByteArray());
        if (first == null) {
            first = ended;
        }
        throw ended;
    }

    public static void main(String[] ignored) throws Exception {
        PrintStream answers = System.out;
        ObjectMapper json = new ObjectMapper();
        List<Runnable> hooks = new ArrayList<>();
        Exit.setExitProcedure((code, message) -> exit(code));
        Exit.setHaltProcedure((code, message) -> exit(code));
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        Scanner lines = new Scanner(System.in, StandardCharsets.UTF_8);
        while (lines.hasNextLine()) {
            JsonNode call = json.readTree(lines.nextLine());
            List<String> arguments = new ArrayList<>();
            call.get("arguments").forEach(argument -> arguments.add(argument.asText()));
            first = null;
            out = new ByteArrayOutputStream();
            ByteArrayOutputStream err = new ByteArrayOutputStream();
            System.setIn(new ByteArrayInputStream(call.path("input").asText().getBytes(StandardCharsets.UTF_8)));
            System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
            System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
            hooks.clear();
            int returned = run(call.get("class").asText(), arguments.toArray(new String[0]));
            for (Runnable hook : hooks) {
                hook.run();
            }
            var answer = json.createObjectNode();
            answer.put("code", first == null ? returned : first.code);
            answer.put("out", new String(first == null ? out.toByteArray() : first.written, StandardCharsets.UTF_8));
            answer.put("err", err.toString(StandardCharsets.UTF_8));
            answers.println(json.writeValueAsString(answer));
            answers.flush();
        }
    }

    private static int run(String name, String[] arguments) throws Exception {
        try {
            Class.forName(name).getMethod("main", String[].class).invoke(null, (Object) arguments);
            return 0;
        } catch (InvocationTargetException thrown) {
            thrown.getCause().printStackTrace();
            return 1;
        }
    }
}
