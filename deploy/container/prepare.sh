#!/bin/sh
# What compose.yaml runs before the hosts, at each start: the folders of two hosts of one instance in the volumes /srv/mail1 and
# /srv/mail2, the bucket of /srv/objects, the certificate of /srv/slapd. What is there stays; whatever ended it, it goes on.
# DOMAIN, OCTETS_KEY, OCTETS_SECRET, LDAP_PASSWORD: see compose.yaml. LDAP=yes: the directory is slapd's.
# SRV, DATABASE, SERVICE, DIRECTORY: other places and users than those of compose.yaml and the images.
set -eu
umask 077
srv=${SRV:-/srv}
first=$srv/mail1 second=$srv/mail2
service=${SERVICE:-2525} directory=${DIRECTORY:-2526}

# As root no file is touched in a folder that somebody else may write to: each part is its owner's.
as() {
    setpriv --reuid="$1" --regid="$1" --clear-groups sh "$0" "$2"
}

folders() {
    install -d -m 700 -o "$service" -g "$service" "$first" "$second"
    install -d -m 700 -o "$directory" -g "$directory" "$srv/slapd"
    mkdir -p "$srv/objects/octets"
    as "$directory" certificate
    AUTHORITY=$(as "$directory" authority)
    export AUTHORITY
    as "$service" hosts
}

certificate() {
    [ ! -e "$srv/slapd/tls" ] || return 0
    rm -rf "$srv/slapd/making-tls"
    mkdir "$srv/slapd/making-tls"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=slapd \
        -addext subjectAltName=DNS:slapd -keyout "$srv/slapd/making-tls/key.pem" -out "$srv/slapd/making-tls/cert.pem"
    mv -T "$srv/slapd/making-tls" "$srv/slapd/tls"
}

settings() {
    sed -e 's/^address = .*/address = "0.0.0.0"/' \
        -e 's/^# smtp = .*/smtp = 25/' -e 's/^# submission = .*/submission = 587/' \
        -e 's/^# submissions = .*/submissions = 465/' -e 's/^# lmtp = .*/lmtp = 0/' \
        -e 's/^# imap = .*/imap = 143/' -e 's/^# imaps = .*/imaps = 993/' \
        -e 's/^# ldap = .*/ldap = 0/' -e 's/^# ldaps = .*/ldaps = 636/' \
        -e 's/^# https = .*/https = 443\nredirect = 80/' "$first/mailserver.toml"
    cat <<TOML

[octets]
url = "s3://octets"
endpoint = "http://objects:8080"

[junk]
rspamd = "rspamd:11333"

[proxy]
networks = ["192.0.2.10/32"]
TOML
    [ "${LDAP:-}" = yes ] || return 0
    base="dc=$(printf %s "$DOMAIN" | sed 's/\./,dc=/g')"
    cat <<TOML

[ldap]
url = "ldaps://slapd:1636"
base = "$base"
bind_dn = "cn=admin,$base"
password_file = "ldap"
read_only = false
ca_file = "/srv/mailserver/ldap-authority.pem"
TOML
}

hosts() {
    # Of a database that was left half-made `init` says what it needs.
    [ -e "$first/instance-id" ] ||
        mailserver init "$first" --domain "$DOMAIN" --database "${DATABASE:-postgresql://mailserver@database/mailserver}"
    if ! grep -q '^\[octets\]' "$first/mailserver.toml"; then
        settings >"$first/mailserver.toml.new"
        mv "$first/mailserver.toml.new" "$first/mailserver.toml"
    fi
    printf '%s\n' "$AUTHORITY" >"$first/ldap-authority.pem"
    printf '%s\n%s\n' "$OCTETS_KEY" "$OCTETS_SECRET" >"$first/secrets/octets"
    printf %s "$LDAP_PASSWORD" >"$first/secrets/ldap"
    [ ! -e "$second/prepared" ] || return 0
    find "$second" -mindepth 1 -delete
    cp -a "$first/mailserver.toml" "$first/secrets" "$first/tls" "$first/instance-id" "$first/ldap-authority.pem" "$second/"
    mkdir "$second/data"
    touch "$second/prepared"
}

case ${1:-folders} in
folders | certificate | hosts) "${1:-folders}" ;;
authority) cat "$srv/slapd/tls/cert.pem" ;;
esac
