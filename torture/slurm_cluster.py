"""A SLURM with one node and accounting for tests, which keeps all its files in a temporary directory.

Every daemon has its files and sockets in that directory and uses free ports. ``SLURM_CONF`` directs the commands to it.
The cluster neither reads nor writes ``/etc``, so that it does not disturb another SLURM of the machine. By hand::

    python -m torture.slurm_cluster --cpus 2    # starts one, prints what to export, stops it on Ctrl-C
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from melgen.processes import end_with_parent

PACKAGES = "slurm-wlm slurmdbd munge mariadb-server-core"
"""Packages of Debian; their recommended packages are not needed."""
DAEMONS = ("munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd")
"""In the order of their start."""
TABLES = ("mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql")
"""Files of MariaDB that make a database in an empty directory."""
PATIENCE_SECONDS = 90.0

SLURM_CONF = """\
ClusterName=melgen
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={slurmctld_port}
SlurmdPort={slurmd_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
# A job that is queued again waits until its credential has expired, by default 120 seconds.
AuthInfo=socket={home}/munge.socket,cred_expire=5
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={slurmdbd_port}
AccountingStoragePass={home}/munge.socket
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/slurmd.pid
# These need neither systemd nor control groups.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MailProg=/bin/true
# Jobs share the node; the node may declare more processors and memory than the machine has.
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
# Seconds for what takes minutes on a large cluster.
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=1,bf_interval=1
PriorityType=priority/basic
KillWait=2
CompleteWait=0
ReturnToService=2
JobRequeue=1
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory_mb} State=UNKNOWN
PartitionName=tests Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
SLURMDBD_CONF = """\
AuthType=auth/munge
AuthInfo=socket={home}/munge.socket
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort={slurmdbd_port}
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=accounting
PidFile={home}/slurmdbd.pid
"""


class ClusterError(RuntimeError):
    """The cluster does not work as expected."""


def why_not() -> str | None:
    """The reason why this machine cannot run the cluster; ``None`` if it can."""
    if sys.platform != "linux":
        return "SLURM needs Linux"
    missing = [name for name in (*DAEMONS, "sbatch", "sacct", "sacctmgr") if _find(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)}; on Debian: apt install --no-install-recommends {PACKAGES}"
    if _folder_of_tables() is None:
        return f"not found in /usr/share: {TABLES[0]} of MariaDB"
    return "SLURM's daemons need root" if os.geteuid() else None


