"""The report of `benchmarks.serve` as JSON, a table and a plot."""

import json
from pathlib import Path
from typing import Any

MODES = ("same network", "as shipped")
COLORS = {"bare pipeline": "#9aa5b1", "cutout": "#0b7285", "rembg": "#e8590c"}


def write_report(report: dict[str, Any], folder: Path) -> None:
    """Write serve.json, serve.md and serve.svg. The ratios are added to the report."""
    folder.mkdir(parents=True, exist_ok=True)
    report["ratios"] = {size: ratios(result["rows"]) for size, result in report["sizes"].items()}
    (folder / "serve.json").write_text(json.dumps(report, indent=1) + "\n")
    (folder / "serve.md").write_text(markdown(report))
    plot(report, folder / "serve.svg")


def ratios(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return, by mode, the saturated throughput against the bare pipeline's and rembg's.

    Saturated is the best over all client counts.
    """
    found: dict[str, dict[str, float]] = {}
    for mode in MODES:
        ours = best(rows, f"cutout, {mode}")
        bare = best(rows, f"bare pipeline, {mode}")
        found[mode] = {"of_bare": round(ours / bare, 3)}
        rembg = best(rows, "rembg, same network")
        if rembg:
            found[mode] |= {
                "times_rembg": round(ours / rembg, 2),
                "bare_times_rembg": round(bare / rembg, 2),
            }
    return found


def best(rows: list[dict[str, Any]], contender: str) -> float:
    """Return the best throughput of a contender, in images per second; 0 if it was not measured."""
    return max(
        (float(row["per_second"]) for row in rows if row["contender"] == contender), default=0.0
    )


def markdown(report: dict[str, Any]) -> str:
    """Return the report in Markdown."""
    machine = report["machine"]
    network = report["network"]
    lines = [
        (
            f"`{report['command']}`, {report['when']}: {machine['cores']} cores of "
            f"{machine['cpu']}, Python "
            f"{machine['python']}; network {network['name']} at {network['size']} x "
            f"{network['size']}, shipped as "
            f"{network['shipped']}; images: {report['images']}."
        ),
        "",
        (
            f"Same network: {report['same_network']} in float32 in all three, no refinement. "
            f"As shipped: the bundle as "
            "it is, edges refined; rembg as above. Saturated throughput:"
        ),
        "",
        "| image | mode | of the bare pipeline | times rembg's server |",
        "|---|---|---|---|",
    ]
    for size, modes in report["ratios"].items():
        for mode, ratio in modes.items():
            lines.append(
                f"| {size} | {mode} | {ratio['of_bare']:.2f} | {ratio.get('times_rembg', '–')} |"
            )
    for size, result in report["sizes"].items():
        starts = ", ".join(
            f"{name} {seconds:g} s" for name, seconds in result["start_seconds"].items()
        )
        lines += [
            "",
            (
                f"{size} ({round(sum(result['bytes']) / len(result['bytes']) / 1000)} kB JPEG); "
                f"ready: {starts}."
            ),
        ]
        lines += [
            "",
            (
                "| | clients | images/s | p50 ms | p95 ms | p99 ms | CPU ms each "
                "| generator | peak MB |"
            ),
        ]
        lines += ["|---|---|---|---|---|---|---|---|---|"]
        lines += [_line(row) for row in result["rows"]]
    return "\n".join(lines) + "\n"


def _line(row: dict[str, Any]) -> str:
    times = " | ".join(f"{row.get(f'p{share}_ms', 0):.0f}" for share in (50, 95, 99))
    who = row["clients"] if not row["contender"].startswith("bare") else f"{row['clients']} threads"
    return (
        f"| {row['contender']} | {who} | {row['per_second']:.2f} | {times} "
        f"| {row['cpu_ms_per_request']:.0f} | "
        f"{row['generator_cpu_ms_per_request']:.1f} | {row['peak_rss_mb']} |"
    )


def plot(report: dict[str, Any], path: Path) -> None:
    """Plot images per second by contender, and below the median latency by clients.

    Whiskers reach to p95.
    """
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update(
        {
            "svg.hashsalt": "cutout",
            "font.size": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    )
    from matplotlib import pyplot as plt

    sizes = report["sizes"]
    figure, axes = plt.subplots(
        2, len(sizes), figsize=(5.2 * len(sizes), 7), squeeze=False, layout="constrained"
    )
    for column, (size, result) in enumerate(sizes.items()):
        _bars(axes[0][column], size, result["rows"])
        _latencies(axes[1][column], result["rows"])
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _bars(axis: Any, size: str, rows: list[dict[str, Any]]) -> None:
    rembg = best(rows, "rembg, same network")
    names = [f"{who}, {mode}" for mode in MODES for who in COLORS]
    shown = [(name, best(rows, name)) for name in names if best(rows, name)]
    places = range(len(shown))[::-1]
    bars = axis.barh(
        places,
        [rate for _, rate in shown],
        color=[COLORS[name.partition(",")[0]] for name, _ in shown],
        height=0.7,
    )
    axis.set_yticks(places, [name.replace(", ", "\n") for name, _ in shown])
    labels = [f"{rate:.1f}" + (f"  ({rate / rembg:.1f}x)" if rembg else "") for _, rate in shown]
    axis.bar_label(bars, labels, padding=4)
    axis.set_xlim(0, 1.3 * max(rate for _, rate in shown))
    axis.set_title(f"{size} photographs: images per second", loc="left", fontweight="bold")


def _latencies(axis: Any, rows: list[dict[str, Any]]) -> None:
    for number, name in enumerate(
        ("cutout, same network", "cutout, as shipped", "rembg, same network")
    ):
        listed = [row for row in rows if row["contender"] == name and "p50_ms" in row]
        if not listed:
            continue
        middle = [row["p50_ms"] / 1000 for row in listed]
        above = [(row["p95_ms"] - row["p50_ms"]) / 1000 for row in listed]
        axis.errorbar(
            [row["clients"] * 1.04**number for row in listed],
            middle,
            yerr=[[0.0] * len(above), above],
            marker="o",
            capsize=3,
            linestyle="--" if name.endswith("shipped") else "-",
            color=COLORS[name.partition(",")[0]],
            label=name,
        )
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.set_xticks([1, 2, 4, 16], ["1", "2", "4", "16"])
    axis.set_xlabel("clients")
    axis.set_title("seconds for one, median and p95", loc="left")
    axis.grid(axis="y", alpha=0.25)
    axis.legend(frameon=False)
