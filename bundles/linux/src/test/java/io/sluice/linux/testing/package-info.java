/** Real disks and full file systems for tests, made of loop devices and small mounts. */
package io.sluice.linux.testing;
