import java.io.IOException;
import java.io.PrintStream;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * The independent record of what a device holds: a copy of it from before, and the list of the
 * writes that a client was given, in order. It shares no code with the agent. The list is a script
 * for qemu-io, so that the writes go through a client that shares none either.
 *
 * <pre>
 * java WriteRecord.java plan SEED COUNT MAX_BLOCKS FIRST_BLOCK+BLOCK_COUNT... &gt; PLAN
 * java WriteRecord.java cut BASE PLAN AT_LEAST AT_MOST IMAGE
 * java WriteRecord.java survived BASE PLAN FLUSHED ISSUED DEVICE
 * </pre>
 *
 * <p>{@code plan} prints COUNT commands, each a write of 1 to MAX_BLOCKS blocks of 4096 bytes, one
 * in eight of zeroes, inside the areas given. {@code cut} finds the K from AT_LEAST to AT_MOST for
 * which IMAGE is exactly BASE and then the first K commands, and prints K and the bytes they wrote.
 * {@code survived} checks a device after its server was killed: each block must hold what the first
 * FLUSHED commands left, or what one of those up to ISSUED wrote later. Exit 1: it is not so.
 */
final class WriteRecord {
  private static final int BLOCK_BYTES = 4096;
  private static final int BASE = -1;
  private static final int MIXED = -2;

  private WriteRecord() {}

  /** One command of the list; what is no write (a flush) has no blocks. */
  private record Command(int firstBlock, int blockCount, int pattern) {}

  /**
   * What a file holds against the base, block by block.
   *
   * @param uniform the value of all bytes of the block, or {@link #MIXED}
   * @param asBase whether the block is that of the base
   */
  private record Contents(int[] uniform, boolean[] asBase) {
    boolean holds(int block, int expected) {
      return expected == BASE ? asBase[block] : uniform[block] == expected;
    }
  }

  public static void main(String[] arguments) throws IOException {
    boolean good;
    switch (arguments.length == 0 ? "" : arguments[0]) {
      case "plan" -> good = plan(arguments);
      case "cut" -> good = cut(arguments);
      case "survived" -> good = survived(arguments);
      default -> throw new IllegalArgumentException("plan, cut or survived, not " + arguments[0]);
    }
    System.exit(good ? 0 : 1);
  }

  private static boolean plan(String[] arguments) throws IOException {
    Random random = new Random(Long.parseLong(arguments[1]));
    int count = Integer.parseInt(arguments[2]);
    int maxBlocks = Integer.parseInt(arguments[3]);
    List<int[]> areas = new ArrayList<>();
    int areaBlocks = 0;
    for (String area : Arrays.copyOfRange(arguments, 4, arguments.length)) {
      String[] ends = area.split("\\+", 2);
      areas.add(new int[] {Integer.parseInt(ends[0]), Integer.parseInt(ends[1])});
      areaBlocks += Integer.parseInt(ends[1]);
    }
    try (PrintStream out = new PrintStream(System.out, false, StandardCharsets.US_ASCII)) {
      for (int i = 0; i < count; i++) {
        int pick = random.nextInt(areaBlocks);
        int area = 0;
        while (pick >= areas.get(area)[1]) {
          pick -= areas.get(area++)[1];
        }
        int blocks = Math.min(1 + random.nextInt(maxBlocks), areas.get(area)[1] - pick);
        long offset = (long) (areas.get(area)[0] + pick) * BLOCK_BYTES;
        String what = random.nextInt(8) == 0 ? "-z" : "-P " + (1 + random.nextInt(255));
        out.println("write " + what + " " + offset + " " + blocks * BLOCK_BYTES);
      }
    }
    return true;
  }

  private static boolean cut(String[] arguments) throws IOException {
    List<Command> commands = read(Path.of(arguments[2]));
    int atLeast = Integer.parseInt(arguments[3]);
    int atMost = Math.min(Integer.parseInt(arguments[4]), commands.size());
    Contents contents = contents(Path.of(arguments[1]), Path.of(arguments[5]));
    int blockCount = contents.asBase().length;
    int[] expected = new int[blockCount];
    Arrays.fill(expected, BASE);
    int wrong = 0;
    for (boolean same : contents.asBase()) {
      wrong += same ? 0 : 1;
    }
    long writtenBytes = 0;
    int fewestWrong = Integer.MAX_VALUE;
    int fewestAt = 0;
    for (int done = 0; done <= atMost; done++) {
      if (done > 0) {
        Command command = commands.get(done - 1);
        writtenBytes += (long) command.blockCount() * BLOCK_BYTES;
        for (int i = 0; i < command.blockCount(); i++) {
          int block = command.firstBlock() + i;
          wrong -= contents.holds(block, expected[block]) ? 0 : 1;
          expected[block] = command.pattern();
          wrong += contents.holds(block, expected[block]) ? 0 : 1;
        }
      }
      if (done >= atLeast && wrong == 0) {
        System.out.println(done + " " + writtenBytes);
        return true;
      }
      if (done >= atLeast && wrong < fewestWrong) {
        fewestWrong = wrong;
        fewestAt = done;
      }
    }
    System.err.printf(
        "%s: is no state between %d and %d commands; nearest is %d, with %d of %d blocks wrong%n",
        arguments[5], atLeast, atMost, fewestAt, fewestWrong, blockCount);
    return false;
  }

