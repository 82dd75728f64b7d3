"""The servers of a run, all on free ports and in a folder that goes away with them."""

import base64
import contextlib
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from benchmarks.harness.provider import Client, Target

ROOT = Path(__file__).resolve().parent.parent
PEER = ROOT / "benchmarks" / "peer"
MACHINE_SCOPE = "ledger.read"
CALLBACK = "http://127.0.0.1:9/callback"  # nobody listens: a redirect there ends the flow
SCOPE = "openid profile email"
_PATIENCE = 60.0


class CannotStartError(SystemExit):
    """A server isn't there, or doesn't start; the message says which."""


@dataclass(slots=True)
class Running:
    """A started program, and how to stop it."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


@dataclass(slots=True)
class Yard:
    """A folder, and everything that was started in it."""

    folder: Path
    running: list[Running] = field(default_factory=list)

    def start(
        self,
        name: str,
        command: list[str],
        *,
        cwd: Path = ROOT,
        env: dict[str, str] | None = None,
        user: str | None = None,
    ) -> Running:
        log = self.folder / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                user=user,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started = Running(name, process, log)
        self.running.append(started)
        return started

    def stop_all(self) -> None:
        for program in reversed(self.running):
            program.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def open_yard() -> Iterator[Yard]:
    """Give a folder to start servers in; stop them and remove it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="vop-benchmark-"))
    folder.chmod(0o755)
    yard = Yard(folder)
    try:
        yield yard
    finally:
        yard.stop_all()


def start_postgres(
    yard: Yard, name: str, options: Mapping[str, str] | None = None
) -> tuple[Running, str]:
    """Start a PostgreSQL of our own with its default durability; return it and its address."""
    programs = _find_postgres()
    folder = yard.folder / name
    folder.mkdir(mode=0o700)
    user = None
    if os.geteuid() == 0:  # the server refuses to be root
        user = next(name for name in ("postgres", "nobody") if _is_user(name))
        shutil.chown(folder, user)
    data = folder / "data"
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "vop", "--auth=trust", "--encoding=UTF8",
         "--locale=C.UTF-8"],
        check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    command = [
        str(programs / "postgres"), "-D", str(data), "-k", str(folder), "-c", "listen_addresses=",
        *(word for key, value in (options or {}).items() for word in ("-c", f"{key}={value}")),
    ]  # fmt: skip
    server = yard.start(name, command, cwd=folder, user=user)
    asked = [str(programs / "pg_isready"), "-q", "-h", str(folder), "-U", "vop", "-d", "postgres"]
    _wait(server, lambda: subprocess.run(asked, check=False).returncode == 0)
    return server, f"postgres://vop@{quote(str(folder), safe='')}/postgres"  # it is there already


