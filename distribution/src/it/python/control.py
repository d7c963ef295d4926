"""The agent's commands without a process for each: the protocol of the control socket."""

import json
import os
import socket
import struct

REQUEST, OUT, ERR, EXIT = 1, 16, 17, 18
MAGIC, VERSION = 0x534C4345, 1
TIME_LIMIT_SECONDS = 60


class Refused(Exception):
    """The command failed; the text is what it said."""


def sluice(run_directory, *arguments):
    """Runs a command and returns what it printed."""
    words = [text("sluice"), text(os.getcwd()), struct.pack(">I", len(arguments)), *map(text, arguments)]
    payload = struct.pack(">III", MAGIC, VERSION, 0) + b"".join(words)
    out, err = [], []
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(TIME_LIMIT_SECONDS)
        client.connect(os.path.join(run_directory, "control.sock"))
        client.sendall(struct.pack(">BI", REQUEST, len(payload)) + payload)
        with client.makefile("rb") as answers:
            while True:
                kind, length = struct.unpack(">BI", answers.read(5))
                data = answers.read(length)
                if kind == EXIT:
                    if struct.unpack(">I", data)[0]:
                        raise Refused(" ".join(arguments) + ": " + b"".join(err).decode())
                    return b"".join(out).decode()
                {OUT: out, ERR: err}[kind].append(data)


def sluice_json(run_directory, *arguments):
    return json.loads(sluice(run_directory, "--json", *arguments))


def text(word):
    data = word.encode()
    return struct.pack(">I", len(data)) + data
