package io.sluice.nbd.server;

import io.sluice.block.ErrnoException;
import io.sluice.swap.HandOver;
import io.sluice.swap.Swappable;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * Hands a server's sockets and sessions to its successor, whose clients do not notice: they wait
 * for their replies a little longer, or in the listener's backlog. Thread-safe.
 */
public final class NbdSwap implements Swappable {
  private static final System.Logger LOG = System.getLogger(NbdSwap.class.getPackageName());

  /**
   * How long a successor waits for what it is to take over before it listens by itself; and
   * likewise whoever handed over and was then not stopped.
   */
  private static final long WAIT_NANOS = TimeUnit.SECONDS.toNanos(10);

  /** How often it tries then: the sockets may not have been closed yet. */
  private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

  private final ExportTable table;
  private final ConfiguredExports configured;
  private final NbdServer server;
  private final NbdConfiguration configuration;
  private final long waitNanos;
  private boolean handedOver;
  private Future<?> listening;
  private boolean failureTold;

  /**
   * @param configuration where {@code server} is to listen
   */
  public NbdSwap(
      ExportTable table,
      ConfiguredExports configured,
      NbdServer server,
      NbdConfiguration configuration) {
    this(table, configured, server, configuration, WAIT_NANOS);
  }

  /** One that waits for another time. */
  NbdSwap(
      ExportTable table,
      ConfiguredExports configured,
      NbdServer server,
      NbdConfiguration configuration,
      long waitNanos) {
    this.table = table;
    this.configured = configured;
    this.server = server;
    this.configuration = configuration;
    this.waitNanos = waitNanos;
  }

  /**
   * Has the server listen.
   *
   * @param successor whether a predecessor in this process has handed over: its sockets come by
   *     {@link #takeOver}, or are closed
   * @throws ErrnoException as {@link NbdServer#listen}; never in a successor
   */
  public synchronized void start(boolean successor) throws ErrnoException {
    if (successor) {
      listenSoon(waitNanos);
    } else {
      server.listen(configuration);
    }
  }

  /** Whether everything was given away and not taken back. */
  public synchronized boolean handedOver() {
    return handedOver;
  }

  private void listenSoon(long delayNanos) {
    if (listening != null) {
      listening.cancel(false);
    }
    listening = server.repeat(this::tryListen, delayNanos, RETRY_NANOS);
  }

  private synchronized void tryListen() {
    if (listening == null) {
      return;
    }
    try {
      server.listen(configuration);
      nobodyElseListens();
      configured.restoreKept();
      LOG.log(
          System.Logger.Level.WARNING,
          "NBD clients of the version before were not taken over, they have to connect anew");
    } catch (ErrnoException e) {
      if (!failureTold) {
        failureTold = true;
        LOG.log(System.Logger.Level.WARNING, "tried again until it works: " + e.getMessage());
      }
    }
  }

  private void nobodyElseListens() {
    if (listening != null) {
      listening.cancel(false);
      listening = null;
    }
    handedOver = false;
    table.restart();
  }

  @Override
  public synchronized HandOver handOver(Duration limit) throws ErrnoException {
    NbdServer.AtRest atRest = server.rest(limit.toNanos());
    List<HandOver> parts = new ArrayList<>();
    List<Listener> listeners = atRest.listeners();
    listeners.forEach(listener -> parts.add(HandOverFormat.listener(listener.endpoint())));
    table.giveAway().forEach(entry -> parts.add(HandOverFormat.export(entry)));
    atRest
        .clients()
        .forEach(
            (client, state) ->
                parts.add(
                    HandOverFormat.client(client, listeners.indexOf(client.listener()), state)));
    atRest.give();
    handedOver = true;
    listenSoon(waitNanos);
    return HandOverFormat.write(parts);
  }

  @Override
  public synchronized void takeOver(HandOver handOver) throws ErrnoException {
    HandOverFormat.Contents contents;
    try {
      contents = HandOverFormat.read(handOver, configuration);
    } catch (ErrnoException e) {
      // The caller closes it next, then the addresses are free.
      listenSoon(RETRY_NANOS);
      throw e;
    }
    nobodyElseListens();
    for (HandOverFormat.AddedExport export : contents.exports()) {
      configured.restore(export.setup());
      table.hide(export.setup().name(), export.hidden());
    }
    List<Listener> listeners = contents.endpoints().stream().map(server::listener).toList();
    for (HandOverFormat.ServedClient client : contents.clients()) {
      server.adopt(client.channel(), listeners.get(client.listenerIndex()), client.state());
    }
    Set<String> open = new HashSet<>();
    try {
      for (Listener listener : listeners) {
        open.add(listener.endpoint().spec().text());
        server.startListening(listener);
      }
      server.listen(configuration.without(open));
    } catch (ErrnoException e) {
      // What was taken over is served, and can't be given back.
      LOG.log(System.Logger.Level.WARNING, "after a hot swap: " + e.getMessage());
    }
  }
}
