package io.sluice.blksnap.osgi;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/**
 * The files of one directory, as far as a change map needs them. A crash may come between any two
 * calls; what of them outlives a power loss, only {@link Output#force} and {@link #forceNames} say.
 */
interface StateFiles {
  /** A file that is being written. */
  interface Output extends Closeable {
    /** Where its bytes go; unbuffered. */
    OutputStream stream();

    /** Makes the bytes durable, but not the file's name. */
    void force() throws IOException;
  }

  boolean exists(String name);

  InputStream read(String name) throws IOException;

  /** Creates a file of the owner's alone, in place of one of this name; the directory, too. */
  Output create(String name) throws IOException;

  /** Gives a file another name, in one step, in place of another file. */
  void rename(String from, String to) throws IOException;

  void delete(String name) throws IOException;

  /** Makes what names there are durable. */
  void forceNames() throws IOException;
}
