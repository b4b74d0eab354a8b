"""Sessions: stepping, looking, changing, saving, cancelling; logging."""
import logging
import threading
import traceback
import unittest

from support import TestCase, png, small_session

import nst
from nst import _raw
from nst.context import LogQueue, library_level


class Running(TestCase):
    def test_iteration(self):
        session = small_session(iterations=3)
        seen = list(session)
        self.assertEqual([p.iteration for p in seen], [0, 1, 2, 3])
        self.assertEqual(seen[0].evaluations, 1)
        self.assertLess(seen[-1].loss, seen[0].loss)
        self.assertAlmostEqual(seen[-1].loss, seen[-1].content + seen[-1].style + seen[-1].tv, delta=1e-6 * seen[-1].loss)
        self.assertEqual((seen[0].width, seen[0].height, seen[0].scales, seen[0].iterations), (32, 24, 1, 3))
        self.assertIsNone(seen[0].seconds_left)
        self.assertEqual(seen[-1].fraction, 1.0)
        self.assertEqual(session.progress.stop_reason, nst.StopReason.ITERATIONS)
        self.assertTrue(session.progress.done)
        self.assertEqual(list(session), [])
        self.assertTrue(session.step().done)
        self.assertIn("iteration 3 of 3", repr(session))

    def test_masks(self):
        content, style = nst.Image(png(32, 24)), nst.Image(png(24, 32))
        halves = png(40, 30, 1)

        def painted(**masks):
            targets = nst.Targets(content, style, model=nst.Model.untrained(width=2, seed=1), **masks)
            return bytes(nst.Session(targets, iterations=2, size=32, alpha=0.005).run().pixels("f32"))
        pictures = [painted(), painted(content_mask=halves, style_masks=halves), painted(content_weights=halves)]
        self.assertEqual(len(set(pictures)), 3)
        self.assertEqual(painted(content_mask=halves, style_masks=[halves]), pictures[1])
        with self.assertRaisesRegex(TypeError, "belong together"):
            painted(content_mask=halves)
        with self.assertRaisesRegex(ValueError, "2 style maps"):
            painted(content_mask=halves, style_masks=[halves, halves])
        nst.Image(png(40, 30)).save(self.folder / "map.png")
        with self.assertRaisesRegex(ValueError, "map.png' has colours"):
            painted(content_weights=self.folder / "map.png")
        nst.transfer(content, style, model=nst.Model.untrained(width=2, seed=1), iterations=1, size=32, content_mask=halves,
                     style_masks=halves, content_weights=halves)

    def test_leaving_the_loop_and_going_on(self):
        session = small_session(iterations=4)
        for progress in session:
            if progress.iteration == 2:
                break
        self.assertEqual([p.iteration for p in session], [3, 4])

    def test_run_gives_the_same_picture(self):
        stepped = small_session()
        while not stepped.step().done:
            pass
        self.assertEqual(small_session().run().pixels("f32"), stepped.image.pixels("f32"))

    def test_previous_frame(self):
        previous, weights = nst.Image(png(40, 30)), nst.Image(png(40, 30, 1))
        session = small_session(previous=previous, previous_weights=weights, temporal=2)
        session.run()
        self.assertIn("temporal", [term.kind for term in session.terms])
        self.assertEqual(session.options.temporal, 2)
        self.assertNotIn("temporal", [term.kind for term in small_session().terms])
        for wrong in (dict(previous_weights=weights), dict(previous=previous, previous_weights=png(3, 4))):
            with self.assertRaises(nst.InvalidArgumentError):
                small_session(**wrong)

    def test_scales(self):
        seen = list(small_session(iterations=4, size=64, scales=2))
        self.assertEqual([(p.scale, p.iteration) for p in seen], [(1, 0), (1, 1), (1, 2), (2, 2), (2, 3), (2, 4)])
        self.assertEqual([p.width for p in seen], [32, 32, 32, 64, 64, 64])

    def test_exception_in_a_callback(self):
        session = small_session()

        def callback(progress):
            if progress.iteration == 2:
                raise ZeroDivisionError("mine")

        try:
            session.run(callback)
            self.fail("nothing was raised")
        except ZeroDivisionError as problem:
            self.assertIn("callback", [frame.name for frame in traceback.extract_tb(problem.__traceback__)])
        self.assertEqual(session.progress.iteration, 2)
        self.assertEqual(session.run(lambda progress: session.image).size, (32, 24))
        self.assertEqual(session.progress.iteration, 4)

    def test_session_closed_in_its_callback(self):
        session = small_session()
        with self.assertRaises(nst.StateError):
            session.run(lambda progress: session.close())

    def test_strength(self):
        raw = small_session(alpha=0.1)
        raw.run()
        self.assertIsNone(raw.strength.strength)
        self.assertEqual((raw.strength.content_weight, raw.strength.clamped), (0.1, nst.Clamped.NOT))
        self.assertTrue(0 < raw.strength.retention <= 1)
        self.assertTrue(raw.strength.style_left > 0)
        self.assertFalse(raw.strength.style_incomplete)
        searched = small_session(strength=0.25)
        self.assertAlmostEqual(searched.strength.target, 0.9025)
        self.assertFalse(searched.strength.settled)
        self.assertIsNone(searched.strength.retention)
        searched.run()
        self.assertTrue(searched.strength.settled)
        self.assertGreater(searched.strength.content_weight, 0)

    def test_looking(self):
        session = small_session()
        self.assertEqual(session.progress.evaluations, 0)
        with self.assertRaises(nst.StateError):
            session.gradient
        self.assertEqual(session.image.size, (32, 24))
        session.step()
        progress = session.progress
        terms = session.terms
        self.assertEqual({term.kind for term in terms}, {"content", "style", "tv"})
        self.assertAlmostEqual(sum(term.value for term in terms), progress.loss, delta=1e-9 * progress.loss)
        self.assertEqual([term.layer for term in terms if term.kind == "content"], ["relu4_2"])
        gradient = session.gradient
        self.assertEqual((gradient.shape, gradient.format), ((3, 24, 32), "f"))
        norm = sum(value * value for value in gradient.cast("B").cast("f")) ** 0.5
        self.assertAlmostEqual(norm, progress.gradient_norm, delta=1e-4 * norm)

    def test_start_pictures(self):
        start = nst.Image(png(10, 10)).resize(32, 24)
        for init in (start, start.to_bytes(), start.pixels()):
            session = small_session(init=init)
            session.step()
            self.assertEqual(session.image.pixels(), start.pixels())
            self.assertEqual(session.options.init, "image")
        gray = small_session(init="gray", init_noise=0)
        self.assertEqual(set(gray.image.pixels().tobytes()), {128})
        first, second = (small_session(init="noise", seed=seed).image.pixels() for seed in (1, 2))
        self.assertNotEqual(first, second)

    def test_options_from_everywhere(self):
        options = nst.Options(iterations=2, beta=7)
        for given in (options, {"iterations": 2, "beta": 7}):
            targets = small_session().targets
            session = nst.Session(targets, given, size=40, content_layers={"relu3_1": 2})
            self.assertEqual((session.options.iterations, session.options.beta, session.options.size), (2, 7, 40))
            self.assertEqual(session.options["content-layers"], "relu3_1:2")
        self.assertFalse(options.is_set("size"))


