#!/bin/sh
# The command line. Root's commands run as the user of the service: a file of an instance that belonged to root could
# not be read by the service any more.
if [ "$(id -u)" = 0 ]; then
    export HOME=/var/lib/mailserver
    exec setpriv --reuid=mailserver --regid=mailserver --init-groups -- /usr/lib/mailserver/bin/mailserver "$@"
fi
exec /usr/lib/mailserver/bin/mailserver "$@"
