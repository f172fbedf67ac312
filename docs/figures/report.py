"""Picture of a report: spots of a HER2+ section placed on two others, registered to its H&E.

    PYTHONPATH=. python docs/figures/report.py --data DIR --out docs/images

Takes a picture of the page with Chromium, which has to be installed.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

from experiments.data import add_data_option, run
from PIL import Image

import napari_spatialrecon as sr
from napari_spatialrecon.comparison.data import DataFolder

#: Size of the browser's window, and of the picture, in pixels.
WIDTH, HEIGHT, SMALL = 1180, 2120, 900


def write_page(data: DataFolder, out: Path) -> Path:
    """Place the spots of C5 by the method that wins on held-out spots, and write the report."""
    files = {name: data.find(f"st_her2_he/{name}.h5ad") for name in ("C2", "C3", "C5")}
    slides = {name: sr.read_adata(path) for name, path in files.items()}
    result = sr.place(
        {name: slides[name] for name in ("C2", "C3")},
        slides["C5"],
        register_to=slides["C5"],
        query_name="C5",
    )
    result.record.settings |= {
        "reference": [str(files["C2"]), str(files["C3"])],
        "query": str(files["C5"]),
        "onto": str(files["C5"]),
        "command": "spatialrecon place --reference C2.h5ad --reference C3.h5ad --query C5.h5ad "
        "--onto C5.h5ad --out her2.h5ad",
    }
    table, _ = result.write(out / "her2.h5ad")
    return sr.report(table, out / "her2.html")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_option(parser)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        page, shot = write_page(options.data, folder), folder / "page.png"
        words = ["chromium", "--headless=new", "--no-sandbox", "--hide-scrollbars"]
        words += [f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={shot}", page.as_uri()]
        subprocess.run(words, check=True, timeout=120)
        image = Image.open(shot).convert("RGB")
        image = image.resize((SMALL, round(image.height * SMALL / image.width)))
        image.save(options.out / "report_her2.jpg", quality=85, subsampling=0)


if __name__ == "__main__":
    run(main)
