package io.sluice.itests.rules;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaCall;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.List;
import java.util.Set;

/**
 * The rules between the parts of the product. All names of packages are made from a root, so that
 * the same rules can be held against classes that break them.
 */
final class Rules {
  /** The packages that third parties compile against. */
  private static final List<String> API =
      List.of("block", "filter", "diffstore", "export", "snapshot", "pin", "swap");

  /** The star's points: parts that know the API and nothing of each other. */
  private static final List<String> PARTS =
      List.of(
          "origin.file",
          "registry",
          "blksnap",
          "fault",
          "trace",
          "diffstore.file",
          "diffstore.blockdev",
          "diffstore.tmpfs",
          "nbd",
          "fuse",
          "loop",
          "shell",
          "launch",
          "simulator",
          "linux",
          "osgi");

  /** The parts that others may use: libraries that are copied into the bundles. */
  private static final Set<String> SHARED_PARTS = Set.of("linux", "osgi");

  /** The snapshot engine's packages in the order of the data flow; each knows those before it. */
  private static final List<String> SNAPSHOT_FLOW =
      List.of("tracking", "diff", "cow", "image", "session", "osgi");

  private static final List<String> NBD_FLOW = List.of("codec", "session", "tls", "server", "osgi");

  private static final List<String> FUSE_FLOW =
      List.of("codec", "tree", "session", "mount", "osgi");

  /** The part of the flow that has to run under the simulator. */
  private static final List<String> SNAPSHOT_ENGINE =
      SNAPSHOT_FLOW.subList(0, SNAPSHOT_FLOW.indexOf("osgi"));

  private static final String BANNED_NAME = ".*(Impl|Utils?|Manager|Helpers?)";

  private static final Set<String> BANNED_IN_ENGINE =
      Set.of(
          "java.lang.Thread",
          "java.util.Random",
          "java.util.Timer",
          "java.security.SecureRandom",
          "java.time.Clock",
          "java.util.concurrent.Executors",
          "java.util.concurrent.CompletableFuture",
          "java.util.concurrent.ThreadLocalRandom",
          "java.util.concurrent.ThreadPoolExecutor",
          "java.nio.file.Files",
          "java.nio.channels.FileChannel",
          "java.io.File",
          "java.io.RandomAccessFile");

  private static final Set<String> BANNED_CALLS_IN_ENGINE =
      Set.of(
          "java.lang.System.nanoTime",
          "java.lang.System.currentTimeMillis",
          "java.util.UUID.randomUUID",
          "java.time.Instant.now",
          "java.lang.Math.random");

  /**
   * One rule.
   *
   * @param name what the test is called
   * @param subject the classes it speaks of
   * @param subjectCountMin how many there are at least in the product, so that the rule is not
   *     empty
   * @param rule the rule
   */
  record Rule(
      String name, DescribedPredicate<JavaClass> subject, int subjectCountMin, ArchRule rule) {
    @Override
    public String toString() {
      return name;
    }
  }

  private final String root;

  /** Rules on the packages below a root, such as {@code io.sluice}. */
  Rules(String root) {
    this.root = root;
  }

  List<Rule> all() {
    return List.of(
        apiKnowsNothing(),
        partsKnowOnlyTheApi(),
        flow("snapshot packages follow the data flow", "blksnap", SNAPSHOT_FLOW, 25),
        flow("NBD packages follow the data flow", "nbd", NBD_FLOW, 35),
        flow("FUSE packages follow the data flow", "fuse", FUSE_FLOW, 25),
        noCycles(),
        osgiStaysAtTheEdge(),
        engineIsDeterministic(),
        engineMakesNoCallsOutside(),
        nativeCallsStayInOnePackage(),
        clientIsThePlainPlatform(),
        namesSayWhatThingsAre());
  }

  private Rule apiKnowsNothing() {
    String[] api = API.stream().map(name -> root + "." + name).toArray(String[]::new);
    DescribedPredicate<JavaClass> subject = resideInAnyPackage(api);
    return new Rule(
        "the API knows the platform alone",
        subject,
        30,
        classes()
            .that(subject)
            .should()
            .onlyDependOnClassesThat(
                resideInAnyPackage(api).or(resideInAnyPackage("java..", "org.osgi.annotation.."))));
  }

  private Rule partsKnowOnlyTheApi() {
    DescribedPredicate<JavaClass> subject =
        describe("belong to a part", type -> partOf(type) != null);
    return new Rule(
        "parts know the API and not each other",
        subject,
        150,
        classes()
            .that(subject)
            .should(
                dependOnlyOn(
                    "know no other part",
                    (from, to) -> {
                      String part = partOf(to);
                      return part == null
                          || SHARED_PARTS.contains(part)
                          || part.equals(partOf(from));
                    })));
  }