class Changing(TestCase):
    def test_live(self):
        session = small_session(iterations=2)
        list(session)
        before = session.progress.style
        session.options.iterations = 4
        session.options["beta"] = 1000
        self.assertEqual((session.options.iterations, session.options.beta), (4, 1000))
        next(session)
        self.assertNotEqual(session.progress.style, before)
        session.options.beta = None
        self.assertEqual((session.options.beta, session.options.octaves), (None, 3))  # strength decides; what "auto" came to
        self.assertEqual(dict(session.options)["iterations"], 4)

    def test_refusals(self):
        session = small_session()
        session.step()
        with self.assertRaises(nst.StateError):
            session.options.seed = 3
        with self.assertRaisesRegex(ValueError, "alpha"):
            session.options.alpha = -1
        with self.assertRaises(AttributeError):
            session.options.alhpa = 3
        with self.assertRaises(AttributeError):
            session.alpha = 3  # options are below session.options
        with self.assertRaises(LookupError):
            session.options.content_layers = "relu9_9"
        self.assertEqual(session.options.content_layers, "relu4_2")


class Saving(TestCase):
    def test_resume(self):
        path = self.folder / "checkpoint"
        whole, first = small_session(), small_session()
        for _ in range(3):
            first.step()
        first.save(path)
        second = nst.Session.resume(first.targets, path)
        self.assertEqual(second.progress.iteration, 2)
        self.assertEqual(second.run().pixels("f32"), whole.run().pixels("f32"))
        self.assertIs(second.targets, first.targets)
        self.assertEqual(list(nst.Session.resume(first.targets, path))[0].iteration, 3)

    def test_refusals(self):
        targets = small_session().targets
        with self.assertRaises(FileNotFoundError):
            nst.Session.resume(targets, self.folder / "none")
        nst.Model.untrained(width=2).save(self.folder / "bad")
        with self.assertRaises(nst.CheckpointFormatError):
            nst.Session.resume(targets, self.folder / "bad")


