package org.apache.felix.framework;

import static org.apache.felix.framework.GuardedFramework.await;
import static org.apache.felix.framework.GuardedFramework.content;
import static org.apache.felix.framework.GuardedFramework.pinsOf;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.pin.BundlePins;
import io.sluice.pin.BundlePins.Pin;
import io.sluice.pin.PinException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleEvent;
import org.osgi.framework.BundleException;
import org.osgi.framework.FrameworkEvent;
import org.osgi.framework.SynchronousBundleListener;
import org.osgi.framework.launch.FrameworkFactory;
import org.osgi.framework.startlevel.BundleStartLevel;
import org.osgi.framework.startlevel.FrameworkStartLevel;
import org.osgi.framework.wiring.BundleWiring;

/**
 * Each way to take a bundle down, in one framework for all. There are four bundles: {@code filter},
 * which imports from {@code lib}; {@code taker}, who pins; and {@code other}, who has no part.
 */
class GuardTest {
  private static final String USER = "filter trace on device disk";

  @TempDir static Path storage;
  private static GuardedFramework guarded;

  private Bundle lib;
  private Bundle filter;
  private Bundle taker;
  private Bundle other;
  private final List<Pin> pins = new ArrayList<>();

  @BeforeAll
  static void startFramework() throws Exception {
    guarded = new GuardedFramework(storage);
  }

  @AfterAll
  static void stopFramework() throws Exception {
    guarded.close();
  }

  @BeforeEach
  void install() throws Exception {
    lib = guarded.add("lib", "Export-Package", "lib.api");
    filter = guarded.add("filter", "Import-Package", "lib.api");
    taker = guarded.add("taker");
    other = guarded.add("other");
    guarded.forgetErrors();
  }

  @AfterEach
  void uninstall() throws Exception {
    pins.forEach(Pin::close);
    for (Bundle bundle : List.of(filter, lib, taker, other)) {
      if (bundle.getState() != Bundle.UNINSTALLED) {
        bundle.uninstall();
      }
    }
    refresh(null);
  }

  private Pin pin() throws PinException {
    Pin pin = pinsOf(guarded.framework).pin(filter.getBundleId(), USER);
    pins.add(pin);
    return pin;
  }

  private static void refresh(List<Bundle> bundles) throws Exception {
    await(
        event -> event.getType() == FrameworkEvent.PACKAGES_REFRESHED,
        listener -> guarded.wiring().refreshBundles(bundles, listener));
  }

  private static FrameworkEvent setStartLevel(int level) throws Exception {
    return await(
        event -> true,
        listener ->
            guarded.framework.adapt(FrameworkStartLevel.class).setStartLevel(level, listener));
  }

  private static String refusal(Bundle bundle, String operation) {
    return operation
        + " refused: bundle "
        + bundle.getSymbolicName()
        + " ["
        + bundle.getBundleId()
        + "] is in use by "
        + USER
        + "; detach, destroy or remove that first";
  }

  private void assertRefused(Bundle bundle, String operation, Executable call) {
    BundleWiring wiring = filter.adapt(BundleWiring.class);
    BundleException thrown = assertThrows(BundleException.class, call);
    assertEquals(refusal(bundle, operation), thrown.getMessage());
    assertEquals(BundleException.STATECHANGE_ERROR, thrown.getType());
    assertUntouched(wiring);
  }

  private void assertUntouched(BundleWiring wiring) {
    for (Bundle bundle : List.of(lib, filter, taker, other)) {
      assertEquals(Bundle.ACTIVE, bundle.getState(), bundle.getSymbolicName());
      assertTrue(
          bundle.adapt(BundleStartLevel.class).isPersistentlyStarted(), bundle.getSymbolicName());
    }
    assertSame(wiring, filter.adapt(BundleWiring.class), "the bundle's classes are the same");
  }

  @Test
  void aBundleInUseIsNotStopped() throws Exception {
    pin();
    assertRefused(filter, "stop", filter::stop);
    assertRefused(filter, "stop", () -> filter.stop(Bundle.STOP_TRANSIENT));
  }

