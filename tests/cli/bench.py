"""nst bench: a tiny run of it, its JSON, its mistakes."""
import json

from common import Case, main


class Bench(Case):
    tiny = ("--weights", "builtin", "--style-layers", "relu1_1,relu2_1", "--content-layers", "relu2_2", "--steps", "2", "--threads", "2")

    def test_every_size_is_measured(self):
        done = self.run_nst("bench", *self.tiny, "--size", "16,24", "--json", "bench.json")
        result = json.loads((self.dir / "bench.json").read_text())
        self.assertEqual((result["kind"], result["threads"], result["steps"]), ("bench", 2, 2))
        self.assertEqual([size["size"] for size in result["sizes"]], [16, 24])
        for size in result["sizes"]:
            times = size["evaluation_seconds"]
            self.assertEqual(times["samples"], 2)
            self.assertTrue(0 < times["minimum"] <= times["median"] <= times["maximum"], times)
            self.assertGreater(size["anchor_gflops"]["median"], 0)
            self.assertGreater(size["peak_resident"], size["peak_allocated"] // 2)
            shares = size["network_seconds"] + size["losses_seconds"] + size["optimiser_seconds"]
            self.assertAlmostEqual(shares, times["median"], delta=1e-9)
            self.assertNotIn("run", size)
        self.assertIn("anchor GFLOP/s", done.stdout)
        self.no_leftovers()

    def test_a_whole_run(self):
        self.run_nst("bench", *self.tiny, "-s", "16", "--iterations", "4", "--json", "bench.json", "--level", "reference")
        result = json.loads((self.dir / "bench.json").read_text())
        self.assertEqual(result["level"], "reference")
        self.assertEqual(result["sizes"][0]["run"]["iterations"], 4)

    def test_mistakes(self):
        for arguments, says in ((["--size", "16,x"], "'16,x' is not a list of whole numbers"), (["--size", "0"], "'0' is not a list"),
                                (["--level", "abacus"], "abacus"), (["--style-layers", "relu9_1"], "relu9_1"),
                                (["--steps", "0"], "--steps"), (["--json", str(self.dir)], "is a folder")):
            done = self.run_nst("bench", *self.tiny, *arguments, expect=None)
            self.assertIn(says, done.stderr)
            self.assertIn(done.returncode, (1, 2))


if __name__ == "__main__":
    main()
