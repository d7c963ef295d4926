package io.sluice.blksnap.osgi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.sluice.blksnap.session.TrackingStates;
import io.sluice.blksnap.tracking.TrackerState;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Optional;
import java.util.UUID;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A device is tracked, stopped and tracked again, over and over, while the agent crashes, loses its
 * power or is told of an error at each call of its files in turn. Whatever happens, a state that is
 * taken up describes the device as it is; and one that was saved is there.
 */
class StateDirectoryCrashTest {
  private static final String DEVICE = "disk";
  private static final int LIVES = 3;

  /** What becomes of one crash. */
  private record Ending(int changesKept, int share, boolean power) {
    private static final Ending AGENT = new Ending(0, 0, false);
  }

  /** Deliberate bugs; each must be found out. */
  private enum Mutant {
    /** A claim does not take the file out. */
    KEPT {
      @Override
      CrashingFiles files() {
        return new CrashingFiles() {
          @Override
          public void delete(String name) {}
        };
      }
    },
    /** Names are never made durable: a removed file is back after a power loss. */
    NAMES_NOT_FORCED {
      @Override
      CrashingFiles files() {
        return new CrashingFiles() {
          @Override
          public void forceNames() {}
        };
      }
    },
    /** A removal that a crash came after is not made durable by the next start. */
    REMOVAL_FORGOTTEN {
      @Override
      CrashingFiles files() {
        return new CrashingFiles() {
          private boolean claiming;

          @Override
          public boolean exists(String name) {
            claiming = super.exists(name);
            return claiming;
          }

          @Override
          public Output create(String name) throws IOException {
            claiming = true;
            return super.create(name);
          }

          @Override
          public void forceNames() throws IOException {
            if (claiming) {
              super.forceNames();
            }
          }
        };
      }
    },
    /** A file gets its name before its bytes are durable. */
    BYTES_NOT_FORCED {
      @Override
      CrashingFiles files() {
        return new CrashingFiles() {
          @Override
          public Output create(String name) throws IOException {
            Output inner = super.create(name);
            return new Output() {
              @Override
              public OutputStream stream() {
                return inner.stream();
              }

              @Override
              public void force() {}

              @Override
              public void close() throws IOException {
                inner.close();
              }
            };
          }
        };
      }
    },
    /** A failure to take the file out goes unnoticed. */
    REMOVAL_ERROR_IGNORED {
      @Override
      CrashingFiles files() {
        return new CrashingFiles() {
          @Override
          public void delete(String name) {
            try {
              super.delete(name);
            } catch (IOException e) {
              return; // as if it were gone
            }
          }
        };
      }
    },
    /** A state is saved under the stamp of an earlier moment. */
    STALE_STAMP {
      @Override
      String stampToSave(Device device) {
        return device.stampAtClaim;
      }
    },
    /** What was saved under another stamp is taken up. */
    STAMP_IGNORED {
      @Override
      String stampToSave(Device device) {
        return "any";
      }

      @Override
      String stampToClaim(Device device) {
        return "any";
      }
    };

    CrashingFiles files() {
      return new CrashingFiles();
    }

    String stampToSave(Device device) {
      return device.stamp();
    }

    String stampToClaim(Device device) {
      return device.stamp();
    }
  }

  /** A device and what is known of it, by its version, and the stamp of its content. */
  private static final class Device {
    private int version;
    private int stamped;
    private int stampDurable;
    private String stampAtClaim = "none";

    /** A write: the stamp is another one, but need not be durable when the bytes are. */
    void write() {
      stamped = ++version;
    }

    /** A take: if a state went on, that is another now. The content is the same. */
    void take(boolean wentOn) {
      version += wentOn ? 1 : 0;
    }

    /** As an origin does it: what it says of its content is durable, as is the content. */
    String stamp() {
      stampDurable = stamped;
      return "stamp " + stamped;
    }

    void losePower() {
      stamped = stampDurable;
    }
  }

  private final Logger log = Logger.getLogger("io.sluice.blksnap");
  private Mutant mutant;
  private CrashingFiles files;
  private TrackingStates states;
  private Device device;
  private int scenarioCount;

  /** A thousand warnings are what is wanted here, and nobody reads them. */
  @BeforeEach
  void silence() {
    log.setLevel(Level.OFF);
  }

  @AfterEach
  void restore() {
    log.setLevel(null);
  }

