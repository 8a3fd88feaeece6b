#!/bin/sh
# Installs the Debian packages that the tests talk to: real clients, a real slapd, PostgreSQL, Chromium,
# LibreOffice (100 MB to fetch, and about a minute to install).
# As root, or through sudo when it asks no password; otherwise names what is missing, and the tests that need
# it are left out and counted at the end of the run. PostgreSQL's databases speak French, as they do in France.
set -u
packages="slapd ldap-utils postgresql isync mutt offlineimap3 sieve-connect imapfilter swaks libnet-ssleay-perl chromium strace oathtool zbar-tools rspamd clamav-daemon haproxy libnss3-tools locales systemd restic pebble curl openssl prometheus postfix sasl2-bin"
packages="$packages libreoffice-writer-nogui libreoffice-calc-nogui libreoffice-impress-nogui"
# What the long tests need besides: sh tests/install.sh long
[ "${1:-}" != long ] || packages="$packages debhelper go-md2man iproute2 lintian python3-venv orca at-spi2-core xvfb xdotool openbox dbus"

missing=""
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing="$missing $package"
done
# Not in every release; without it the tests drive the whole browser, which takes twice as long.
faster="chromium-headless-shell"
dpkg-query -W -f '${Status}' $faster 2>/dev/null | grep -q '^install ok installed' && faster=""
locale -a | grep -qix 'fr_FR\.utf-\?8' && french=1 || french=""
[ -n "$missing$faster" ] || [ -z "$french" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    become=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    become="sudo -n"
else
    [ -n "$missing" ] || exit 0
    echo "make test: not root and no sudo, so these packages stay missing:$missing"
    echo "make test: install them with: apt-get install$missing"
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# Services must not start: the tests run private instances of their own on free ports.
policy=/usr/sbin/policy-rc.d
made=""
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | $become tee $policy >/dev/null && $become chmod +x $policy && made=1
fi
code=0
if [ -n "$missing$faster" ]; then
    $become apt-get update -qq
    install="$become apt-get install -y -qq --no-install-recommends"
    [ -z "$faster" ] || $install $faster >/dev/null 2>&1 || echo "make test: $faster cannot be had here"
    [ -z "$missing" ] || $install $missing >/dev/null
    code=$?
fi
[ -n "$french" ] || $become localedef -i fr_FR -f UTF-8 fr_FR.UTF-8 || code=$?
[ -z "$made" ] || $become rm -f $policy
exit $code
