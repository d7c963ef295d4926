package io.sluice.registry;

import static io.sluice.registry.Fixture.ALL_OPS;
import static io.sluice.registry.Fixture.PASS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.sluice.block.ErrnoException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The links of each registered filter are of one class, and of no other filter's. */
final class LinkTailorTest {
  private final Fixture fixture = new Fixture(Duration.ofSeconds(30));

  private Class<?> head(String device) throws ErrnoException {
    return ((LiveDevice) fixture.published.get(device)).chain().head().getClass();
  }

  @Test
  void aFilterHasOneClassOnAllDevices() throws ErrnoException {
    for (String device : List.of("a", "b", "c")) {
      assertEquals(OriginLink.class, ((LiveDevice) fixture.add(device)).chain().head().getClass());
    }
    fixture.register("one", 1, ALL_OPS, PASS);
    fixture.register("two", 2, ALL_OPS, PASS);
    fixture.attach("a", "one");
    fixture.attach("b", "one");
    fixture.attach("c", "two");
    assertSame(head("a"), head("b"));
    assertNotSame(head("a"), head("c"));
    assertTrue(head("a").isHidden());
  }
}
