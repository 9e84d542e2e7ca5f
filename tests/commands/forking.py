"""New processes without seconds of imports: forks of one process that has imported the libraries, but not melgen.

As a program, this file is that process. It forks when a request arrives at its socket. The fork runs ``python -m
melgen.<verb>`` with the arguments, the directory and the environment of the request, and ends as an interpreter does.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import random
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress

LIBRARIES = (
    "torch", "torch._dynamo", "pytorch_lightning", "torch.utils.tensorboard", "matplotlib.figure", "hydra.main",
    "hydra.core.override_parser.overrides_parser", "omegaconf.grammar_parser", "hydra._internal.hydra",
    "matplotlib.backends.backend_agg", "mido",
)  # fmt: skip
"""The modules that take longest to import. Importing them does not start threads, which a fork would lack."""
IS_POSSIBLE = sys.platform == "linux"
"""Elsewhere libraries may have started threads of the system."""
REQUEST_BYTES = 1 << 17


def keep_from_composing_twice(words):
    """Spare a command a fifth of its time: Hydra composes each configuration once more only to read ``hydra.mode``.

    Our configuration does not set it, so that it is known unless the command line or a file of the test may.

    Args:
        words: the command line.

    Returns:
        A function that undoes it.
    """
    from hydra._internal.hydra import Hydra

    original = Hydra.get_mode
    if not any(word.startswith("--config") or "hydra.mode" in word or "hydra=" in word for word in words):
        Hydra.get_mode = lambda self, config_name, overrides: None
    return lambda: setattr(Hydra, "get_mode", original)


class Fork:
    """A command in a fork, with those methods of ``subprocess.Popen`` that tests use.

    Args:
        module: the module to run, such as ``melgen.train``.
        arguments: of the command line.
        cwd: its current directory.
        environment: all its environment variables.
        separate_errors: whether the standard error is kept apart from the standard output.
        new_group: whether it leads a new process group, as a command in a terminal does.
    """

    def __init__(self, module, arguments, *, cwd, environment, separate_errors=False, new_group=False):
        self.returncode = None
        self.args = [module, *arguments]
        self._texts = None
        self._outputs = [tempfile.TemporaryFile() for _ in range(1 + separate_errors)]  # noqa: SIM115  # read after the process has ended
        self._answers, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = {"args": self.args, "cwd": str(cwd), "environment": dict(environment), "new_group": new_group}
        outputs = [self._outputs[0].fileno(), self._outputs[-1].fileno()]
        with far_end:
            socket.send_fds(_server()[0], [json.dumps(request).encode()], [far_end.fileno(), *outputs])
        self.pid = int(self._answers.recv(20))

    def wait(self, timeout=None):
        """The exit code, negative for a signal, as soon as it has ended."""
        if self.returncode is None:
            if not select.select([self._answers], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout)
            self.returncode = int(self._answers.recv(20))
            self._answers.close()
        return self.returncode

    def poll(self):
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout=None):
        """All that it has written to the standard output, and to the standard error if that is separate."""
        self.wait(timeout)
        if self._texts is None:
            self._texts = [self._text_of(output) for output in self._outputs]
        return self._texts[0], (self._texts[1] if len(self._texts) > 1 else None)

    @staticmethod
    def _text_of(output):
        with output:
            output.seek(0)
            return output.read().decode()


@functools.cache
def _server():
    """Our end of the socket, whose end also ends the server; and the server."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        server = subprocess.Popen(
            # The last word is for those who search for processes of melgen.
            [sys.executable, __file__, str(theirs.fileno()), "melgen"],
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
    return ours, server


def request_in_a_fork(channel):
    """Fork for each request. The original never returns; each fork returns its request."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(channel, REQUEST_BYTES, 3)
        if not message:
            sys.exit()
        if os.fork() == 0:
            # The keeper: it waits for the command, whose exit code only its parent can get.
            if (pid := os.fork()) == 0:
                channel.close()
                answers, *outputs = descriptors
                for number, output in enumerate(outputs, 1):
                    os.dup2(output, number)
                for descriptor in {answers, *outputs}:
                    os.close(descriptor)
                return json.loads(message)
            try:
                for output in descriptors[1:]:
                    os.close(output)
                os.write(descriptors[0], str(pid).encode())
                _, status = os.waitpid(pid, 0)
                os.write(descriptors[0], str(os.waitstatus_to_exitcode(status)).encode())
            finally:
                os._exit(0)
        for descriptor in descriptors:
            os.close(descriptor)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:  # keepers that have ended
                pass


def become(request):
    """Make this fork equal to a new interpreter, as far as a command can notice, and run the command."""
    import numpy
    import torch

    if request["new_group"]:
        os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    more = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:1] = [os.getcwd(), *more]
    for seed in (random.seed, numpy.random.seed, torch.seed):
        seed()  # otherwise all forks would draw the same numbers
    module, *sys.argv[1:] = request["args"]
    keep_from_composing_twice(sys.argv)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.freeze()  # a fork then neither visits these objects nor copies their pages, even when it ends
    become(request_in_a_fork(socket.socket(fileno=int(sys.argv[1]))))
