"""How long a step takes to return after nst_session_cancel() from another thread, on the real VGG-19.

    python3 tests/bench/cancel_latency.py BUILD/lib/libnst.so.0 [SIZE] [TIMES]
"""
import os
import random
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
import libnst  # noqa: E402

CANCELLED = -6


def main():
    size, times = (int(a) for a in (sys.argv[2:] + ["512", "20"][len(sys.argv) - 2:]))
    nst = libnst.Library(sys.argv[1])
    model = nst.model(libnst.data("weights", "vgg19-caffe-bgr.safetensors"))
    content = nst.load(libnst.data("images", "content", "tubingen.jpg"))
    style = nst.load(libnst.data("images", "style", "starry_night_google.jpg"))
    session = nst.session(nst.targets(model, content, [style]), nst.options(dialect="neural-style", size=size, iterations=100000))
    start = time.monotonic()
    nst.step(session)
    nst.step(session)
    one_step = time.monotonic() - start
    chance = random.Random(1)
    latencies = []
    while len(latencies) < times:
        result = []
        worker = threading.Thread(target=lambda: result.append((nst.lib.nst_session_step(session), time.monotonic())))
        worker.start()
        time.sleep(chance.uniform(0.05, one_step / 3))
        asked = time.monotonic()
        nst.lib.nst_session_cancel(session)
        worker.join()
        if result[0][0] == CANCELLED:
            latencies.append(result[0][1] - asked)
        else:  # the step ended just before: the request is still pending and ends the next one
            nst.lib.nst_session_step(session)
    print("%d cancels at %d pixels: median %.0f ms, worst %.0f ms; two steps and the targets took %.1f s" % (
        times, size, 1e3 * statistics.median(latencies), 1e3 * max(latencies), one_step))
    assert nst.step(session), "the session goes on afterwards"


main()
