#!/bin/sh
# Roundcube of Debian's packages in a private folder on a loopback port, over any IMAP server: the peer that
# `python -m tests.webui.bench_browser` measures us beside. As root; nothing of the system's configuration is touched.
#
#   roundcube.sh install          nginx, PHP-FPM, Roundcube (apt-get)
#   roundcube.sh start DIR IMAP   IMAP: host:port; serves http://127.0.0.1:$PORT/ (8095)
#   roundcube.sh stop DIR
set -eu
cmd=${1:?}; PORT=${PORT:-8095}

if [ "$cmd" = install ]; then
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
  apt-get install -y --no-install-recommends roundcube-core roundcube-sqlite3 php-fpm php-sqlite3 php-intl php-mbstring nginx-light
  exit
fi
mkdir -p "${2:?directory}"; DIR=$(cd "$2" && pwd)

stop() {
  for name in nginx fpm; do
    [ -e "$DIR/$name.pid" ] || continue
    kill "$(cat "$DIR/$name.pid")" 2>/dev/null || true
    rm -f "$DIR/$name.pid"
  done
}

start() {
  stop
  mkdir -p "$DIR/config" "$DIR/temp" "$DIR/logs" "$DIR/nginx"
  php -r '$db = new PDO("sqlite:" . $argv[1]); $db->exec(file_get_contents("/usr/share/roundcube/SQL/sqlite.initial.sql"));' \
    "$DIR/roundcube.db" 2>/dev/null || true
  ln -sf /etc/roundcube/defaults.inc.php /etc/roundcube/mimetypes.php "$DIR/config/"
  cat > "$DIR/config/config.inc.php" <<PHP
<?php
\$config = ['db_dsnw' => 'sqlite:///$DIR/roundcube.db?mode=0640', 'imap_host' => '$1', 'skin' => 'elastic', 'plugins' => [],
  'des_key' => '0123456789abcdefghijklmn', 'temp_dir' => '$DIR/temp', 'log_dir' => '$DIR/logs', 'enable_spellcheck' => false];
PHP
  cat > "$DIR/fpm.conf" <<FPM
[global]
pid = $DIR/fpm.pid
error_log = $DIR/logs/fpm.log
[www]
user = www-data
group = www-data
listen = $DIR/fpm.sock
listen.owner = www-data
pm = static
pm.max_children = 8
env[ROUNDCUBE_CONFIG_DIR] = $DIR/config
FPM
  cat > "$DIR/nginx.conf" <<NGINX
user www-data;
pid $DIR/nginx.pid;
error_log $DIR/logs/nginx.log;
events {}
http {
  include /etc/nginx/mime.types;
  access_log off;
  client_body_temp_path $DIR/nginx/body; proxy_temp_path $DIR/nginx/proxy; fastcgi_temp_path $DIR/nginx/fastcgi;
  uwsgi_temp_path $DIR/nginx/uwsgi; scgi_temp_path $DIR/nginx/scgi;
  gzip on; gzip_types text/css application/javascript text/javascript application/json;
  server {
    listen 127.0.0.1:$PORT;
    root /var/lib/roundcube/public_html;
    index index.php;
    location / { try_files \$uri \$uri/ /index.php\$uri\$is_args\$args; expires 30d; }
    location ~ \.php(/|\$) {
      fastcgi_split_path_info ^(.+\.php)(/.*)\$;
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME \$document_root\$fastcgi_script_name;
      fastcgi_param PATH_INFO \$fastcgi_path_info;
      fastcgi_pass unix:$DIR/fpm.sock;
    }
  }
}
NGINX
  chown -R www-data "$DIR"; chmod 755 "$DIR"
  fpm=$(ls /usr/sbin/php-fpm* | head -n 1)
  "$fpm" --fpm-config "$DIR/fpm.conf" --daemonize
  nginx -c "$DIR/nginx.conf"
}

case $cmd in
  start) start "${3:?host:port of the IMAP server}" ;;
  stop) stop ;;
  *) echo "install|start DIR IMAP|stop DIR" >&2; exit 2 ;;
esac
