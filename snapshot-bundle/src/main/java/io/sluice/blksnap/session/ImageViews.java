package io.sluice.blksnap.session;

import io.sluice.blksnap.image.SnapshotImage;
import io.sluice.blksnap.tracking.TakenMap;
import io.sluice.block.DeviceMap;
import io.sluice.block.DeviceView;
import io.sluice.block.DeviceViews;
import io.sluice.block.ErrnoException;
import io.sluice.block.ExtentVisitor;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Images with maps: {@code DEV@SNAP}, and {@code DEV@SNAP..BASE} with what has changed since BASE.
 *
 * <p>BASE is a held snapshot, by name or id, or {@code GENERATION:NUMBER}, whose snapshot may be
 * gone. A name is looked up once: the view's own name has the position in its place, which means
 * the same for as long as the image is there. A base that is void gives a view without the map of
 * changes, and a description that says why.
 */
final class ImageViews implements DeviceViews {
  private static final String SEPARATOR = "..";
  private static final Pattern POSITION =
      Pattern.compile("([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}):([0-9]{1,3})");

  private final Supplier<List<Snapshot>> snapshots;

  /**
   * @param snapshots those that are held now
   */
  ImageViews(Supplier<List<Snapshot>> snapshots) {
    this.snapshots = snapshots;
  }

  /** An image that is held. */
  private record Held(Snapshot snapshot, Snapshot.Member member, Snapshot.Taken taken) {
    String imageName() {
      return taken.imageName();
    }

    String device() {
      return member.device.name();
    }

    TakenMap map() {
      return taken.image().map();
    }
  }

  /** What a base means: a position, or why it means none. */
  private record Base(UUID generation, int number, String whyVoid) {
    static Base at(UUID generation, int number) {
      return new Base(generation, number, "");
    }

    static Base unknown(String why) {
      return new Base(null, 0, why);
    }
  }

  @Override
  public Optional<DeviceView> find(String name) {
    List<Held> held = held();
    for (Held image : held) {
      if (image.imageName().equals(name)) {
        return Optional.of(view(image));
      }
    }
    // A snapshot's name may have two dots in it: the longest that there is.
    return held.stream()
        .filter(image -> name.startsWith(image.imageName() + SEPARATOR))
        .max(Comparator.comparing(image -> image.imageName().length()))
        .map(
            image ->
                view(image, name.substring(image.imageName().length() + SEPARATOR.length()), held));
  }

  private List<Held> held() {
    List<Held> found = new ArrayList<>();
    for (Snapshot snapshot : snapshots.get()) {
      for (Snapshot.Member member : snapshot.members()) {
        Snapshot.Taken taken = member.taken();
        if (taken != null && taken.publication().isOpen()) {
          found.add(new Held(snapshot, member, taken));
        }
      }
    }
    return found;
  }

  private static DeviceView view(Held image) {
    return new DeviceView(
        image.imageName(),
        image.device(),
        image.taken().publication().description(),
        image.taken().image(),
        maps(image));
  }

  private static DeviceView view(Held image, String baseText, List<Held> held) {
    Base base = base(image, baseText, held);
    String whyVoid = base.whyVoid().isEmpty() ? whyVoid(image.map(), base) : base.whyVoid();
    List<DeviceMap> maps = new ArrayList<>(maps(image));
    String position = base.generation() + ":" + base.number();
    boolean named = !position.equalsIgnoreCase(baseText);
    String said;
    if (whyVoid.isEmpty()) {
      maps.add(changed(image.taken().image(), DeviceMap.CHANGED, base.number()));
      maps.add(changed(image.taken().image(), "since:" + position, base.number()));
      said = "; with what changed since " + (named ? baseText + ", at " : "") + position;
    } else {
      said = "; without a map of changes: " + whyVoid + "; make a full backup";
    }
    return new DeviceView(
        image.imageName() + SEPARATOR + (whyVoid.isEmpty() ? position : baseText),
        image.device(),
        image.taken().publication().description() + said,
        image.taken().image(),
        maps);
  }

  private static Base base(Held image, String text, List<Held> held) {
    boolean otherDevice = false;
    for (Held other : held) {
      if (other.snapshot().label().equals(text) || other.snapshot().id().toString().equals(text)) {
        if (other.member().device == image.member().device) {
          return Base.at(other.map().generation(), other.map().number());
        }
        otherDevice = true;
      }
    }
    Matcher position = POSITION.matcher(text);
    if (position.matches()) {
      return Base.at(UUID.fromString(position.group(1)), Integer.parseInt(position.group(2)));
    }
    return Base.unknown(
        otherDevice
            ? "snapshot " + text + " is not one of " + image.device()
            : "base \""
                + text
                + "\" is no snapshot that is held; of one that is gone, give GENERATION:NUMBER");
  }

  private static String whyVoid(TakenMap map, Base base) {
    String position = base.generation() + ":" + base.number();
    if (!base.generation().equals(map.generation())) {
      return "base "
          + position
          + " is void: tracking began anew, with generation "
          + map.generation();
    }
    return base.number() > map.number()
        ? "base " + position + " is newer than this image, which is number " + map.number()
        : "";
  }

  private static List<DeviceMap> maps(Held image) {
    SnapshotImage bytes = image.taken().image();
    return List.of(
        new ImageMap(DeviceMap.DEPTH, bytes::depth),
        new ImageMap(
            "generation:" + image.map().generation() + ":" + image.map().number(), bytes::numbers));
  }

  private static DeviceMap changed(SnapshotImage image, String name, int sinceNumber) {
    return new ImageMap(
        name,
        (offsetBytes, lengthBytes, visitor) ->
            image.changed(sinceNumber, offsetBytes, lengthBytes, visitor));
  }

  @FunctionalInterface
  private interface Extents {
    void tell(long offsetBytes, long lengthBytes, ExtentVisitor visitor) throws ErrnoException;
  }

  private record ImageMap(String name, Extents extents) implements DeviceMap {
    @Override
    public void extents(long offsetBytes, long lengthBytes, ExtentVisitor visitor)
        throws ErrnoException {
      extents.tell(offsetBytes, lengthBytes, visitor);
    }
  }
}
