"""The Sluice agent under measurement: its process, and its devices in one state or another."""

import glob
import json
import os
import subprocess
import time

from servers import START_LIMIT_SECONDS, Server

CALL_LIMIT_SECONDS = 60

# What is attached in each state, with its options. The chain of three idles: a trace that is off,
# faults without a rule, and a filter that passes each bio.
STATE_FILTERS = {
    "bare": {},
    "chain3": {"trace": ["recording=off"], "fault": [], "pass": []},
    "tracked": {"blksnap": []},
    "snapshot": {"blksnap": []},
}


class Sluice(Server):
    """The agent's process."""

    name = "sluice"
    export = "disk"
    settings = {}

    def __init__(self, place, directory, home):
        self.home = home
        super().__init__(place, directory)
        self.pass_installed = False

    def command(self):
        settings = [word for key, value in self.settings.items()
                    for word in ("--set", f"{key}={value}")]
        return [os.path.join(self.home, "bin", "sluiced"), "--run-dir", self.directory,
                "--foreground", *settings]

    def start(self):
        super().start()
        self._await_control()

    def _await_control(self):
        """The control socket opens last: then the agent is ready."""
        deadline = time.monotonic() + START_LIMIT_SECONDS
        while not os.path.exists(os.path.join(self.directory, "control.sock")):
            if time.monotonic() > deadline:
                raise RuntimeError(f"sluice: not ready: {self.log_tail()}")
            time.sleep(0.02)

    def call(self, *arguments):
        command = [os.path.join(self.home, "bin", "sluice"), "--run-dir", self.directory, "--json"]
        try:
            done = subprocess.run(command + list(arguments), stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, check=False,
                                  timeout=CALL_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            raise self._call_failed(arguments, f"no answer in {CALL_LIMIT_SECONDS} s") from None
        if done.returncode != 0:
            raise self._call_failed(arguments, done.stderr.strip())
        return json.loads(done.stdout) if done.stdout.strip() else None

    def _call_failed(self, arguments, why):
        status = self.process.poll()
        state = "" if status is None else f", which has ended with status {status}"
        return RuntimeError(f"sluice {' '.join(arguments)}: {why}; the log of the agent{state}: "
                            + self.log_tail())

    def add_device(self, name, path):
        self.call("device", "add", name, path)
        return AgentDevice(self, name)

    def install_pass(self):
        """Compiles java/PassFilter.java against the product, and has the agent run it."""
        if self.pass_installed:
            return
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "java", "PassFilter.java")
        classes = os.path.join(self.directory, "pass")
        api = glob.glob(os.path.join(self.home, "bundles", "filter-api-*.jar"))[0]
        framework = os.path.join(self.home, "lib", "sluiced.jar")
        manifest = os.path.join(self.directory, "pass.mf")
        with open(manifest, "w", encoding="utf-8") as text:
            text.write("Bundle-ManifestVersion: 2\nBundle-SymbolicName: bench.pass\n"
                       "Bundle-Version: 1.0.0\nBundle-Activator: PassFilter\n"
                       "Import-Package: io.sluice.block,io.sluice.filter,org.osgi.framework\n")
        jar = os.path.join(self.directory, "pass.jar")
        run_quietly(jdk_program("javac"), "--release", "17", "-proc:none", "-cp",
                    f"{api}:{framework}", "-d", classes, source)
        run_quietly(jdk_program("jar"), "--create", "--file", jar, "--manifest", manifest, "-C",
                    classes, ".")
        self.call("bundle", "install", jar, "--start")
        self.pass_installed = True


class AgentDevice:
    """One device of the agent, whose state the measurements switch."""

    def __init__(self, agent, name):
        self.agent, self.name = agent, name
        self.state = "bare"
        # Names of the snapshots that are held, the oldest first.
        self.held = []
        self.taken_count = 0

    def become(self, state, chunk_bytes=0, held_count=1):
        """Switches the state. In the state snapshot the newest of those held has saved nothing."""
        if state != "snapshot":
            self._keep_newest(0)
        if STATE_FILTERS[self.state] != STATE_FILTERS[state]:
            self._switch_filters(STATE_FILTERS[self.state], STATE_FILTERS[state])
        self.state = state
        if state == "snapshot":
            self._keep_newest(held_count - 1)
            while len(self.held) < held_count:
                self._take(chunk_bytes)

    def _switch_filters(self, old, new):
        for name in old.keys() - new.keys():
            self.agent.call("filter", "detach", self.name, name)
        for name in new.keys() - old.keys():
            if name == "pass":
                self.agent.install_pass()
            self.agent.call("filter", "attach", self.name, name, *new[name])

    def _keep_newest(self, count):
        while len(self.held) > count:
            self.agent.call("snapshot", "destroy", self.held.pop(0))

    def _take(self, chunk_bytes):
        self.taken_count += 1
        name = f"{self.name}-{self.taken_count}"
        chunk = ["--chunk-size", str(chunk_bytes)] if chunk_bytes else []
        place = self.agent.place
        self.agent.call("snapshot", "take", self.name, "--name", name, "--store",
                        "dir:" + place.store, "--limit", str(2 * place.size_bytes), *chunk)
        self.held.append(name)

    def image_export(self):
        return f"{self.name}@{self.held[-1]}"

    def newest_snapshot(self):
        """What the agent says of it, as a document; an error if it no longer is a good image."""
        found = self.agent.call("snapshot", "info", self.held[-1])
        code = found["devices"][0]["error_code"]
        if code:
            raise RuntimeError(f"{self.image_export()}: the image ended with error {code}")
        return found


class SluiceState:
    """One state of a device of the agent, measured as a server of its own."""

    def __init__(self, name, device, state, chunk_bytes=0):
        self.name, self.device, self.state, self.chunk_bytes = name, device, state, chunk_bytes

    def fresh(self):
        self.device.become(self.state, self.chunk_bytes)

    def release(self):
        if self.state == "snapshot":
            self.device.become("tracked")

    def uri(self):
        return self.device.agent.uri(self.device.name)

    def file(self):
        return os.path.join(self.device.agent.directory, "dev", self.device.name)

    def image_uri(self):
        return self.device.agent.uri(self.device.image_export())

    def saved_bytes(self):
        """What the newest snapshot has copied, and how far its store is filled."""
        found = self.device.newest_snapshot()
        return found["devices"][0]["bytes_copied"], found["store"]["filled_bytes"]

    def __getattr__(self, attribute):
        return getattr(self.device.agent, attribute)


def jdk_program(name):
    home = os.environ.get("JAVA_HOME")
    return os.path.join(home, "bin", name) if home else name


def run_quietly(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=60, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stdout.strip()}")
