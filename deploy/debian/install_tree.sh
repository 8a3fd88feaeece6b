#!/bin/sh
# Lays the files of the package out: install_tree.sh PYTHON INTO, from the root of the tree that `make deb` made.
set -eu
python=$1 into=$2
home=/usr/lib/mailserver
venv=$into$home

"$python" -m venv "$venv"
"$venv/bin/python3" -m pip install --quiet --disable-pip-version-check --no-compile \
    --no-index --find-links wheels --require-hashes -r wheels/requirements.txt
"$venv/bin/python3" -m pip uninstall --quiet --yes pip

# The program under its place of later; no other command of a library.
find "$venv/bin" -mindepth 1 ! -name 'python*' ! -name mailserver -delete
sed -i "1s|.*|#!$home/bin/python3|" "$venv/bin/mailserver"
printf 'home = /usr/bin\ninclude-system-site-packages = false\nversion = %s\n' \
    "$("$python" -c 'import platform; print(platform.python_version())')" > "$venv/pyvenv.cfg"
site=$(echo "$venv"/lib/python3.*/site-packages)
# What pip noted of this build: where the wheels lay.
find "$site" -name direct_url.json -delete
rm -f "$venv/.gitignore"

# Compiled once here and never compared with the sources again: nobody can write there later.
find "$venv/lib" -name __pycache__ -prune -exec rm -r {} +
"$python" -m compileall -q -j 0 --invalidation-mode unchecked-hash -s "$into" -p / "$site" >/dev/null || true

# The manual and the completion are made from what the program says of itself.
mkdir -p build/documents
TYPER_USE_RICH=0 LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python3" -m typer mailserver.__main__ utils docs \
    --name mailserver --output build/documents/en.md >/dev/null
TYPER_USE_RICH=0 LC_ALL=fr_FR.UTF-8 PYTHONUTF8=1 PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python3" -m typer \
    mailserver.__main__ utils docs --name mailserver --output build/documents/fr.md >/dev/null
"$python" deploy/package/command_documents.py build/documents

install -d "$into/usr/bin" "$into/etc/mailserver" "$into/usr/lib/systemd/system"
install -m 755 debian/mailserver.command "$into/usr/bin/mailserver"
for unit in deploy/*.service deploy/*.socket deploy/*.timer; do
    [ ! -e "$unit" ] || sed "s|/opt/mailserver/bin/|$home/bin/|g" "$unit" > "$into/usr/lib/systemd/system/$(basename "$unit")"
done
# Until `mailserver init` has made the instance the service is enabled and not started.
install -d "$into/usr/lib/systemd/system/mailserver.service.d"
printf '[Unit]\nConditionPathExists=/var/lib/mailserver/mailserver.toml\n' \
    > "$into/usr/lib/systemd/system/mailserver.service.d/package.conf"
ln -s /var/lib/mailserver/mailserver.toml "$into/etc/mailserver/mailserver.toml"
ln -s /var/lib/mailserver/tls "$into/etc/mailserver/tls"
install -d "$into/usr/share/doc/mailserver/examples" "$into/usr/share/bash-completion/completions" "$into/usr/share/man/man8" \
    "$into/usr/share/man/fr/man8"
cp deploy/mailserver.toml deploy/*.schema deploy/haproxy.cfg "$into/usr/share/doc/mailserver/examples/"
cp deploy/README.md "$into/usr/share/doc/mailserver/"
cp -r deploy/guide "$into/usr/share/doc/mailserver/"
install -m 644 CHANGELOG.md "$into/usr/share/doc/mailserver/NEWS.md"
install -m 644 build/documents/completion.bash "$into/usr/share/bash-completion/completions/mailserver"
# Not spread to the right margin: lines of long options would be torn apart.
go-md2man -in build/documents/en.8.md | sed '/^\.TH/a .ad l' > "$into/usr/share/man/man8/mailserver.8"
go-md2man -in build/documents/fr.8.md | sed '/^\.TH/a .ad l' > "$into/usr/share/man/fr/man8/mailserver.8"