  @Test
  void aStateThatIsTakenUpIsTrueWhateverCrashed() {
    runAll();
    System.out.printf("state directory: %d crashes and failures%n", scenarioCount);
    assertTrue(scenarioCount > 200, "only " + scenarioCount + " scenarios");
  }

  @ParameterizedTest
  @EnumSource(Mutant.class)
  void aDeliberateBugIsFoundOut(Mutant bug) {
    mutant = bug;
    AssertionError found = assertThrows(AssertionError.class, this::runAll);
    assertTrue(found.getMessage().contains("state of version"), found::getMessage);
  }

  private void runAll() {
    begin();
    files.plan(0, 0);
    lives();
    int calls = files.calls();
    for (int at = 1; at <= calls; at++) {
      runFailing(at);
      runCrashing(at, Ending.AGENT);
      for (int kept = 0; kept <= undurableAt(at); kept++) {
        for (int share = 0; share < CrashingFiles.SHARE_COUNT; share++) {
          runCrashing(at, new Ending(kept, share, true));
        }
      }
    }
  }

  private void begin() {
    files = mutant == null ? new CrashingFiles() : mutant.files();
    states = new StateDirectory(files);
    device = new Device();
  }

  /** Starts, writes and stops in order; a state that was saved is there, without a fault. */
  private void lives() {
    for (int life = 0; life < LIVES; life++) {
      Optional<TrackerState> state = claim("life " + life);
      if (state.isEmpty() && life > 0) {
        fail("no state of version " + device.version + " after life " + life);
      }
      device.write();
      save();
    }
  }

  private void runFailing(int at) {
    scenarioCount++;
    begin();
    files.plan(0, at);
    for (int life = 0; life < LIVES; life++) {
      Optional<TrackerState> state = claim("failure at call " + at + ", life " + life);
      device.take(state.isPresent());
      if (life == 1) {
        continue; // and a crash, with whatever the failure has left
      }
      device.write();
      save();
    }
    files.plan(0, 0); // an error and a lost stamp at once is more than anybody can bear
    goOn("after a failure at call " + at);
  }

  private int undurableAt(int at) {
    crash(at);
    return files.undurableCount();
  }

  private void crash(int at) {
    begin();
    files.plan(at, 0);
    try {
      lives();
      fail("call " + at + " is never made");
    } catch (CrashingFiles.Crash e) {
      files.plan(0, 0);
    }
  }

  private void runCrashing(int at, Ending ending) {
    scenarioCount++;
    crash(at);
    end(ending);
    goOn("crash at call " + at + ", " + ending);
  }

  private void end(Ending ending) {
    if (ending.power()) {
      files.losePower(ending.changesKept(), ending.share());
      device.losePower();
    }
  }

  /** Lives that are cut short, one that ends in order before a power loss, and a last one. */
  private void goOn(String how) {
    Optional<TrackerState> state = claim(how);
    device.take(state.isPresent());
    claim(how + ", then a crash");
    device.write();
    end(new Ending(0, 0, true));
    claim(how + ", then a power loss under tracking");
    device.write();
    save();
    end(new Ending(0, 0, true));
    state = claim(how + ", then a power loss after a stop");
    assertTrue(state.isPresent(), () -> how + ": no state of version " + device.version);
    state = claim(how + ", once more");
    assertTrue(
        state.isEmpty(), () -> how + ": the state of version " + device.version + " was had twice");
    save();
    device.write(); // somebody else
    state = claim(how + ", then a foreign write");
    assertTrue(state.isEmpty(), () -> how + ": the state of version before a foreign write");
  }

  private Optional<TrackerState> claim(String how) {
    String stamp = mutant == null ? device.stamp() : mutant.stampToClaim(device);
    Optional<TrackerState> state = states.claim(DEVICE, stamp, 1);
    device.stampAtClaim = device.stamp();
    state.ifPresent(
        known ->
            assertEquals(
                device.version,
                (int) known.heldGeneration().getLeastSignificantBits(),
                how + ": it is the state of version"));
    return state;
  }

  private void save() {
    String stamp = mutant == null ? device.stamp() : mutant.stampToSave(device);
    UUID version = new UUID(0, device.version);
    TrackerState state =
        new TrackerState(512, 9, 2, 1, version, version, new byte[] {1}, new byte[] {1});
    states.save(DEVICE, stamp, state);
  }
}
