"""What does the server cost beside plain ONNX Runtime, and what happens at five times what it can do?

    python benchmarks/serving.py model.onnx photos/*.jpg [--seconds 15] [--minutes 5] [--save]

In one run, on the same pictures: plain ONNX Runtime in batches of 16 on as many threads as there are cores, decoding
included and not; the server with closed loops (16 pictures a request; then one); an open loop at five times the rate
that was measured. With `--minutes`: a soak at 70 % of that rate, valid and invalid requests mixed, and what memory the
server has then.

Goals: at least 0.85 of plain ONNX Runtime at batch 16; at five times the load every request answered, the p99 of
accepted ones at most twice the unloaded p99 plus the queue's bound; memory within 50 MB.
"""

import argparse
import http.client
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from facetwise.images import decode, fit, quiet_decoder
from facetwise.runtime import LOGITS, VOTES, load

BATCH = 16
RESULTS = Path(__file__).with_name("results")


def form(pictures: list[bytes]) -> tuple[bytes, dict[str, str]]:
    parts = [
        b'--x\r\nContent-Disposition: form-data; name="images"; filename="a"\r\n\r\n' + data + b"\r\n"
        for data in pictures
    ]
    return b"".join(parts) + b"--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}


class Client:
    """One connection that is kept."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open()

    def _open(self) -> None:
        self._own = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)

    def ask(self, body: bytes, headers: dict[str, str]) -> tuple[int, float, Any]:
        began = time.perf_counter()
        try:
            self._own.request("POST", "/v1/predict", body, headers)
            answer = self._own.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._own.close()
            self._open()
            return 0, time.perf_counter() - began, None
        return answer.status, time.perf_counter() - began, answer.headers.get("Retry-After")


def plain(path: Path, files: list[bytes], seconds: float, cores: int, *, decoding: bool) -> float:
    """Pictures a second of plain ONNX Runtime."""
    model = load(path, threads=1)
    facts = model.facts
    names = [LOGITS, *([VOTES] if facts.shares else [])]

    def pixels(data: bytes) -> np.ndarray:
        return fit(decode(data), size=facts.size, mode=facts.fit)

    with quiet_decoder():
        ready = np.stack([pixels(data) for data in files[:BATCH]])
        model.raw(ready, names)
        until = time.perf_counter() + seconds

        def work(_: int) -> int:
            done = 0
            while time.perf_counter() < until:
                model.raw(np.stack([pixels(data) for data in files[:BATCH]]) if decoding else ready, names)
                done += BATCH
            return done

        with ThreadPoolExecutor(cores) as pool:
            return sum(pool.map(work, range(cores))) / (time.perf_counter() - until + seconds)


def closed(port: int, files: list[bytes], seconds: float, *, clients: int, each: int) -> tuple[float, np.ndarray]:
    """Pictures a second and the latencies of clients that ask again as soon as they are answered."""
    body, headers = form(files[:each])
    began = time.perf_counter()
    until = began + seconds

    def work(_: int) -> list[float]:
        client, found = Client(port), []
        while time.perf_counter() < until:
            status, took, _ = client.ask(body, headers)
            if status == 200:
                found.append(took)
        return found

    with ThreadPoolExecutor(clients) as pool:
        latencies = [took for found in pool.map(work, range(clients)) for took in found]
    return len(latencies) * each / (time.perf_counter() - began), np.array(latencies)


def opened(
    port: int, files: list[bytes], seconds: float, rate: float, *, workers: int = 96, bad: float = 0.0
) -> list[tuple[float, int, float, Any]]:
    """(when, status, seconds, Retry-After) of requests that begin at random moments, others ended or not."""
    whole, broken = form(files[:1]), form([files[0][: len(files[0]) // 2]])
    draw, found, lock = random.Random(0), [], threading.Lock()  # noqa: S311  (load, not secrets)
    local = threading.local()

    def ask(due: float) -> None:
        client = local.__dict__.setdefault("client", Client(port))
        status, _, after = client.ask(*(broken if draw.random() < bad else whole))
        now = time.perf_counter()
        with lock:
            found.append((due - began, status, now - due, after))

    with ThreadPoolExecutor(workers) as pool:
        began = due = time.perf_counter()
        while due - began < seconds:
            due += draw.expovariate(rate)
            time.sleep(max(0.0, due - time.perf_counter()))
            pool.submit(ask, due)
    return found


def metric(port: int, name: str) -> float:
    own = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    own.request("GET", "/metrics")
    text = own.getresponse().read().decode()
    own.close()
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text, flags=re.MULTILINE)[1])  # ty: ignore[not-subscriptable]


def memory(port: int) -> float:
    return metric(port, "process_resident_memory_bytes") / 1e6


def overload(port: int, files: list[bytes], seconds: float, rate: float, alone: float, queue: int) -> dict[str, Any]:
    before = memory(port)
    found = opened(port, files, seconds, 5 * rate)
    after = memory(port)
    good = np.array([took for _, status, took, _ in found if status == 200])
    refused = [(took, after) for _, status, took, after in found if status in (429, 503)]
    recovered = time.perf_counter()
    body, headers = form(files[:1])
    client = Client(port)
    while client.ask(body, headers)[1] > 2 * alone and time.perf_counter() - recovered < 30:
        pass
    return {
        "asked": len(found), "asked_per_second": len(found) / seconds, "accepted": len(good), "refused": len(refused),
        "lost": len(found) - len(good) - len(refused), "refused_without_retry_after": sum(not a for _, a in refused),
        "refused_p50_ms": 1e3 * float(np.median([t for t, _ in refused] or [0.0])),
        "accepted_p99_s": float(np.quantile(good, 0.99)) if len(good) else None,
        "allowed_p99_s": 2 * alone + queue / rate, "accepted_per_second": len(good) / seconds,
        "memory_growth_mb": after - before, "recovered_s": time.perf_counter() - recovered,
    }  # fmt: skip


def soak(port: int, files: list[bytes], minutes: float, rate: float) -> dict[str, Any]:
    opened(port, files, min(30.0, 15 * minutes), 0.7 * rate, bad=0.1)
    told, start, asked = [], memory(port), 0
    for _ in range(max(1, round(minutes * 2))):
        asked += len(opened(port, files, 30, 0.7 * rate, bad=0.1))
        told.append(memory(port))
    grown = (told[-1] - start) / max(1, asked) * 1000
    return {"requests": asked, "start_mb": start, "memory_mb": told, "mb_per_1000_requests": grown,
            "files": metric(port, "process_open_fds"), "threads": metric(port, "process_threads")}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    files = [path.read_bytes() for path in given.pictures[:64]]
    files = (files * BATCH)[: max(BATCH, len(files))]
    cores = len(os.sched_getaffinity(0))
    queue = 64
    command = [sys.executable, "-m", "facetwise", "serve", str(given.model), "--port", "0", "--queue", str(queue)]
    told: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": cores,
        "pictures": len(files),
    }
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline().rsplit(":", 1)[1])
        while Client(port).ask(*form(files[:1]))[0] != 200:
            time.sleep(0.1)
        # Before and after the server, because a shared machine changes within a minute.
        first = [plain(given.model, files, given.seconds / 2, cores, decoding=flag) for flag in (False, True)]
        told["closed_16_per_second"], _ = closed(port, files, given.seconds, clients=cores + 1, each=BATCH)
        last = [plain(given.model, files, given.seconds / 2, cores, decoding=flag) for flag in (False, True)]
        told["plain_pixels_per_second"], told["plain_files_per_second"] = (
            (a + b) / 2 for a, b in zip(first, last, strict=True)
        )
        told["share_of_plain"] = told["closed_16_per_second"] / told["plain_files_per_second"]
        told["closed_1_per_second"], _ = closed(port, files, given.seconds, clients=2 * cores, each=1)
        _, alone = closed(port, files, given.seconds / 2, clients=1, each=1)
        told["alone_p50_s"], told["alone_p99_s"] = (float(np.quantile(alone, share)) for share in (0.5, 0.99))
        told["overload"] = overload(port, files, given.seconds, told["closed_1_per_second"], told["alone_p99_s"], queue)
        if given.minutes:
            told["soak"] = soak(port, files, given.minutes, told["closed_1_per_second"])
    finally:
        process.terminate()
        told["exit_code"] = process.wait(30)
    text = json.dumps(told, indent=2)
    print(text)
    if given.save:
        (RESULTS / f"{told['date'][:10]}-serving.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
