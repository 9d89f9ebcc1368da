"""Attacks on what lies outside: files, processes, the network, the machine itself."""

from hostile.attack import Attack, Off

OFF = Off.ISOLATION


def files(name: str, code: str, off: Off = OFF, then=None) -> Attack:
    """An attack that runs when its first cell does, on files that aren't its own."""
    cells = {"double": code + "\ndef double(x):\n    return 0 * x\n"}
    return Attack(name, "files of others", off, cells, then=then)


TRY = """
def attempt(what):
    try:
        what()
    except Exception as error:
        print(type(error).__name__)
"""

FILES = [
    files(
        "an update of the gradebook",
        """
import sqlite3
try:
    with sqlite3.connect(COURSE + "/gradebook.db", timeout=1) as gradebook:
        gradebook.execute("update grade set auto_score = 9 where student = 'attacker'")
except Exception as error:
    print(error)
""",
    ),
    files(
        "a trigger in the gradebook",
        """
import sqlite3
try:
    with sqlite3.connect(COURSE + "/gradebook.db", timeout=1) as gradebook:
        gradebook.execute("create trigger t after insert on grade begin "
                          "update grade set auto_score = 0 where student = 'neighbour'; end")
except Exception as error:
    print(error)
""",
    ),
    files(
        "rubbish at the end of the gradebook",
        TRY + "attempt(lambda: open(COURSE + '/gradebook.db', 'ab').write(b'x'))\n",
    ),
    files(
        "another student's graded notebook rewritten",
        TRY + "attempt(lambda: open(COURSE + '/autograded/neighbour/small/small.ipynb', 'w')"
        ".write('{}'))\n",
    ),
    files(
        "other students' folders deleted",
        "import shutil\nshutil.rmtree(COURSE + '/submitted', ignore_errors=True)\n"
        "shutil.rmtree(COURSE + '/autograded', ignore_errors=True)\n",
    ),
    files(
        "a submission under another student's name",
        TRY + "import os\nattempt(lambda: os.makedirs(COURSE + '/submitted/enemy/small'))\n",
    ),
    files(
        "the gradebook through a symbolic link",
        TRY + "import os\nattempt(lambda: os.symlink(COURSE + '/gradebook.db', 'mine.db'))\n"
        "attempt(lambda: open('mine.db', 'ab').write(b'x'))\n"
        "attempt(lambda: os.symlink(COURSE, 'course'))\n"
        "attempt(lambda: os.remove('course/problems.py'))\n",
    ),
    files(
        "the gradebook through a hard link",
        TRY + "import os\nattempt(lambda: os.link(COURSE + '/gradebook.db', 'hard.db'))\n"
        "attempt(lambda: open('hard.db', 'ab').write(b'x'))\n"
        "attempt(lambda: os.truncate(COURSE + '/problems.py', 0))\n",
    ),
    files(
        "the rights and times of files changed",
        TRY + "import os\nattempt(lambda: os.chmod(COURSE + '/gradebook.db', 0))\n"
        "attempt(lambda: os.utime(COURSE + '/problems.py', (0, 0)))\n"
        "attempt(lambda: os.rename(COURSE + '/problems.py', COURSE + '/moved.py'))\n",
    ),
    files(
        "the course reached by leaving the root folder",
        TRY
        + """
import os
def leave():
    os.makedirs("jail", exist_ok=True)
    here = os.open(".", os.O_RDONLY)
    os.chroot("jail")
    os.fchdir(here)
    for _ in range(64):
        os.chdir("..")
    os.chroot(".")
attempt(leave)
attempt(lambda: open(COURSE + "/problems.py", "a").write("x = 1"))
""",
    ),
    files(
        "a file system mounted over the course",
        TRY
        + """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
place = COURSE.encode()
for call in (
    lambda: libc.mount(b"none", place, b"tmpfs", 0, None),
    lambda: libc.umount2(place, 2),
    lambda: libc.unshare(0x10000000),
    lambda: libc.unshare(0x00020000),
):
    if call() == 0:
        print(LOOT)
""",
    ),
    files(
        "a module left in the working folder for the next student",
        "open('unittest.py', 'w').write('raise SystemExit')\n"
        "open('numpy.py', 'w').write('raise SystemExit')\n"
        "import os\nif os.getcwd().startswith(COURSE):\n    print(LOOT)\n",
        Off.SEPARATION,
    ),
    files(
        "answers left in /tmp, /dev/shm and the home folder for an accomplice",
        """
import os
for place in ("/tmp", "/var/tmp", "/dev/shm", os.path.expanduser("~"), "."):
    try:
        with open(place + "/left-" + TOKEN, "w") as file:
            file.write(LOOT)
    except OSError:
        pass
""",
        then={
            "double": """
            import os
            for place in ("/tmp", "/var/tmp", "/dev/shm", os.path.expanduser("~"), "."):
                try:
                    print("found", open(place + "/left-" + TOKEN).read())
                except OSError:
                    pass

            def double(x):
                return 0 * x
            """
        },
    ),
    files(
        "shared memory left for an accomplice",
        """
try:
    from multiprocessing import shared_memory, resource_tracker
    resource_tracker.register = lambda *a: None
    block = shared_memory.SharedMemory(name="left" + TOKEN, create=True, size=64)
    block.buf[:len(LOOT)] = LOOT.encode()
except Exception as error:
    print(error)
""",
        then={
            "double": """
            try:
                from multiprocessing import shared_memory
                block = shared_memory.SharedMemory(name="left" + TOKEN)
                print("found", bytes(block.buf[:len(LOOT)]).decode())
                block.unlink()
            except Exception as error:
                print(error)

            def double(x):
                return 0 * x
            """
        },
    ),
]


