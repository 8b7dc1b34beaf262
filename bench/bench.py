"""Measures both functions and their peers: `make bench`.

    python -m bench.bench [--rounds 5] [--calls 300] [--only service,python]

Each round measures each candidate once, in turn, so that what changes on the machine meanwhile changes all of them.
Ratios are of one round. The functions run on one core, and what stands in for Lambda and AWS on another.
"""

import argparse
import contextlib
import json
import mmap
import os
import re
import statistics
import struct
import subprocess
import sys
import time

from bench import report
from bench.aws import StandIns
from bench.candidates import JOBS, STATE, candidates, load_template, variables
from bench.quota import Quota, core_share
from bench.runtime import Fault, Runtime
from local.service import ROOT, Failure, say

# Under a quota: events, and the pause before each, in which the kernel hands out a new share.
SLOW_CALLS, PAUSE = 30, 0.05
# Both in nanoseconds.
BEFORE = struct.Struct("qq")


class Bench:
    """What all measurements share."""

    def __init__(self, calls):
        STATE.mkdir(parents=True, exist_ok=True)
        self.calls = calls
        self.template = load_template()
        self.megabytes = self.template["Globals"]["Function"]["MemorySize"]
        cores = sorted(os.sched_getaffinity(0))
        self.core = cores[-1]
        os.sched_setaffinity(0, {cores[0]})
        self.stand_ins = StandIns(STATE)
        self.quota = Quota.open()

    def close(self):
        self.stand_ins.stop()
        if self.quota:
            self.quota.remove()

    def environment(self, candidate, runtime):
        """What Lambda sets, what the template sets, and where the stand-ins are."""
        return {
            "AWS_LAMBDA_RUNTIME_API": runtime.address,
            "AWS_LAMBDA_FUNCTION_NAME": candidate.job.function,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.megabytes),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_REGION": "ap-northeast-2",
            "AWS_DEFAULT_REGION": "ap-northeast-2",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_SESSION_TOKEN": "test",
            "CALLS_FILE": str(STATE / "calls.json"),
            **self.stand_ins.environment,
            **variables(self.template, candidate.job),
        }

    @contextlib.contextmanager
    def running(self, candidate):
        """Starts a candidate on its core.

        Yields its Runtime API, its process, and what was so just before it was executed: the time, and what the fork
        had used of a core.
        """
        shared = mmap.mmap(-1, BEFORE.size)

        def settle():
            os.sched_setaffinity(0, {self.core})
            if self.quota:
                self.quota.join()
            BEFORE.pack_into(shared, 0, time.perf_counter_ns(), time.process_time_ns())

        runtime = Runtime()
        path = STATE / f"{candidate.job.function}-{candidate.name}.log"
        with open(path, "wb") as log:
            environment = self.environment(candidate, runtime)
            streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            try:
                process = subprocess.Popen(candidate.command, env=environment, cwd=ROOT, preexec_fn=settle, **streams)
            except OSError as error:
                raise Failure(f"{error}. Is it built for this machine's architecture?") from None
        runtime.process = process
        try:
            yield runtime, process, BEFORE.unpack_from(shared)
        except Fault as fault:
            raise Failure(
                f"{candidate.job.function}, {candidate.name}: {fault}. Its log: {path.relative_to(ROOT)}"
            ) from None
        finally:
            process.kill()
            process.wait()

    def measure(self, candidate, share=None):
        """One process of a candidate, from its start to its last call.

        With a share it gets no more of a core once it has started.
        """
        job = candidate.job
        event, pause, count = job.body(), PAUSE if share else 0, SLOW_CALLS if share else self.calls
        self.stand_ins.report()
        with self.running(candidate) as (runtime, process, (executed, used_by_fork)):
            asked = runtime.wait_until_asked()
            started = Mark(self, process)
            with self.limited(share):
                time.sleep(pause)
                first = runtime.invoke(event, job.status)
                answered = Mark(self, process)
                warm = []
                for _ in range(count):
                    time.sleep(pause)
                    warm.append(runtime.invoke(event, job.status))
            ended = Mark(self, process)
            peak = peak_memory(process.pid)
        return {
            "start_ms": (asked - executed) / 1e6,
            "start_cpu_ms": started.used - used_by_fork / 1e6,
            "first_ms": first,
            "first_cpu_ms": answered.used - started.used,
            "warm_p50_ms": statistics.median(warm),
            "warm_p99_ms": statistics.quantiles(warm, n=100, method="inclusive")[98],
            "warm_cpu_ms": (ended.used - answered.used) / count,
            "peak_mib": peak,
            "stand_ins_cpu_ms": (ended.used_by_stand_ins - answered.used_by_stand_ins) / count,
            "aws": {"start": started.aws, "first": answered.aws, "warm": ended.aws},
        }

    @contextlib.contextmanager
    def limited(self, share):
        """Gives the function no more than this share of a core, if there is one."""
        if share:
            self.quota.limit(share)
        try:
            yield
        finally:
            if share:
                self.quota.lift()

    def run_once(self, candidate):
        """Runs a candidate, and measures nothing. That gets its files into memory."""
        with self.running(candidate) as (runtime, _, _):
            runtime.wait_until_asked()
            runtime.invoke(candidate.job.body(), candidate.job.status)

    def record_calls(self, services):
        """Lets the functions make their calls, for peers to make the same."""
        for candidate in services:
            self.run_once(candidate)
        made = self.stand_ins.report()["last"]
        made = {operation: json.loads(body) for operation, body in made.items()}
        subject = made["SendEmail"]["Content"]["Simple"]["Subject"]["Data"]
        made["code"] = re.search(r"\d{6}", subject)[0]
        (STATE / "calls.json").write_text(json.dumps(made))


