"""Figures that both READMEs show, from the bundles' manifests and the benchmarks' results."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent

# Measured by benchmarks.grabcut, and by `evaluate` of the classifier's mask, on the same images.
OTHERS = {
    "classifier": {"max_f": 0.617, "mae": 0.400, "iou": 0.387},
    "grabcut": {"max_f": 0.730, "mae": 0.141, "iou": 0.593},
}

ENGLISH = {
    "quality": "on {images} test images of {sets} data sets",
    "size": "size",
    "segmenter": "`segmenter` (default)",
    "classifier": "`classifier`, applied to parts of the image",
    "grabcut": "GrabCut, started from a rectangle",
    "speed": "two cores at full load, PNG output",
    "per_second": "images per second, default settings",
    "of_bare": "throughput, as a fraction of calling the engine without a server",
    "times": "throughput, as a multiple of rembg's server (this network, float32, 320x320)",
    "same": "the same, with both in float32 at 320x320 and edges not refined",
    "memory": "peak memory in MB: this server; rembg's server",
}
CHINESE = {
    "quality": "{sets} 个数据集的 {images} 张测试图片",
    "size": "大小",
    "segmenter": "`segmenter`（默认）",
    "classifier": "`classifier`，对图片各部分打分",
    "grabcut": "GrabCut，从矩形框开始",
    "speed": "两个核心，满负载，输出 PNG",
    "per_second": "每秒图片数（默认配置）",
    "of_bare": "吞吐量与直接调用引擎（不经服务器）之比",
    "times": "吞吐量与 rembg 服务器之比（后者以 float32、320x320 运行同一网络）",
    "same": "同上，但两者都用 float32、320x320，且不细化边缘",
    "memory": "内存峰值（MB）：本服务；rembg 服务器",
}


def quality_table(words: Mapping[str, str]) -> str:
    """Make the table of quality, from the manifest of the segmenter."""
    manifest = _read("models/segmenter/manifest.json")
    overall = manifest["quality"]["overall"]
    title = words["quality"].format(
        images=round(overall["images"]), sets=len(manifest["quality"]) - 1
    )
    rows = [
        _quality_row(words["segmenter"], overall, _megabytes("segmenter")),
        _quality_row(words["classifier"], OTHERS["classifier"], _megabytes("classifier")),
        _quality_row(words["grabcut"], OTHERS["grabcut"], "–"),
    ]
    head = f"| {title} | max F | MAE | IoU | {words['size']} |"
    return "\n".join([head, "|---|---|---|---|---|", *rows]) + "\n"


def speed_table(words: Mapping[str, str]) -> str:
    """Make the table of speed, from the results of benchmarks.serve."""
    report = _read("benchmarks/results/serve.json")
    sizes = list(report["sizes"])
    shipped = [report["ratios"][size]["as shipped"] for size in sizes]
    same = [report["ratios"][size]["same network"] for size in sizes]
    rows = {size: report["sizes"][size]["rows"] for size in sizes}
    fastest = [_most(rows[size], "cutout, as shipped", "per_second") for size in sizes]
    ours = [_most(rows[size], "cutout, as shipped", "peak_rss_mb") for size in sizes]
    theirs = [_most(rows[size], "rembg, same network", "peak_rss_mb") for size in sizes]
    lines = {
        "per_second": [f"{value:.0f}" for value in fastest],
        "of_bare": [f"{ratio['of_bare']:.2f}" for ratio in shipped],
        "times": [f"{ratio['times_rembg']:.1f}" for ratio in shipped],
        "same": [f"{ratio['times_rembg']:.1f}" for ratio in same],
        "memory": [f"{mine:.0f}; {other:.0f}" for mine, other in zip(ours, theirs, strict=True)],
    }
    head = f"| {words['speed']} | {' | '.join(sizes)} |\n|---|{'---|' * len(sizes)}\n"
    return head + "".join(
        f"| {words[name]} | {' | '.join(values)} |\n" for name, values in lines.items()
    )


def _quality_row(name: str, values: Mapping[str, float], size: str) -> str:
    return (
        f"| {name} | {values['max_f']:.3f} | {values['mae']:.3f} | {values['iou']:.3f} | {size} |"
    )


def _megabytes(name: str) -> str:
    return f"{_read(f'models/{name}/manifest.json')['model']['bytes'] / 1e6:.1f} MB"


def _most(rows: list[dict[str, Any]], contender: str, what: str) -> float:
    return max(float(row[what]) for row in rows if row["contender"] == contender)


def _read(path: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / path).read_text())
    return content
