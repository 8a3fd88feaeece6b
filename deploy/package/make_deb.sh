#!/bin/sh
# Builds dist/mailserver_VERSION_ARCH.deb out of dist/wheels, from the root of the checkout. Nothing is fetched.
set -eu
root=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
# What was changed since the wheels were made is not in them.
changed=$(find mailserver directory smtp imap webui calendar/agenda setup.cfg setup.py requirements.lock \
    \( -name node_modules -o -name dist -o -name __pycache__ \) -prune -o -type f ! -name '*.mo' -newer dist/wheels/requirements.txt -print \
    | head -n 1)
[ -z "$changed" ] || { echo "$changed is newer than dist/wheels: make wheels PYTHON=/usr/bin/python3" >&2; exit 1; }
heading=$(sed -n 's/^## //p' CHANGELOG.md | head -n 1)
version=${heading%% *}
. /etc/os-release
# A release in preparation sorts before the release; packages of several releases of Debian differ in their Python.
case $heading in *"(in preparation)") number="$version~preparation" ;; *) number=$version ;; esac
number="${MAILSERVER_DEB_VERSION:-$number}+$(echo "$ID" | sed 's/^debian$/deb/')${VERSION_ID:-}"
when=$(date -R -u -d "@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}")

mkdir -p "$tree"
cp -r deploy/debian "$tree/debian"
cp -r deploy CHANGELOG.md "$tree/"
cp deploy/logrotate "$tree/debian/mailserver.logrotate"
cp -r dist/wheels "$tree/wheels"
cat > "$tree/debian/changelog" <<END
mailserver ($number) unstable; urgency=medium

  * Release $version: see /usr/share/doc/mailserver/NEWS.md.

 -- $(sed -n 's/^Maintainer: //p' deploy/debian/control)  $when
END
cd "$tree"
dpkg-buildpackage --build=binary --no-sign --no-pre-clean >../build.log 2>&1 || { tail -n 40 ../build.log >&2; exit 1; }
mkdir -p "$root/dist"
mv ../*.deb "$root/dist/"
