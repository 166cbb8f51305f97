package compat;

import java.time.Duration;

/** Ends a program that is not done in time, and says where each of its threads is. */
final class Limit {
    /** What a program of the suite takes at most: less than the suite waits for it. */
    static final Duration PROGRAM = Duration.ofSeconds(85);
    /** For services that run until they are ended: whoever still runs then has been forgotten. */
    static final Duration SERVICE = Duration.ofHours(2);

    static void program(Duration limit) {
        var timer = new Thread(() -> {
            try {
                Thread.sleep(limit.toMillis());
            } catch (InterruptedException ended) {
                return;
            }
            System.err.println("WRONG: not done after " + limit.toSeconds() + " s");
            Thread.getAllStackTraces().forEach((thread, frames) -> {
                System.err.println(thread);
                for (StackTraceElement frame : frames) System.err.println("    at " + frame);
            });
            Runtime.getRuntime().halt(1);
        }, "limit");
        timer.setDaemon(true);
        timer.start();
    }

    private Limit() {}
}
