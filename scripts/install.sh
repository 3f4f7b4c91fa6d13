#!/bin/sh
# Installs kubelogin @VERSION@ for Linux or macOS: downloads the archive for this machine, compares its SHA-256 with
# the one in this file, and puts the program, its manual page and the completions below PREFIX (~/.local).
#
#   curl -fsSLO @URL@/install.sh
#   sh install.sh                                 # for you alone
#   sudo env PREFIX=/usr/local sh install.sh      # for all users
#
# KUBELOGIN_URL names another folder to download from, such as a mirror of your company.
set -eu

fail() {
    echo "install.sh: $1" >&2
    exit 1
}

platform() {
    case $(uname -s)/$(uname -m) in
    Linux/x86_64) echo linux-amd64 ;;
    Linux/aarch64 | Linux/arm64) echo linux-arm64 ;;
    Darwin/x86_64) echo darwin-amd64 ;;
    Darwin/arm64) echo darwin-arm64 ;;
    *) fail "there is no program for $(uname -s) on $(uname -m)" ;;
    esac
}

known_sum() {
    case $1 in
    # @SUMS@
    esac
}

sum_of() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}

download() { # URL FILE
    if command -v curl >/dev/null; then
        curl -fsSL --proto-redir '=https' -o "$2" "$1"
    else
        wget -q -O "$2" "$1"
    fi || fail "cannot download $1"
}

# A function, so that a script that was cut off on its way does nothing.
main() {
    platform=$(platform)
    prefix=${PREFIX:-$HOME/.local}
    url=${KUBELOGIN_URL:-@URL@}/kubelogin-$platform.zip
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    download "$url" "$work/kubelogin.zip"
    [ "$(sum_of "$work/kubelogin.zip")" = "$(known_sum "$platform")" ] ||
        fail "$url does not have the expected SHA-256; nothing was installed"
    if command -v unzip >/dev/null; then
        unzip -q "$work/kubelogin.zip" -d "$work/files"
    else
        python3 -m zipfile -e "$work/kubelogin.zip" "$work/files" || fail "install unzip or python3 first"
    fi

    mkdir -p "$prefix/bin"
    cp "$work/files/bin/"*/kubelogin "$prefix/bin/.kubelogin.new"
    chmod 755 "$prefix/bin/.kubelogin.new"
    "$prefix/bin/.kubelogin.new" --version >/dev/null || fail "the program does not run on this machine"
    # Renamed, since a program that runs cannot be written to.
    mv -f "$prefix/bin/.kubelogin.new" "$prefix/bin/kubelogin"
    for file in man/man1/kubelogin.1 fish/vendor_completions.d/kubelogin.fish zsh/site-functions/_kubelogin; do
        mkdir -p "$prefix/share/${file%/*}"
        cp "$work/files/share/$file" "$prefix/share/$file"
    done
    mkdir -p "$prefix/share/bash-completion/completions"
    cp "$work/files/share/bash-completion/completions/kubelogin.bash" "$prefix/share/bash-completion/completions/kubelogin"
    echo "installed kubelogin @VERSION@: $prefix/bin/kubelogin"
    case :$PATH: in
    *:"$prefix/bin":*) ;;
    *) echo "add $prefix/bin to PATH, so that kubectl finds it" ;;
    esac
}

main