class Reconstruction(TestCase):
    def test_both_kinds(self):
        model = nst.Model.untrained(width=2)
        for kind, layers in (("content", "relu2_1"), ("style", ["relu1_1", "relu2_1"]), ("style", {"relu1_1": 1, "relu2_1": 2})):
            image = nst.reconstruct(kind, png(20, 20), layers, model=model, iterations=2, size=16)
            self.assertEqual(image.size, (16, 16))
        session = nst.Session.reconstruct("content", png(20, 20), "relu2_1", model=model, size=16)
        session.step()
        self.assertEqual(session.options.init, "noise")
        self.assertIsNone(session.targets)
        self.assertEqual({term.kind for term in session.terms} - {"tv"}, {"content"})

    def test_refusals(self):
        model = nst.Model.untrained(width=2)
        with self.assertRaisesRegex(ValueError, "kind"):
            nst.reconstruct("both", png(20, 20), "relu2_1", model=model)
        with self.assertRaisesRegex(LookupError, "relu7_1"):
            nst.reconstruct("style", png(20, 20), "relu7_1", model=model)


class Transfer(TestCase):
    def test_in_one_line(self):
        seen = []
        image = nst.transfer(png(20, 16), png(16, 16), png(10, 10), model=nst.Model.untrained(width=2), size=20, iterations=2,
                             style_weights=[1, 3], callback=seen.append)
        self.assertEqual(image.size, (20, 16))
        self.assertEqual([p.iteration for p in seen], [0, 1, 2])

    def test_texture_in_one_call(self):
        model = nst.Model.untrained(width=2, seed=1)
        style = nst.Image(png(64, 48))
        seen = []
        small = nst.texture(style, model=model, size=32, iterations=2, callback=lambda progress: seen.append(progress.iteration))
        self.assertEqual((small.size, seen), ((32, 24), [0, 1, 2]))
        session = nst.Session(nst.Targets(None, style, model=model), size=32, iterations=2, init="noise")
        self.assertEqual(small.pixels("f32"), session.run().pixels("f32"))
        wide = nst.texture(style, png(20, 20), model=model, width=128, height=40, iterations=1, style_weights=[3, 1], seed=4)
        self.assertEqual(wide.size, (128, 40))
        session = nst.Session(nst.Targets(None, style, png(20, 20), model=model), width=128, height=40, iterations=1, seed=4,
                              style_weights=[3, 1], style_scale=0.5)  # none is enlarged
        self.assertEqual(wide.pixels("f32"), session.run().pixels("f32"))
        own = nst.texture(style, model=model, size=0, iterations=1, init="gray", content_mask=png(9, 9, 1), style_masks=png(9, 9, 1))
        self.assertEqual(own.size, (64, 48))
        larger = [bytes(nst.texture(style, model=model, size=96, iterations=1, **scale).pixels("f32"))
                  for scale in ({}, {"style_scale": 1}, {"style-scale": 2 / 3})]
        self.assertEqual(larger[0], larger[2])
        self.assertNotEqual(larger[0], larger[1])
        with self.assertRaisesRegex(ValueError, "at least one style"):
            nst.texture(model=model)
        with self.assertRaisesRegex(ValueError, "height is not given"):
            nst.texture(style, model=model, width=40)

    def test_what_needs_a_content_is_a_warning_without_one(self):
        context = nst.Context(log_level="warning")
        targets = nst.Targets(None, png(20, 16), model=nst.Model.untrained(width=2, context=context), context=context)
        with self.assertLogs("nst", "WARNING") as logs:
            session = nst.Session(targets, strength=0.7, photo=0.5, style_layers="relu1_1", iterations=1, size=20)
            session.options.alpha = None  # as it was: nothing to say
        self.assertEqual(len(logs.output), 1)
        self.assertIn("no content image, so that these options do nothing: strength, photo", logs.output[0])
        with self.assertLogs("nst", "WARNING") as logs:
            session.options.detail = 0.5
            session.step()
        self.assertIn("do nothing: detail", "".join(logs.output))
        self.assertEqual((session.options.alpha, session.strength.strength), (None, None))

    def test_textures(self):
        self.assertEqual(nst.transfer(None, png(20, 16), model=nst.Model.untrained(width=2), size=20, iterations=1,
                                      init="noise").size, (20, 16))

    def test_refusals(self):
        model = nst.Model.untrained(width=2)
        with self.assertRaisesRegex(LookupError, "relu9_9.*relu5_1"):
            nst.transfer(png(20, 20), png(16, 16), model=model, content_layers="relu9_9")
        with self.assertRaises(ValueError):
            nst.transfer(None, model=model)
        with self.assertRaises(AttributeError):
            nst.transfer(png(20, 20), png(16, 16), model=model, alhpa=3)
        with self.assertRaises(FileNotFoundError):
            nst.transfer("none.png", png(16, 16), model=model)
        with self.assertRaisesRegex(ValueError, "start image"):
            nst.Session(small_session().targets, {"init": "image"})