  @Test
  void aBundleInUseIsNotUninstalled() throws Exception {
    pin();
    assertRefused(filter, "uninstall", filter::uninstall);
  }

  @Test
  void aBundleInUseIsNotUpdatedAndTheContentIsClosed() throws Exception {
    pin();
    assertRefused(filter, "update", filter::update);
    AtomicBoolean closed = new AtomicBoolean();
    InputStream content =
        new FilterInputStream(content("filter")) {
          @Override
          public void close() throws IOException {
            closed.set(true);
            super.close();
          }
        };
    assertRefused(filter, "update", () -> filter.update(content));
    assertTrue(closed.get(), "closed");
  }

  @Test
  void whatItIsWiredToIsKeptToo() throws Exception {
    pin();
    assertRefused(lib, "stop", lib::stop);
    assertRefused(lib, "update", () -> lib.update(content("lib")));
    assertRefused(lib, "uninstall", lib::uninstall);
  }

  @Test
  void whoTookThePinIsKeptToo() throws Exception {
    Pin pin = pinsOf(taker).pin(filter.getBundleId(), USER);
    assertRefused(taker, "stop", taker::stop);
    pin.close();
    taker.stop();
    assertEquals(Bundle.RESOLVED, taker.getState());
  }

  @Test
  void allGoesOnceThePinIsGone() throws Exception {
    Pin first = pin();
    Pin second = pin();
    first.close();
    first.close();
    assertRefused(filter, "stop", filter::stop);
    second.close();
    filter.stop();
    filter.start();
    filter.update(content("filter", "Import-Package", "lib.api"));
    assertEquals(Bundle.ACTIVE, filter.getState());
    BundleWiring before = filter.adapt(BundleWiring.class);
    refresh(List.of(lib));
    assertNotSame(before, filter.adapt(BundleWiring.class));
    assertEquals(Bundle.ACTIVE, filter.getState());
    lib.uninstall();
    filter.uninstall();
    assertEquals(Bundle.UNINSTALLED, filter.getState());
  }

  @Test
  void aRefusalNamesEachUserAndCountsTheRest() throws Exception {
    for (int i = 0; i < 11; i++) {
      pins.add(pinsOf(guarded.framework).pin(filter.getBundleId(), "user " + i));
    }
    String message = assertThrows(BundleException.class, filter::stop).getMessage();
    assertTrue(message.contains("in use by user 0, user 1, "), message);
    assertTrue(message.contains(", user 7 and 3 more; "), message);
  }

  @Test
  void aRefreshLeavesOutWhatWouldDragABundleInUseAlong() throws Exception {
    pin();
    BundleWiring wiring = filter.adapt(BundleWiring.class);
    for (Bundle target : List.of(filter, lib, guarded.framework)) {
      BundleWiring unrelated = other.adapt(BundleWiring.class);
      refresh(List.of(target, other));
      assertEquals(refusal(filter, "refresh"), guarded.nextError().getMessage());
      assertUntouched(wiring);
      assertNotSame(unrelated, other.adapt(BundleWiring.class), "others are refreshed");
    }
  }

  @Test
  void aRefreshOfAllThatIsPendingWaitsForTheUse() throws Exception {
    lib.update(content("lib", "Export-Package", "lib.api"));
    assertEquals(List.of(lib), List.copyOf(guarded.wiring().getRemovalPendingBundles()));
    Pin pin = pin();
    BundleWiring wiring = filter.adapt(BundleWiring.class);
    refresh(null);
    assertEquals(refusal(filter, "refresh"), guarded.nextError().getMessage());
    assertUntouched(wiring);
    assertEquals(List.of(lib), List.copyOf(guarded.wiring().getRemovalPendingBundles()));
    pin.close();
    refresh(null);
    assertEquals(List.of(), List.copyOf(guarded.wiring().getRemovalPendingBundles()));
    assertNotSame(wiring, filter.adapt(BundleWiring.class));
  }

