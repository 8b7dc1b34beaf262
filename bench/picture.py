"""Draws docs/images/performance-light.svg and -dark.svg from target/bench.json: `python -m bench.picture`."""

import sys

import vl_convert

from bench import report
from local.service import ROOT, say

IMAGES = ROOT / "docs" / "images"
FONT = "system-ui, sans-serif"
# Text, the service's bars, and those of the others: on GitHub's white, and on its dark blue.
LOOKS = {"light": ("#1f2328", "#0969da", "#8c959f"), "dark": ("#f0f6fc", "#4493f8", "#6e7681")}
# From top to bottom.
NAMES = {
    "empty": "An empty function",
    "service": "This service",
    "bare": "Bare Rust, same calls",
    "node": "Node, AWS SDK",
    "python": "Python, boto3",
}
# From left to right.
JOBS = {"request-code": "request-code", "verify-code, right code": "verify-code"}
ROWS = {"cold_ms": "Cold: start and first answer, in milliseconds", "peak_mib": "Peak memory, in MiB"}


def bars(found, figure):
    for job, column in JOBS.items():
        for name, label in NAMES.items():
            value = report.median(found["rounds"][job][name]["full"], figure)
            number = f"{value:.0f}" if value >= 10 else f"{value:.1f}"
            yield {"job": column, "name": label, "value": value, "number": number, "is_own": name == "service"}


def row(found, figure, title, own, other):
    color = {"condition": {"test": "datum.is_own", "value": own}, "value": other}
    return {
        "title": title,
        "data": {"values": list(bars(found, figure))},
        "facet": {"column": {"field": "job", "title": None}},
        # So that the columns of both rows stand below each other.
        "bounds": "flush",
        "spacing": 50,
        "spec": {
            "width": 265,
            "height": {"step": 22},
            "encoding": {
                # Room for a system's font that is wider than the one it is measured with.
                "y": {"field": "name", "sort": list(NAMES.values()), "title": None, "axis": {"minExtent": 165}},
                "x": {"field": "value", "type": "quantitative", "axis": None},
            },
            "layer": [
                {"mark": "bar", "encoding": {"color": color}},
                {"mark": {"type": "text", "align": "left", "dx": 5}, "encoding": {"text": {"field": "number"}}},
            ],
        },
    }


def picture(found, text, own, other):
    machine = found["machine"]
    caption = f"Shorter is better. Medians, on {machine['cpu']} with {machine['cores']} cores, {machine['date']}"
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": {"text": caption, "orient": "bottom", "offset": 12, "fontWeight": "normal", "fontSize": 12},
        "vconcat": [row(found, figure, title, own, other) for figure, title in ROWS.items()],
        "background": "transparent",
        "padding": {"left": 5, "top": 5, "right": 30, "bottom": 5},
        "config": {
            "font": FONT,
            "title": {"anchor": "start", "fontSize": 14, "color": text},
            "text": {"fontSize": 13, "color": text},
            "axis": {"labelFontSize": 13, "labelColor": text, "ticks": False, "domain": False, "labelPadding": 8},
            "header": {"labelFontSize": 13, "labelFontWeight": "bold", "labelColor": text, "labelAnchor": "start"},
            "view": {"stroke": None},
        },
    }


def main():
    found = report.read()
    if any(NAMES.keys() - found["rounds"][job].keys() for job in JOBS):
        say("The picture stays as it is: not everyone was measured.")
        return 0
    for look, colors in LOOKS.items():
        path = IMAGES / f"performance-{look}.svg"
        path.write_text(vl_convert.vegalite_to_svg(picture(found, *colors)) + "\n")
        say(f"Drawn: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