class Mark:
    """What had been used at some moment: milliseconds of a core, and calls of AWS since the mark before."""

    def __init__(self, bench, process):
        self.used = processor_time(process.pid)
        report = bench.stand_ins.report()
        self.aws = {"connections": report["connections"], "calls": report["calls"]}
        self.used_by_stand_ins = (report["cpu"] + time.process_time()) * 1000


def processor_time(pid):
    """How many milliseconds a process has had a core, with all its threads.

    The number of its clock is that of clock_getcpuclockid, which Python does not have for other processes.
    """
    return time.clock_gettime_ns((~pid << 3) | 2) / 1e6


def peak_memory(pid):
    """The most memory that a process has had at a time, in MiB."""
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1]) / 1024


def rounds(bench, found, count):
    """All measurements, by job, candidate and speed."""
    results = {}
    for number in range(count):
        say(f"Round {number + 1} of {count} …")
        for candidate in found:
            of_candidate = results.setdefault(candidate.job.function, {}).setdefault(candidate.name, {})
            of_candidate.setdefault("full", []).append(bench.measure(candidate))
            if bench.quota:
                of_candidate.setdefault("slow", []).append(bench.measure(candidate, core_share(bench.megabytes)))
    return results


def arguments():
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=300, help="warm calls at full speed")
    parser.add_argument("--only", default="", help="names of candidates, with commas; `service` is always one")
    return parser.parse_args()


def main():
    given = arguments()
    if not sys.platform.startswith("linux"):
        print("make bench needs Linux: it reads /proc.", file=sys.stderr)
        return 1
    bench = Bench(given.calls)
    try:
        found = list(candidates({"service", *given.only.split(",")} if given.only else set()))
        services = [candidate for candidate in found if candidate.name == "service"]
        if len(services) < len(JOBS):
            raise Failure("Build the functions first: sam build")
        bench.record_calls(services)
        for candidate in found:
            bench.run_once(candidate)
        results = rounds(bench, found, given.rounds)
        sizes = {candidate.job.function: {} for candidate in found}
        for candidate in found:
            sizes[candidate.job.function][candidate.name] = candidate.zipped()
        report.write(ROOT / "target" / "bench.json", results, sizes)
        report.show(results, sizes, bench.megabytes)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted.")
        return 130
    finally:
        bench.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
