"""What SLURM's commands print, captured on a private cluster: slurmctld and slurmdbd 22.05.8, Debian 12."""

# sinfo --all --exact --noheader --format="%P|%a|%l|%c|%m|%G"
SINFO = """\
gpu|up|1-00:00:00|4|8192|gpu:fake:2(S:0-1)
short|up|1:00:00|4|8192|(null)
cpu*|up|1-00:00:00|4|8192|(null)
shared|up|1-00:00:00|4|8192|gpu:fake:2,shard:fake:4
mixed|up|infinite|128|1030000|(null)
mixed|up|infinite|64|515000|gpu:a100:4,gpu:v100.16gb:2
mixed|up|infinite|32|257000|gpu:8,mps:100
secret|down|30:00|32|257000|gpu:8,mps:100
empty|inactive|2-12:00:00|0|0|(null)
"""
# sacctmgr --noheader --parsable2 list associations user=root format=account; then: list qos format=name
ACCOUNTS = "lab\nroot\n"
QUALITIES = "normal\n"
# The same where there is no accounting: status 1, and on standard error
NO_ACCOUNTING = """\
You are not running a supported accounting_storage plugin
Only 'accounting_storage/slurmdbd' is supported.
"""
