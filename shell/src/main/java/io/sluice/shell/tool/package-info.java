/** What every family of commands needs: the caller's session, the services, sizes, errors. */
package io.sluice.shell.tool;
