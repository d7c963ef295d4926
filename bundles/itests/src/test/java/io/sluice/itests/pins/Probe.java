package io.sluice.itests.pins;

import io.sluice.block.BlockDevice;
import io.sluice.block.DeviceRole;
import io.sluice.block.OriginOptions;
import io.sluice.filter.AttachRequest;
import io.sluice.filter.ChainEntry;
import io.sluice.filter.DeviceTable;
import io.sluice.filter.FilterRegistry;
import io.sluice.itests.InFramework;
import io.sluice.snapshot.SnapshotControl;
import io.sluice.snapshot.SnapshotRequest;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;

/**
 * A test's hand in a framework whose classes the test does not share: a service of the platform's
 * type that takes lines and answers with lines. A failure is answered by its message.
 */
public final class Probe implements BundleActivator, UnaryOperator<String> {
  /** The answer to what has none. */
  static final String DONE = "done";

  private InFramework in;

  @Override
  public void start(BundleContext context) {
    in = new InFramework(context);
    context.registerService(UnaryOperator.class, this, null);
  }

  @Override
  public void stop(BundleContext context) {
    in.close();
  }

  @Override
  public String apply(String line) {
    try {
      String[] words = line.split(" ", -1);
      return switch (words[0]) {
        case "add" -> add(words[1], words[2]);
        case "attach" -> attach(words[1], words[2]);
        case "detach" -> detach(words[1], words[2]);
        case "chain" -> chain(words[1]);
        case "take" -> take(words[1], words[2], words[3]);
        case "destroy" -> destroy(words[1]);
        case "images" -> images();
        case "devices" -> in.service(DeviceTable.class).list().size() + "";
        case "io" -> io(words[1], Integer.parseInt(words[2]), words[3].charAt(0));
        default -> throw new IllegalArgumentException(line);
      };
    } catch (Exception e) {
      return String.valueOf(e);
    }
  }

  private String add(String name, String path) throws Exception {
    in.service(DeviceTable.class).add(name, path, OriginOptions.DEFAULT);
    return DONE;
  }

  private String attach(String device, String filter) throws Exception {
    in.service(FilterRegistry.class).attach(AttachRequest.of(device, filter));
    return DONE;
  }

  private String detach(String device, String filter) throws Exception {
    in.service(FilterRegistry.class).detach(device, filter);
    return DONE;
  }

  private String chain(String device) throws Exception {
    return in.service(FilterRegistry.class).chain(device).stream()
        .map(ChainEntry::filter)
        .collect(Collectors.joining(" "));
  }

  private String take(String device, String directory, String name) throws Exception {
    SnapshotControl snapshots = in.service(SnapshotControl.class);
    UUID id =
        snapshots.create(
            new SnapshotRequest(List.of(device), "dir", Path.of(directory).toString(), 0, 0, name));
    snapshots.take(id);
    return id.toString();
  }

  private String destroy(String id) throws Exception {
    in.service(SnapshotControl.class).destroy(UUID.fromString(id));
    return DONE;
  }

  /** Each image of each snapshot, with {@code good} or {@code lost}. */
  private String images() throws Exception {
    return in.service(SnapshotControl.class).list().stream()
        .flatMap(snapshot -> snapshot.devices().stream())
        .map(device -> device.image() + (device.errorCode() == 0 ? " good" : " lost"))
        .collect(Collectors.joining(", "));
  }

  /** Writes a block of a letter and reads it back. */
  private String io(String device, int block, char letter) throws Exception {
    BlockDevice live = in.device(device, DeviceRole.LIVE);
    long offsetBytes = (long) block * InFramework.BLOCK_SIZE_BYTES;
    byte[] bytes = InFramework.filled(letter);
    InFramework.write(live, offsetBytes, bytes);
    return Arrays.equals(bytes, InFramework.read(live, offsetBytes))
        ? DONE
        : "block " + block + " is not what was written";
  }
}
