package io.sluice.itests;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.itests.AgentProcess.Result;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The agent as it is shipped: started by its script, in a process of its own. */
class SluicedTest {
  @TempDir Path scratch;
  private Path runDirectory;
  private AgentProcess agent;

  @BeforeEach
  void prepare() {
    runDirectory = scratch.resolve("run");
    agent = new AgentProcess(Product.home(), runDirectory);
  }

  @AfterEach
  void leaveNothingRunning() throws Exception {
    Path pid = runDirectory.resolve("sluiced.pid");
    if (Files.exists(pid) && !Files.readString(pid).isBlank()) {
      ProcessHandle.of(Long.parseLong(Files.readString(pid).strip()))
          .filter(process -> process.info().commandLine().orElse("").contains(scratch.toString()))
          .ifPresent(ProcessHandle::destroyForcibly);
    }
  }

  private void assertStarted(Result result) {
    assertEquals(new Result(0, ""), result);
  }

  private void assertServes(String socket) throws IOException {
    Path path = runDirectory.resolve(socket);
    try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      assertTrue(channel.connect(UnixDomainSocketAddress.of(path)), socket);
    }
    assertEquals(
        "rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(path)), socket);
  }

  @Test
  void isReadyWhenTheScriptReturnsAndLeavesNoSocketBehind() throws Exception {
    assertStarted(agent.start());
    assertServes("control.sock");
    assertServes("nbd.sock");
    agent.stop();
    try (Stream<Path> left = Files.list(runDirectory)) {
      assertEquals(List.of(), left.filter(path -> path.toString().endsWith(".sock")).toList());
    }
    assertEquals("", Files.readString(runDirectory.resolve("sluiced.pid")));
  }

  @Test
  void aSecondAgentIsRefusedAndTheFirstStaysAsItIs() throws Exception {
    assertStarted(agent.start());
    long pid = agent.agent().pid();
    Result second = agent.start();
    assertEquals(1, second.exitCode());
    assertEquals(
        "sluiced: EBUSY: run directory "
            + runDirectory
            + ": an agent runs on it already, pid "
            + pid
            + "; stop that one, or choose another directory with --run-dir\n",
        second.output());
    assertServes("control.sock");
    assertServes("nbd.sock");
    assertEquals(pid, agent.agent().pid());
    agent.stop();
  }

  @Test
  void whatAKilledAgentLeftIsNoObstacle() throws Exception {
    assertStarted(agent.start());
    agent.kill();
    assertTrue(Files.exists(runDirectory.resolve("nbd.sock")), "a stale socket");
    assertStarted(agent.start());
    assertServes("control.sock");
    assertServes("nbd.sock");
    agent.stop();
  }

  @Test
  void inTheForegroundItEndsWithZeroOnSigterm() throws Exception {
    Path ready = scratch.resolve("ready");
    mkfifo(ready);
    Process process =
        new ProcessBuilder(
                "sh",
                "-c",
                "exec \"$0\" --run-dir \"$1\" --foreground --ready-fd 3 3>\"$2\"",
                Product.home().resolve("bin/sluiced").toString(),
                runDirectory.toString(),
                ready.toString())
            .redirectErrorStream(true)
            .redirectOutput(scratch.resolve("output").toFile())
            .start();
    try (BufferedReader reader = Files.newBufferedReader(ready)) {
      assertEquals("ready", reader.readLine(), agent.output());
    }
    assertEquals(process.pid(), agent.agent().pid(), "the script is the agent");
    process.destroy();
    assertEquals(0, AgentProcess.exitCode(process), agent.output());
  }

  @Test
  void aBundleThatDoesNotStartIsNamedAndEndsTheStart() throws Exception {
    Path home = copyOfTheProduct();
    Manifest manifest = new Manifest();
    Attributes attributes = manifest.getMainAttributes();
    attributes.put(Attributes.Name.MANIFEST_VERSION, "1.0");
    attributes.putValue("Bundle-ManifestVersion", "2");
    attributes.putValue("Bundle-SymbolicName", "broken.filter");
    attributes.putValue("Import-Package", "not.there");
    try (OutputStream file = Files.newOutputStream(home.resolve("bundles/broken.jar"))) {
      new JarOutputStream(file, manifest).close();
    }
    AgentProcess broken = new AgentProcess(home, runDirectory);
    Result result = broken.start();
    assertEquals(1, result.exitCode());
    assertTrue(
        result.output().contains("sluiced: bundle broken.filter does not start: "),
        result.output());
    assertTrue(result.output().contains("not.there"), result.output());
    assertFalse(Files.exists(runDirectory.resolve("nbd.sock")), "what did start has stopped");

    Files.delete(home.resolve("bundles/broken.jar"));
    assertStarted(broken.start());
    broken.stop();
  }

  @Test
  void frameworkPropertiesCanBeGiven() throws Exception {
    Result result = agent.start("--set", "sluice.level.io.sluice.shell=soon");
    assertEquals(1, result.exitCode());
    assertTrue(
        result.output().contains("EINVAL: sluice.level.io.sluice.shell=soon"), result.output());
  }

  @Test
  void wrongOptionsAreRefused() throws Exception {
    for (String wrong : List.of("--bogus", "--home", "extra")) {
      Result result = agent.start(wrong);
      assertEquals(2, result.exitCode(), wrong);
      assertTrue(result.output().startsWith("sluiced: "), result.output());
      assertTrue(result.output().contains(wrong), result.output());
    }
  }

  @Test
  void anOldJavaIsRefused() throws Exception {
    Path old = Files.createDirectories(scratch.resolve("old/bin")).getParent();
    Files.writeString(old.resolve("release"), "IMPLEMENTOR=\"X\"\nJAVA_VERSION=\"1.8.0_292\"\n");
    Path java = Files.writeString(old.resolve("bin/java"), "#!/bin/sh\nexit 99\n");
    Files.setPosixFilePermissions(java, PosixFilePermissions.fromString("rwxr-xr-x"));
    for (String program : List.of("sluiced", "sluice", "blksnap")) {
      ProcessBuilder builder =
          new ProcessBuilder(Product.home().resolve("bin/" + program).toString(), "--version")
              .redirectErrorStream(true);
      builder.environment().put("JAVA_HOME", old.toString());
      Process process = builder.start();
      String output = new String(process.getInputStream().readAllBytes(), UTF_8);
      assertEquals(1, AgentProcess.exitCode(process), program);
      assertEquals(
          program
              + ": the java of JAVA_HOME ("
              + old
              + ") is version 8; Java 17 or newer is needed. Set JAVA_HOME\n",
          output);
    }
  }

  private static void mkfifo(Path path) throws Exception {
    assertEquals(
        0, AgentProcess.exitCode(new ProcessBuilder("mkfifo", path.toString()).start()), "mkfifo");
  }

  /** The product with a bundle directory of its own. */
  private Path copyOfTheProduct() throws IOException {
    Path copy = Files.createDirectory(scratch.resolve("home"));
    for (String part : List.of("lib", "conf")) {
      Files.createSymbolicLink(copy.resolve(part), Product.home().resolve(part));
    }
    Files.createDirectory(copy.resolve("bin"));
    Files.copy(
        Product.home().resolve("bin/sluiced"),
        copy.resolve("bin/sluiced"),
        StandardCopyOption.COPY_ATTRIBUTES);
    Files.createDirectory(copy.resolve("bundles"));
    for (Path jar : Product.bundles()) {
      Files.copy(
          jar,
          copy.resolve("bundles").resolve(jar.getFileName()),
          StandardCopyOption.COPY_ATTRIBUTES);
    }
    return copy;
  }
}