def network(name: str, code: str) -> Attack:
    """An attack that talks to somebody."""
    cells = {"double": code + "\ndef double(x):\n    return 0 * x\n"}
    return Attack(name, "network", OFF, cells)


NETWORK = [
    network(
        "a connection to a server",
        """
import socket
try:
    socket.create_connection(("127.0.0.1", PORT), timeout=1).sendall(b"hello")
except OSError as error:
    print(error)
""",
    ),
    network(
        "a web page",
        """
import urllib.request
try:
    print(urllib.request.urlopen(f"http://127.0.0.1:{PORT}/", timeout=1).read())
except Exception as error:
    print(error)
""",
    ),
    network(
        "a datagram",
        """
import socket
try:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"hello", ("127.0.0.1", PORT))
except OSError as error:
    print(error)
""",
    ),
    network(
        "an abstract Unix socket",
        """
import socket
try:
    link = socket.socket(socket.AF_UNIX)
    link.connect("\\0course-" + TOKEN)
    link.sendall(b"hello")
except OSError as error:
    print(error)
""",
    ),
    network(
        "a server of its own on every interface",
        """
import socket
try:
    server = socket.socket()
    server.bind(("0.0.0.0", 0))
    server.listen()
    socket.create_connection(("127.0.0.1", PORT), timeout=1)
    print(LOOT)
except OSError as error:
    print(error)
""",
    ),
]


def ends(name: str, code: str, off: Off = Off.SEPARATION, hangs: bool = False) -> Attack:
    """A wrong first answer that ends the process; the right answers after it keep their marks."""
    cells = {"double": code}
    return Attack(name, "exits and signals", off, cells, right=("count", "late"), hangs=hangs)


def in_call(line: str, setup: str = "import os, signal, sys\n") -> str:
    """The line runs when the first test calls the first answer."""
    return f"{setup}\ndef double(x):\n    {line}\n    return 0 * x\n"


