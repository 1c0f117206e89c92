"""The list of what can open a connection is the truth, and the processes that may not, cannot."""

from __future__ import annotations

import ast
import re
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NETWORK = {
    "asyncio.open_connection",
    "ftplib",
    "http",
    "httpx",
    "obstore",
    "smtplib",
    "socket",
    "socketserver",
    "ssl",
    "urllib",
    "uvicorn",
}


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def test_the_documented_list_is_what_the_source_imports():
    listed = set(
        re.findall(
            r"^\| `(carnet[\w.]+)`", (ROOT / "docs/reference/connections.md").read_text(), re.MULTILINE
        )
    )
    using = set()
    for path in (ROOT / "src").rglob("*.py"):
        if any(name == one or name.startswith(f"{one}.") for name in imported(path) for one in NETWORK):
            using.add(".".join(path.relative_to(ROOT / "src").with_suffix("").parts))
    assert using == listed


def test_a_process_that_listens_cannot_connect():
    """What the node calls before it serves: afterwards this process opens no connection, by whatever library."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        script = f"""
import socket, httpx
from carnet.service.isolation import refuse_connections
refuse_connections(allow_processes=True)
for attempt in (lambda: socket.create_connection(("127.0.0.1", {listener.getsockname()[1]}), 1),
                lambda: httpx.get("http://127.0.0.1:{listener.getsockname()[1]}", trust_env=False)):
    try:
        attempt()
        print("connected")
    except (PermissionError, httpx.ConnectError):
        print("refused")
"""
        run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert run.stdout.split() == ["refused", "refused"]


def test_the_node_refuses_connections_before_it_listens():
    source = (ROOT / "src/carnet/service/serve.py").read_text()
    body = source[source.index("def serve(") :]
    assert body.index("refuse_connections(") < body.index("_listen(")


def test_the_courier_can_import_no_vault_key_and_no_catalog():
    script = (
        "import carnet.transfer.courier, sys; print(sorted(m for m in sys.modules if m.startswith('carnet')))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "carnet.catalog" not in run.stdout
    assert "carnet.service" not in run.stdout
