"""Who keeps whom alive; collection, exit, fork and spawn."""
import gc
import os
import signal
import threading
import unittest
import weakref

from support import TestCase, png, run_python, small_session

import nst
from nst.context import _ends

HELLO = "import nst, support\n"


class Collection(TestCase):
    def test_memory_comes_back(self):
        with nst.Context(threads=1) as context:
            before = context.memory_used
            for _ in range(3):
                targets = nst.Targets(png(40, 40), png(40, 40), model=nst.Model.untrained(width=2, context=context))
                session = nst.Session(targets, iterations=2, size=40)
                session.run()
                nst.Image(session.image.to_bytes(), context=context)
                del targets, session
                gc.collect()
                self.assertEqual(context.memory_used, before)

    def test_session_keeps_what_it_needs(self):
        model = nst.Model.untrained(width=2)
        content, style = nst.Image(png(40, 40)), nst.Image(png(40, 40))
        targets = nst.Targets(content, style, model=model)
        session = nst.Session(targets, iterations=2, size=40)
        for thing in (content, style, model, targets):
            thing.close()
        self.assertEqual(session.run().size, (40, 40))
        with self.assertRaisesRegex(nst.StateError, "Targets is closed"):
            nst.Session(targets)

    def test_children_keep_the_context(self):
        context = nst.Context(threads=1)
        image = nst.Image(png(4, 4), context=context)
        watched = weakref.ref(context)
        del context
        gc.collect()
        self.assertIsNotNone(watched())
        del image
        gc.collect()
        self.assertIsNone(watched())

    def test_arrays_outlive_their_session(self):
        session = small_session(iterations=1)
        session.run()
        gradient, pixels = session.gradient, session.image.pixels()
        before = bytes(gradient), bytes(pixels)
        session.close()
        del session
        gc.collect()
        self.assertEqual((bytes(gradient), bytes(pixels)), before)

    def test_reference_cycles(self):
        with nst.Context(threads=1) as context:
            before = context.memory_used
            things = [nst.Image(png(40, 40), context=context), nst.Options(context=context)]
            things.append(things)
            watched = weakref.ref(things[0])
            del things
            gc.collect()
            self.assertIsNone(watched())
            self.assertEqual(context.memory_used, before)

    def test_nothing_is_kept_of_what_is_gone(self):
        gc.collect()
        before = len(_ends)
        for _ in range(10):
            nst.Image(png(4, 4)).close()
            small_session(iterations=1).run()
            gc.collect()
        self.assertEqual(len(_ends), before)

    def test_close_is_final_and_harmless(self):
        session = small_session()
        with session:
            session.step()
        session.close()
        for use in (session.step, session.cancel, lambda: session.image, lambda: session.options.alpha, lambda: next(session)):
            with self.assertRaisesRegex(nst.StateError, "Session is closed"):
                use()
        self.assertEqual(repr(session), "<nst.Session closed>")


class Exit(TestCase):
    def test_with_everything_alive(self):
        self.run_clean(HELLO + "session = support.small_session(); session.step(); image = session.image; other = nst.Options()")

    def test_in_a_cycle(self):
        self.run_clean(HELLO + "session = support.small_session(); session.step(); cycle = [session]; cycle.append(cycle)")

    def test_while_a_daemon_thread_is_inside_a_step(self):
        self.run_clean(HELLO + "import threading, time\n"
                       "def work():\n"
                       "    session = support.small_session(iterations=10**6, size=256)\n"
                       "    try: session.run()\n"
                       "    except nst.Error: pass\n"
                       "threading.Thread(target=work, daemon=True).start(); time.sleep(0.3)")

    def test_with_a_suspended_loop(self):
        self.run_clean(HELLO + "loop = iter(support.small_session()); next(loop)")

    def test_after_an_exception(self):
        """The traceback holds the frames, the frames hold the session."""
        result = run_python(HELLO + "session = support.small_session()\nfor progress in session: raise SystemExit(7)")
        self.assertEqual((result.returncode, result.stderr), (7, ""))


@unittest.skipUnless(hasattr(os, "fork"), "needs fork")
class Fork(TestCase):
    def child(self, work):
        """Exit status of work() in a forked child, which an alarm ends if it hangs."""
        pid = os.fork()
        if pid == 0:
            signal.alarm(30)
            try:
                work()
                os._exit(0)
            except BaseException as problem:
                os.write(2, repr(problem).encode() + b"\n")
                os._exit(1)
        return os.waitpid(pid, 0)[1]

    def test_child_starts_anew(self):
        wanted = small_session().run().pixels("f32").tobytes()

        def work():
            assert small_session().run().pixels("f32").tobytes() == wanted

        self.assertEqual(self.child(work), 0)

    def test_child_goes_on_with_what_it_inherited(self):
        """The library works without its threads there, and gets to the same picture."""
        session = small_session()
        session.step()

        def work():
            assert session.run().size == (32, 24)
            session.close()

        self.assertEqual(self.child(work), 0)
        self.assertEqual(session.run().size, (32, 24))

    def test_child_drops_what_it_inherited(self):
        things = [small_session(), nst.Image(png(4, 4)), nst.Options()]

        def work():
            del things[:]
            gc.collect()

        self.assertEqual(self.child(work), 0)
        self.assertEqual(things[0].run().size, (32, 24))

    def test_fork_during_a_step_of_another_thread(self):
        session = small_session(iterations=10**6)

        def run():
            try:
                session.run()
            except nst.Cancelled:
                pass

        thread = threading.Thread(target=run)
        thread.start()
        statuses = [self.child(lambda: small_session().run()) for _ in range(5)]
        session.cancel()
        thread.join()
        self.assertEqual(statuses, [0] * 5)


class Processes(TestCase):
    def pool(self, method):
        script = self.folder / ("pool_%s.py" % method)
        script.write_text("import multiprocessing, nst, support\n"
                          "def work(job):\n"
                          "    options, image = job\n"
                          "    targets = nst.Targets(image, image, model=nst.Model.untrained(width=2))\n"
                          "    return nst.Session(targets, options).run().to_bytes()\n"
                          "if __name__ == '__main__':\n"
                          "    nst.default_context()\n"
                          "    jobs = [(nst.Options(size=32, iterations=i), support.png(32, 32)) for i in (1, 2)]\n"
                          "    with multiprocessing.get_context(%r).Pool(2) as pool:\n"
                          "        found = pool.map(work, jobs)\n"
                          "    assert found == [work(job) for job in jobs]\n" % method)
        self.run_clean("import subprocess, sys; sys.exit(subprocess.call([sys.executable, %r]))" % str(script))

    @unittest.skipUnless(hasattr(os, "fork"), "needs fork")
    def test_fork(self):
        self.pool("fork")

    def test_spawn(self):
        self.pool("spawn")


if __name__ == "__main__":
    unittest.main()
