package io.sluice.nbd.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.BlockDevice;
import io.sluice.nbd.Conversation;
import io.sluice.swap.HandOver;
import io.sluice.testing.MemoryDevice;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A chain of servers, each of another class loader, and clients that stay. */
@Timeout(60)
abstract class HandOverRig {
  static final Duration LIMIT = Duration.ofSeconds(20);
  static final List<Generation.Loader> LOADERS =
      List.of(new Generation.Loader(), new Generation.Loader());

  @TempDir Path directory;

  final Map<String, BlockDevice> devices = new HashMap<>();
  final ExecutorService threads = Executors.newCachedThreadPool();
  MemoryDevice disk = new MemoryDevice(4 << 20);
  Generation now;
  private int generationCount;

  @BeforeEach
  void start() throws Exception {
    start(disk);
  }

  void start(MemoryDevice device) throws Exception {
    if (now != null) {
      now.close();
    }
    disk = device;
    devices.put("disk", device);
    now = generation(false);
  }

  @AfterEach
  void stop() {
    now.close();
    threads.shutdown();
    assertEquals(List.of(), disk.holders);
    assertFalse(Files.exists(socket()), "the socket is the last one's to remove");
  }

  Path socket() {
    return directory.resolve("nbd.sock");
  }

  Generation generation(boolean successor) throws Exception {
    return Generation.start(
        LOADERS.get(generationCount++ % 2), socket(), List.of("127.0.0.1:0"), devices, successor);
  }

  /** What an update of the bundle does. */
  void swap() throws Exception {
    give(now.handOver(LIMIT));
  }

  void give(HandOver handOver) throws Exception {
    now.close();
    now = generation(true);
    now.takeOver(handOver);
  }

  Dialogue connect() throws IOException {
    return new Dialogue(UnixDomainSocketAddress.of(socket()));
  }

  static byte[] pattern(int seed, int length) {
    byte[] bytes = new byte[length];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  static void sayRead(Dialogue client, long cookie) throws IOException {
    client.say(new Conversation().read(cookie, 8192 * cookie, 8192));
  }

  void hearRead(Dialogue client, long cookie) throws IOException {
    Dialogue.Answer answer = client.answer(c -> 8192);
    assertEquals(cookie, answer.cookie());
    assertEquals(0, answer.error());
    int at = 8192 * (int) cookie;
    assertArrayEquals(Arrays.copyOfRange(disk.bytes, at, at + 8192), answer.data());
  }

  static void assertNothingMore(Dialogue client) throws IOException {
    client.say(new Conversation().disconnect());
    assertTrue(client.ended(), "an answer too many");
  }

  static Conversation reads(int count) {
    Conversation said = new Conversation();
    for (int cookie = 0; cookie < count; cookie++) {
      said.read(cookie, 8192L * cookie, 8192);
    }
    return said;
  }

  void hearReads(Dialogue client, int count) throws IOException {
    Set<Long> cookies = new HashSet<>();
    for (int i = 0; i < count; i++) {
      Dialogue.Answer answer = client.answer(c -> 8192);
      assertEquals(0, answer.error());
      int at = 8192 * (int) answer.cookie();
      assertArrayEquals(Arrays.copyOfRange(disk.bytes, at, at + 8192), answer.data());
      cookies.add(answer.cookie());
    }
    assertEquals(count, cookies.size());
  }

  void reconnect() throws Exception {
    long deadline = System.nanoTime() + LIMIT.toNanos();
    while (true) {
      try (Dialogue client = connect().enter("disk", true)) {
        sayRead(client, 1);
        hearRead(client, 1);
        return;
      } catch (IOException e) {
        assertTrue(System.nanoTime() < deadline, () -> "nobody listens: " + e);
      }
    }
  }
}
