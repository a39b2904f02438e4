"""The jobs of the rehearsal's AWS Batch: submitted, described, listed and ended, but never run. See emulator.py."""

import functools
import json

import botocore.session
from botocore.validate import ParamValidator
from ministack.core.responses import error_response_json, get_account_id, get_region, new_uuid
from ministack.services import batch, eventbridge

# As aws-emulator.ts has them.
JOB_IS_DONE = "rehearsal: done"
JOB_TOLD = "rehearsal: report "

# --- AWS's own model of the calls ---


@functools.cache
def model_of(service):
    return botocore.session.get_session().get_service_model(service)


def problem_with(operation, params, service="batch"):
    """The faults of these parameters by AWS's model: unknown, missing or of another type. None without a fault."""
    shape = model_of(service).operation_model(operation).input_shape
    report = ParamValidator().validate(params, shape)
    return report.generate_report() if report.has_errors() else None


def refused(message):
    return error_response_json("ClientException", message, 400)


# --- Jobs ---

def queue_arn(given):
    return given if given.startswith("arn:") else batch._jq_arn(given)


def definition_arn(given):
    if given.startswith("arn:"):
        return given
    name, _, revision = given.partition(":")
    return batch._jd_arn(name, revision or len(batch._job_definitions.get(name, [])))


def find_definition(given):
    arn = definition_arn(given)
    return next(
        (one for all_of_name in batch._job_definitions.values() for one in all_of_name if one["jobDefinitionArn"] == arn),
        None,
    )


def submit_job(params):
    problem = problem_with("SubmitJob", params)
    if problem:
        return refused(problem)
    queues = [queue["jobQueueArn"] for queue in batch._job_queues.values()]
    if queue_arn(params["jobQueue"]) not in queues:
        return refused(f"JobQueue {params['jobQueue']} not found.")
    definition = find_definition(params["jobDefinition"])
    if not definition:
        return refused(f"JobDefinition {params['jobDefinition']} not found.")
    size = params.get("arrayProperties", {}).get("size")
    if size is not None and not 2 <= size <= 10_000:
        return refused("Array size must be between 2 and 10000.")
    if any(on["jobId"] not in batch._jobs for on in params.get("dependsOn", [])):
        return refused("A job that it depends on does not exist.")
    job_id = new_uuid()
    overrides = params.get("containerOverrides", {})
    own = definition["containerProperties"]
    batch._jobs[job_id] = {
        "jobId": job_id,
        "jobArn": batch._job_arn(job_id),
        "jobName": params["jobName"],
        "jobQueue": queue_arn(params["jobQueue"]),
        "jobDefinition": definition["jobDefinitionArn"],
        "status": "PENDING" if params.get("dependsOn") else "RUNNABLE",
        "createdAt": batch._now_ms(),
        "tags": params.get("tags", {}),
        "dependsOn": params.get("dependsOn", []),
        "parameters": {**definition["parameters"], **params.get("parameters", {})},
        "container": {
            "image": own["image"],
            "command": overrides.get("command", own.get("command", [])),
            "jobRoleArn": own.get("jobRoleArn", ""),
            "environment": own.get("environment", []),
            "resourceRequirements": own.get("resourceRequirements", []),
        },
        **({"arrayProperties": {"size": size, "statusSummary": {}}} if size else {}),
    }
    return batch._json(200, {"jobId": job_id, "jobName": params["jobName"], "jobArn": batch._job_arn(job_id)})


def list_jobs(params):
    problem = problem_with("ListJobs", params)
    if problem:
        return refused(problem)
    names = [name for one in params.get("filters", []) if one["name"] == "JOB_NAME" for name in one["values"]]
    summary = ("jobId", "jobArn", "jobName", "status", "createdAt", "jobDefinition")
    jobs = [
        {key: job[key] for key in summary}
        for job in batch._jobs.values()
        if queue_arn(params.get("jobQueue", "")) == job["jobQueue"]
        and (not names or job["jobName"] in names)
        and params.get("jobStatus", job["status"]) == job["status"]
    ]
    return batch._json(200, {"jobSummaryList": jobs})


def end_job(job, status, reason):
    """Sends the event that AWS Batch would send."""
    job["status"] = status
    job["statusReason"] = reason
    eventbridge._dispatch_event(
        {
            "EventId": new_uuid(),
            "Source": "aws.batch",
            "DetailType": "Batch Job State Change",
            "Detail": json.dumps(job),
            "EventBusName": "default",
            "Time": int(batch._now_ms() / 1000),
            "Resources": [job["jobArn"]],
            "Account": get_account_id(),
            "Region": get_region(),
        }
    )


# (job id, index) -> the reported description of that child
children = {}


def tell(job_id, told):
    parent, _, index = job_id.partition(":")
    if index:
        children.setdefault((parent, int(index)), {}).update(told)
    elif parent in batch._jobs:
        batch._jobs[parent].update(told)


def describe_child(job, index):
    status = job["status"] if job["status"] in ("SUCCEEDED", "FAILED") else "RUNNABLE"
    return {
        **job,
        "status": status,
        "jobId": f"{job['jobId']}:{index}",
        "arrayProperties": {"index": index},
        **children.get((job["jobId"], index), {}),
    }


def describe_parent(job):
    size = job.get("arrayProperties", {}).get("size")
    if not size:
        return job
    statuses = [describe_child(job, index)["status"] for index in range(size)]
    summary = {status: statuses.count(status) for status in set(statuses)}
    return {**job, "arrayProperties": {"size": size, "statusSummary": summary}}


def describe_jobs(params):
    described = []
    for job_id in params["jobs"]:
        parent, _, index = job_id.partition(":")
        job = batch._jobs.get(parent)
        if job and index:
            size = job.get("arrayProperties", {}).get("size", 0)
            if int(index) < size:
                described.append(describe_child(job, int(index)))
        elif job:
            described.append(describe_parent(job))
    return batch._json(200, {"jobs": described})


def terminate_job(params):
    if params["reason"].startswith(JOB_TOLD):
        tell(params["jobId"], json.loads(params["reason"][len(JOB_TOLD) :]))
        return batch._json(200, {})
    job = batch._jobs.get(params["jobId"])
    # One that has ended stays as it is.
    if job and job["status"] not in ("SUCCEEDED", "FAILED"):
        done = params["reason"] == JOB_IS_DONE
        end_job(job, "SUCCEEDED" if done else "FAILED", "" if done else params["reason"])
    return batch._json(200, {})


JOB_CALLS = {
    "/v1/submitjob": submit_job,
    "/v1/describejobs": describe_jobs,
    "/v1/listjobs": list_jobs,
    "/v1/terminatejob": terminate_job,
    "/v1/canceljob": terminate_job,
}
