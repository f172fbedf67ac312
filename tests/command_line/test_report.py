"""The command that writes the report of a run."""

from __future__ import annotations


def test_a_report_goes_beside_its_run_and_says_what_changed(placing, run, tmp_path):
    out = tmp_path / "placed.h5ad"
    assert run(*placing(out))[0] == 0
    code, _, err = run("report", out, "--progress", "none")
    page = tmp_path / "placed.report.html"
    assert code == 0 and f"report: {page}" in err
    html = page.read_text(encoding="utf-8")
    assert "spatialrecon place" in html and "unchanged" in html and "--method knn" in html
    code, *_ = run("report", out, "--skip-inputs", "--out", tmp_path / "b.html", "--title", "B & C")
    html = (tmp_path / "b.html").read_text(encoding="utf-8")
    assert code == 0 and "<h1>B &amp; C</h1>" in html and "not checked" in html


def test_what_is_no_run_leaves_no_page(inputs, run, tmp_path):
    out = tmp_path / "page.html"
    for words in (("cells.h5ad",), ("none.h5ad",)):
        code, _, err = run("report", *(inputs / word for word in words), "--out", out)
        assert code == 2 and "Expected" in err and not out.exists()
        assert "Try a result that a task wrote" in err or words == ("none.h5ad",)
    code, _, err = run("report", inputs, "--out", tmp_path / "page.pdf")
    assert code == 2 and ".html" in err