class Cancelling(TestCase):
    def test_from_another_thread(self):
        session = small_session(iterations=1000000)
        steps = []
        timer = threading.Timer(0.05, session.cancel)
        timer.start()
        with self.assertRaises(nst.Cancelled) as caught:
            for progress in session:
                steps.append(progress.iteration)
        timer.join()
        self.assertEqual(caught.exception.code, nst.Status.ERR_CANCELLED)
        self.assertEqual(session.progress.stop_reason, nst.StopReason.CANCELLED)
        done = session.progress.iteration
        self.assertGreater(session.image.width, 0)
        self.assertGreaterEqual(session.step().iteration, done)

    def test_before_the_start(self):
        session = small_session()
        session.cancel()
        with self.assertRaises(nst.Cancelled):
            session.run()
        self.assertEqual(session.run().size, (32, 24))

    def test_from_a_callback(self):
        session = small_session()
        with self.assertRaises(nst.Cancelled):
            session.run(lambda progress: session.cancel())
        self.assertEqual(session.progress.iteration, 0)

    def test_other_threads_look_meanwhile(self):
        """Getters of a session at work in another thread wait for the step, progress does not; nothing is corrupted."""
        session = small_session(iterations=60)
        ended = threading.Event()
        problems = []

        def look():
            try:
                while not ended.is_set():
                    for value in (session.image, session.terms, session.progress, session.options.beta):
                        del value
                    nst.Image(session.image.to_bytes())
            except BaseException as problem:
                problems.append(problem)

        threads = [threading.Thread(target=look) for _ in range(2)]
        for thread in threads:
            thread.start()
        session.run()
        ended.set()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])
        self.assertEqual(session.progress.iteration, 60)

    def test_sessions_in_parallel(self):
        """One model and one pair of images, four threads: the same pictures as one after the other."""
        targets = small_session().targets
        wanted = [nst.Session(targets, size=32 + 8 * i, iterations=3).run().pixels("f32") for i in range(4)]
        found = [None] * 4

        def work(i):
            found[i] = nst.Session(targets, size=32 + 8 * i, iterations=3).run().pixels("f32")

        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found, wanted)


