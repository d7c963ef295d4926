package io.sluice.tck;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The code in GUIDE.md compiles, and what it shows keeps the rules that it tells of. */
class GuideTest {
  private static final Pattern BLOCK = Pattern.compile("(?s)```java\n(.*?)```");
  private static final Pattern TYPE = Pattern.compile("(?m)^(?:public )?(?:final )?class (\\w+)");

  /** What the page leaves out. */
  private static final String IMPORTS =
      """
      import io.sluice.block.*;
      import io.sluice.filter.*;
      import io.sluice.tck.*;
      import java.nio.ByteBuffer;
      import java.util.*;
      import java.util.concurrent.ConcurrentHashMap;
      import java.util.concurrent.atomic.LongAdder;
      import java.util.concurrent.locks.*;
      import org.osgi.annotation.bundle.Header;
      import org.osgi.framework.BundleActivator;
      import org.osgi.framework.BundleContext;
      import org.osgi.framework.Constants;
      import org.osgi.framework.ServiceReference;
      import org.osgi.util.tracker.ServiceTracker;
      """;

  /** A test of each thing shown that has none on the page. */
  private static final String TESTS =
      """
      class CountTest extends FilterTck {
        @Override protected FilterOperations operations() { return new CountOperations(); }
      }

      class VeilTest extends FilterTck {
        @Override protected FilterOperations operations() { return new VeilOperations(); }
      }

      class GuardTest extends FilterTck {
        @Override protected FilterOperations operations() { return new GuardOperations(); }
      }

      class RamTest extends OriginTck {
        private final OriginProvider provider = new RamOrigins();

        @Override protected OriginProvider provider() { return provider; }

        @Override protected String path() { return "ram:disk"; }
      }
      """;

  @TempDir Path directory;

  private List<Path> sources() throws IOException {
    List<Path> sources = new ArrayList<>();
    Matcher blocks = BLOCK.matcher(Files.readString(Path.of("../../filter-api/GUIDE.md")));
    while (blocks.find()) {
      Matcher type = TYPE.matcher(blocks.group(1));
      assertTrue(type.find(), () -> "no class in " + blocks.group(1));
      Path source = directory.resolve(type.group(1) + ".java");
      sources.add(Files.writeString(source, IMPORTS + blocks.group(1)));
    }
    sources.add(Files.writeString(directory.resolve("Tests.java"), IMPORTS + TESTS));
    return sources;
  }

  @Test
  void whatItShowsKeepsTheRules() throws Exception {
    List<Path> sources = sources();
    assertEquals(8, sources.size() - 1, "blocks of Java");
    List<String> arguments =
        new ArrayList<>(
            List.of("-d", directory.toString(), "-cp", System.getProperty("java.class.path")));
    arguments.addAll(List.of("-proc:none", "-nowarn"));
    sources.forEach(source -> arguments.add(source.toString()));
    int status =
        ToolProvider.getSystemJavaCompiler()
            .run(null, null, null, arguments.toArray(String[]::new));
    assertEquals(0, status, "the compiler's messages are in the output");
    URL[] classes = {directory.toUri().toURL()};
    try (URLClassLoader loader = new URLClassLoader(classes, getClass().getClassLoader())) {
      for (String test : List.of("CountTest", "VeilTest", "GuardTest", "LimitTest", "RamTest")) {
        KitRun run = KitRun.of(loader.loadClass(test));
        assertEquals(Map.of(), run.failures, test);
        assertTrue(run.passCount >= 15, () -> test + ": only " + run.passCount + " tests");
      }
    }
  }
}
