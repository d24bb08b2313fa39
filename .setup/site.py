"""mkdocs' hooks: pages that stand beside what they describe, outside of docs/, become part of the site.

Their links, and the links to them, are written for the repository: docs/ seen from its root.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

OUTSIDE = ("recipes/README.md", "kickstart/README.md", "CONTRIBUTING.md")
LINK = re.compile(r"(?<=\]\()(?!https?:|#)([^)#\s]+)")
CODE = re.compile(r"`[^`\n]+`")
"""In a table of GitHub's, a bar in code is escaped; in one of Python-Markdown's it is not."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    root = Path(config.config_file_path).parent
    for name in OUTSIDE:
        files.append(File.generated(config, name, abs_src_path=str(root / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make each link relative to where the site has the page and what it leads to; and bars in code bare."""
    here = page.file.src_uri
    in_repository = here if here in OUTSIDE else f"docs/{here}"

    def relative(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(in_repository), found[1]))
        in_site = target if target in OUTSIDE else target.removeprefix("docs/") if target.startswith("docs/") else None
        return found[1] if in_site is None else posixpath.relpath(in_site, posixpath.dirname(here) or ".")

    return CODE.sub(lambda found: found[0].replace("\\|", "|"), LINK.sub(relative, markdown))
