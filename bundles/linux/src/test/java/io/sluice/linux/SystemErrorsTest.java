package io.sluice.linux;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SystemErrorsTest {
  @ParameterizedTest
  @EnumSource(Errno.class)
  void everyErrnoIsKnownByTheKernelsText(Errno errno) {
    String text = SystemErrors.text(errno.number());
    assertEquals(errno, SystemErrors.errno(new IOException(text)));
    assertEquals(errno, SystemErrors.errno(new FileSystemException("/f", null, text)));
    assertEquals(errno, SystemErrors.failure(errno.number(), "call").errno());
  }

  @Test
  void typedFailuresOfTheJdkAreKnown() {
    assertEquals(Errno.ENOENT, SystemErrors.errno(new NoSuchFileException("/f")));
    assertEquals(Errno.EACCES, SystemErrors.errno(new AccessDeniedException("/f")));
    assertEquals(Errno.EIO, SystemErrors.errno(new IOException("nothing that strerror says")));
    assertEquals(Errno.EIO, SystemErrors.errno(new IOException((String) null)));
  }

  @Test
  void textsNameTheOperationAndKeepWhatIsTyped() {
    ErrnoException known = new ErrnoException(Errno.EBUSY, "x");
    assertSame(known, SystemErrors.failure(known, "open /f"));
    ErrnoException failure = SystemErrors.failure(new NoSuchFileException("/f"), "open /f");
    assertEquals("open /f: " + SystemErrors.text(2), failure.text());
    assertEquals("call: " + SystemErrors.text(38), SystemErrors.failure(38, "call").text());
  }
}
