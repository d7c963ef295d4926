# Sourced by the programs in bin/, which have set HERE (the unpacked distribution) and NAME (their
# own name, for messages). Sets JAVA to a program of Java 17 or newer, or ends with a reason.
# It starts no other program where it can help it: the clients are to feel instant.

java_floor=17

# Sets java_major from the "release" file of a Java home, or by asking the program itself.
java_version_of() {
  java_major=
  if [ -r "$1/release" ]; then
    while IFS='=' read -r key value; do
      [ "$key" = JAVA_VERSION ] && java_major=$value && break
    done <"$1/release"
  fi
  if [ -z "$java_major" ]; then
    java_major=$("$2" -version 2>&1 | sed -n 's/^[a-z]* version \("[^"]*"\).*/\1/p')
  fi
  java_major=${java_major#\"}
  java_major=${java_major%\"}
  # Up to Java 8 it was 1.8.0_292; since then, 17.0.15 or 21-ea.
  java_major=${java_major#1.}
  java_major=${java_major%%[!0-9]*}
}

if [ -n "${JAVA_HOME:-}" ]; then
  JAVA=$JAVA_HOME/bin/java
  java_home=$JAVA_HOME
  java_where="JAVA_HOME ($JAVA_HOME)"
  if [ ! -x "$JAVA" ]; then
    echo "$NAME: $java_where has no bin/java; set it to a Java $java_floor or newer" >&2
    exit 1
  fi
else
  if ! JAVA=$(command -v java); then
    echo "$NAME: no java in PATH; install Java $java_floor or newer" \
      "(Debian: openjdk-17-jre-headless), or set JAVA_HOME" >&2
    exit 1
  fi
  java_home=$(readlink -f "$JAVA")
  java_home=${java_home%/bin/java}
  java_where="PATH ($JAVA)"
fi
java_version_of "$java_home" "$JAVA"
if [ "${java_major:-0}" -lt "$java_floor" ]; then
  echo "$NAME: the java of $java_where is version ${java_major:-unknown};" \
    "Java $java_floor or newer is needed. Set JAVA_HOME" >&2
  exit 1
fi
