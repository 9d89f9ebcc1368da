"""A throwaway machine inside this one: its own accounts, /srv, /home, /opt and processes.

Nothing of it is seen outside, and all of it goes when it is shut down, so that a test can follow
the instructions for a server as they stand: add accounts, write to /etc, start services. Only the
network is the real machine's.
"""

import subprocess
import sys
from pathlib import Path

OWN = ("/srv", "/home", "/opt", "/var/lib", "/run", "/tmp")  # empty at first

# Python and its packages are seen where they are, even in a folder that is closed to others, of
# which nothing else is seen.
START = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
mkdir /mnt/kept
for path in $KEPT; do mkdir -p /mnt/kept$path; mount --bind $path /mnt/kept$path; done
for path in $OWN $CLOSED; do mount -t tmpfs -o mode=755 tmpfs $path; done
chmod 1777 /tmp
for path in $KEPT; do mkdir -p $path; mount --bind /mnt/kept$path $path; done
cp -a /etc /mnt/etc
mount --bind /mnt/etc /etc
echo ready
exec sleep infinity
"""


class Machine:
    """A private set of mounts and processes; `run` is a shell in it."""

    def __init__(self, root: list[str], shared: Path) -> None:
        """Start it. `root` is what a command starts with to run as root; `shared` is seen in it."""
        self._root = root
        kept = [Path(sys.base_prefix), Path(sys.prefix), shared]
        closed = {p for path in kept for p in path.parents if not p.stat().st_mode & 0o001}
        hidden = closed | {Path(path) for path in OWN}
        names = {"KEPT": kept, "CLOSED": {p for p in closed if not hidden & set(p.parents)}}
        settings = [f"{name}={' '.join(map(str, paths))}" for name, paths in names.items()]
        self._process = subprocess.Popen(
            [
                *(*root, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
                *("env", *settings, f"OWN={' '.join(OWN)}", "sh", "-c", START),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said = self._process.stdout.readline()
        assert said == "ready\n", said + self._process.stdout.read()
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        self._pid = children.read_text().split()[0]

    def command(self, *arguments: str) -> list[str]:
        """Return the command that runs another one in here as root."""
        inside = ["nsenter", f"--target={self._pid}", "--mount", "--pid", "--wd=/"]
        return [*self._root, *inside, *arguments]

    def run(self, script: str, **settings: object) -> str:
        """Run a shell script in here as root and return what it printed; it has to succeed."""
        command = self.command("env", *(f"{k}={v}" for k, v in settings.items()), "sh", "-ec")
        done = subprocess.run([*command, script], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def shut_down(self) -> None:
        """End every process in here; the mounts go with the last one."""
        subprocess.run([*self._root, "kill", "-9", self._pid], check=False)
        self._process.wait(20)
        self._process.stdout.close()
