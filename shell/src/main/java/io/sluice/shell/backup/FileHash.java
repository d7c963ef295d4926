package io.sluice.shell.backup;

import io.sluice.block.ErrnoException;
import io.sluice.shell.tool.ByteSize;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** The SHA-256 of a file, computed for as long as it is wanted. */
final class FileHash {
  private FileHash() {}

  /**
   * @return in hexadecimal
   * @throws ErrnoException ECANCELED if the caller gives up
   */
  static String of(Path file, Work work) throws IOException, ErrnoException {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
    long totalBytes = Files.size(file);
    long doneBytes = 0;
    byte[] buffer = new byte[1 << 20];
    try (InputStream in = Files.newInputStream(file)) {
      for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
        digest.update(buffer, 0, read);
        doneBytes += read;
        if ((doneBytes & ((64L << 20) - 1)) == 0) {
          work.progress(
              file.getFileName()
                  + ": checksum, "
                  + ByteSize.human(doneBytes)
                  + " of "
                  + ByteSize.human(totalBytes));
        }
        work.check();
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }
}
