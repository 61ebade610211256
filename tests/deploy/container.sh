# Within namespaces of its own: make all but the folder of the instance read-only, become the user
# of the image without any right to write, and do what its file says. Arguments: folder, uid, and a
# shell command each for the server and for the health check.
set -eu
folder=$1 uid=$2 server=$3 health=$4

ip link set lo up
mount --make-rprivate /
mount --bind "$folder" "$folder"
mount -o remount,bind,ro /
# It may read all files, as it may in the image; here some of them are root's.
as_user="setpriv --reuid=$uid --regid=$uid --clear-groups --no-new-privs
    --inh-caps=-all,+dac_read_search --ambient-caps=-all,+dac_read_search
    --bounding-set=-all,+dac_read_search"

if sh -c "$health" 2> /dev/null; then
    echo "healthy without a server"
fi
$as_user sh -c "exec $server" >&2 &
server_id=$!
tries=0
until $as_user sh -c "$health" 2> /dev/null; do
    tries=$((tries + 1))
    if [ $tries -gt 200 ] || ! kill -0 $server_id; then
        echo "the server did not become healthy"
        exit 1
    fi
done
echo "healthy"
link=$(printf hello | curl --silent --upload-file - http://127.0.0.1:8000/a.txt)
echo "fetched: $(curl --silent "$link")"
kill -TERM $server_id
wait $server_id
echo "stopped: $?"
