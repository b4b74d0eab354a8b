"""Ctrl-C, SIGTERM, SIGKILL while checkpointing; the progress line on a terminal and its absence elsewhere."""
import os
import pty
import signal
import subprocess

from common import NST, Case, environment, finish, main, png_size, start, wait_for_lines
from kill_checkpoints import kill_many


class Signals(Case):
    def long_run(self, *flags, size="48"):
        return start(self.content, self.style, "-o", self.out, "--weights", "builtin", "--size", size, "--iterations", "100000", "--log",
                     "log.jsonl", *flags, cwd=self.dir)

    def test_one_signal_finishes_the_step_and_saves(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.long_run("--overwrite", "--checkpoint", "c.ckpt")
            wait_for_lines(process, self.dir / "log.jsonl", 5)
            process.send_signal(number)
            code, output, errors = finish(process)
            self.assertEqual((code, output), (130, b""))
            self.assertIn("interrupted after", errors)
            self.assertEqual(png_size(self.out), (48, 36))
            result = self.info(self.out)["result"]
            self.assertEqual(result["stop"], "interrupted")
            self.assertEqual(self.records("log.jsonl")[-1]["iteration"], result["iterations"])
            self.assertEqual(self.info("c.ckpt")["kind"], "checkpoint of a run")
            self.no_leftovers()
            (self.dir / "log.jsonl").unlink()

    def test_more_signals_break_the_step_off(self):
        process = self.long_run("--scales", "1", size="300")
        wait_for_lines(process, self.dir / "log.jsonl", 1)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        code, _, errors = finish(process)
        self.assertEqual(code, 130, errors)
        self.assertEqual(png_size(self.out), (300, 225))

    def test_a_signal_before_the_first_step_ends_the_program(self):
        fifo = self.dir / "fifo.json"
        os.mkfifo(fifo)
        process = self.long_run("--params", fifo) # waits for parameters
        with open(fifo, "wb"):
            process.send_signal(signal.SIGINT)
            self.assertEqual(finish(process)[0], 130)
        self.assertFalse(self.out.exists())

    def test_killed_while_checkpointing(self):
        kill_many(self, 6)


class Terminal(Case):
    def on_terminal(self, *flags, **variables):
        try:
            master, slave = pty.openpty()
        except OSError as error:
            self.skipTest(f"no pseudo-terminal: {error}")
        process = subprocess.Popen([NST, self.content, self.style, "-o", self.out, "--overwrite", *self.small, *flags], stderr=slave,
                                   stdout=slave, stdin=subprocess.DEVNULL, env=environment(**variables))
        os.close(slave)
        seen = b""
        while True:
            try:
                piece = os.read(master, 4096)
            except OSError:
                break
            if not piece:
                break
            seen += piece
        os.close(master)
        self.assertEqual(process.wait(), 0, seen)
        return seen.decode().replace("\r\n", "\n")

    def test_a_terminal_gets_a_progress_line(self):
        seen = self.on_terminal(TERM="xterm")
        self.assertIn("\r0/3  loss ", seen)
        self.assertNotIn("\x1b", seen)
        self.assertTrue(seen.endswith(" s\n"), seen)

    def test_dumb_terminals_quiet_and_no_progress(self):
        for flags, variables in ([], {"TERM": "dumb"}), ([], {"TERM": ""}), (["--quiet"], {"TERM": "xterm"}), (["--no-progress"], {"TERM": "xterm"}):
            self.assertNotIn("\r", self.on_terminal(*flags, **variables))

    def test_no_colour_is_ever_used(self):
        self.assertNotIn("\x1b", self.on_terminal(TERM="xterm-256color", NO_COLOR="1", COLUMNS="20"))


if __name__ == "__main__":
    main()