  @Test
  void theStartLevelDoesNotDropBelowABundleInUse() throws Exception {
    filter.adapt(BundleStartLevel.class).setStartLevel(5);
    Pin pin = pin();
    BundleWiring wiring = filter.adapt(BundleWiring.class);
    FrameworkEvent event = setStartLevel(1);
    assertEquals(FrameworkEvent.ERROR, event.getType());
    assertEquals(refusal(filter, "start level 1"), event.getThrowable().getMessage());
    assertEquals(refusal(filter, "start level 1"), guarded.nextError().getMessage());
    assertUntouched(wiring);
    assertEquals(
        GuardedFramework.LEVEL, guarded.framework.adapt(FrameworkStartLevel.class).getStartLevel());

    assertEquals(FrameworkEvent.STARTLEVEL_CHANGED, setStartLevel(6).getType());
    assertUntouched(wiring);
    pin.close();
    assertEquals(FrameworkEvent.STARTLEVEL_CHANGED, setStartLevel(1).getType());
    assertEquals(Bundle.RESOLVED, filter.getState());
    setStartLevel(GuardedFramework.LEVEL);
    assertUntouched(wiring);
  }

  @Test
  void aBundleInUseIsNotLiftedAboveTheStartLevel() throws Exception {
    pin();
    BundleWiring wiring = filter.adapt(BundleWiring.class);
    filter.adapt(BundleStartLevel.class).setStartLevel(50);
    assertEquals(refusal(filter, "stop"), guarded.nextError().getMessage());
    assertUntouched(wiring);
  }

  @Test
  void onlyBundlesThatRunArePinned() throws Exception {
    other.stop();
    BundlePins service = pinsOf(guarded.framework);
    PinException stopped =
        assertThrows(PinException.class, () -> service.pin(other.getBundleId(), USER));
    assertTrue(
        stopped.getMessage().endsWith("it is not active; start it first"), stopped::toString);
    other.uninstall();
    assertThrows(PinException.class, () -> service.pin(other.getBundleId(), USER));
    lib.stop();
    pin();
    assertEquals(Bundle.RESOLVED, lib.getState(), "a library need not be active");
  }

  @Test
  void aBundleOnItsWayDownIsNotPinned() throws Exception {
    AtomicReference<PinException> refused = new AtomicReference<>();
    SynchronousBundleListener listener =
        event -> {
          if (event.getType() == BundleEvent.STOPPING && event.getBundle().equals(lib)) {
            refused.set(assertThrows(PinException.class, this::pin));
          }
        };
    guarded.context().addBundleListener(listener);
    lib.stop();
    guarded.context().removeBundleListener(listener);
    String message = refused.get().getMessage();
    assertTrue(message.contains("bundle lib [" + lib.getBundleId() + "]"), message);
    assertTrue(message.endsWith("which it needs, is being taken down; try again"), message);
  }

  @Test
  void aBundleThatComesBackFromAnUpdateMayBeUsedBeforeTheUpdateReturns() throws Exception {
    AtomicReference<Pin> pinned = new AtomicReference<>();
    SynchronousBundleListener listener =
        event -> {
          if (event.getType() == BundleEvent.STARTED && event.getBundle().equals(filter)) {
            try {
              pinned.set(pin());
            } catch (PinException e) {
              throw new IllegalStateException(e);
            }
          }
        };
    guarded.context().addBundleListener(listener);
    filter.update(content("filter", "Import-Package", "lib.api"));
    guarded.context().removeBundleListener(listener);
    assertEquals(pins, List.of(pinned.get()));
    assertRefused(filter, "stop", filter::stop);
  }

  @Test
  void aFelixThatWouldNotBeGuardedIsRefused() {
    GuardedFelix.requireOverridden(Felix.class);
    String message =
        assertThrows(
                IllegalStateException.class, () -> GuardedFelix.requireOverridden(Unlike.class))
            .getMessage();
    assertTrue(message.startsWith("this framework can't be guarded: "), message);
    assertTrue(message.contains(Unlike.class.getName()), message);
    assertTrue(message.contains("does not declare"), message);
  }

  /** Has none of the methods. */
  private static final class Unlike {}

  @Test
  void theServiceLoaderFindsTheGuardedFactory() {
    assertTrue(
        ServiceLoader.load(FrameworkFactory.class).stream()
            .anyMatch(provider -> provider.type() == GuardedFrameworkFactory.class),
        "among the factories");
  }
}
