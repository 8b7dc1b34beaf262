"""Measures both functions and their peers, as bench.build has built them.

    python -m bench.bench [--rounds 5] [--calls 300] [--only node,python]

Each round measures each candidate once, in turn, so that what changes on the machine meanwhile changes all of them.
Ratios are of one round. The functions run on one core, and what stands in for Lambda and AWS on another.
"""

import argparse
import contextlib
import datetime
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench import report
from bench.aws import StandIns
from bench.candidates import JOBS, NODE, STATE, candidates, load_template, variables
from bench.quota import Quota, core_share
from bench.runtime import Runtime
from local.service import ROOT, Failure, say

# Warm calls far from AWS, or under a quota.
FEW_CALLS = 30
# Seconds before each call under a quota, in which a new share begins.
PAUSE = 0.05
# Seconds to a service of the same region and back.
ROUND_TRIP = 0.001


class Bench:
    """What all measurements share."""

    def __init__(self):
        STATE.mkdir(parents=True, exist_ok=True)
        self.template = load_template()
        self.megabytes = self.template["Globals"]["Function"]["MemorySize"]
        # That of the functions is the last. A process starts on the core of whoever starts it.
        self.own_core, *_, self.core = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {self.own_core})
        self.stand_ins = StandIns(STATE)
        self.quota = Quota.open(core_share(self.megabytes))

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
    def running(self, candidate, distance=0):
        """Starts a candidate on the core of functions, with AWS so many seconds away and back.

        Yields its Runtime API, its process, and the time just before it was executed.
        """
        log = candidate.log()
        runtime = Runtime(f"{candidate.job.name}, {candidate.name}, whose log is {log.relative_to(ROOT)}")
        self.stand_ins.report(guesses=candidate.job.guess, distance=distance)
        with open(log, "wb") as output:
            # Without preexec_fn, for which Python copies this process first: that takes longer than some starts.
            how = {"env": self.environment(candidate, runtime), "cwd": candidate.folder}
            streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
            os.sched_setaffinity(0, {self.core})
            executed = time.perf_counter_ns()
            try:
                process = subprocess.Popen(candidate.command, **how, **streams)
            except OSError as error:
                raise Failure(f"{error}. Is it built for this machine's architecture?") from None
            finally:
                os.sched_setaffinity(0, {self.own_core})
        runtime.process = process
        try:
            yield runtime, process, executed
        finally:
            process.kill()
            process.wait()
        # It is of use only if something went wrong.
        log.unlink(missing_ok=True)

    def measure(self, candidate, count, is_slow=False, distance=0):
        """One process of a candidate, from its start to its last call, after `count` warm ones.

        A slow one gets no more than its share of a core once it has started.
        """
        job = candidate.job
        event, pause = job.body(), PAUSE if is_slow else 0
        with self.running(candidate, distance) as (runtime, process, executed):
            asked = runtime.wait_until_asked()
            started = Mark(self, process)
            if is_slow:
                self.quota.limit(process.pid)
            time.sleep(pause)
            first = runtime.invoke(event, job.status)
            answered = Mark(self, process)
            warm = []
            for _ in range(count):
                time.sleep(pause)
                warm.append(runtime.invoke(event, job.status))
            ended = Mark(self, process)
            peak = memory(process.pid, "VmHWM")
        start = (asked - executed) / 1e6
        return {
            "start_ms": start,
            "start_cpu_ms": started.used,
            "first_ms": first,
            "first_cpu_ms": answered.used - started.used,
            "cold_ms": start + first,
            "cold_cpu_ms": answered.used,
            "warm_p50_ms": statistics.median(warm),
            "warm_p99_ms": statistics.quantiles(warm, n=100, method="inclusive")[98],
            "warm_cpu_ms": (ended.used - answered.used) / count,
            "peak_mib": peak,
            "stand_ins_cpu_ms": (ended.used_by_stand_ins - answered.used_by_stand_ins) / count,
            "aws": {"start": started.aws, "first": answered.aws, "warm": ended.aws},
        }

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
        made = {operation: json.loads(body) for operation, body in made.items() if body}
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


def memory(pid, line="VmRSS"):
    """The memory that a process has, or the most that it has had (`VmHWM`), in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{line}:\s+(\d+) kB", status)[1]) / 1024


def rounds(bench, found, count, calls):
    """All measurements, by job, candidate and speed."""
    results = {}
    for number in range(count):
        say(f"Round {number + 1} of {count} …")
        for candidate in found:
            of_candidate = results.setdefault(candidate.job.name, {}).setdefault(candidate.name, {})
            of_candidate.setdefault("full", []).append(bench.measure(candidate, calls))
            of_candidate.setdefault("far", []).append(bench.measure(candidate, FEW_CALLS, distance=ROUND_TRIP))
            if bench.quota:
                of_candidate.setdefault("slow", []).append(bench.measure(candidate, FEW_CALLS, is_slow=True))
    return results


def machine():
    """Where and when this runs."""
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return {
        "cpu": found[1] if found else platform.machine(),
        "cores": os.cpu_count(),
        "system": f"Linux {platform.release()}",
        "python": platform.python_version(),
        "node": subprocess.run([NODE, "--version"], capture_output=True, text=True).stdout.strip(),
        "date": datetime.date.today().isoformat(),
    }


def arguments():
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=300, help="warm calls at full speed")
    parser.add_argument("--only", default="", help="names of candidates, with commas; `service` is always one")
    return parser.parse_args()


def measure_all(bench, given):
    found = list(candidates({"service", *given.only.split(",")} if given.only else set()))
    services = [candidate for candidate in found if candidate.name == "service"]
    if len(services) < len(JOBS):
        raise Failure("Build the functions first: python -m bench.build")
    bench.record_calls(services)
    for candidate in found:
        bench.run_once(candidate)
    results = rounds(bench, found, given.rounds, given.calls)
    sizes = {job.name: {} for job in JOBS}
    for candidate in found:
        sizes[candidate.job.name][candidate.name] = candidate.zipped()
    report.write({"machine": machine(), "megabytes": bench.megabytes, "zipped_bytes": sizes, "rounds": results})
    report.show()


def run(work):
    """Does some work with a Bench, and returns the exit status."""
    bench = Bench()
    try:
        work(bench)
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
    given = arguments()
    sys.exit(run(lambda bench: measure_all(bench, given)))
