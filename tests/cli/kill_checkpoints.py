"""SIGKILL at random moments while every iteration writes a checkpoint: what lies there always resumes, and in the end the picture is
that of a run that was left alone.    NST=build/tools/nst python3 tests/cli/kill_checkpoints.py 50 [seed]"""
import random
import signal
import sys
import time

from common import Case, nst, start


def kill_many(case, count, seed=None):
    seed = random.randrange(2**32) if seed is None else seed
    print("seed", seed, flush=True)
    moments = random.Random(seed)
    run = (case.content, case.style, "--weights", "builtin", "--size", "32", "--iterations", "120", "--overwrite")
    checkpoint, whole, out = case.dir / "c.ckpt", case.dir / "whole.png", case.dir / "killed.png"
    begin = time.monotonic()
    nst(*run, "-o", whole, "--checkpoint", checkpoint, "--checkpoint-every", "1", cwd=case.dir)
    duration = time.monotonic() - begin
    checkpoint.unlink()
    resumed = finished = done = 0
    while done < count or not finished:
        resume = ("--resume", checkpoint) if checkpoint.exists() else ()
        resumed += bool(resume)
        process = start(*run, "-o", out, "--checkpoint", checkpoint, "--checkpoint-every", "1", *resume, cwd=case.dir)
        if done < count:
            time.sleep(moments.uniform(0.1, 0.7) * duration)
            process.send_signal(signal.SIGKILL)
        output, errors = process.communicate(timeout=120)
        case.assertIn(process.returncode, (0, -signal.SIGKILL), errors.decode())
        done += process.returncode == -signal.SIGKILL
        if process.returncode == 0:
            case.assertEqual(out.read_bytes(), whole.read_bytes())
            checkpoint.unlink()
            finished += 1
    case.assertGreater(resumed, count // 2)
    print(f"{done} kills, {resumed} resumes, {finished} runs finished with the same bytes", flush=True)


if __name__ == "__main__":
    test = Case()
    test.setUp()
    kill_many(test, int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
    test.doCleanups()
