import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Properties;
import java.util.Random;
import java.util.Set;

/** Odd files in the properties format and what java.util.Properties reads in them, a row for each. */
public class PropertiesTable {
    /** What files are put together from: all that means something in the format, and some that does not. */
    private static final String[] PIECES = {
        "\n", "\n", "\r", "\r\n", "\r\n", "\\", "\\", "\\\n", "\\\r\n", "\\\r", " ", "\t", "\f", "=", "=", ":", "#", "!",
        "a", "b", "key", "value", "u", "n", "t", "r", "f", "\\u00e9", "\\u20AC", "\\uD83D\\uDE00", "\\u12", "\\uu0041",
        "\\u 041", "\\:", "\\=", "\\ ", "\\#", "\\!", "\u00e9", "\u00ff", "\u0085", "\u00a0", "\u0000", "\u000b", "a=1\n",
        "b:2\r\n", "  c 3\n", "# comment\n", "! comment\r\n",
    };

    /** A map that remembers what was put into it, in order. */
    private static final class Recorded extends Properties {
        final List<String> entries = new ArrayList<>();

        @Override
        public synchronized Object put(Object key, Object value) {
            entries.add(hex((String) key) + "=" + hex((String) value));
            return super.put(key, value);
        }
    }

    public static void main(String[] arguments) throws IOException {
        Random random = new Random(20261129);
        Set<String> rows = new LinkedHashSet<>();
        while (rows.size() < 4000) {
            ByteArrayOutputStream file = new ByteArrayOutputStream();
            for (int left = 1 + random.nextInt(9); left > 0; left--) {
                file.write(PIECES[random.nextInt(PIECES.length)].getBytes(StandardCharsets.ISO_8859_1));
            }
            rows.add(HexFormat.of().formatHex(file.toByteArray()) + "\t" + read(file.toByteArray()));
        }
        System.out.println("# What Java " + Runtime.version().feature() + " reads in odd properties files, made by "
            + "scripts/properties-table/make: the file, its entries.");
        rows.forEach(System.out::println);
    }

    private static String read(byte[] file) throws IOException {
        Recorded properties = new Recorded();
        try {
            properties.load(new ByteArrayInputStream(file));
        } catch (IllegalArgumentException malformed) {
            return "malformed";
        }
        return String.join(" ", properties.entries);
    }

    /** UTF-16, where half a pair of surrogates, which other languages' strings do not hold, is U+FFFD. */
    private static String hex(String text) {
        int[] points = text.codePoints().map(c -> c >= 0xD800 && c <= 0xDFFF ? 0xFFFD : c).toArray();
        StringBuilder hex = new StringBuilder();
        new String(points, 0, points.length).chars().forEach(unit -> hex.append(String.format("%04x", unit)));
        return hex.toString();
    }
}