def start_redis(yard: Yard) -> tuple[Running, str]:
    """Start a Redis of our own, as in production for cache and queue."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        raise CannotStartError("There is no Redis server here (Debian: redis-server).")
    port = find_free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    server = yard.start("redis", [program, *options, "--dir", str(yard.folder)])
    _wait(server, lambda: _can_connect(("127.0.0.1", port)))
    return server, f"redis://127.0.0.1:{port}/0"


@dataclass(frozen=True, slots=True)
class App:
    """vop under load: its address, its people and clients, and what to count."""

    target: Target
    groups: dict[str, int]
    password_hash: str


def start_app(yard: Yard, *, people: int, workers: int) -> App:
    """Start vop on granian, as in production, with a database of its own and people in it."""
    postgres, database = start_postgres(yard, "vop-postgres")
    redis, cache = start_redis(yard)
    port = find_free_port()
    address = f"http://127.0.0.1:{port}"
    env = {
        "VOP_VAR": str(yard.folder / "var"),
        "SECRET_KEY": secrets.token_urlsafe(50),
        "VOP_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "BASE_URL": address,
        "DATABASE_URL": database,
        "REDIS_URL": cache,
        "TRUSTED_PROXY_COUNT": "1",  # the harness says from where its people come
    }
    for words in (
        ["migrate", "--verbosity", "0"],
        ["collectstatic", "--noinput", "--verbosity", "0"],
    ):
        _manage([sys.executable, "manage.py", *words], env)
    made = json.loads(_manage([sys.executable, "-m", "benchmarks.prepare", str(people)], env))
    command = [
        str(Path(sys.executable).with_name("granian")), "--interface", "wsgi", "--no-ws",
        "--host", "127.0.0.1", "--port", str(port), "--workers", str(workers),
        "--blocking-threads", "2", "--http", "1", "vop.wsgi:application",
    ]  # fmt: skip
    web = yard.start("vop", command, env=env)
    _wait(web, lambda: _answers(f"{address}/-/ready"))
    target = Target(
        name="vop",
        issuer=f"{address}/oidc",
        client=Client(made["client"]["id"], made["client"]["secret"], SCOPE, CALLBACK),
        machine=Client(made["machine"]["id"], made["machine"]["secret"], MACHINE_SCOPE),
        users=tuple(made["people"]),
        password=made["password"],
    )
    groups = {"app": web.pid, "postgres": postgres.pid, "redis": redis.pid}
    return App(target, groups, made["password_hash"])


def start_peer(yard: Yard) -> App:
    """Start the npm package oidc-provider on a PostgreSQL of its own, with the same clients."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise CannotStartError("There is no Node here (Debian: nodejs npm), or say --no-peer.")
    if not (PEER / "node_modules").is_dir():
        subprocess.run([npm, "ci", "--silent", "--no-audit", "--no-fund"], cwd=PEER, check=True)
    postgres, database = start_postgres(yard, "peer-postgres")
    port = find_free_port()
    issuer = f"http://127.0.0.1:{port}"
    client = Client("bench", secrets.token_urlsafe(32), SCOPE, CALLBACK)
    machine = Client("machine", secrets.token_urlsafe(32), MACHINE_SCOPE)
    env = {
        "NODE_ENV": "production",
        "PEER_ISSUER": issuer,
        "PEER_DATABASE_URL": _for_node(database),
        "PEER_CLIENT": json.dumps(
            {"id": client.id, "secret": client.secret, "redirect_uri": CALLBACK}
        ),
        "PEER_MACHINE": json.dumps(
            {"id": machine.id, "secret": machine.secret, "scope": MACHINE_SCOPE}
        ),
    }
    web = yard.start("peer", [node, "server.js"], cwd=PEER, env=env)
    _wait(web, lambda: _answers(f"{issuer}/.well-known/openid-configuration"))
    people = tuple(f"person{number}@exempel.se" for number in range(100))
    target = Target("oidc-provider", issuer, client, machine, people, password="any")  # noqa: S106
    return App(target, {"app": web.pid, "postgres": postgres.pid}, "")


def find_free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _for_node(database: str) -> str:
    """Write the address of a socket in the way that the npm package pg reads it."""
    folder = database.removeprefix("postgres://vop@").removesuffix("/postgres")
    return f"postgres://vop@/postgres?host={folder}"


def _manage(command: list[str], env: dict[str, str]) -> str:
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **env}, check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise CannotStartError(f"{' '.join(command[1:])} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def _find_postgres() -> Path:
    in_path = shutil.which("postgres")
    folders = [Path(in_path).parent] if in_path else []
    folders += sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda found: found.parent.name
    )
    fitting = [folder for folder in folders if (folder / "initdb").exists()]
    if not fitting:
        raise CannotStartError("There is no PostgreSQL server here (Debian: postgresql).")
    return fitting[-1]  # the highest version


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _can_connect(place: Path | tuple[str, int]) -> bool:
    family = socket.AF_UNIX if isinstance(place, Path) else socket.AF_INET
    with socket.socket(family) as tried:
        return tried.connect_ex(str(place) if isinstance(place, Path) else place) == 0


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status) == 200  # noqa: PLR2004 (HTTP's OK)
    except OSError:
        return False


def _wait(program: Running, is_there: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE
    while not is_there():
        if program.process.poll() is not None or time.monotonic() > end:
            tail = program.log.read_text(errors="replace")[-2000:]
            raise CannotStartError(f"{program.name} does not start:\n{tail}")
        time.sleep(0.1)
