/** What there is to see: directories, a file for each device, and which files are open. */
package io.sluice.fuse.tree;
