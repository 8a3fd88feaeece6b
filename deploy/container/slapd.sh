#!/bin/sh
# Serves the directory of /srv/slapd over TLS; an empty one is made first, with what `mailserver` looks below.
# DOMAIN, LDAP_PASSWORD: the academy's domain, the password of cn=admin. Its certificate is one that `prepare` made.
set -eu
umask 077
base="dc=$(printf %s "$DOMAIN" | sed 's/\./,dc=/g')"
cat >/srv/slapd/slapd.conf <<CONF
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/education.schema
include /etc/ldap/schema/mailserver.schema
pidfile /srv/slapd/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload argon2
TLSCertificateFile /srv/slapd/tls/cert.pem
TLSCertificateKeyFile /srv/slapd/tls/key.pem
sizelimit unlimited
access to attrs=userPassword by anonymous auth by * none
access to * by users read by anonymous auth
database mdb
suffix "$base"
rootdn "cn=admin,$base"
rootpw $(slappasswd -h '{ARGON2}' -o module-path=/usr/lib/ldap -o module-load=argon2 -s "$LDAP_PASSWORD")
directory /srv/slapd/data
maxsize 4294967296
index objectClass,uid,mail,member eq
index cn,sn,givenName eq,sub
CONF
if [ ! -e /srv/slapd/data/data.mdb ]; then
    rm -rf /srv/slapd/making
    mkdir /srv/slapd/making
    sed 's|^directory .*|directory /srv/slapd/making|' /srv/slapd/slapd.conf >/srv/slapd/making.conf
    {
        printf 'dn: %s\nobjectClass: dcObject\nobjectClass: organization\ndc: %s\no: %s\n' \
            "$base" "${DOMAIN%%.*}" "$DOMAIN"
        for unit in people contacts structures groups disciplines functions; do
            printf '\ndn: ou=%s,%s\nobjectClass: organizationalUnit\nou: %s\n' "$unit" "$base" "$unit"
        done
    } | slapadd -q -f /srv/slapd/making.conf
    # Whole, or not there.
    mv -T /srv/slapd/making /srv/slapd/data
    rm /srv/slapd/making.conf
fi
# 256: connections, logins and what they ask are logged.
exec slapd -d 256 -f /srv/slapd/slapd.conf -h ldaps://:1636
