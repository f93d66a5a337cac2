"""The server in a real Neovim, set up by the very lines that the plugin's README shows.

Each row is a Lua file below nvim/: it opens an editor with a drawn screen, types into it and compares.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import hub as hubs
import pytest
from find_nvim import NoNvimError, find_nvim, find_old_nvim
from user import environment

HERE = Path(__file__).parent
SCENARIOS = HERE / "nvim"
TIMEOUT_S = 300

pytestmark = pytest.mark.e2e


def scenarios(folder: str) -> list[str]:
    return sorted(path.stem for path in (SCENARIOS / folder).glob("*.lua"))


@pytest.fixture(scope="session")
def nvim() -> Path:
    try:
        return find_nvim()
    except NoNvimError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def old_nvim() -> Path:
    try:
        return find_old_nvim()
    except NoNvimError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("scenario", scenarios("model"))
def test_with_the_built_in_model(scenario: str, nvim: Path, tmp_path: Path) -> None:
    expect_pass(nvim, f"model/{scenario}", f'"{sys.executable}" -m codels "$@"', tmp_path)


@pytest.mark.parametrize("scenario", scenarios("scripted"))
def test_with_a_script(scenario: str, nvim: Path, tmp_path: Path) -> None:
    expect_pass(nvim, f"scripted/{scenario}", f'"{sys.executable}" "{HERE}/scripted_server.py"', tmp_path)


def test_a_model_is_fetched_when_the_user_says_yes(nvim: Path, tmp_path: Path) -> None:
    script = json.dumps({"answers": {"": "from_afar()\n"}}).encode().ljust(3_000_000)
    cards = tmp_path / "config" / "codels" / "models"
    cards.mkdir(parents=True)
    with hubs.serving(script) as hub:
        (cards / "away.toml").write_text(hub.card("away", "A model far away"))
        place = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "hf")}
        expect_pass(nvim, "hub/asks_first", f'"{sys.executable}" -m codels "$@"', tmp_path, place)


def test_a_mistake_in_the_setup_is_one_message(nvim: Path, tmp_path: Path) -> None:
    expect_pass(nvim, "setup/explains_mistakes", "exit 1", tmp_path)


def test_an_old_neovim_is_told_in_one_message(old_nvim: Path, tmp_path: Path) -> None:
    expect_pass(old_nvim, "setup/too_old", "exit 1", tmp_path)


def expect_pass(
    nvim: Path, scenario: str, server: str, folder: Path, more: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Runs a scenario in `folder`, where the command `codels` is the shell command `server`."""
    work = folder / "work"
    work.mkdir()
    done = subprocess.run(
        [nvim, "--clean", "-l", SCENARIOS / f"{scenario}.lua"],
        cwd=work,
        env={**environment(folder, server), "LUA_PATH": f"{SCENARIOS}/?.lua", **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
    )
    log = folder / "state" / "nvim" / "lsp.log"
    said = done.stdout + (f"\n--- {log}\n{log.read_text()}" if log.exists() else "")
    assert done.returncode == 0, said
