"""Pictures, logs, parameters, checkpoints: that a run does what its flags say."""
import json
import os
import signal
import zlib

from common import Case, finish, main, png_chunks, png_size, start, wait_for_lines, write_png

RECORD = ["iteration", "evaluations", "scale", "width", "height", "loss", "content", "style", "tv", "layers", "grad_norm",
          "retention", "content_weight", "style_left", "style_incomplete", "seconds"]


class Pictures(Case):
    def test_photo_is_stylize_with_defaults(self):
        """Each of which gives way to a flag, to parameters and to a checkpoint."""
        run = ["photo", self.content, self.style, "-o", self.out, "--overwrite", *self.small]
        self.run_nst(*run, "--checkpoint", "p.ckpt", "--photo", "0.5")
        first = self.info(self.out)
        self.assertEqual([first["params"][key] for key in ("photo", "finish", "dialect", "init")],
                         [0.5, "poisson", "normalised", "content"])
        self.assertEqual(first["result"]["run"], "photo")
        self.assertIn("matting:pixels", first["result"]["layers"])
        self.run_nst(*run, "--params", self.out, "--finish", "none")
        self.assertEqual([self.info(self.out)["params"][key] for key in ("photo", "finish")], [0.5, "none"])
        self.run_nst("photo", self.content, self.style, "-o", self.out, "--overwrite", "--resume", "p.ckpt")
        self.assertEqual(self.info(self.out)["params"]["photo"], 0.5)

    def test_a_short_search_says_so(self):
        """The style alone has had no time: the result and the command say that the target was raised."""
        done = self.run_nst(self.content, self.style, "-o", self.out, "--weights", "builtin", "--size", "64", "--iterations", "12", "--strength", "1")
        self.assertEqual(self.info(self.out)["result"]["clamped"], "style")
        self.assertIn("strength 1 asks for less of the content than the style alone left when it was tried, with few iterations", done.stderr)

    def test_enlarged(self):
        """The picture has the size that was asked for, and tells at which it was painted."""
        done = self.stylize("--size", "64", "--enlarge", "2", "--style-layers", "relu1_1", "--content-layers", "relu1_1")
        result = self.info(self.out)["result"]
        self.assertEqual([result[key] for key in ("width", "height", "painted_width", "painted_height")], [64, 48, 32, 24])
        self.assertIn("64x48, ", done.stderr)
        self.assertEqual(png_size(self.out), (64, 48))

    def test_stylize_with_and_without_its_word(self):
        self.stylize()
        first = self.out.read_bytes()
        self.assertEqual(png_size(first), (32, 24))
        self.run_nst("stylize", self.content, self.style, "-o", self.out, "--overwrite", *self.small)
        self.assertEqual(self.out.read_bytes(), first)
        self.no_leftovers()

    def test_threads_do_not_change_the_bytes(self):
        self.stylize("--threads", "1")
        first = self.out.read_bytes()
        self.stylize("--threads", "3", "--overwrite")
        self.assertEqual(self.out.read_bytes(), first)

    def test_several_styles(self):
        third = self.dir / "third.png"
        write_png(third, 20, 20, lambda x, y: (255, x * 10, 0))
        self.run_nst(self.content, self.style, third, "-o", self.out, "--style-weights", "1,3", *self.small)
        self.assertEqual(self.info(self.out)["params"]["style-weights"], "1,3")
        self.assertEqual(self.info(self.out)["result"]["images"], ["content.png", "style.png", "third.png"])

    def test_several_styles_by_layer_and_size(self):
        """The value goes into the picture and from there into the next run, and each term is that of the style it names."""
        third, log = self.dir / "third.png", self.dir / "log.json"
        write_png(third, 20, 20, lambda x, y: (255, x * 10, 0))
        def first_terms(*arguments):
            self.run_nst(*arguments, "-o", self.out, "--overwrite", "--log", log, "--octaves", "1", *self.small)
            return json.loads(log.read_text().splitlines()[0])["layers"]
        both = first_terms(self.content, self.style, third, "--style-blend-weights", "1,0;relu1_1:0,1", "--init", "content")
        self.assertEqual(self.info(self.out)["params"]["style-weights"], "1,0;relu1_1:0,1")
        one = first_terms(self.content, self.style, "--init", "content")
        two = first_terms(self.content, third, "--init", "content")
        for name, value in both.items():
            self.assertEqual(value, two[name] if name == "relu1_1" else one[name], name)
        self.assertNotEqual(both["relu1_1"], one["relu1_1"])
        self.run_nst(self.content, self.style, third, "-o", self.out, "--overwrite", "--style-weights", "1,1;relu1_1:1,0", *self.small)
        first = self.out.read_bytes()
        again = self.dir / "again.png"
        self.run_nst(self.content, self.style, third, "-o", again, "--params", self.out, *self.small)
        self.assertEqual(again.read_bytes(), first)
        refused = self.run_nst(self.content, self.style, third, "-o", again, "--overwrite", "--style-weights", "1,0;/3:0,1", expect=2)
        self.assertIn("style-weights: '/3:0'", refused.stderr)

    def test_masks(self):
        """Every region takes its own: what is drawn differs with the masks; one region is no mask."""
        def painted(*flags):
            self.stylize("--overwrite", *flags)
            return self.out.read_bytes()
        halves, turned, red, ramp = (self.dir / name for name in ("halves.png", "turned.png", "red.png", "ramp.png"))
        write_png(halves, 8, 8, lambda x, y: (255, 0, 0) if x < 4 else (0, 0, 255))
        write_png(turned, 8, 8, lambda x, y: (255, 0, 0) if y < 4 else (0, 0, 255))
        write_png(ramp, 16, 4, lambda x, y: (17 * x,) * 3)
        pictures = [painted(), painted("--content-mask", halves, "--style-mask", halves),
                    painted("--content-mask", halves, "--style-mask", turned),
                    painted("--content-mask", halves, "--style-mask", turned, "--guide-mode", "inside"),
                    painted("--content-mask", ramp, "--style-mask", ramp), painted("--content-weights", ramp)]
        self.assertEqual(len(set(pictures)), len(pictures))
        self.run_nst(self.content, self.style, self.style, "-o", self.out, "--overwrite", "--content-mask", halves, "--style-mask",
                     f"{halves},{turned}", *self.small)
        self.run_nst("photo", self.content, self.style, "-o", self.out, "--overwrite", "--content-mask", halves, "--style-mask", halves,
                     "--content-weights", ramp, *self.small)
        write_png(red, 8, 8, lambda x, y: (255, 0, 0))
        noise = self.dir / "noise.png"
        write_png(noise, 40, 40, lambda x, y: ((x * 67) % 256, (y * 91) % 256, (x * y * 37) % 256))
        end = ("-o", self.dir / "no.png", *self.small)
        for flags, code, says in (
                (("--content-mask", halves), 2, "belong together"), (("--style-mask", halves), 2, "belong together"),
                (("--content-mask", halves, "--style-mask", red), 2, f"'{halves}' has the colour #0000ff, which '{red}' lacks"),
                (("--content-mask", halves, "--style-mask", noise), 2, f"nst: '{noise}' is no map of regions"),
                (("--content-mask", noise, "--style-mask", halves), 2, f"nst: '{noise}'"),
                (("--content-weights", halves), 2, f"nst: '{halves}' has colours, but"),
                (("--content-mask", halves, "--style-mask", "none.png"), 1, "none.png"),
                (("--content-weights", "none.png"), 1, "none.png"),
                (("--content-mask", halves, "--style-mask", halves, "--style-statistics", "covariance"), 3, "gram")):
            done = self.run_nst(self.content, self.style, *end, *flags, expect=code)
            self.assertIn(says, done.stderr)
            self.assertEqual(len([line for line in done.stderr.splitlines() if "weights: " not in line]), 2 if "belong" in says else 1)
        done = self.run_nst(self.content, self.style, self.style, *end, "--content-mask", halves, "--style-mask", halves, expect=2)
        self.assertIn("1 files for 2", done.stderr)
        done = self.run_nst(self.content, self.style, self.style, *end, "--content-mask", halves, "--style-mask", f"{red},{red}", expect=2)
        self.assertIn(f"'{halves}' has the colour #0000ff, which no map of a style has", done.stderr)
        self.run_nst(self.content, self.style, "-o", red, "--overwrite", "--content-weights", red, *self.small, expect=2)

    def test_a_style_that_is_not_reached_is_a_warning(self):
        flags = ("--iterations", "60", "--scales", "1", "--log", "l.jsonl", "--quiet", "--overwrite")
        done = self.stylize(*flags, "--alpha", "1000")
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertRegex(done.stderr, r"warning: the style was not reached, \d+ % .* alpha, photo")
        result = self.info(self.out)["result"]
        self.assertTrue(result["style_incomplete"] and 0.2 < result["style_left"] < 1.1)
        records = self.records("l.jsonl")
        self.assertEqual([r["style_incomplete"] for r in records], [False] * 60 + [True])
        self.assertEqual(records[-1]["style_left"], result["style_left"])
        self.assertIn("style_incomplete", self.run_nst("info", self.out).stdout)
        for more in (("--alpha", "0.001"), ("--strength", "0.2", "--photo", "1"), ("--alpha", "1000", "--iterations", "20")):
            self.assertEqual(self.stylize(*flags, *more).stderr, "")
            self.assertFalse(self.info(self.out)["result"]["style_incomplete"])
        self.texture("--iterations", "60", "--quiet", "--size", "32")
        self.assertIsNone(self.info(self.out)["result"]["style_left"])

    def test_standard_output_gets_the_picture_and_nothing_else(self):
        done = self.run_nst(self.content, self.style, "-o", "-", *self.small, binary=True)
        self.assertEqual(png_size(done.stdout), (32, 24))
        self.assertEqual(sorted(os.listdir(self.dir)), ["content.png", "style.png"])

    def test_sixteen_bits_and_jpeg(self):
        self.stylize("--bits", "16")
        self.assertEqual(self.info(self.out)["bits"], 16)
        jpeg = self.dir / "out.JPG"
        self.run_nst(self.content, self.style, "-o", jpeg, "--quality", "60", *self.small)
        self.assertEqual(self.info(jpeg)["kind"], "JPEG image")
        small = jpeg.stat().st_size
        self.run_nst(self.content, self.style, "-o", jpeg, "--quality", "99", "--overwrite", *self.small)
        self.assertGreater(jpeg.stat().st_size, small)

    def test_start_from_a_file(self):
        start = self.dir / "start.png"
        write_png(start, 32, 24, lambda x, y: (200, 100, 50))
        self.run_nst(self.content, self.style, "-o", self.out, "--init", "start.png", "--weights", "builtin", "--size", "32",
                     "--iterations", "0")
        rows = zlib.decompress(b"".join(body for kind, body in png_chunks(self.out.read_bytes()) if kind == b"IDAT"))
        self.assertEqual(len(rows), 24 * (1 + 3 * 32))
        self.assertEqual(self.info(self.out)["params"]["init"], "image")
        self.run_nst(self.content, self.style, "-o", self.dir / "again.png", "--params", self.out, "--init", "start.png", "--weights",
                     "builtin")
        self.assertEqual((self.dir / "again.png").read_bytes(), self.out.read_bytes())

    def test_frames(self):
        self.stylize("--iterations", "4", "--save-every", "2")
        self.assertEqual(sorted(n for n in os.listdir(self.dir) if n.startswith("out")), ["out.png", "out_000002.png", "out_000004.png"])
        done = self.stylize("--iterations", "4", "--save-every", "4", "--overwrite")
        self.assertNotIn("warning", done.stderr)

    def test_reconstruct(self):
        for kind, layers in (("content", "relu2_1"), ("style", "relu1_1,relu2_1")):
            log = f"{kind}.jsonl"
            self.run_nst("reconstruct", kind, self.content, "--layers", layers, "-o", f"{kind}-out.png", "--log", log, *self.small)
            last = self.records(log)[-1]
            self.assertEqual(list(last["layers"]), layers.split(","))
            self.assertEqual(self.info(f"{kind}-out.png")["result"]["run"], f"reconstruct {kind}")

    def texture(self, *arguments, **options):
        return self.run_nst("texture", self.style, "-o", self.out, "--weights", "builtin", "--iterations", "3", "--overwrite", *arguments,
                            **options)

    def test_textures_have_any_size(self):
        shape = png_size(self.style)
        self.assertNotEqual(shape[0], shape[1])
        for arguments, size in ((("--size", "32"), tuple(round(32 * side / max(shape)) for side in shape)),
                                (("--width", "50", "--height", "20"), (50, 20)), (("--width", "20", "--height", "70"), (20, 70)),
                                (("--size", "99", "--width", "64", "--height", "32", "--scales", "2"), (64, 32)), (("--size", "0"), shape)):
            self.texture(*arguments)
            self.assertEqual(png_size(self.out), size)
            told = self.info(self.out)
            self.assertEqual((told["result"]["run"], told["result"]["images"]), ("texture", ["style.png"]))
            self.assertEqual(told["params"]["init"], "noise")
        made = self.out.read_bytes()
        done = self.texture("--params", self.out)
        self.assertEqual(self.out.read_bytes(), made)
        self.assertNotIn("do nothing", done.stderr)  # parameters of a texture say nothing of a content
        self.run_nst("texture", self.style, self.content, "-o", self.out, "--overwrite", *self.small, "--style-weights", "1,3")
        self.assertEqual(self.info(self.out)["result"]["images"], ["style.png", "content.png"])

    def test_textures_do_not_enlarge_their_style(self):
        longer = max(png_size(self.style))
        for side, scale in ((longer // 2, 1), (longer, 1), (2 * longer, 0.5)):
            done = self.texture("--width", str(side), "--height", str(side), "--init", "gray")
            params = self.info(self.out)["params"]
            self.assertEqual((params["style-scale"], params["init"]), (scale, "gray"))
            self.assertEqual("keeps its own size" in done.stderr, scale < 1)
        self.texture("--size", str(2 * longer), "--style-scale", "1.5")
        self.assertEqual(self.info(self.out)["params"]["style-scale"], 1.5)

    def test_textures_resume(self):
        self.texture("--width", "40", "--height", "24", "--checkpoint", "t.ckpt")
        self.texture("--iterations", "6", "--resume", "t.ckpt")
        told = self.info(self.out)
        self.assertEqual((png_size(self.out), told["result"]["iterations"]), ((40, 24), 6))

    def test_textures_of_regions(self):
        """Masks have any size; each region is of the same region of the style, and a resumed run has to have the same ones."""
        masks = [self.dir / f"mask{i}.png" for i in range(3)]
        for mask, turned in zip(masks, (False, True, False)):
            write_png(mask, 9, 7, lambda x, y: (255, 0, 0) if (x < 4) != turned else (0, 0, 255))
        write_png(masks[2], 30, 8, lambda x, y: (255, 0, 0))
        size = ("--width", "40", "--height", "24")
        made = set()
        for flags in ((), ("--content-mask", masks[0], "--style-mask", masks[0]), ("--content-mask", masks[0], "--style-mask", masks[1]),
                      ("--content-mask", masks[2], "--style-mask", masks[1])):
            self.texture(*size, *flags, "--checkpoint", "t.ckpt")
            self.assertEqual(png_size(self.out), (40, 24))
            made.add(self.out.read_bytes())
        self.assertEqual(len(made), 4)
        self.texture(*flags, "--iterations", "6", "--resume", "t.ckpt")
        self.texture("--iterations", "6", "--resume", "t.ckpt", expect=3)
        self.run_nst("texture", self.style, self.content, "-o", self.out, "--overwrite", *self.small, "--content-mask", masks[0],
                     "--style-mask", f"{masks[0]},{masks[1]}")
        for flags, says in ((("--content-mask", masks[0]), "belong together"), (("--content-weights", masks[0]), "does not take")):
            self.assertIn(says, self.texture(*size, *flags, expect=2).stderr)
        done = self.run_nst("texture", self.style, "-o", masks[0], "--overwrite", *self.small, "--content-mask", masks[0], "--style-mask",
                            masks[0], expect=2)
        self.assertIn("same file", done.stderr)

    def test_textures_say_what_does_nothing(self):
        says = "warning: there is no content image, so that these options do nothing: "
        small = ("--strip", "--size", "32")
        every = {"strength": 0.7, "content-layers": "relu3_1", "laplacian": 1, "laplacian-pool": 8, "photo": 0.5, "detail": 0.2, "finish": "guided"}
        done = self.texture(*small, *(word for key, value in every.items() for word in (f"--{key}", value)))
        self.assertEqual(done.stderr.count("do nothing"), 1)
        self.assertIn(says + "strength, laplacian, laplacian-pool, content-layers, photo, detail, finish\n", done.stderr)
        made = self.out.read_bytes()
        self.assertNotIn("do nothing", self.texture(*small).stderr)
        self.assertEqual(self.out.read_bytes(), made)
        self.assertIn(says + "alpha\n", self.texture(*small, "--alpha", "3", "--quiet").stderr)
        (self.dir / "p.json").write_text('{"photo": 0.5, "size": 32}')
        self.assertIn(says + "photo\n", self.texture("--params", "p.json", "--photo", "0.2", "--checkpoint", "t.ckpt").stderr)
        self.assertIn(says + "strength\n", self.texture("--resume", "t.ckpt", "--iterations", "6", "--strength", "0.3").stderr)
        self.assertNotIn("do nothing", self.stylize("--overwrite", "--strength", "0.7", "--photo", "0.5").stderr)

    def test_textures_refuse(self):
        self.assertIn("height is not given", self.texture("--width", "40", expect=2).stderr)
        self.assertIn("without a content image", self.stylize("--width", "40", "--height", "30", expect=2).stderr)
        self.assertIn("no content image", self.texture("--colour", "match", expect=2).stderr)
        self.run_nst("texture", expect=2)

    def test_quiet_and_not_a_terminal(self):
        done = self.stylize("--quiet")
        self.assertEqual((done.stdout, done.stderr), ("", ""))
        done = self.stylize("--overwrite", "--verbose")
        self.assertTrue(all(ord(c) >= 32 or c == "\n" for c in done.stderr), repr(done.stderr))


class Texts(Case):
    def test_info_prints_parameters_and_result_back(self):
        self.stylize("--alpha", "2.5", "--seed", "9")
        stored = self.info(self.out)
        self.assertEqual((stored["kind"], stored["width"], stored["height"], stored["bits"], stored["alpha"], stored["colour"]),
                         ("PNG image", 32, 24, 8, "no", "RGB"))
        self.assertEqual((stored["params"]["alpha"], stored["params"]["seed"]), (2.5, 9))
        result = stored["result"]
        self.assertEqual((result["iterations"], result["stop"], result["network"]["name"], result["precision"]),
                         (3, "iterations", "builtin", "fp32"))
        self.assertAlmostEqual(result["loss"], result["content"] + result["style"] + result["tv"], delta=1e-6 * abs(result["loss"]))
        text = self.run_nst("info", self.out).stdout
        for word in ("alpha          2.5", "relu5_1", "builtin"):
            self.assertIn(word, text)

    def test_texts_are_ascii_json_in_tEXt(self):
        odd = self.dir / "b\u00fccher\udcff.png"
        os.rename(self.content, odd)
        self.run_nst(odd, self.style, "-o", self.out, *self.small)
        texts = dict(body.split(b"\0", 1) for kind, body in png_chunks(self.out.read_bytes()) if kind == b"tEXt")
        self.assertEqual(set(texts), {b"nst:params", b"nst:result"})
        self.assertEqual(json.loads(texts[b"nst:result"].decode("ascii"))["images"][0], "b\u00fccher\ufffd.png")

    def test_strip(self):
        self.stylize("--strip")
        self.assertNotIn("params", self.info(self.out))
        self.assertNotIn(b"nst:", self.out.read_bytes())

    def test_parameters_repeat_a_run(self):
        self.stylize("--alpha", "2", "--init", "noise", "--seed", "4", "--pooling", "average", "--style-layers", "relu1_1,relu2_1:0.5")
        (self.dir / "p.json").write_text(json.dumps(self.info(self.out)["params"]))
        for source in ("p.json", self.out):
            again = self.dir / "again.png"
            self.run_nst(self.content, self.style, "-o", again, "--overwrite", "--weights", "builtin", "--params", source)
            self.assertEqual(again.read_bytes(), self.out.read_bytes())

    def test_flags_override_parameters(self):
        (self.dir / "p.json").write_text('{"alpha": 2, "beta": 3, "nst:comment": "ignored"}')
        self.stylize("--params", "p.json", "--beta", "9")
        params = self.info(self.out)["params"]
        self.assertEqual((params["alpha"], params["beta"]), (2, 9))


class Log(Case):
    def test_records(self):
        self.stylize("--log", "log.jsonl", "--iterations", "5", "--alpha", "0.01", "--init", "content")
        records = self.records("log.jsonl")
        self.assertEqual([r["iteration"] for r in records], [0, 1, 2, 3, 4, 5])
        for record in records:
            self.assertEqual(list(record), RECORD)
            self.assertEqual((record["width"], record["height"], record["scale"]), (32, 24, 1))
            total = record["content"] + record["style"] + record["tv"]
            self.assertAlmostEqual(record["loss"], total, delta=1e-9 * abs(total))
            layers = sum(record["layers"].values())
            self.assertAlmostEqual(layers, record["content"] + record["style"], delta=1e-9 * abs(total))
        self.assertEqual(sorted(records[0]["layers"]), ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1"])
        self.assertEqual(records[0]["evaluations"], 1)
        self.assertEqual(records[0]["content"], 0)
        times = [r["seconds"] for r in records]
        self.assertEqual(times, sorted(times))
        self.assertLess(records[-1]["loss"], records[0]["loss"])
        self.assertEqual(self.info(self.out)["result"]["loss"], records[-1]["loss"])

    def test_every_scale_opens_with_its_start(self):
        self.stylize("--log", "log.jsonl", "--size", "64", "--iterations", "6", "--scales", "2")
        seen = [(r["scale"], r["iteration"], r["width"]) for r in self.records("log.jsonl")]
        self.assertEqual(seen, [(1, 0, 32), (1, 1, 32), (1, 2, 32), (1, 3, 32), (2, 3, 64), (2, 4, 64), (2, 5, 64), (2, 6, 64)])

    def test_a_layer_of_both_losses_is_told_apart(self):
        self.stylize("--log", "log.jsonl", "--content-layers", "relu2_1,relu3_1", "--style-layers", "relu1_1,relu2_1")
        self.assertEqual(set(self.records("log.jsonl")[0]["layers"]), {"content:relu2_1", "relu3_1", "relu1_1", "style:relu2_1"})

    def test_a_run_that_cannot_begin_leaves_no_picture(self):
        done = self.stylize("--style-scale", "0.1", expect=2)
        self.assertIn("too small", done.stderr)
        self.assertFalse(self.out.exists())

    def test_no_iterations(self):
        self.stylize("--log", "log.jsonl", "--iterations", "0")
        self.assertEqual([r["iteration"] for r in self.records("log.jsonl")], [0])

    def test_an_early_stop_says_why(self):
        done = self.stylize("--iterations", "200", "--tolerance", "0.5")
        self.assertIn("stopped after", done.stderr)
        self.assertIn("tolerance", done.stderr)
        self.assertEqual(self.info(self.out)["result"]["stop"], "tolerance")


    def test_numbers_that_are_not_finite_end_the_run_and_keep_the_last_good_picture(self):
        done = self.stylize("--beta", "1e30", "--style-layers", "relu1_1:1e30", "--init", "noise", expect=1)
        self.assertIn("non-finite", done.stderr)
        self.assertEqual(png_size(self.out), (32, 24))
        self.assertEqual(self.info(self.out)["result"]["stop"], "numeric")


class Checkpoints(Case):
    def test_a_resumed_run_ends_with_the_same_bytes(self):
        """Broken off by a signal at whatever iteration; picture and log must be those of the run that was left alone."""
        for name, flags in (("lbfgs", []), ("adam", ["--optimizer", "adam"]), ("scales", ["--scales", "2"]), ("noise", ["--init", "noise"])):
            whole, half = self.dir / f"{name}.png", self.dir / f"{name}-half.png"
            log = self.dir / f"{name}-half.jsonl"
            run = (self.content, self.style, "--weights", "builtin", "--size", "48", "--iterations", "90", *flags)
            self.run_nst(*run, "-o", whole, "--log", "whole.jsonl")
            process = start(*run, "-o", half, "--checkpoint", "c.ckpt", "--log", log, cwd=self.dir)
            wait_for_lines(process, log, 12)
            process.send_signal(signal.SIGTERM)
            self.assertEqual(finish(process)[0], 130, name)
            self.assertLess(len(self.records(log)), 91)
            self.run_nst(*run, "-o", half, "--overwrite", "--resume", "c.ckpt", "--log", log)
            self.assertEqual(half.read_bytes(), whole.read_bytes(), name)
            records, expected = self.records(log), self.records("whole.jsonl")
            for record in records + expected:
                del record["seconds"]
            self.assertEqual(records, expected, name)

    def test_a_finished_run_can_be_continued(self):
        self.stylize("--checkpoint", "c.ckpt")
        self.stylize("--overwrite", "--resume", "c.ckpt", "--iterations", "6", "--log", "more.jsonl")
        self.assertEqual([r["iteration"] for r in self.records("more.jsonl")], [4, 5, 6])

    def test_resuming_needs_the_same_run(self):
        self.stylize("--checkpoint", "c.ckpt")
        other = self.dir / "other.png"
        write_png(other, 40, 30, lambda x, y: (x, y, 0))
        done = self.run_nst(other, self.style, "-o", self.out, "--overwrite", "--weights", "builtin", "--resume", "c.ckpt", expect=3)
        self.assertIn("other images", done.stderr)
        done = self.stylize("--overwrite", "--resume", "c.ckpt", "--seed", "5", expect=2)
        self.assertIn("--seed 5", done.stderr)
        (self.dir / "broken.ckpt").write_bytes((self.dir / "c.ckpt").read_bytes()[:-50])
        self.stylize("--overwrite", "--resume", "broken.ckpt", expect=3)
        self.stylize("--overwrite", "--resume", self.content, expect=3)

    def test_info_knows_a_checkpoint(self):
        self.stylize("--checkpoint", "c.ckpt", "--alpha", "3")
        stored = self.info("c.ckpt")
        self.assertEqual((stored["kind"], stored["params"]["alpha"]), ("checkpoint of a run", 3))

    def test_a_checkpoint_that_cannot_be_written_is_a_warning(self):
        done = self.stylize("--checkpoint", "/dev/full", "--checkpoint-every", "1")
        self.assertIn("warning: no checkpoint", done.stderr)
        self.assertTrue(self.out.exists())

    def test_reconstructions_resume_too(self):
        run = ("reconstruct", "style", self.style, "--layers", "relu1_1,relu2_1", *self.small, "--overwrite")
        self.run_nst(*run, "-o", self.out, "--iterations", "6")
        self.run_nst(*run, "-o", "half.png", "--iterations", "3", "--checkpoint", "r.ckpt")
        self.run_nst(*run, "-o", "half.png", "--iterations", "6", "--resume", "r.ckpt")
        self.assertEqual(png_size(self.dir / "half.png"), png_size(self.out))


if __name__ == "__main__":
    main()
