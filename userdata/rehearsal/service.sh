# A service as notebooks will be: placed on a worker, as a student ($1, UID $2, GID $3), at home, with a port of its
# node's own. It notes who it is, and serves the home by HTTP.
set -eu
home=/home/$1
rm -f "$home/from-a-container"
docker service create --quiet --detach --no-resolve-image --name imagegen-rehearsal \
	--constraint node.role==worker --restart-condition none --user "$2:$3" \
	--mount "type=bind,src=$home,dst=$home,bind-propagation=rslave" --publish mode=host,target=8888 \
	imagegen-rehearsal /busybox sh -c \
	"cd $home && echo \$(/busybox id -u):\$(/busybox id -g) >from-a-container && exec /busybox httpd -f -p 8888 -h ." \
	>/dev/null
