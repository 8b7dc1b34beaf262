"""The figures of a run, as JSON and as tables: `python -m bench.report` shows those of the last run."""

import json
import statistics

from local.service import ROOT

PATH = ROOT / "target" / "bench.json"

# The columns of each table. A share of a core is given after the start.
FIRST = [("first answer", "first_ms"), ("CPU of it", "first_cpu_ms")]
COLD = [("start + first answer", "cold_ms"), ("CPU of both", "cold_cpu_ms")]
WARM = [("warm p50", "warm_p50_ms"), ("warm p99", "warm_p99_ms"), ("CPU a call", "warm_cpu_ms")]
TABLES = {
    "full": [
        [("start", "start_ms"), ("CPU of it", "start_cpu_ms"), *FIRST, *COLD],
        [*WARM, ("peak MiB", "peak_mib")],
    ],
    "far": [[("start", "start_ms"), *FIRST, *COLD]],
    "slow": [[*FIRST, *COLD], WARM],
}

# The columns of ratios: a speed and a figure.
RATIOS = {
    "start + first answer": ("full", "cold_ms"),
    "CPU of both": ("full", "cold_cpu_ms"),
    "1 ms from AWS": ("far", "cold_ms"),
    "with the share": ("slow", "cold_ms"),
    "CPU of both there": ("slow", "cold_cpu_ms"),
    "warm CPU": ("full", "warm_cpu_ms"),
    "memory": ("full", "peak_mib"),
}

# How many times this service's figure a peer's has to be, at least.
VERIFY, REQUEST = ("verify-code, wrong code", "verify-code, right code"), ("request-code",)
AIMS = [
    (VERIFY, "start + first answer", {"bare": 1 / 0.75, "node": 18, "python": 40}),
    (VERIFY, "with the share", {"node": 25, "python": 60}),
    (REQUEST, "start + first answer", {"node": 15, "python": 30}),
    (VERIFY + REQUEST, "warm CPU", {"bare": 1 / 1.25, "node": 6, "python": 4}),
    (VERIFY + REQUEST, "memory", {"python": 6}),
]
# The bytes of a zip have to be fewer.
MAX_ZIP = 3_000_000


def write(found):
    """All figures, in place of those of the run before."""
    PATH.write_text(json.dumps(found, indent=1) + "\n")


def read():
    return json.loads(PATH.read_text())


def add(name, part):
    """Adds a part to the figures of the last run."""
    PATH.write_text(json.dumps(read() | {name: part}, indent=1) + "\n")


def median(measured, figure):
    return statistics.median(one[figure] for one in measured)


def ratio(of_job, name, base, column):
    """How many times the base's figure a candidate's was in the same round: the median. None if one is missing."""
    speed, figure = RATIOS[column]
    if not {name, base} <= set(of_job) or speed not in of_job[name]:
        return None
    pairs = zip(of_job[name][speed], of_job[base][speed], strict=True)
    return statistics.median(one[figure] / other[figure] for one, other in pairs)


def show():
    found = read()
    machine = found["machine"]
    print(f"\n{machine['cpu']}, {machine['cores']} cores, {machine['date']}")
    print("Milliseconds and MiB: the median of the rounds (least to most).")
    print("With a share of a core, times come in steps of the kernel's tick. What is used of the core (CPU) does not.")
    share = f"a {found['megabytes']} MB function's share of a core after the start"
    for job, of_job in found["rounds"].items():
        show_figures(f"{job}, at full speed", of_job, "full")
        show_figures(f"{job}, with each service of AWS 1 ms away and back", of_job, "far")
        show_figures(f"{job}, with {share}", of_job, "slow")
        for base in ("service", "bare"):
            if base in of_job:
                show_ratios(f"{job}: how many times the figure of `{base}`", of_job, base)
        title(f"{job}: what is uploaded, and TLS connections and calls of AWS until then")
        table(
            ["", "zip bytes", "start", "first answer", "warm", "CPU of the stand-ins a call"],
            usage(of_job, found["zipped_bytes"][job]),
        )
    show_aims(found)
    if "scale" in found:
        show_scale(found["scale"])


def show_figures(text, of_job, speed):
    measured = {name: speeds[speed] for name, speeds in of_job.items() if speed in speeds}
    title(text)
    if not measured:
        print("not allowed here")
        return
    for columns in TABLES[speed]:
        rows = [[name, *(cell(rounds, figure) for _, figure in columns)] for name, rounds in measured.items()]
        table(["", *(head for head, _ in columns)], rows)


def cell(measured, figure):
    values = [one[figure] for one in measured]
    return f"{number(statistics.median(values))} ({number(min(values))} to {number(max(values))})"


def show_ratios(text, of_job, base):
    title(text)
    rows = []
    for name in of_job:
        ratios = [ratio(of_job, name, base, column) for column in RATIOS]
        rows.append([name, *("" if one is None else number(one) for one in ratios)])
    table(["", *RATIOS], rows)


def usage(of_job, sizes):
    """What went to AWS in the last round."""
    for name, speeds in of_job.items():
        last = speeds["full"][-1]
        phases = last["aws"].values()
        counts = [f"{total(phase['connections'])} and {total(phase['calls'])}" for phase in phases]
        yield [name, f"{sizes[name]:,}", *counts, number(last["stand_ins_cpu_ms"])]


def total(counts):
    return sum(counts.values())


def show_aims(found):
    title("What is aimed at: how many times the service's figure the peer's is")
    rows = []
    for jobs, column, peers in AIMS:
        for job in jobs:
            of_job = found["rounds"][job]
            for peer, least in peers.items():
                times = ratio(of_job, peer, "service", column)
                if times is not None:
                    rows.append(
                        [job, column, peer, number(times), f"at least {number(least)}", reached(times >= least)]
                    )
    for job, sizes in found["zipped_bytes"].items():
        zipped = sizes["service"]
        rows.append([job, "zip bytes", "", f"{zipped:,}", f"below {MAX_ZIP:,}", reached(zipped < MAX_ZIP)])
    table(["", "", "peer", "times", "aim", ""], rows)


def show_scale(found):
    title("Calls as fast as they come: the functions on one core, the stand-ins of Lambda and AWS on another")
    rows = [
        [
            f"{job}, {name}",
            str(crowd["instances"]),
            number(crowd["calls_per_second"]),
            f"{crowd['busy']:.0%}",
            f"{crowd['stand_ins_busy']:.0%}",
            number(crowd["calls_per_cpu_second"]),
        ]
        for job, of_job in found["crowds"].items()
        for name, crowds in of_job.items()
        for crowd in crowds
    ]
    table(["", "at once", "calls a second", "their core is busy", "that of the stand-ins", "calls a CPU second"], rows)
    title("The memory of one instance after so many calls, in MiB")
    steps = list(next(iter(found["memory"].values())))
    rows = [[job, *(number(mib) for mib in of_job.values())] for job, of_job in found["memory"].items()]
    table(["", *(f"{int(step):,}" for step in steps)], rows)


def reached(is_reached):
    return "reached" if is_reached else "NOT REACHED"


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def title(text):
    print(f"\n{text}")


def table(head, rows):
    rows = [head, *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    for cells in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


if __name__ == "__main__":
    show()
