"""What bin/demo needs beside the shell: its environment file, ports, waiting, the table of people.

Standard library only.
Usage: demo_tools.py env FILE NAME=VALUE… | ports PORT… | answers URL |
       people FILE | code FILE EMAIL
"""

import base64
import hmac
import json
import os
import secrets
import socket
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path


def write_environment(file: Path, addresses: list[str]) -> None:
    """Write the secrets once; keep every line of the file but the addresses."""
    if file.exists():
        lines = file.read_text(encoding="utf-8").splitlines()
    else:
        lines = [
            "# Written once by bin/demo. The process environment wins over these.",
            f"SECRET_KEY={secrets.token_urlsafe(50)}",
            f"VOP_ENCRYPTION_KEYS={base64.urlsafe_b64encode(os.urandom(32)).decode()}",
            "DEMO=1",
        ]
    names = tuple(address.split("=", 1)[0] + "=" for address in addresses)
    lines = [line for line in lines if not line.startswith(names)] + addresses
    text = "\n".join(lines) + "\n"
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
        out.write(text)
    new.replace(file)


def find_taken(ports: list[str]) -> list[str]:
    taken = []
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", int(port)))
            except OSError:
                taken.append(port)
    return taken


def answers(url: str) -> bool:
    """Tell whether anything but a server error comes back; a proxy is never asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500  # noqa: PLR2004 (HTTP: from 500 on it is the server's fault)
    except OSError:
        return False


def list_people(file: Path) -> list[str]:
    """List who can sign in; of several alike, the first."""
    world = json.loads(file.read_text(encoding="utf-8"))
    names = {company["org_number"]: company["name"] for company in world["companies"]}
    rows, told = [], set()
    for person in world["people"]:
        note = person.get("note") or ""
        if note in told:
            continue
        told.add(note)
        roles = "; ".join(
            f"{names.get(c['org_number'], c['org_number'])}: {', '.join(c['roles'])}"
            for c in person["companies"]
        )
        rows.append((person, f"{roles} ({note})" if note else roles))
    rows += [(person, "staff: " + ", ".join(person["roles"])) for person in world["staff"]]
    address = max(len(person["email"]) for person, _ in rows)
    password = max(len(person["password"]) for person, _ in rows)
    return [
        f"  {person['email']:<{address}}  {person['password']:<{password}}  {what}"
        + (", second factor" if person.get("totp_secret") else "")
        for person, what in rows
    ]


def make_code(file: Path, email: str) -> str:
    """Make the code that the person's authenticator app would show now (RFC 6238)."""
    world = json.loads(file.read_text(encoding="utf-8"))
    secrets_of = {p["email"]: p.get("totp_secret") for p in world["people"] + world["staff"]}
    secret = secrets_of.get(email)
    if not secret:
        sys.exit(f"{email} has no second factor")
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, int(time.time() // 30).to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def main(command: str, *words: str) -> int:
    match command:
        case "env":
            write_environment(Path(words[0]), list(words[1:]))
        case "ports":
            taken = find_taken(list(words))
            sys.stdout.write("".join(f"{port}\n" for port in taken))
            return bool(taken)
        case "answers":
            return not answers(words[0])
        case "people":
            sys.stdout.write("".join(f"{line}\n" for line in list_people(Path(words[0]))))
        case "code":
            sys.stdout.write(make_code(Path(words[0]), words[1]) + "\n")
        case _:
            sys.stderr.write(f"{__doc__}")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
