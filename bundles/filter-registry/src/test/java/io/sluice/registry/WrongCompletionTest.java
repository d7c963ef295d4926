package io.sluice.registry;

import static io.sluice.registry.Fixture.ALL_OPS;
import static io.sluice.registry.Fixture.read;
import static io.sluice.registry.Fixture.refused;
import static io.sluice.registry.Fixture.write;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.Bio;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import io.sluice.filter.ChainEntry;
import io.sluice.filter.Filter;
import io.sluice.filter.OnError;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Filters that return as if all were well, and it is not. */
@Timeout(120)
final class WrongCompletionTest {
  private final Fixture fixture = new Fixture(Duration.ofSeconds(30));
  private BlockDevice disk;

  @BeforeEach
  void setUp() throws ErrnoException {
    Fixture.LOGGER.setUseParentHandlers(false);
    disk = fixture.add("disk");
    write(disk, 0, 512, 5);
    fixture.origin("disk").log.clear();
  }

  @AfterEach
  void tearDown() {
    Fixture.LOGGER.setUseParentHandlers(true);
  }

  private void attach(Filter filter, OnError onError) throws ErrnoException {
    fixture.register("f", 1, ALL_OPS, filter);
    fixture.attach("disk", "f", onError);
  }

  private ChainEntry entry() throws ErrnoException {
    return fixture.registry.chain("disk").get(0);
  }

  @Test
  void aWriteThatIsForgottenIsAFault() throws ErrnoException {
    attach((bio, next) -> {}, OnError.FAIL);
    refused(Errno.EIO, () -> write(disk, 0, 512, 6), "WRITE 0+512", "without passing");
    assertEquals("failed", entry().state());
    assertEquals(List.of(), fixture.origin("disk").log);
  }

  @Test
  void aReadOfWhichAPartIsFilledIsAFault() throws ErrnoException {
    attach((bio, next) -> bio.data().put(new byte[100]), OnError.BYPASS);
    assertEquals(5, read(disk, 0, 512)[0], "never the bytes of another time");
    assertEquals("bypassed", entry().state());
    assertTrue(entry().fault().contains("READ 0+512"), entry().fault());
  }

  @Test
  void whoPassesABioOfItsOwnNeedNotMoveTheBuffer() throws ErrnoException {
    attach(
        (bio, next) -> next.submit(new Bio().write(bio.offsetBytes(), bio.data().duplicate(), 0)),
        OnError.FAIL);
    write(disk, 0, 512, 6);
    assertEquals("attached", entry().state());
    assertEquals(List.of("WRITE 0+512"), fixture.origin("disk").log);
  }

  @Test
  void aBioThatWasChangedIsAFaultAndGoesOnAsItWas() throws ErrnoException {
    attach(
        (bio, next) -> {
          ByteBuffer data = bio.data();
          next.submit(bio.write(4096, data, 0));
        },
        OnError.BYPASS);
    ByteBuffer data = ByteBuffer.allocate(512).put(0, (byte) 7);
    Bio bio = new Bio().write(512, data, 0);
    disk.submit(bio);
    assertEquals(512, bio.offsetBytes(), "the owner's bio is what it was");
    assertEquals(0, data.remaining());
    assertEquals("bypassed", entry().state());
    assertTrue(entry().fault().contains("changed the bio"), entry().fault());
    assertEquals(List.of("WRITE 4096+512", "WRITE 512+512"), fixture.origin("disk").log);
  }

  @Test
  void aBioThatWasChangedBeforeAFaultGoesOnAsItWas() throws ErrnoException {
    attach(
        (bio, next) -> {
          bio.discard(0, 65536, 0);
          throw new IllegalStateException("boom");
        },
        OnError.BYPASS);
    write(disk, 512, 512, 8);
    assertEquals(List.of("WRITE 512+512"), fixture.origin("disk").log);
  }

  @Test
  void anExtentOfNothingIsAFault() throws ErrnoException {
    attach(
        new Filter() {
          @Override
          public void submit(Bio bio, BlockDevice next) throws ErrnoException {
            next.submit(bio);
          }

          @Override
          public void status(
              long offsetBytes, long lengthBytes, ExtentVisitor visitor, BlockDevice next) {
            visitor.extent(0, ExtentVisitor.HOLE);
          }
        },
        OnError.FAIL);
    refused(Errno.EIO, () -> disk.status(0, 512, (length, state) -> true), "extent of 0 bytes");
    assertEquals("failed", entry().state());
  }
}