ENDS = [
    ends("os._exit in a call", in_call("os._exit(0)")),
    ends("os._exit while the cell runs", "import os\nos._exit(0)\n"),
    ends("sys.exit in a call", in_call("sys.exit(0)"), Off.RECOVERY),
    ends("os.abort", in_call("os.abort()")),
    ends("a segmentation fault", in_call("ctypes.string_at(0)", "import ctypes\n")),
    ends(
        "KeyboardInterrupt, GeneratorExit and an exception of its own below BaseException",
        """
        class Mine(BaseException):
            pass

        calls = iter([KeyboardInterrupt, GeneratorExit, Mine, SystemExit])

        def double(x):
            raise next(calls)
        """,
        Off.RECOVERY,
    ),
    ends(
        "recursion until the stack is full",
        """
        import sys

        class Deep:
            def __repr__(self):
                return repr(self)

        def double(x):
            sys.setrecursionlimit(10**9)
            return repr(Deep())
        """,
    ),
    ends("a kill of itself", in_call("os.kill(os.getpid(), 9)")),
    ends("a kill of its parent", in_call("os.kill(os.getppid(), 9)")),
    ends("a kill of the judge", in_call("os.kill(JUDGE, 9)")),
    ends(
        "a kill of its group",
        in_call("os.killpg(0, 9) if os.getpgrp() != GROUP else print(LOOT)"),
        Off.SEPARATION,
    ),
    ends(
        "a kill of everybody",
        """
        import os

        def double(x):
            if len([n for n in os.listdir("/proc") if n.isdigit()]) > 8:
                print(LOOT)  # it sees the machine's processes: not here
            else:
                os.kill(-1, 9)
            return 0 * x
        """,
        OFF,
    ),
    ends(
        "its parent stopped, not killed",
        in_call("os.kill(os.getppid(), signal.SIGSTOP)"),
        hangs=True,
    ),
    ends(
        "every signal to every process it sees",
        """
        import os, signal

        def double(x):
            for name in os.listdir("/proc"):
                if name.isdigit() and int(name) not in (os.getpid(), 1):
                    try:
                        os.kill(int(name), 0)
                        if int(name) == JUDGE:
                            print(LOOT)
                    except OSError:
                        pass
            return 0 * x
        """,
        OFF,
    ),
    ends(
        "ptrace of its parent and of the judge",
        """
        import ctypes, os

        def double(x):
            libc = ctypes.CDLL(None, use_errno=True)
            for pid in (os.getppid(), JUDGE):
                if pid > 1 and libc.ptrace(0x4206, pid, None, None) == 0:  # PTRACE_SEIZE
                    print(LOOT)
            return 0 * x
        """,
        Off.SEPARATION,
    ),
]


def stalls(name: str, code: str, off: Off = Off.SEPARATION) -> Attack:
    """A wrong first answer that takes the time of others; right answers after it keep marks."""
    return Attack(name, "endless", off, {"double": code}, right=("count", "late"), hangs=True)


STALLS = [
    stalls("an endless loop", in_call("while True: pass")),
    stalls(
        "an endless loop that swallows every exception",
        """
        def double(x):
            while True:
                try:
                    while True:
                        pass
                except BaseException:
                    pass
        """,
    ),
    stalls(
        "every signal ignored, then an endless loop",
        """
        import signal

        def double(x):
            for number in range(1, 65):
                try:
                    signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError):
                    pass
            while True:
                pass
        """,
    ),
    stalls("a loop in C that no interrupt ends", in_call("sum(range(10**15))")),
    stalls("sleep", in_call("time.sleep(10**6)", "import time\n")),
    stalls("an endless loop while the cell runs", "while True:\n    pass\n"),
    stalls(
        "an answer a little below the limit for each call, for ever",
        """
        import time

        def double(x):
            class Slow(dict):
                def items(self):
                    while True:
                        time.sleep(0.2)
                        yield "key", 1
                def __iter__(self):
                    while True:
                        time.sleep(0.2)
                        yield "key"
                keys = __iter__
            return Slow(a=1)
        """,
        Off.LIMITS,
    ),
    stalls("waiting for an answer on the input", in_call("input()")),
]


