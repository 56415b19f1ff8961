# SPDX-License-Identifier: LGPL-2.1-or-later
"""What README.md tells its readers to type.

    readme.py packages      prints the Debian packages that are installed by name in it
"""

import pathlib
import re
import sys

README = pathlib.Path(__file__).resolve().parents[2] / "README.md"


def blocks(text):
    """{heading: [its ```sh blocks]}"""
    found, heading, inside = {}, None, False
    for line in text.splitlines():
        if line.startswith("```"):
            inside = line == "```sh"
            if inside:
                found.setdefault(heading, []).append("")
        elif inside:
            found[heading][-1] += line + "\n"
        elif match := re.match(r"#+ (.*)", line):
            heading = match[1]
    return found


def packages(text):
    """What is not a file of its own."""
    lines = re.findall(r"^(?:sudo )?apt install (.*)", text.replace("\\\n", " "), re.MULTILINE)
    return [word for line in lines for word in line.split() if word[0] not in "-./"]


if __name__ == "__main__":
    if sys.argv[1:] == ["packages"]:
        print(*packages("".join(sum(blocks(README.read_text(encoding="utf-8")).values(), []))))
