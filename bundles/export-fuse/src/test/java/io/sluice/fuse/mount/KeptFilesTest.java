package io.sluice.fuse.mount;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.export.ExportRequest;
import io.sluice.export.RateLimit;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class KeptFilesTest {
  private static final ExportRequest REQUEST =
      new ExportRequest("disk", "/srv/d.img", true, "of Monday", RateLimit.NONE, Map.of());

  /** A store in memory, which fails when it is told to. */
  private static final class Memory implements SetupStore {
    final Map<String, Map<String, Object>> setups = new TreeMap<>();
    boolean broken;

    @Override
    public List<Map<String, Object>> read() throws IOException {
      check();
      return List.copyOf(setups.values());
    }

    @Override
    public void write(String file, Map<String, String> properties) throws IOException {
      check();
      setups.put(file, new TreeMap<>(properties));
    }

    @Override
    public boolean delete(String file) throws IOException {
      check();
      return setups.remove(file) != null;
    }

    private void check() throws IOException {
      if (broken) {
        throw new IOException("disk full");
      }
    }
  }

  private final Memory store = new Memory();

  private static KeptFiles opened(SetupStore store) {
    KeptFiles kept = new KeptFiles();
    kept.open(store);
    return kept;
  }

  @Test
  void whatIsKeptWaitsAfterARestart() {
    opened(store).keep(REQUEST);
    KeptFiles next = opened(store);
    assertEquals(List.of(REQUEST), next.waiting());
    assertEquals(List.of(), next.takeOut("other"));
    assertEquals(List.of(REQUEST), next.takeOut("disk"));
    assertEquals(List.of(), next.waiting());
  }

  @Test
  void whatIsForgottenIsNotThereAgain() {
    KeptFiles kept = opened(store);
    kept.keep(REQUEST);
    assertFalse(kept.forget(REQUEST.name()), "it did not wait");
    assertEquals(List.of(), opened(store).waiting());
    kept.await(REQUEST);
    assertTrue(kept.forget(REQUEST.name()));
    assertEquals(List.of(), kept.waiting());
  }

  @Test
  void whatIsNoSetupIsPassedOver() {
    store.setups.put("", Map.of("device", "disk"));
    store.setups.put("x", Map.of("file", "/x", "device", 7, "read-only", true));
    assertEquals(List.of(new ExportRequest("7", "/x", true)), opened(store).waiting());
  }

  @Test
  void aStoreThatFailsLosesNothingElse() {
    store.broken = true;
    KeptFiles kept = opened(store);
    kept.keep(REQUEST);
    kept.await(REQUEST);
    assertTrue(kept.forget(REQUEST.name()));
    kept.close(store);
    kept.keep(REQUEST);
    assertEquals(Map.of(), store.setups);
  }
}
