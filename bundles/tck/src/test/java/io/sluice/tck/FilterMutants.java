package io.sluice.tck;

import io.sluice.block.Bio;
import io.sluice.block.BioOp;
import io.sluice.block.BlockDevice;
import io.sluice.block.Errno;
import io.sluice.block.ErrnoException;
import io.sluice.filter.CtlCommand;
import io.sluice.filter.Filter;
import io.sluice.filter.FilterHost;
import io.sluice.filter.FilterOperations;
import io.sluice.filter.Parameter;
import io.sluice.filter.ParameterType;
import io.sluice.tck.PassOperations.Pass;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;

/** Filters that break one rule each. */
final class FilterMutants {
  private FilterMutants() {}

  /** Makes a filter, as wrong as it may be. */
  @FunctionalInterface
  interface Make {
    FilterOperations make();
  }

  /** The kit over whatever is to be tested now. */
  static final class Kit extends FilterTck {
    static Make make = PassOperations::new;

    @Override
    protected FilterOperations operations() {
      return make.make();
    }
  }

  static KitRun run(Mutant<Make> mutant) {
    Kit.make = mutant.make();
    return KitRun.of(Kit.class);
  }

  /** What a mutant does with a bio. */
  @FunctionalInterface
  private interface Wrong {
    void submit(Bio bio, BlockDevice next, FilterHost host) throws ErrnoException;
  }

  private static Make submit(Wrong wrong) {
    return attach(
        host ->
            new Pass(host) {
              @Override
              public void submit(Bio bio, BlockDevice next) throws ErrnoException {
                wrong.submit(bio, next, host);
              }
            });
  }

  /** Makes a mutant's instance. */
  @FunctionalInterface
  private interface Attach {
    Filter attach(FilterHost host) throws ErrnoException;
  }

  private static Make attach(Attach attach) {
    return () ->
        new PassOperations() {
          @Override
          public Filter attach(FilterHost host, Map<String, String> options) throws ErrnoException {
            super.attach(host, options);
            return attach.attach(host);
          }
        };
  }

  private static ErrnoException error(Errno errno) {
    return new ErrnoException(errno, "wrong on purpose");
  }

