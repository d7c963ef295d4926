package io.sluice.itests.rules.wrong.registry;

import org.osgi.framework.BundleContext;

/** The framework outside of its package. */
public final class UsesOsgi {
  BundleContext context;
}
