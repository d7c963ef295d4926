package io.sluice.tck;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.DeviceGeometry;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.block.OriginDevice;
import io.sluice.block.OriginOptions;
import io.sluice.block.OriginProvider;
import io.sluice.block.StorageIdentity;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;

/** Origins that break one rule each. */
final class OriginMutants {
  private OriginMutants() {}

  /** Makes a provider, as wrong as it may be. */
  @FunctionalInterface
  interface Make {
    Provider make();
  }

  /** One disk in memory under two names; keeps every rule. */
  static class Provider implements OriginProvider {
    final MemoryDevice disk =
        new MemoryDevice(
            new DeviceGeometry(128 << 10, 512, 4096, false, false, EnumSet.allOf(BioOp.class)));
    boolean held;
    boolean pulledOut;

    @Override
    public boolean accepts(String path) {
      return path.startsWith("/mem/");
    }

    @Override
    public OriginDevice open(String path, OriginOptions options) throws ErrnoException {
      if (held) {
        throw new ErrnoException(Errno.EBUSY, path + " is held");
      }
      held = true;
      return origin(path, options.readOnly());
    }

    Origin origin(String path, boolean readOnly) {
      return new Origin(this, path, readOnly);
    }
  }

  /** The disk, opened. */
  static class Origin extends MemoryDevice implements OriginDevice {
    final Provider provider;
    private final String path;
    boolean closed;

    Origin(Provider provider, String path, boolean readOnly) {
      super(new DeviceGeometry(128 << 10, 512, 4096, readOnly, false, EnumSet.allOf(BioOp.class)));
      this.provider = provider;
      this.path = path;
    }

    @Override
    public String path() {
      return path;
    }

    @Override
    public StorageIdentity identity() {
      return new StorageIdentity(false, 1, 2);
    }

    @Override
    void serve(Bio bio) throws ErrnoException {
      if (provider.pulledOut) {
        throw new ErrnoException(Errno.EIO, bio + ": the disk is gone");
      }
      provider.disk.serve(bio);
    }

    @Override
    public void status(long offsetBytes, long lengthBytes, io.sluice.block.ExtentVisitor visitor)
        throws ErrnoException {
      provider.disk.status(offsetBytes, lengthBytes, visitor);
    }

    @Override
    public Optional<String> lost() {
      return provider.pulledOut ? Optional.of("the disk was pulled out") : Optional.empty();
    }

    @Override
    public void close() throws ErrnoException {
      if (!closed) {
        closed = true;
        provider.held = false;
        remove();
      }
    }
  }

  /** The kit over whatever is to be tested now. */
  static final class Kit extends OriginTck {
    static Make make = Provider::new;
    private Provider provider;

    @Override
    protected OriginProvider provider() {
      if (provider == null) {
        provider = make.make();
      }
      return provider;
    }

    @Override
    protected String path() {
      return "/mem/disk";
    }

    @Override
    protected Optional<String> otherPath() {
      return Optional.of("/mem/link");
    }

    @Override
    protected boolean loseStorage() {
      provider.pulledOut = true;
      return true;
    }
  }

  static KitRun run(Mutant<Make> mutant) {
    Kit.make = mutant.make();
    return KitRun.of(Kit.class);
  }

  /** Makes a mutant's origin. */
  @FunctionalInterface
  private interface MakeOrigin {
    Origin of(Provider provider, String path, boolean readOnly);
  }

  private static Make origin(MakeOrigin make) {
    return () ->
        new Provider() {
          @Override
          Origin origin(String path, boolean readOnly) {
            return make.of(this, path, readOnly);
          }
        };
  }

  static List<Mutant<Make>> all() {
    return List.of(
        new Mutant<>(
            "ORG-1",
            "opens one disk twice",
            () ->
                new Provider() {
                  @Override
                  public OriginDevice open(String path, OriginOptions options) {
                    return origin(path, options.readOnly());
                  }
                }),
        new Mutant<>(
            "ORG-1",
            "knows a link for another disk",
            () ->
                new Provider() {
                  @Override
                  public OriginDevice open(String path, OriginOptions options)
                      throws ErrnoException {
                    held = held && !path.endsWith("link");
                    return super.open(path, options);
                  }
                }),
        new Mutant<>(
            "ORG-2",
            "forgets a sector at the close",
            origin(
                (provider, path, readOnly) ->
                    new Origin(provider, path, readOnly) {
                      @Override
                      public void close() throws ErrnoException {
                        if (!closed) {
                          provider.disk.serve(new Bio().writeZeroes(0, 512, 0));
                        }
                        super.close();
                      }
                    })),
        new Mutant<>(
            "ORG-3",
            "another identity by each path",
            origin(
                (provider, path, readOnly) ->
                    new Origin(provider, path, readOnly) {
                      @Override
                      public StorageIdentity identity() {
                        return new StorageIdentity(false, 1, path.hashCode());
                      }
                    })),
        new Mutant<>(
            "ORG-4",
            "always lost",
            origin(
                (provider, path, readOnly) ->
                    new Origin(provider, path, readOnly) {
                      @Override
                      public Optional<String> lost() {
                        return Optional.of("perhaps");
                      }
                    })),
        new Mutant<>(
            "ORG-5",
            "never lost",
            origin(
                (provider, path, readOnly) ->
                    new Origin(provider, path, readOnly) {
                      @Override
                      public Optional<String> lost() {
                        return Optional.empty();
                      }
                    })),
        new Mutant<>(
            "ORG-5",
            "zeroes where the disk was",
            origin(
                (provider, path, readOnly) ->
                    new Origin(provider, path, readOnly) {
                      @Override
                      void serve(Bio bio) throws ErrnoException {
                        if (provider.pulledOut && bio.op() == BioOp.READ) {
                          bio.data().put(new byte[bio.data().remaining()]);
                        } else {
                          super.serve(bio);
                        }
                      }
                    })),
        new Mutant<>(
            "ORG-6",
            "throws at a text that is no path",
            () ->
                new Provider() {
                  @Override
                  public boolean accepts(String path) {
                    return java.nio.file.Path.of(path).startsWith("/mem");
                  }
                }));
  }
}
