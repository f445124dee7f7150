# Before the first job: what the cluster would refuse. After the last one: what MLflow lacks, and what failed.


def logs_of(jobs):
    return [Path(log) for each in jobs for log in each.log]


def say_what_failed():
    failed = workflow.scheduler.failed
    if not failed:  # interrupted
        return
    waiting = [
        str(each.output[0])
        for each in workflow.dag.needrun_jobs()
        if each not in failed and {"artefact", "report"} & set(each.wildcards.keys())
    ]
    failure.say(logs_of(failed), waiting)


onstart:
    try:
        if workflow.executor_plugin.name == "slurm":
            qos = workflow.executor_settings.qos
            preflight.check(
                preflight.Request.of(each.rule.name, each.resources, qos)
                for each in workflow.dag.needrun_jobs()
                if not each.is_local
            )
        failure.forget(logs_of(workflow.dag.needrun_jobs()))
    except InputError as error:
        raise WorkflowError(str(error)) from None


onsuccess:
    send_the_rest()


onerror:
    send_the_rest()
    say_what_failed()
