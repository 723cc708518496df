"""What MkDocs puts into the manual from the code itself, so that it stands in one place.

A page names a part in a comment of its own line: `<!-- from the code: guide -->`, `metrics`, or `head FILE` for the
comment with which a file begins.
"""

import html
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram

TOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP))

from weathernote.telemetry import metrics  # noqa: E402 # the path above comes first

_GUIDE = TOP / "weathernote" / "site" / "templates" / "docs" / "guide.html"
#: What stands in the guide for the reader's own service: the defaults of RATE_LIMIT_REQUESTS and its window.
_VALUES = {
    "base": "https://weather.example",
    "streams": "https://weather.example",
    "limit": "60",
    "window_seconds": "60",
}
_MARK = re.compile(r"^<!-- from the code: (\w+)(?: (\S+))? -->$", re.MULTILINE)
_KINDS = (Counter, Gauge, Histogram)


def on_page_markdown(markdown: str, **_: object) -> str:
    """The page's text with each mark replaced; KeyError for a mark that names nothing."""
    return _MARK.sub(lambda mark: head(mark[2]) if mark[1] == "head" else _PARTS[mark[1]](), markdown)


def guide() -> str:
    """The guide of /api/v1/docs as Markdown, without its title and its clients, which have a page of their own."""
    source = _GUIDE.read_text(encoding="utf-8").partition('<h2 id="clients">')[0]
    text = re.sub(r"{{ (\w+) }}", lambda variable: _VALUES[variable[1]], source)
    text = re.sub(r"<main[^>]*>\s*<h1>.*?</h1>", "", text)
    text = re.sub(r"<h2>(.*?)</h2>", lambda heading: f"\n## {_inline(heading[1])}\n", text)
    return re.sub(r'<pre><code class="curl">(.*?)</code></pre>', _fenced, text, flags=re.DOTALL)


def _inline(text: str) -> str:
    return re.sub(r"</?code>", "`", text)


def _fenced(code: re.Match[str]) -> str:
    return f"\n```bash\n{html.unescape(code[1])}\n```\n"


def metrics_list() -> str:
    """Name, kind, labels and help text of each metric of our own, as a list of definitions."""
    return "\n\n".join(
        f"`{name}`\n:   {text}. *{kind}{labels}*" for name, kind, labels, text in sorted(declared_metrics())
    )


def declared_metrics() -> Iterator[tuple[str, str, str, str]]:
    """Name, kind, labels in words, and help text of each metric, as Prometheus knows it."""
    for metric in vars(metrics).values():
        if isinstance(metric, _KINDS):
            (family,) = metric.describe()
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = f" by {', '.join(metric._labelnames)}" if metric._labelnames else ""
            yield name, family.type, labels, family.documentation
    for name, text in metrics.ON_SCRAPE.items():
        yield name, "gauge", "", text


def head(file: str) -> str:
    """The first comment or docstring of a file of the project, as Markdown; ValueError where it has none."""
    source = (TOP / file).read_text(encoding="utf-8")
    if docstring := re.match(r'(?:#!.*\n)?r?"""(.*?)"""', source, re.DOTALL):
        lines = docstring[1].splitlines()
    elif comment := re.search(r"(?:^#(?!!|cloud).*\n)+", source, re.MULTILINE):
        lines = [line.removeprefix("#").removeprefix(" ") for line in comment[0].splitlines()]
    else:
        raise ValueError(f"{file} begins with no comment")
    return "\n".join(_with_code_apart(lines))


def _with_code_apart(lines: list[str]) -> Iterator[str]:
    """Markdown takes an indented line for code only after an empty one."""
    was_code = False
    for line in lines:
        is_code = line.startswith("    ")
        if line and is_code != was_code:
            yield ""
            was_code = is_code
        yield line


_PARTS = {"guide": guide, "metrics": metrics_list}
