#!/bin/sh
# The first process of the test machine: modules, file systems, the tests, and off.
bb=/bin/busybox
$bb mount -t proc none /proc
$bb mount -t sysfs none /sys
$bb mount -t devtmpfs none /dev
$bb mount -t tmpfs none /tmp
while read -r module; do
  options=
  [ "$module" = dummy_hcd ] && options="num=2 is_high_speed=N"
  $bb insmod "/modules/$module.ko" $options || echo "insmod $module failed"
done </modules/order
$bb mount -t configfs none /sys/kernel/config
$bb mkdir -p /dev/ffs
$bb stty -F /dev/ttyS1 raw -echo
export PATH=/bin UV_THREADPOOL_SIZE=16 NODE_DISABLE_COMPILE_CACHE=1
cd /hallway && /bin/node tests/kernel/guest/main.ts >/dev/ttyS1 2>/dev/console
echo "tests ended with $?"
$bb reboot -f
