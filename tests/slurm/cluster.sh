#!/usr/bin/env bash
# A private SLURM on this machine: munged, slurmctld and three slurmd, all of it under DIR. /etc is not touched.
#
#   cluster.sh up DIR       start; partitions gpu (n1, n2: two fake GPUs each, those of n2 in two shards each) and cpu (n3)
#   cluster.sh node DIR N   start the slurmd of node N again
#   cluster.sh down DIR     stop what `up DIR` started
#
# DIR/bin holds SLURM's commands with their configuration; it goes first on PATH. PORT (default 16817) and the three
# after it must be free. Works as root and as an ordinary user, with the packages slurm-wlm and munge.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
command=$1
dir=$2
port=${PORT:-16817}
host=$(hostname -s)

configure() {
    mkdir -p "$dir"/{bin,dev,etc,log,munge,run,spool/n1,spool/n2,spool/n3,state}
    # munged wants a private key and a socket whose folders only the owner writes.
    chmod 0755 "$dir" "$dir/run"
    chmod 0700 "$dir/munge"
    head -c 1024 /dev/urandom >"$dir/munge/key"
    chmod 0400 "$dir/munge/key"
    # slurmd wants a device file per GPU; the number in its name becomes CUDA_VISIBLE_DEVICES.
    ln -sfn /dev/null "$dir/dev/nvidia0"
    ln -sfn /dev/null "$dir/dev/nvidia1"
    printf '%s\n' "NodeName=n[1-2] Name=gpu Type=fake File=$dir/dev/nvidia[0-1]" "NodeName=n2 Name=shard Count=4" >"$dir/etc/gres.conf"
    cat >"$dir/etc/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
# cred_expire is also how long a job is held back when it is requeued; 120 s by default
AuthInfo=socket=$dir/run/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/run/slurmd.%n.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog=$dir/bin/fake
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
PropagateResourceLimits=NONE
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=200000,batch_sched_delay=0,bf_interval=2,defer_batch=no
# A node that was set down stays down, even if an answer of its dead daemon was still on its way.
ReturnToService=1
MinJobAge=600
KillWait=30
SlurmctldTimeout=30
SlurmdTimeout=60
JobRequeue=1
GresTypes=gpu,shard
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=4 RealMemory=8192 Gres=gpu:fake:2
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=4 RealMemory=8192 Gres=gpu:fake:2,shard:4
NodeName=n3 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 3)) CPUs=4 RealMemory=8192
PartitionName=gpu Nodes=n[1-2] MaxTime=1-0 DefMemPerCPU=256 State=UP
PartitionName=cpu Nodes=n3 Default=YES MaxTime=1-0 DefMemPerCPU=256 State=UP
CONF
    # SLURM says to a job which of the fake GPUs it holds; a training that believed it would stop for want of a driver.
    printf '#!/bin/sh\necho unset CUDA_VISIBLE_DEVICES\n' >"$dir/bin/fake"
    chmod +x "$dir/bin/fake"
    # Snakemake's jobs drop SLURM_CONF from the environment before they call srun, so every command brings it along.
    local name
    for name in srun sbatch squeue scancel scontrol sinfo sacct sacctmgr sshare; do
        printf '#!/bin/sh\nSLURM_CONF=%s exec %s "$@"\n' "$dir/etc/slurm.conf" "$(command -v $name)" >"$dir/bin/$name"
        chmod +x "$dir/bin/$name"
    done
}

ended() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }

until_true() { # seconds, command
    local tries=$(($1 * 10))
    until "${@:2}" >/dev/null 2>&1; do
        ((tries--)) || return 1
        sleep 0.1
    done
}

three_idle() { [ "$("$dir/bin/sinfo" -h -N -t idle -o %N | sort -u | wc -l)" = 3 ]; }

nothing_queued() { [ -z "$("$dir/bin/squeue" -h)" ]; }

case $command in
up)
    configure
    munged --key-file "$dir/munge/key" --socket "$dir/run/munge.socket" --pid-file "$dir/run/munged.pid" \
        --log-file "$dir/log/munged.log" --seed-file "$dir/munge/seed" --num-threads 2
    until_true 10 test -S "$dir/run/munge.socket"
    slurmctld -c -f "$dir/etc/slurm.conf"
    for node in n1 n2 n3; do slurmd -c -N $node -f "$dir/etc/slurm.conf"; done
    until_true 30 three_idle || {
        tail -n 20 "$dir"/log/*.log >&2
        exit 1
    }
    ;;
node)
    slurmd -c -N "$3" -f "$dir/etc/slurm.conf"
    "$dir/bin/scontrol" update nodename="$3" state=resume
    ;;
down)
    timeout 10 "$dir/bin/scancel" --quiet --user "$(id -un)" || true
    until_true 33 nothing_queued || true
    for file in "$dir"/run/slurmd.*.pid "$dir/run/slurmctld.pid" "$dir/run/munged.pid"; do
        [ -s "$file" ] || continue
        pid=$(cat "$file")
        kill "$pid" 2>/dev/null || true
        until_true 10 ended "$pid" || kill -9 "$pid" || true
    done
    # What a job left behind; on a real cluster control groups see to that.
    for environment in $(grep -lsz "$dir/bin" /proc/[0-9]*/environ); do
        pid=${environment//[!0-9]/}
        [ "$pid" = $$ ] || kill -9 "$pid" 2>/dev/null || true
    done
    ;;
*)
    sed -n '2,9p' "$0"
    exit 2
    ;;
esac