class Logging(TestCase):
    def test_lines_reach_the_logger(self):
        """What C hands to the callback comes out of `logging` with its level, whatever characters it has."""
        queue = LogQueue()
        lines = [(1, "no file 'b\\x\n\u00e4 \"'"), (2, "careful"), (4, "")]
        for level, text in lines:
            queue.callback(None, level, text.encode())
        with self.assertLogs("nst", logging.DEBUG) as caught:
            queue.drain()
        self.assertEqual([(record.levelno, record.getMessage()) for record in caught.records],
                         [(logging.ERROR, lines[0][1]), (logging.WARNING, "careful"), (logging.DEBUG, "")])
        self.assertFalse(queue.pieces)

    def test_from_many_threads(self):
        queue = LogQueue()

        def work(number):
            for i in range(100):
                queue.callback(None, 3, b"%d %d" % (number, i))

        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        with self.assertLogs("nst", logging.INFO) as caught:
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                queue.drain()
            queue.drain()
        self.assertEqual(len(set(record.getMessage() for record in caught.records)), 400)

    def test_levels(self):
        self.assertEqual(library_level("debug"), _raw.LogLevel.DEBUG)
        self.assertEqual(library_level(logging.INFO), _raw.LogLevel.INFO)
        self.assertEqual(library_level(35), _raw.LogLevel.ERROR)
        self.assertEqual(library_level(1000), _raw.LogLevel.ERROR)
        self.assertEqual(library_level(None), _raw.LogLevel.WARNING)
        logging.getLogger("nst").setLevel(logging.DEBUG)
        self.addCleanup(logging.getLogger("nst").setLevel, logging.NOTSET)
        self.assertEqual(library_level(None), _raw.LogLevel.DEBUG)
        with self.assertRaises(ValueError):
            nst.Context(log_level="loud")

    def test_a_line_of_the_library(self):
        with nst.Context(log_level="info") as context, self.assertLogs("nst", logging.INFO) as caught:
            nst.Model("untrained", context=context)
        self.assertIn("untrained", caught.records[0].getMessage())
        self.assertEqual(caught.records[0].levelno, logging.INFO)


class Contexts(TestCase):
    def test_facts(self):
        with nst.Context(threads=2) as context:
            self.assertEqual(context.threads, 2)
            self.assertTrue(context.cpu_level)
            image = nst.Image(png(64, 64), context=context)
            self.assertIs(image.context, context)
            self.assertGreater(context.memory_used, 64 * 64 * 3)
            self.assertGreaterEqual(context.memory_peak, context.memory_used)
            self.assertIn("threads=2", repr(context))
        self.assertEqual(image.to_bytes()[:4], b"\x89PNG")  # outlives its closed context
        with self.assertRaises(nst.ImageFormatError):
            image.context._check(_raw.Status.ERR_IMAGE_FORMAT)
        with self.assertRaisesRegex(nst.StateError, "Context is closed"):
            nst.Image(png(2, 2), context=context)
        for bad in (dict(threads=-1), dict(threads=1 << 31), dict(max_pixels=-1)):
            with self.assertRaises(ValueError):
                nst.Context(**bad)

    def test_default_is_shared(self):
        self.assertIs(nst.default_context(), nst.Image(png(2, 2)).context)

    def test_versions(self):
        self.assertEqual(nst.library_version(), nst.__version__)
        self.assertIn("libnst", nst.build_info())


if __name__ == "__main__":
    unittest.main()
