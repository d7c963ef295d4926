package io.sluice.tck;

import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.OriginDevice;
import io.sluice.block.OriginOptions;
import io.sluice.block.OriginProvider;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Assertions;

/**
 * Checks origins against the rules ORG-n, and that they keep the rules BLK-n. Extend it in a test,
 * and say whose origins, and where one is.
 */
@Untested(
    rule = "ORG-7",
    reason = "a rule for the registry over a lost origin; the tests of filter-registry check it")
public abstract class OriginTck extends BlockDeviceTck {
  private static final Duration SOON = Duration.ofSeconds(5);

  /** Who opens the origins; the same for the whole of a test. */
  protected abstract OriginProvider provider() throws Exception;

  /**
   * The path of an origin that is there, and that nobody has open: of 64 KiB to 16 MiB. What it
   * holds is overwritten. The same for the whole of a test.
   */
  protected abstract String path() throws Exception;

  /** How it is opened. */
  protected OriginOptions originOptions() {
    return OriginOptions.DEFAULT;
  }

  /** Another path that leads to the same storage, such as a link. */
  protected Optional<String> otherPath() throws Exception {
    return Optional.empty();
  }

  /** Makes the storage go from under the open origin: deletes the file, pulls out the disk. */
  protected boolean loseStorage() throws Exception {
    return false;
  }

  @Override
  protected final BlockDevice openDevice() throws Exception {
    Expect.same("accepts " + path(), true, provider().accepts(path()));
    return provider().open(path(), originOptions());
  }

  private OriginDevice origin() {
    return (OriginDevice) tested().device;
  }

  @Override
  protected final Optional<BlockDevice> openReadOnlyDevice() throws Exception {
    origin().close();
    OriginOptions options = originOptions();
    return Optional.of(
        provider()
            .open(path(), new OriginOptions(true, options.direct(), options.blockSizeBytes())));
  }

  @Override
  protected final boolean remove(BlockDevice device) throws Exception {
    ((OriginDevice) device).close();
    return true;
  }

  @Rule("ORG-1")
  void org1_isHeldAgainstASecondOpen() throws Exception {
    Expect.refused(
        "second open of " + path(), Errno.EBUSY, () -> provider().open(path(), originOptions()));
    Optional<String> other = otherPath();
    if (other.isPresent()) {
      Expect.refused(
          "open by another path, " + other.get(),
          Errno.EBUSY,
          () -> provider().open(other.get(), originOptions()));
    }
    byte[] content = TestedDevice.bytes(random(), tested().unitBytes);
    tested().write(0, content);
    Expect.bytes("written after the refusal", 0, content, tested().read(0, content.length));
  }

  @Rule("ORG-2")
  void org2_closeIsIdempotentAndLetsGo() throws Exception {
    byte[] content = TestedDevice.bytes(random(), tested().unitBytes);
    tested().write(0, content);
    tested().flush();
    origin().close();
    origin().close();
    try (OriginDevice again = provider().open(path(), originOptions())) {
      byte[] actual = new TestedDevice(again).read(0, content.length);
      Expect.bytes("written before the close", 0, content, actual);
    }
  }

  @Rule("ORG-3")
  void org3_identityIsTheStoragesAndStandsStill() throws Exception {
    Expect.same("path()", path(), origin().path());
    var identity = origin().identity();
    tested().write(0, TestedDevice.bytes(random(), tested().unitBytes));
    Expect.same("identity() later", identity, origin().identity());
    Optional<String> other = otherPath();
    origin().close();
    try (OriginDevice again = provider().open(other.orElse(path()), originOptions())) {
      Expect.same("identity() of " + again.path(), identity, again.identity());
    }
  }

  @Rule("ORG-4")
  void org4_isNotLostWhileAllIsWell() throws Exception {
    tested().write(0, TestedDevice.bytes(random(), tested().unitBytes));
    Optional<String> lost = Assertions.assertTimeout(SOON, origin()::lost);
    Expect.same("lost()", Optional.empty(), lost);
    if (tested().serves(BioOp.FLUSH)) {
      tested().flush();
    }
    Expect.same("lost() after a flush", Optional.empty(), origin().lost());
  }

  @Rule("ORG-5")
  void org5_saysThatItIsLostAndMakesNothingUp() throws Exception {
    byte[] content = TestedDevice.bytes(random(), tested().sizeBytes);
    tested().write(0, content);
    tested().flush();
    notApplicableUnless(loseStorage(), "the storage can't be taken away here (loseStorage)");
    Optional<String> lost = Assertions.assertTimeout(SOON, origin()::lost);
    Expect.that(lost.isPresent(), "lost()", "what happened", "empty");
    byte[] actual;
    try {
      actual = tested().read(0, tested().unitBytes);
    } catch (IOException expected) {
      return;
    }
    // A deleted file still has its bytes; what must not come are others.
    byte[] wanted = Arrays.copyOf(content, tested().unitBytes);
    Expect.bytes("read of a lost origin that completed", 0, wanted, actual);
  }

  @Rule("ORG-6")
  void org6_acceptsJudgesAnyText() throws Exception {
    for (String text : List.of("", " ", "/", "/no/such/file", "a\0b", "//", "x".repeat(70_000))) {
      try {
        provider().accepts(text);
      } catch (RuntimeException e) {
        throw Expect.failure("accepts of a text of " + text.length(), "an answer", e);
      }
    }
  }
}
