"""The figures of a run, as a table and as JSON."""

import json
import statistics

# The heads of the columns. A share of a core is given after the start.
START = {"start": "start_ms", "CPU of it": "start_cpu_ms"}
CALLS = {
    "first answer": "first_ms",
    "CPU of it": "first_cpu_ms",
    "warm p50": "warm_p50_ms",
    "warm p99": "warm_p99_ms",
    "CPU a call": "warm_cpu_ms",
}
MEMORY = {"peak MiB": "peak_mib"}
FIGURES = [*START.values(), *CALLS.values(), *MEMORY.values(), "stand_ins_cpu_ms"]


def summary(measured, base):
    """Median, least and most of each figure over the rounds, and of its ratio to the service's in the same round."""
    found = {}
    for figure in FIGURES:
        values = [one[figure] for one in measured]
        ratios = [one[figure] / other[figure] for one, other in zip(measured, base, strict=True)]
        found[figure] = spread(values) | {"ratio": spread(ratios)}
    return found


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def summaries(results):
    """The summary of each job, speed and candidate."""
    found = {}
    for job, of_job in results.items():
        for name, speeds in of_job.items():
            for speed, measured in speeds.items():
                of_speed = found.setdefault(job, {}).setdefault(speed, {})
                of_speed[name] = summary(measured, of_job["service"][speed])
    return found


def write(path, results, sizes):
    """All figures, and their summary."""
    whole = {"summary": summaries(results), "zipped_bytes": sizes, "rounds": results}
    path.write_text(json.dumps(whole, indent=1) + "\n")


def show(results, sizes, megabytes):
    print("\nMilliseconds: the median of the rounds (least to most), and how many times the service's.")
    for job, speeds in summaries(results).items():
        print(f"\n{job}, at full speed")
        show_figures(speeds["full"], (START | MEMORY, CALLS))
        print(
            f"\n{job}, a first request after the start and then more, with a {megabytes} MB function's share of a core"
        )
        if "slow" in speeds:
            show_figures(speeds["slow"], (CALLS,))
        else:
            print("not allowed here")
        print(f"\n{job}: what is uploaded, and TLS connections and calls of AWS until then")
        table(
            ["", "zip KiB", "start", "first answer", "warm", "CPU of the stand-ins a call"],
            usage(results[job], sizes[job]),
        )


def show_figures(candidates, groups):
    for columns in groups:
        rows = [
            [name, *(cell(found[figure], is_base=name == "service") for figure in columns.values())]
            for name, found in candidates.items()
        ]
        table(["", *columns], rows)


def cell(figure, is_base):
    text = f"{number(figure['median'])} ({number(figure['min'])} to {number(figure['max'])})"
    return text if is_base else f"{text} ×{number(figure['ratio']['median'])}"


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def usage(of_job, sizes):
    """What went to AWS in the last round."""
    for name, speeds in of_job.items():
        last = speeds["full"][-1]
        phases = last["aws"].values()
        counts = [f"{total(phase['connections'])} and {total(phase['calls'])}" for phase in phases]
        yield [name, f"{sizes[name] / 1024:.0f}", *counts, number(last["stand_ins_cpu_ms"])]


def total(counts):
    return sum(counts.values())


def table(head, rows):
    rows = [head, *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    for cells in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())