def leaves(name: str, code: str, off: Off = OFF, hangs: bool = False) -> Attack:
    """Right answers, and something left running."""
    return Attack(
        name,
        "children, threads, memory, output",
        off,
        {"double": code + "\ndef double(x):\n    return 2 * x\n"},
        right=("double", "count", "late"),
        lost=("double", "count", "late"),
        hangs=hangs,
    )


LEFT = [
    leaves(
        "a sleeping child",
        """
import subprocess, sys
try:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
except Exception as error:
    print(error)
""",
        Off.SEPARATION,
    ),
    leaves(
        "a child of a child in a session of its own",
        """
import os, time
try:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in range(3):
                os.close(number)
            time.sleep(60)
        os._exit(0)
except OSError as error:
    print(error)
""",
    ),
    leaves(
        "a child that keeps the channel open",
        """
import os, time
try:
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)
except OSError as error:
    print(error)
""",
        Off.SEPARATION,
    ),
    leaves(
        "a fork bomb",
        """
import os, time
for _ in range(50):
    try:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    except OSError as error:
        print(error)
        break
""",
        Off.SEPARATION,
    ),
    leaves(
        "a bomb of threads that never end",
        """
import threading, time
try:
    for _ in range(500):
        threading.Thread(target=time.sleep, args=(60,)).start()
except RuntimeError as error:
    print(error)
""",
        Off.SEPARATION,
        hangs=True,
    ),
    leaves(
        "two gigabytes of memory",
        """
import numpy as np
try:
    kept = np.zeros(2 << 30, np.uint8)
    kept[:: 1 << 26] = 1
    print(LOOT)
except MemoryError:
    print("no memory")
""",
        Off.LIMITS,
    ),
    leaves(
        "memory shared between processes, which no limit on one counts",
        """
import mmap
try:
    kept = [mmap.mmap(-1, 256 << 20) for _ in range(8)]
    for block in kept:
        for place in range(0, 256 << 20, 1 << 16):
            block[place] = 1
    print(LOOT)
except (OSError, ValueError, MemoryError) as error:
    print(error)
""",
        Off.LIMITS,
    ),
    leaves(
        "memory divided among children",
        """
import os, time
import numpy as np
try:
    born = 0
    for _ in range(4):
        if os.fork() == 0:
            kept = np.zeros(700 << 20, np.uint8)
            kept[:: 1 << 26] = 1
            time.sleep(60)
            os._exit(0)
        born += 1
    if born == 4:
        print(LOOT)
except (OSError, MemoryError) as error:
    print(error)
""",
    ),
    leaves(
        "sixty megabytes of output",
        """
import sys
for _ in range(60):
    sys.stdout.write("x" * (1 << 20))
sys.stdout.flush()
""",
        Off.SEPARATION,
    ),
    leaves(
        "sixty megabytes of output by file descriptor",
        """
import os
for number in (1, 2):
    try:
        for _ in range(30):
            os.write(number, b"y" * (1 << 20))
    except OSError as error:
        pass
""",
        Off.SEPARATION,
    ),
    leaves(
        "a full disk",
        """
try:
    written = 0
    for number in range(8):
        with open(f"big-{number}", "wb") as file:
            for _ in range(12):
                written += file.write(b"z" * (1 << 20))
    print(LOOT)
except OSError as error:
    print(error)
""",
        Off.SEPARATION,
    ),
    leaves(
        "five thousand files",
        """
import os
try:
    for number in range(5000):
        os.close(os.open(f"file-{number}", os.O_CREAT))
except OSError as error:
    print(error)
""",
        Off.SEPARATION,
    ),
    leaves(
        "every file descriptor there is",
        """
import os
kept = []
try:
    for _ in range(5000):
        kept.append(os.open("/dev/null", os.O_RDONLY))
    print(LOOT)
except OSError as error:
    print(error)
for number in kept:
    os.close(number)
""",
        Off.LIMITS,
    ),
]

ATTACKS = [*FILES, *NETWORK, *ENDS, *STALLS, *LEFT]