  static List<Mutant<Make>> all() {
    return List.of(
        new Mutant<>(
            "BLK-5",
            "a read in a flush's place",
            submit(
                (bio, next, host) ->
                    next.submit(
                        bio.op() == BioOp.FLUSH
                            ? new Bio().read(0, ByteBuffer.allocate(512))
                            : bio))),
        new Mutant<>(
            "BLK-6",
            "drops FUA of writes",
            submit(
                (bio, next, host) -> {
                  boolean fua = bio.op() == BioOp.WRITE && bio.has(Bio.FUA);
                  next.submit(fua ? new Bio().write(bio.offsetBytes(), bio.data(), 0) : bio);
                })),
        new Mutant<>("BLK-14", "changes bytes and passes block status", () -> new Xor(true, false)),
        new Mutant<>("FLT-1", "a name with a blank", named("two words")),
        new Mutant<>("FLT-1", "a name that is too long", named("x".repeat(33))),
        new Mutant<>("FLT-1", "other operations each time", changingOps()),
        new Mutant<>("FLT-6", "encrypts in the caller's buffer", () -> new Xor(false, false)),
        new Mutant<>("FLT-6", "and decrypts it again", () -> new Xor(false, true)),
        new Mutant<>(
            "FLT-6",
            "adds FUA to the caller's bio",
            submit(
                (bio, next, host) -> {
                  if (bio.op() == BioOp.WRITE) {
                    bio.write(bio.offsetBytes(), bio.data(), Bio.FUA);
                  }
                  next.submit(bio);
                })),
        new Mutant<>("FLT-7", "keeps the first next for ever", attach(KeepsNext::new)),
        new Mutant<>(
            "FLT-7",
            "uses lower() inside submit",
            submit(
                (bio, next, host) -> {
                  if (bio.op() == BioOp.FLUSH) {
                    host.lower().submit(bio);
                  } else {
                    next.submit(bio);
                  }
                })),
        new Mutant<>(
            "FLT-8",
            "tries again with a used buffer",
            submit(
                (bio, next, host) -> {
                  try {
                    next.submit(bio);
                  } catch (ErrnoException e) {
                    next.submit(bio);
                  }
                })),
        new Mutant<>(
            "FLT-10",
            "takes each buffer for an array",
            submit(
                (bio, next, host) -> {
                  if (bio.data() != null && bio.data().array().length == 0) {
                    return;
                  }
                  next.submit(bio);
                })),
        new Mutant<>(
            "FLT-10",
            "throws its own exception on errors",
            submit(
                (bio, next, host) -> {
                  try {
                    next.submit(bio);
                  } catch (ErrnoException e) {
                    throw new IllegalStateException(e);
                  }
                })),
        new Mutant<>(
            "FLT-11",
            "detach throws",
            attach(
                host ->
                    new Pass(host) {
                      @Override
                      public void detach() {
                        throw new IllegalStateException("still busy");
                      }
                    })),
        new Mutant<>("FLT-11", "uses lower() after it has left", usesLowerLate()),
        new Mutant<>(
            "FLT-15",
            "a fallback of the wrong type",
            options(new Parameter("rate", ParameterType.COUNT, "fast", "bios a second"))),
        new Mutant<>(
            "FLT-15",
            "an option without help",
            options(new Parameter("rate", ParameterType.COUNT, "1", ""))),
        new Mutant<>(
            "FLT-15", "an option twice", options(PassOperations.LIMIT, PassOperations.LIMIT)),
        new Mutant<>(
            "FLT-16",
            "answers with an object",
            ctl((command, arguments) -> Map.of("thread", Thread.currentThread()))),
        new Mutant<>(
            "FLT-16",
            "NumberFormatException on a size with a unit",
            ctl(
                (command, arguments) -> {
                  for (String word : arguments) {
                    Long.parseLong(word.substring(word.indexOf('=') + 1));
                  }
                  return Map.of();
                })),
        new Mutant<>("FLT-16", "overflows on a large option", overflows()),
        new Mutant<>(
            "FLT-17",
            "options that attach does not take",
            optionsOf(attached -> Map.of("other", "1"))),
        new Mutant<>(
            "FLT-17",
            "options that make another filter",
            optionsOf(
                attached -> {
                  Map<String, String> more = new HashMap<>(attached);
                  more.merge("limit", "1", (old, one) -> old + one);
                  return more;
                })),
        new Mutant<>(
            "FLT-18",
            "no time at all",
            () ->
                new PassOperations() {
                  @Override
                  public Duration callLimit() {
                    return Duration.ZERO;
                  }
                }),
        new Mutant<>(
            "FLT-19",
            "throws when put aside",
            attach(
                host ->
                    new Pass(host) {
                      @Override
                      public void quarantined(String fault) {
                        throw new IllegalStateException(fault);
                      }
                    })),
        new Mutant<>(
            "FLT-20",
            "throws when the device is lost",
            attach(
                host ->
                    new Pass(host) {
                      @Override
                      public void deviceLost(String reason) {
                        throw new IllegalStateException(reason);
                      }
                    })),
        new Mutant<>(
            "FLT-21",
            "refuses to leave with EIO",
            attach(
                host ->
                    new Pass(host) {
                      @Override
                      public void checkDetach() throws ErrnoException {
                        throw error(Errno.EIO);
                      }
                    })),
        new Mutant<>(
            "FLT-21",
            "refuses to leave with a fault",
            attach(
                host ->
                    new Pass(host) {
                      @Override
                      public void checkDetach() {
                        throw new IllegalStateException("no");
                      }
                    })),
        new Mutant<>(
            "FLT-23",
            "forgets large writes",
            submit(
                (bio, next, host) -> {
                  if (bio.op() != BioOp.WRITE || bio.lengthBytes() < 4096) {
                    next.submit(bio);
                  }
                })),
        new Mutant<>("FLT-22", "takes a failed read for good", swallows(BioOp.READ)),
        new Mutant<>("FLT-22", "takes a failed write for good", swallows(BioOp.WRITE)),
        new Mutant<>("FLT-22", "takes a failed flush for good", swallows(BioOp.FLUSH)),
        new Mutant<>(
            "FLT-22",
            "makes EIO of ENOSPC",
            submit(
                (bio, next, host) -> {
                  try {
                    next.submit(bio);
                  } catch (ErrnoException e) {
                    throw e.errno() == Errno.ENOSPC ? error(Errno.EIO) : e;
                  }
                })));
  }

