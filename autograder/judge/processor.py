"""Keep a judge and its students' processes on one processor.

The judge waits while the student's process answers, and the other way round: at no time both have
something to do. On two processors each question and each answer has to wake one that sleeps, which
costs more than many an answer; on virtual machines it doubled the CPU time of a submission.
"""

import os
import socket


def take_one_processor() -> socket.socket | None:
    """Move this process, and what it will start, to a processor that no other judge has taken.

    Where there is none left, or the system can't do it, everything stays as it is.

    Returns:
        What marks the processor as taken, until it is closed or this process ends; None if none is.
    """
    if not hasattr(os, "sched_setaffinity"):
        return None
    for number in sorted(os.sched_getaffinity(0)):
        # A name in Linux's abstract namespace: it has no file, and goes with the process.
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            mark.bind(f"\0unrolled-course judge on processor {number}")
            os.sched_setaffinity(0, {number})
        except OSError:
            mark.close()
        else:
            return mark
    return None
