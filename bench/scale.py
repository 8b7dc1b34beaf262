"""What instances do a second on one core, and whether one keeps its memory: `python -m bench.scale`.

Run it after bench.bench, which writes what peers are told.
"""

import concurrent.futures
import contextlib
import sys
import time

from bench import report
from bench.bench import Mark, memory, run
from bench.candidates import candidates
from local.service import say

# Instances at once, and calls of each.
CROWDS = [(1, 2000), (8, 500)]
# After how many calls the memory of one instance is read.
STEPS = [1_000, 10_000, 50_000, 100_000]


def crowd(bench, candidate, instances, calls):
    """Lets instances of a candidate answer as fast as they can."""
    job = candidate.job
    event = job.body()
    with concurrent.futures.ThreadPoolExecutor(instances) as pool, contextlib.ExitStack() as stack:
        runtimes = [stack.enter_context(bench.running(candidate))[0] for _ in range(instances)]

        def each_answers(count):
            for done in [pool.submit(runtime.invoke_often, event, job.status, count) for runtime in runtimes]:
                done.result()

        for runtime in runtimes:
            runtime.wait_until_asked()
        each_answers(50)
        before, begun = [Mark(bench, runtime.process) for runtime in runtimes], time.perf_counter()
        each_answers(calls)
        seconds = time.perf_counter() - begun
        after = [Mark(bench, runtime.process) for runtime in runtimes]
    used = sum(end.used - start.used for start, end in zip(before, after, strict=True)) / 1000
    by_stand_ins = (after[-1].used_by_stand_ins - before[0].used_by_stand_ins) / 1000
    return {
        "instances": instances,
        "calls_per_second": instances * calls / seconds,
        "busy": used / seconds,
        "stand_ins_busy": by_stand_ins / seconds,
        "calls_per_cpu_second": instances * calls / used,
    }


def crowds(bench):
    found = {}
    for candidate in candidates({"service", "bare"}):
        say(f"{candidate.job.name}, {candidate.name}: {' and '.join(str(size) for size, _ in CROWDS)} at once …")
        of_job = found.setdefault(candidate.job.name, {})
        of_job[candidate.name] = [crowd(bench, candidate, *of_crowd) for of_crowd in CROWDS]
    return found


def endurances(bench):
    """The memory of one instance of each function, in MiB, after so many calls.

    Both are called at once. A right code does all that a wrong one does.
    """
    found = [candidate for candidate in candidates({"service"}) if candidate.job.guess != "wrong"]
    say(f"{STEPS[-1]:,} calls of one instance of each function …")
    with concurrent.futures.ThreadPoolExecutor() as pool, contextlib.ExitStack() as stack:
        started = [stack.enter_context(bench.running(candidate)) for candidate in found]
        jobs = [candidate.job for candidate in found]
        memories = pool.map(endurance, jobs, started)
        return {job.name: of_one for job, of_one in zip(jobs, memories, strict=True)}


def endurance(job, started):
    runtime, process, _ = started
    found, done = {}, 0
    runtime.wait_until_asked()
    for step in STEPS:
        runtime.invoke_often(job.body(), job.status, step - done)
        found[step], done = memory(process.pid), step
    return found


def measure_all(bench):
    report.add("scale", {"crowds": crowds(bench), "memory": endurances(bench)})
    report.show_scale(report.read()["scale"])


if __name__ == "__main__":
    sys.exit(run(measure_all))
