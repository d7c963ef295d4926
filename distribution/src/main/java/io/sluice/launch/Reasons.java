package io.sluice.launch;

import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/** Puts a failure in words: what each link of its chain of causes says, said once. */
final class Reasons {
  /** The most links of a chain of causes that are looked at. */
  private static final int DEPTH_MAX = 16;

  private Reasons() {}

  /** The messages of a failure and its causes, from the outside in. */
  static String of(Throwable failure) {
    List<String> parts = new ArrayList<>();
    Set<Throwable> seen = Collections.newSetFromMap(new IdentityHashMap<>());
    Throwable link = failure;
    while (link != null && seen.add(link) && seen.size() <= DEPTH_MAX) {
      String part = describe(link);
      String all = String.join(": ", parts);
      if (!all.contains(part)) {
        parts.add(part);
      }
      link = link.getCause();
    }
    return String.join(": ", parts);
  }

  private static String describe(Throwable link) {
    // The messages of these are nothing but the path.
    if (link instanceof NoSuchFileException missing) {
      return missing.getFile() + ": no such file or directory";
    }
    if (link instanceof AccessDeniedException denied) {
      return denied.getFile() + ": permission denied";
    }
    if (link instanceof FileSystemException fileSystem && fileSystem.getReason() == null) {
      return fileSystem.getFile() + ": " + fileSystem.getClass().getSimpleName();
    }
    String message = link.getMessage();
    if (message == null || message.isBlank()) {
      return link.getClass().getName();
    }
    // An unchecked exception or error is a defect, and its class says more than its message.
    boolean defect = link instanceof RuntimeException || link instanceof Error;
    return defect ? link.getClass().getName() + ": " + message : message;
  }
}
