/** Loop devices over the files that live devices and images are served as. */
package io.sluice.loop.attach;