  private static boolean survived(String[] arguments) throws IOException {
    List<Command> commands = read(Path.of(arguments[2]));
    int flushed = Integer.parseInt(arguments[3]);
    int issued = Math.min(Integer.parseInt(arguments[4]), commands.size());
    Contents contents = contents(Path.of(arguments[1]), Path.of(arguments[5]));
    int blockCount = contents.asBase().length;
    int[] floor = new int[blockCount];
    Arrays.fill(floor, BASE);
    for (Command command : commands.subList(0, flushed)) {
      Arrays.fill(
          floor,
          command.firstBlock(),
          command.firstBlock() + command.blockCount(),
          command.pattern());
    }
    Map<Integer, List<Integer>> later = new HashMap<>();
    for (Command command : commands.subList(flushed, issued)) {
      for (int i = 0; i < command.blockCount(); i++) {
        later
            .computeIfAbsent(command.firstBlock() + i, block -> new ArrayList<>())
            .add(command.pattern());
      }
    }
    int lost = 0;
    for (int block = 0; block < blockCount; block++) {
      boolean good = contents.holds(block, floor[block]);
      for (int pattern : later.getOrDefault(block, List.of())) {
        good |= contents.holds(block, pattern);
      }
      if (!good) {
        lost++;
        if (lost <= 5) {
          System.err.printf(
              "block %d: neither %d as flushed nor any of %s written later%n",
              block, floor[block], later.getOrDefault(block, List.of()));
        }
      }
    }
    System.out.println(lost + " of " + blockCount + " blocks lost");
    return lost == 0;
  }

  private static List<Command> read(Path plan) throws IOException {
    List<Command> commands = new ArrayList<>();
    for (String line : Files.readAllLines(plan)) {
      String[] words = line.strip().split(" +");
      if (words[0].equals("flush")) {
        commands.add(new Command(0, 0, 0));
        continue;
      }
      boolean zeroes = words[1].equals("-z");
      int at = zeroes ? 2 : 3;
      long offset = Long.parseLong(words[at]);
      int length = Integer.parseInt(words[at + 1]);
      if (!words[0].equals("write") || offset % BLOCK_BYTES != 0 || length % BLOCK_BYTES != 0) {
        throw new IOException(plan + ": \"" + line + "\" is no write of whole blocks");
      }
      commands.add(
          new Command(
              Math.toIntExact(offset / BLOCK_BYTES),
              length / BLOCK_BYTES,
              zeroes ? 0 : Integer.decode(words[2])));
    }
    return commands;
  }

  private static Contents contents(Path base, Path image) throws IOException {
    try (RandomAccessFile before = new RandomAccessFile(base.toFile(), "r");
        RandomAccessFile now = new RandomAccessFile(image.toFile(), "r")) {
      if (before.length() != now.length() || now.length() % BLOCK_BYTES != 0) {
        throw new IOException(
            image + ": " + now.length() + " bytes, and " + base + " has " + before.length());
      }
      int blockCount = Math.toIntExact(now.length() / BLOCK_BYTES);
      Contents contents = new Contents(new int[blockCount], new boolean[blockCount]);
      byte[] ours = new byte[256 * BLOCK_BYTES];
      byte[] theirs = new byte[ours.length];
      for (int first = 0; first < blockCount; first += ours.length / BLOCK_BYTES) {
        int blocks = Math.min(ours.length / BLOCK_BYTES, blockCount - first);
        now.readFully(ours, 0, blocks * BLOCK_BYTES);
        before.readFully(theirs, 0, blocks * BLOCK_BYTES);
        for (int i = 0; i < blocks; i++) {
          int from = i * BLOCK_BYTES;
          int to = from + BLOCK_BYTES;
          contents.asBase()[first + i] = Arrays.equals(ours, from, to, theirs, from, to);
          // A block is uniform if it equals itself moved by one byte.
          boolean uniform = Arrays.equals(ours, from, to - 1, ours, from + 1, to);
          contents.uniform()[first + i] = uniform ? ours[from] & 0xff : MIXED;
        }
      }
      return contents;
    }
  }
}
