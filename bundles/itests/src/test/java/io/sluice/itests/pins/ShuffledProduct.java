package io.sluice.itests.pins;

import static org.ops4j.pax.exam.CoreOptions.bundle;
import static org.ops4j.pax.exam.CoreOptions.frameworkProperty;

import io.sluice.itests.Product;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.ops4j.pax.exam.Option;

/** The product's bundles, to be started in an order of chance. Known outside of frameworks only. */
public final class ShuffledProduct {
  private static final String SEED = "sluice.test.seed";

  private ShuffledProduct() {}

  /** The bundles in an order that a failure can be replayed with. */
  static List<Path> bundles(String test) {
    long seed = Long.getLong(SEED, System.nanoTime());
    System.out.println(test + ": the bundles' order is replayed with -D" + SEED + "=" + seed);
    List<Path> bundles = new ArrayList<>(Product.bundles());
    Collections.shuffle(bundles, new Random(seed));
    return bundles;
  }

  /** The same as Pax Exam wants it, with a plugins directory of its own. */
  public static Option[] options(String test, Option... more) throws IOException {
    Path directory = Files.createTempDirectory("sluice-exam");
    Path plugins = Files.createDirectory(directory.resolve("plugins"));
    List<Option> options = new ArrayList<>(List.of(more));
    for (Path jar : bundles(test)) {
      options.add(bundle(jar.toUri().toString()));
    }
    options.add(frameworkProperty("sluice.run.dir").value(directory.toString()));
    options.add(frameworkProperty("sluice.home").value(Product.home().toString()));
    options.add(frameworkProperty("sluice.version").value("test"));
    options.add(frameworkProperty("felix.fileinstall.dir").value(plugins.toString()));
    options.add(frameworkProperty("felix.fileinstall.poll").value("100"));
    options.add(frameworkProperty("felix.fileinstall.filter").value(".*[.]jar"));
    return options.toArray(new Option[0]);
  }
}
