import java.io.BufferedReader;
import java.io.InputStreamReader;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;

/** Reads lines "reader TAB writer"; answers each with COMPATIBLE, INCOMPATIBLE or what is wrong with a schema. */
public class Verdicts {
    public static void main(String[] arguments) throws Exception {
        var lines = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line; (line = lines.readLine()) != null; ) {
            String[] pair = line.split("\t");
            String verdict;
            try {
                Schema reader = new Schema.Parser().parse(pair[0]);
                Schema writer = new Schema.Parser().parse(pair[1]);
                verdict = SchemaCompatibility.checkReaderWriterCompatibility(reader, writer).getType().toString();
            } catch (RuntimeException refused) {
                verdict = "INVALID " + refused;
            }
            System.out.println(verdict.replace('\n', ' '));
        }
    }
}