class Cluster:
    """A running single-node SLURM with accounting.

    Args:
        home: an empty directory for all its files; its path must be short, because it contains sockets.
        cpus: processors that the node declares, and thus the number of small jobs that run at once.
        memory_mb: memory that the node declares, in megabytes.
    """

    def __init__(self, home: Path, cpus: int = 2, memory_mb: int = 32_000):
        self.home, self.host = home, socket.gethostname().partition(".")[0]
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._began: dict[str, float] = {}
        values = {
            "home": home,
            "host": self.host,
            "cpus": cpus,
            "memory_mb": memory_mb,
            **dict(zip(("slurmctld_port", "slurmd_port", "slurmdbd_port"), _free_ports(3), strict=True)),
        }
        (home / "slurm.conf").write_text(SLURM_CONF.format(**values))
        _write_private(
            home / "slurmdbd.conf", SLURMDBD_CONF.format(**values).encode()
        )  # slurmdbd requires a private file
        (home / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")  # always loaded; version 2 needs systemd
        _write_private(home / "munge.key", secrets.token_bytes(1024))
        for name in ("state", "spool", "database"):
            (home / name).mkdir(mode=0o700)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that direct SLURM's commands to this cluster."""
        return {"SLURM_CONF": str(self.home / "slurm.conf")}

    def start(self) -> None:
        """Start all daemons and wait until the node accepts jobs."""
        home = self.home
        # munged expects a directory that everyone can read; --force accepts another.
        self._start("munged", "--foreground", "--force", f"--key-file={home}/munge.key",
                    f"--socket={home}/munge.socket", f"--pid-file={home}/munged.pid",
                    f"--log-file={home}/munged.log", f"--seed-file={home}/munge.seed",
                    until=(home / "munge.socket").exists)  # fmt: skip
        database = ["--no-defaults", "--user=root", f"--datadir={home}/database", "--skip-grant-tables",
                    "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M",
                    "--innodb-flush-log-at-trx-commit=0"]  # fmt: skip
        folder = _folder_of_tables()
        assert folder is not None
        tables = b"".join((folder / name).read_bytes() for name in TABLES)
        with (home / "bootstrap.log").open("wb") as log:
            subprocess.run(
                [_find("mariadbd"), *database, "--bootstrap"],
                input=b"CREATE DATABASE mysql;\nUSE mysql;\n" + tables,
                stdout=log, stderr=log, check=True, timeout=PATIENCE_SECONDS,
            )  # fmt: skip
        self._start("mariadbd", *database, "--skip-networking", f"--socket={home}/database.socket",
                    f"--pid-file={home}/mariadbd.pid", "--innodb-lock-wait-timeout=900",
                    until=(home / "database.socket").exists)  # fmt: skip
        self._start("slurmdbd", "-D", until=lambda: self._can("sacctmgr", "-i", "add", "cluster", "melgen"))
        self._start("slurmctld", "-D", "-i", until=lambda: "UP" in self.ask("scontrol", "ping", ok=False))
        self.start_node()

    def stop(self) -> None:
        """End all jobs and daemons."""
        with suppress(ClusterError, subprocess.TimeoutExpired):
            self.ask("scancel", "--user=root")
            self.wait(lambda: not self.ask("squeue", "-h"), "all jobs to end", 20)
        self.kill_jobs()
        for name in reversed(DAEMONS):
            self._stop(name)

    def start_node(self, *, booted: bool = False) -> None:
        """Start the node's daemon and wait until it accepts jobs.

        Args:
            booted: report a boot of the machine. The controller then queues the node's jobs again; after a restart of
                the daemon alone it regards lost jobs as running until their limit.
        """
        self._start("slurmd", "-D", *(["-b"] if booted else []), until=self._node_is_up)

    def kill_daemon_of_node(self) -> None:
        """Kill only slurmd, as a crash would; the jobs keep running."""
        self._stop("slurmd", signal.SIGKILL)

    def kill_node(self) -> None:
        """Kill slurmd and all jobs at once, as a power failure would."""
        self._stop("slurmd", signal.SIGKILL)
        self.kill_jobs()

    def kill_jobs(self) -> None:
        """Kill the processes of all jobs, and SLURM's processes that watch them."""
        ours = f"SLURM_CONF={self.home}/slurm.conf".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                environment = (folder / "environ").read_bytes().split(b"\0")
                is_of_a_job = any(line.startswith(b"SLURM_JOB_ID=") for line in environment)
                watches_one = (folder / "comm").read_text().strip() == "slurmstepd"
                if ours in environment and (is_of_a_job or watches_one):
                    os.kill(int(folder.name), signal.SIGKILL)

    def ask(self, *command: str, ok: bool = True) -> str:
        """The output of a SLURM command.

        Args:
            command: the command and its arguments.
            ok: whether it must succeed.

        Raises:
            ClusterError: with the error output, if it must succeed and fails.
        """
        done = subprocess.run(
            [_find(command[0]), *command[1:]], env=os.environ | self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
        )  # fmt: skip
        if ok and done.returncode:
            raise ClusterError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def jobs(self) -> dict[str, str]:
        """The states of all jobs and tasks in the queue by their names: ``{"3_0": "RUNNING"}``."""
        return dict(line.split() for line in self.ask("squeue", "-h", "-r", "-o", "%i %T").splitlines())

    def accounts(self, job: str, *fields: str) -> dict[str, tuple[str, ...]]:
        """Fields of the accounting for a job's tasks, also ended ones: ``{"3_0": ("COMPLETED", ...)}``."""
        lines = self.ask("sacct", "-X", "-nP", "-j", job, "-o", ",".join(("JobID", *fields))).splitlines()
        return {name: tuple(rest) for name, *rest in (line.split("|") for line in lines)}

    def wait(self, until: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until a condition is true.

        Raises:
            ClusterError: after ``seconds``; it names ``what`` and contains the ends of the daemons' logs.
        """
        deadline = time.monotonic() + seconds
        while not until():
            if time.monotonic() > deadline:
                raise ClusterError(f"waited {seconds:.0f} s for {what}\n{self.logs()}")
            time.sleep(0.1)

    def logs(self, lines: int = 8) -> str:
        """The last lines of every daemon's log."""
        files = sorted(self.home.glob("*.log"))
        ends = {file: file.read_text(errors="replace").splitlines()[-lines:] for file in files}
        return "\n".join(f"{file.name}: {line}" for file, end in ends.items() for line in end)

    def _can(self, *command: str) -> bool:
        with suppress(ClusterError):
            self.ask(*command)
            return True
        return False

    def _node_is_up(self) -> bool:
        state = self.ask("sinfo", "-h", "-o", "%T", ok=False).strip()
        if state.startswith(("down", "drain", "unknown")):
            self.ask("scontrol", "update", f"nodename={self.host}", "state=resume", ok=False)
        return state in ("idle", "mixed", "allocated", "completing")

    def _start(self, name: str, *arguments: str, until: Callable[[], object]) -> None:
        if name in self._processes:
            return
        with (self.home / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [_find(name), *arguments],
                # slurmdbd's libmariadb has no other setting for the socket
                env=os.environ | self.environment | {"MYSQL_UNIX_PORT": f"{self.home}/database.socket"},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.home, start_new_session=True,
                preexec_fn=partial(end_with_parent, os.getpid()),
            )  # fmt: skip

        def is_ready() -> object:
            if (code := self._processes[name].poll()) is not None:
                raise ClusterError(f"{name} ended with exit code {code}\n{self.logs()}")
            return until()

        self.wait(is_ready, f"{name} to start")

    def _stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        process = self._processes.pop(name, None)
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def running_cluster(cpus: int = 2) -> Iterator[Cluster]:
    """A running cluster in a temporary directory; both are removed afterwards."""
    with ExitStack() as stack:
        home = Path(tempfile.mkdtemp(prefix="melgen-slurm-", dir="/tmp"))
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        cluster = Cluster(home, cpus)
        stack.callback(cluster.stop)
        cluster.start()
        yield cluster


def _find(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _folder_of_tables() -> Path | None:
    folders = (Path("/usr/share", name) for name in ("mysql", "mariadb"))
    return next((folder for folder in folders if (folder / TABLES[0]).exists()), None)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


def main(argv: list[str] | None = None) -> int:
    """Run a cluster until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m torture.slurm_cluster", description=main.__doc__)
    parser.add_argument("--cpus", type=int, default=2, help="processors that the node declares")
    arguments = parser.parse_args(argv)
    if (reason := why_not()) is not None:
        print(reason, file=sys.stderr)
        return 1
    with running_cluster(arguments.cpus) as cluster, suppress(KeyboardInterrupt):
        print(f"export SLURM_CONF={cluster.home}/slurm.conf", flush=True)
        signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
