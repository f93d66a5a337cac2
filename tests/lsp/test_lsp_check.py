"""A model that is checked after its load, as the editor sees it."""

from __future__ import annotations

from pathlib import Path

from lsp_session import INLINE, URI, run, server, write_script

PROGRESS = {**INLINE, "window": {"workDoneProgress": True}}
CHECKING = "checking how the model fills in the middle"
FILLS = {"<|fim_prefix|>…<|fim_suffix|>…<|fim_middle|>": [-0.1, -0.1], "": [-5.0, -9.0]}
ONCE = "model.json: its card says suffix first, but it fills in the middle better prefix first"


def test_until_it_is_checked_it_is_silent_and_says_why(tmp_path: Path) -> None:
    model = write_script(tmp_path / "model.json", scores=FILLS, score_ms=30)
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}

    async def test() -> None:
        async with server(tmp_path, model, is_ready=False, capabilities=PROGRESS, env=env) as client:
            client.open(URI, "y = ", "python")
            await client.until(lambda status: status["message"] == CHECKING)
            assert await client.complete(URI, 0, 4) == []
            assert await client.reason() == CHECKING
            status = await client.status("ready")
            assert status["state"] == "ready"
            assert [item["insertText"] for item in await client.complete(URI, 0, 4)] == ["x + 1"]
            assert [ONCE in sentence for sentence in client.told] == [True]
            values = [params["value"] for method, params in client.notifications if method == "$/progress"]
            kinds = [value["kind"] for value in values]
            assert (kinds[0], kinds[-1], kinds.count("end")) == ("begin", "end", 1)
            assert CHECKING in [value.get("message") for value in values]
        async with server(tmp_path, model, is_ready=False, env=env) as again:
            await again.status("ready")
            await again.heard("window/showMessage")
            assert [ONCE in sentence for sentence in again.told] == [True]

    run(test())