  private Rule flow(String name, String part, List<String> order, int countMin) {
    DescribedPredicate<JavaClass> subject = in(part + "..");
    return new Rule(
        name,
        subject,
        countMin,
        classes()
            .that(subject)
            .should(
                dependOnlyOn(
                    "lie in one of " + order + " and know only what comes before",
                    (from, to) -> {
                      int place = placeOf(from, part, order);
                      return place >= 0 && placeOf(to, part, order) <= place;
                    })));
  }

  private Rule noCycles() {
    return new Rule(
        "packages have no cycles",
        in("."),
        200,
        slices().matching(root + ".(**)").should().beFreeOfCycles());
  }

  private Rule osgiStaysAtTheEdge() {
    DescribedPredicate<JavaClass> subject =
        in(".").and(DescribedPredicate.not(in("..osgi", "launch..", "shell..", "linux..")));
    return new Rule(
        "OSGi stays in packages called osgi",
        subject,
        100,
        noClasses()
            .that(subject)
            .should()
            .dependOnClassesThat(
                resideInAnyPackage("org.osgi..", "org.apache.felix..", root + ".osgi")
                    .and(DescribedPredicate.not(resideInAnyPackage("org.osgi.annotation..")))));
  }

  private DescribedPredicate<JavaClass> engine() {
    return in(SNAPSHOT_ENGINE.stream().map(name -> "blksnap." + name).toArray(String[]::new));
  }

  private Rule engineIsDeterministic() {
    return new Rule(
        "the engine has no threads, chance or files",
        engine(),
        20,
        noClasses()
            .that(engine())
            .should()
            .dependOnClassesThat(
                describe(
                    "are threads, chance or files",
                    type -> BANNED_IN_ENGINE.contains(type.getName()))));
  }

  private Rule engineMakesNoCallsOutside() {
    return new Rule(
        "the engine asks no clock and makes no identifiers",
        engine(),
        20,
        noClasses()
            .that(engine())
            .should()
            .callMethodWhere(
                describe(
                    "asks the outside",
                    (JavaCall<?> call) ->
                        BANNED_CALLS_IN_ENGINE.contains(
                            call.getTargetOwner().getName() + "." + call.getName()))));
  }

  private Rule nativeCallsStayInOnePackage() {
    DescribedPredicate<JavaClass> subject = in(".").and(DescribedPredicate.not(in("linux..")));
    return new Rule(
        "native calls stay in one package",
        subject,
        200,
        noClasses()
            .that(subject)
            .should()
            .dependOnClassesThat(resideInAnyPackage("com.sun.jna..")));
  }

  private Rule clientIsThePlainPlatform() {
    DescribedPredicate<JavaClass> subject = in("shell.client..", "shell.wire..");
    return new Rule(
        "the client starts with the platform alone",
        subject,
        10,
        classes()
            .that(subject)
            .should()
            .onlyDependOnClassesThat(
                subject.or(resideInAnyPackage("java..", "javax..", "jdk.net..", "org.jline.."))));
  }

  private Rule namesSayWhatThingsAre() {
    return new Rule(
        "names say what things are",
        in("."),
        200,
        classes().that(in(".")).should().haveNameNotMatching(BANNED_NAME));
  }

  /** Classes in packages below the root; {@code "."} stands for all, {@code "..x"} for any x. */
  private DescribedPredicate<JavaClass> in(String... packages) {
    String[] identifiers = new String[packages.length];
    for (int i = 0; i < packages.length; i++) {
      String name = packages[i];
      String below = name.equals(".") ? ".." : name.startsWith("..") ? name : "." + name;
      identifiers[i] = root + below;
    }
    return resideInAnyPackage(identifiers);
  }

  /** The part that a class belongs to, or null. */
  private String partOf(JavaClass type) {
    for (String part : PARTS) {
      if (isIn(type, part)) {
        return part;
      }
    }
    return null;
  }

  /** Where a class's package stands in a part's order; -1 if it is not in it. */
  private int placeOf(JavaClass type, String part, List<String> order) {
    for (int i = 0; i < order.size(); i++) {
      if (isIn(type, part + "." + order.get(i))) {
        return i;
      }
    }
    return -1;
  }

  private boolean isIn(JavaClass type, String name) {
    return (type.getPackageName() + ".").startsWith(root + "." + name + ".");
  }

  /** Whether a class may depend on another. */
  private interface Permission {
    boolean allows(JavaClass from, JavaClass to);
  }

  private static ArchCondition<JavaClass> dependOnlyOn(String description, Permission permission) {
    return new ArchCondition<>(description) {
      @Override
      public void check(JavaClass type, ConditionEvents events) {
        for (Dependency dependency : type.getDirectDependenciesFromSelf()) {
          if (!permission.allows(type, dependency.getTargetClass())) {
            events.add(SimpleConditionEvent.violated(dependency, dependency.getDescription()));
          }
        }
      }
    };
  }
}
