#!/bin/sh
# The certificate of a host by Let's Encrypt, and its renewal: certificate.sh weather.example me@example.org
#
# As root, on the edge's machine, once, after `manage.py edge --render FOLDER`. nginx does not start without a certificate, and
# Let's Encrypt asks nginx for proof: so openssl makes one for the first minutes, and certbot's takes its place. certbot's own
# timer renews it from then on, and has nginx read it (the deploy hook).
set -eu
[ $# -ge 2 ] || { echo "usage: certificate.sh HOST EMAIL [FOLDER]" >&2; exit 2; }
host=$1 email=$2 folder=${3:-/etc/nginx/weathernote}
live=${LIVE:-/etc/letsencrypt/live}/$host webroot=${WEBROOT:-/var/www/acme}

mkdir -p "$webroot"
if [ ! -e "$live/fullchain.pem" ]; then
    mkdir -p "$live"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$host" \
        -keyout "$live/privkey.pem" -out "$live/fullchain.pem" 2>/dev/null
    touch "$live/made-by-openssl"
fi
nginx -t -q -c "$folder/nginx.conf"
nginx -s reload -c "$folder/nginx.conf" 2>/dev/null || nginx -c "$folder/nginx.conf"
# certbot wants to make this folder itself; nginx has read what was in it.
[ ! -e "$live/made-by-openssl" ] || rm -r "$live"
certbot certonly --non-interactive --agree-tos --email "$email" --domain "$host" --webroot --webroot-path "$webroot" \
    --key-type ecdsa --deploy-hook "nginx -t -q -c $folder/nginx.conf && nginx -s reload -c $folder/nginx.conf"
nginx -s reload -c "$folder/nginx.conf"
