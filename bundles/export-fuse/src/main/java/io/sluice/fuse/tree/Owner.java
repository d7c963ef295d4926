package io.sluice.fuse.tree;

/**
 * Whom files belong to, and who may use them.
 *
 * @param uid the agent's user
 * @param gid the agent's group
 * @param everybody whether all users may read and write, instead of the owner alone
 */
public record Owner(int uid, int gid, boolean everybody) {
  private static final int DIRECTORY_MODE = 0500;
  private static final int WRITABLE_MODE = 0600;
  private static final int READ_ONLY_MODE = 0400;

  int directoryMode() {
    return widened(DIRECTORY_MODE);
  }

  int fileMode(boolean writable) {
    return widened(writable ? WRITABLE_MODE : READ_ONLY_MODE);
  }

  private int widened(int mode) {
    return everybody ? mode | mode >>> 3 | mode >>> 6 : mode;
  }
}
