# shellcheck shell=sh
# Set-up shared by the scripts beside it. Sourced, never run. Plain POSIX sh.
set -eu

case ${VOP_VAR:-} in # meant from where the script was started
"" | /*) ;;
*) VOP_VAR=$PWD/$VOP_VAR ;;
esac
cd "$(dirname "$0")/.."
[ -w . ] || { echo "$0: $PWD is not writable: clone it as the user who runs it" >&2; exit 1; }

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() {
    warn "$0: $*"
    exit 1
}

# --- Debian packages, when we may -----------------------------------------------------------------

may_install() {
    command -v apt-get >/dev/null 2>&1 || return 1
    [ "$(id -u)" = 0 ] || sudo -n true >/dev/null 2>&1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -y -q -o DPkg::Lock::Timeout=120 "$@" </dev/null
}

# apt_install PACKAGE…: true when they are there afterwards. A server that a package brings is for
# our own private use, so Debian's start-up of it is held back the documented way.
apt_install() (
    may_install || exit 1
    say "Installing Debian packages: $*"
    log=$(mktemp)
    policy=/usr/sbin/policy-rc.d
    if [ -e "$policy" ]; then
        trap 'rm -f "$log"' EXIT
    else
        trap 'rm -f "$log"; as_root rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    trap 'exit 130' INT
    trap 'exit 143' TERM
    if apt_get install --no-install-recommends "$@" >"$log" 2>&1; then exit 0; fi
    if apt_get update >>"$log" 2>&1 && apt_get install --no-install-recommends "$@" >>"$log" 2>&1; then exit 0; fi
    tail -n 5 "$log" >&2
    exit 1
)

# --- Python ---------------------------------------------------------------------------------------

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# Sets $python: 3.11 or later, able to make virtual environments. The system's own first: it is
# built with the compiler's profile, as the image's is, and needs a tenth less than one that isn't.
find_python() {
    for python in /usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11; do
        if is_new_enough "$python" && "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then return 0; fi
    done
    return 1
}

ensure_venv() {
    if is_new_enough .venv/bin/python; then return 0; fi
    if ! find_python; then
        apt_install python3 python3-venv || true
        find_python || die "needs Python 3.11 or later with its venv module (Debian: python3 python3-venv)"
    fi
    say "Making .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv
}

pip_install() {
    if uv --version >/dev/null 2>&1; then
        uv pip install -q --require-hashes --python .venv/bin/python -r "$1" && return 0
        warn "uv did not manage; trying pip"
    fi
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        .venv/bin/python -m ensurepip >/dev/null || die ".venv has no pip: remove .venv and start again"
    fi
    .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r "$1"
}

# ensure_locked demo|dev: what the lock says, only when the lock differs from what was installed.
ensure_locked() {
    lock=requirements/$1.lock
    if [ "$(cat ".venv/locked-$1" 2>/dev/null)" = "$(cksum <"$lock")" ]; then return 0; fi
    say "Installing $lock"
    rm -f .venv/locked-*
    pip_install "$lock" || die "could not install $lock"
    cksum <"$lock" >".venv/locked-$1"
    # The development lock holds everything of the demo's, at the same versions (bin/check sees to it).
    if [ "$1" = dev ]; then cksum <requirements/demo.lock >.venv/locked-demo; fi
}

# --- Around Python --------------------------------------------------------------------------------

can_make_pdf() {
    .venv/bin/python - <<'END' >/dev/null 2>&1
import ctypes
import pathlib

ctypes.CDLL("libpango-1.0.so.0")
ctypes.CDLL("libpangoft2-1.0.so.0")
places = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")
next(f for p in places for f in pathlib.Path(p).expanduser().rglob("*.[ot]tf"))
END
}

pdf_packages="libpango-1.0-0 libpangoft2-1.0-0 fonts-dejavu-core"

ensure_pdf() {
    if can_make_pdf; then return 0; fi
    # shellcheck disable=SC2086 # a list of words
    if apt_install $pdf_packages && can_make_pdf; then return 0; fi
    warn "PDF files cannot be made until these Debian packages are there: $pdf_packages"
}

ensure_translations() {
    for po in locale/*/LC_MESSAGES/django.po; do
        if [ ! -e "$po" ]; then continue; fi
        if [ -z "$(find "${po%.po}.mo" -newer "$po" 2>/dev/null)" ]; then
            .venv/bin/pybabel -q compile -i "$po" -o "${po%.po}.mo"
        fi
    done
}

# set_up demo|dev: everything that Python code of the project needs. One at a time per clone.
set_up() {
    (
        if command -v flock >/dev/null 2>&1; then flock 9; fi
        ensure_venv
        ensure_locked "$1"
        ensure_pdf
        ensure_translations
    ) 9<pyproject.toml
}

# --- Node, for the one example that isn't Python --------------------------------------------------

node_example=deploy/examples/express_openid_client

has_node() {
    command -v npm >/dev/null 2>&1 && node -e 'process.exit(Number(parseInt(process.versions.node) < 20))' 2>/dev/null
}

# True when the example's packages are there, as its lock says. Nothing of theirs runs at installation.
ensure_node_example() {
    if ! has_node; then
        apt_install nodejs npm || true
        has_node || return 1
    fi
    stamp=$node_example/node_modules/.locked
    if [ "$(cat "$stamp" 2>/dev/null)" = "$(cksum <"$node_example/package-lock.json")" ]; then return 0; fi
    say "Installing $node_example/package-lock.json"
    (cd "$node_example" && npm ci --ignore-scripts --no-audit --no-fund --silent </dev/null) || return 1
    cksum <"$node_example/package-lock.json" >"$stamp"
}

# --- Values ---------------------------------------------------------------------------------------

# A throw-away environment that settings accept, for commands that only look at the code.
export_scratch_environment() {
    VOP_VAR=$1
    SECRET_KEY=$(.venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(50))')
    VOP_ENCRYPTION_KEYS=$(.venv/bin/python -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())')
    BASE_URL=https://konto.exempel.se
    STATUS_URL=https://status.exempel.se
    ALLOWED_HOSTS=konto.exempel.se
    export VOP_VAR SECRET_KEY VOP_ENCRYPTION_KEYS BASE_URL STATUS_URL ALLOWED_HOSTS
}

free_port() {
    .venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
