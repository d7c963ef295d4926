package io.sluice.launch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import org.junit.jupiter.api.Test;

class ReasonsTest {
  @Test
  void saysEachLinkOnce() {
    Exception inner = new IOException("disk is full");
    Exception middle = new IOException("can't write: disk is full", inner);
    assertEquals("start: can't write: disk is full", Reasons.of(new Exception("start", middle)));
  }

  @Test
  void namesTheClassOfDefects() {
    assertEquals(
        "java.lang.IllegalStateException: closed", Reasons.of(new IllegalStateException("closed")));
    assertEquals("java.lang.NullPointerException", Reasons.of(new NullPointerException()));
  }

  @Test
  void putsBarePathsInWords() {
    assertEquals("/x: no such file or directory", Reasons.of(new NoSuchFileException("/x")));
    assertEquals("/x: permission denied", Reasons.of(new AccessDeniedException("/x")));
  }

  @Test
  void endsOnALoopOfCauses() {
    Exception first = new Exception("first");
    Exception second = new Exception("second", first);
    first.initCause(second);
    assertEquals("first: second", Reasons.of(first));
  }
}
