"""Ctrl-C: KeyboardInterrupt comes within one iteration, wherever it lands, and the session goes on afterwards."""
import os
import signal
import threading
import time
import unittest
import unittest.mock

from support import TestCase, png, small_session

import nst
from nst.context import LogQueue


class Interrupter:
    """Sends SIGINT to the process from a thread, a moment after `ready` was set, and notes `count()` then."""

    def __init__(self, delay, count):
        self.ready = threading.Event()
        self.at = None
        self.delay = delay
        self.count = count
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        self.ready.wait()
        time.sleep(self.delay)
        self.at = self.count()
        os.kill(os.getpid(), signal.SIGINT)


class Alarm(Exception):
    pass


def raise_alarm(*_):
    raise Alarm


class Interrupts(TestCase):
    def interrupt(self, drive, delay):
        """drive(session, note) must be interrupted at most one iteration after the signal."""
        session = small_session(iterations=3000)
        seen = []
        interrupter = Interrupter(delay, lambda: len(seen))

        def note(progress):
            seen.append(progress.iteration)
            if len(seen) == 2:
                interrupter.ready.set()

        try:
            drive(session, note)
            self.fail("not interrupted")
        except KeyboardInterrupt:
            pass
        finally:
            interrupter.thread.join()
        self.assertLessEqual(len(seen) - interrupter.at, 1)
        before = session.progress.iteration
        self.assertGreater(session.step().iteration, before - 1)
        self.assertEqual(session.image.size, (32, 24))

    def test_loop(self):
        def drive(session, note):
            for progress in session:
                note(progress)

        for i in range(20):
            self.interrupt(drive, i * 0.0007)

    def test_before_the_step_is_noted(self):
        """What interrupts comes out, not what the clearing up after it finds."""
        class Interrupted(dict):
            def __setitem__(self, key, value):
                raise KeyboardInterrupt

        session = small_session(iterations=3)
        with unittest.mock.patch("nst.session._stepping", Interrupted()), self.assertRaises(KeyboardInterrupt):
            session.step()
        self.assertEqual(session.step().evaluations, 1)

    def test_run_with_callback(self):
        for i in range(10):
            self.interrupt(lambda session, note: session.run(note), i * 0.0007)

    def test_while_encoding(self):
        """The writer is a Python function that C calls: there an exception would be lost."""
        def drive(session, note):
            for progress in session:
                note(progress)
                data = session.image.to_bytes()
                self.assertEqual(data[-8:-4], b"IEND")

        for i in range(20):
            self.interrupt(drive, i * 0.0007)

    def test_while_logging(self):
        """A signal that is pending when C calls the log callback is not lost in it."""
        queue = LogQueue()
        for _ in range(200):
            try:
                signal.raise_signal(signal.SIGINT) if hasattr(signal, "raise_signal") else os.kill(os.getpid(), signal.SIGINT)
                queue.callback(None, 3, b"line")
                self.fail("not interrupted")
            except KeyboardInterrupt:
                pass

    def test_handler_that_cancels(self):
        """What a program may do instead: a handler of its own that cancels the session."""
        session = small_session(iterations=3000)
        before = signal.signal(signal.SIGINT, lambda *_: session.cancel())
        try:
            interrupter = Interrupter(0.01, lambda: 0)
            interrupter.ready.set()
            with self.assertRaises(nst.Cancelled):
                session.run()
            interrupter.thread.join()
        finally:
            signal.signal(signal.SIGINT, before)
        self.assertGreaterEqual(session.step().evaluations, 1)

    def alarms(self, work, count):
        """How many of `count` alarms, each at another moment of work() again and again, did not come through."""
        lost = 0
        before = signal.signal(signal.SIGALRM, raise_alarm)
        try:
            for i in range(count):
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0.002 + i * 0.000037)
                    end = time.monotonic() + 5
                    while time.monotonic() < end:
                        work()
                    lost += 1
                except Alarm:
                    pass
        finally:
            signal.signal(signal.SIGALRM, before)
        return lost

    def test_while_things_are_made_and_released(self):
        """Releasing runs no Python code, where the exception would be lost; with weakref.finalize one in ten was."""
        data = png(4, 4)
        image = nst.Image(data)
        for work in (lambda: nst.Image(data), nst.Options, image.to_bytes, lambda: image.resize(2, 2).close()):
            self.assertEqual(self.alarms(work, 100), 0)

    def test_while_a_session_runs(self):
        session = small_session(iterations=100000)

        def work():
            next(session)
            session.image.pixels()

        self.assertEqual(self.alarms(work, 50), 0)


if __name__ == "__main__":
    unittest.main()