  private static Make swallows(BioOp op) {
    return submit(
        (bio, next, host) -> {
          try {
            next.submit(bio);
          } catch (ErrnoException e) {
            if (bio.op() != op || e.errno() == Errno.ESHUTDOWN) {
              throw e;
            }
          }
        });
  }

  private static Make named(String name) {
    return () ->
        new PassOperations() {
          @Override
          public String name() {
            return name;
          }
        };
  }

  private static Make changingOps() {
    AtomicInteger calls = new AtomicInteger();
    return () ->
        new PassOperations() {
          @Override
          public Set<BioOp> ops() {
            boolean all = calls.getAndIncrement() % 2 == 0;
            return all ? super.ops() : EnumSet.complementOf(EnumSet.of(BioOp.DISCARD));
          }
        };
  }

  private static Make overflows() {
    return () ->
        new PassOperations() {
          @Override
          public Filter attach(FilterHost host, Map<String, String> options) {
            Math.multiplyExact(Long.parseLong(options.getOrDefault("limit", "1")), 1000);
            return new Pass(host);
          }
        };
  }

  private static Make options(Parameter... parameters) {
    return () ->
        new PassOperations() {
          @Override
          public List<Parameter> options() {
            return List.of(parameters);
          }

          @Override
          public Filter attach(FilterHost host, Map<String, String> options) {
            return new Pass(host);
          }
        };
  }

  /** What a mutant answers. */
  @FunctionalInterface
  private interface WrongCtl {
    Map<String, Object> answer(String command, List<String> arguments) throws ErrnoException;
  }

  private static Make ctl(WrongCtl wrong) {
    return () ->
        new PassOperations() {
          @Override
          public List<CtlCommand> commands() {
            return List.of(
                new CtlCommand(
                    "stats",
                    List.of(new Parameter("size", ParameterType.SIZE, "", "bytes")),
                    "counts bios"));
          }

          @Override
          public Filter attach(FilterHost host, Map<String, String> options) {
            return new Pass(host) {
              @Override
              public Map<String, Object> ctl(String command, List<String> arguments)
                  throws ErrnoException {
                return wrong.answer(command, arguments);
              }
            };
          }
        };
  }

  /** What a mutant says of its options. */
  @FunctionalInterface
  private interface WrongOptions {
    Map<String, String> of(Map<String, String> attached);
  }

  private static Make optionsOf(WrongOptions wrong) {
    return attach(
        host ->
            new Pass(host) {
              @Override
              public Map<String, String> options(Map<String, String> attached) {
                return wrong.of(attached);
              }
            });
  }

  private static final class KeepsNext extends Pass {
    private BlockDevice first;

    KeepsNext(FilterHost host) {
      super(host);
    }

    @Override
    public synchronized void submit(Bio bio, BlockDevice next) throws ErrnoException {
      first = first == null ? next : first;
      first.submit(bio);
    }
  }

  private static Make usesLowerLate() {
    FilterHost[] before = new FilterHost[1];
    return attach(
        host -> {
          if (before[0] != null && before[0] != host) {
            try {
              before[0].lower().submit(new Bio().read(0, ByteBuffer.allocate(512)));
            } catch (ErrnoException e) {
              // The device of another test may be gone.
              before[0] = null;
            }
          }
          before[0] = host;
          return new Pass(host);
        });
  }
}
