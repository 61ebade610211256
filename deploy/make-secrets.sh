#!/bin/sh
# Make the secrets that compose.yaml names, each a file of its own, in the folder secrets (or in the
# one that is named). What is there already stays: other passwords would lock out of the database.
set -eu

folder=${1:-secrets}
if [ -e "$folder" ]; then
    echo "$folder is there already; nothing was changed." >&2
    exit 1
fi

random() { # so many bytes, in hexadecimal digits
    od -An -v -tx1 -N "$1" /dev/urandom | tr -d ' \n'
}

# The folder keeps others out. The files are readable because they are mounted one by one into
# containers, whose users have other numbers.
umask 022
mkdir -m 700 "$folder"
password=$(random 24)
access_key=GK$(random 12)
secret_access_key=$(random 32)
bucket="s3://minifile?endpoint=http://garage:3900&region=garage"

printf '%s\n' "$(random 32)" > "$folder/secret_key"
printf '%s\n' "$password" > "$folder/postgres_password"
printf '%s\n' "postgresql+psycopg://minifile:$password@postgres/minifile" > "$folder/database_url"
printf '%s\n' "$bucket&access_key_id=$access_key&secret_access_key=$secret_access_key" \
    > "$folder/storage_url"
printf 'GARAGE_RPC_SECRET=%s\nGARAGE_DEFAULT_ACCESS_KEY=%s\nGARAGE_DEFAULT_SECRET_KEY=%s\n' \
    "$(random 32)" "$access_key" "$secret_access_key" > "$folder/garage.env"
echo "Made $folder. Keep a copy where the backups are: without secret_key browsers forget the links they own."
