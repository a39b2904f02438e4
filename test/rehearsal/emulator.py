"""ministack, with those parts of AWS Batch that the rehearsal needs and ministack lacks.

Settings are ministack's own, from the environment: GATEWAY_PORT, AUTH, USE_SSL.

ministack takes CloudFormation's templates, delivers S3's events through EventBridge and SQS, runs Lambdas and, with
AUTH=true, checks every call against IAM's policies. It has only a stub of AWS Batch, which this fake replaces
(its jobs are those of emulated_jobs.py):

- AWS::Batch::* in CloudFormation, passed unchanged to the Create calls, after a check against AWS's own model of them;
- SubmitJob: checked against that model, refused for an unknown queue or definition, stored whole. No job runs: it stays
  RUNNABLE until it is terminated, with a special reason for "succeeded", and EventBridge gets the event. A program that
  runs it elsewhere reports its state by the same call: a special reason with the description of a job or a child;
- DescribeJobs, ListJobs, TerminateJob and CancelJob;
- alarms on several metrics, which ministack does not know;
- which resources a call is about, and which tags they and the request have, for IAM. SubmitJob with tags needs the right to
  TagResource for its queue, its definition and the new job.
  https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html
"""

import contextvars
import hashlib
import json

from emulated_jobs import JOB_CALLS, definition_arn, problem_with, queue_arn
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import batch
from ministack.services.cloudformation import provisioners

# --- CloudFormation ---


def as_in_the_api(value):
    """CloudFormation's names begin with a capital, the API's do not. Keys that people choose are left alone."""
    if isinstance(value, list):
        return [as_in_the_api(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key[0].lower() + key[1:]: item if key in ("Tags", "Parameters", "Options") else as_in_the_api(item)
        for key, item in value.items()
    }


def creator(operation, create, kind, ignored=()):
    """A resource's maker: from its properties to its ARN, which is what `Ref` gives."""

    def make(logical_id, props, stack_name):
        name_key = kind[0].lower() + kind[1:] + "Name"
        digest = hashlib.sha256(f"{stack_name}/{logical_id}".encode()).hexdigest()[:12]
        params = {name_key: f"{logical_id}-{digest}", **as_in_the_api(props)}
        for key in ignored:
            params.pop(key, None)
        problem = problem_with(operation, params)
        if problem:
            raise ValueError(f"{logical_id} ({operation}): {problem}")
        status, _, body = create(params)
        if status != 200:
            raise ValueError(f"{logical_id} ({operation}): {body}")
        arn = json.loads(body)[kind[0].lower() + kind[1:] + "Arn"]
        return arn, {kind + "Arn": arn}

    return {"create": make, "delete": lambda physical_id, props: None}


def register_job_definition(params):
    status, headers, body = batch._register_job_definition(params)
    if status == 200:
        revisions = batch._job_definitions[params["jobDefinitionName"]]
        revisions[-1].update({"parameters": {}, **params})
    return status, headers, body


provisioners._RESOURCE_HANDLERS.update(
    {
        "AWS::Batch::ComputeEnvironment": creator(
            "CreateComputeEnvironment",
            batch._create_compute_environment,
            "ComputeEnvironment",
            # Of CloudFormation alone: how it updates an environment.
            ignored=("replaceComputeEnvironment", "updatePolicy"),
        ),
        "AWS::Batch::JobQueue": creator("CreateJobQueue", batch._create_job_queue, "JobQueue"),
        "AWS::Batch::JobDefinition": creator(
            "RegisterJobDefinition",
            register_job_definition,
            "JobDefinition",
            # Of CloudFormation alone: what it does with earlier revisions.
            ignored=("resourceRetentionPolicy",),
        ),
    }
)

whole_alarm = provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::Alarm"]


def make_alarm(logical_id, props, stack_name):
    """ministack has no alarms on several metrics: they are checked against AWS's model, listed, and never ring."""
    if "Metrics" not in props:
        return whole_alarm["create"](logical_id, props, stack_name)
    name = f"{stack_name}-{logical_id}"
    problem = problem_with("PutMetricAlarm", {"AlarmName": name, **props}, "cloudwatch")
    if problem:
        raise ValueError(f"{logical_id} (PutMetricAlarm): {problem}")
    rest = {key: value for key, value in props.items() if key != "Metrics"}
    return whole_alarm["create"](logical_id, {**rest, "MetricName": "several", "Namespace": "none"}, stack_name)


provisioners._RESOURCE_HANDLERS["AWS::CloudWatch::Alarm"] = {**whole_alarm, "create": make_alarm}

batch._DISPATCH.update({"/v1/registerjobdefinition": register_job_definition, **JOB_CALLS})

# --- IAM ---

whole_resource_arn = iam_actions.extract_resource_arn
whole_enforce = iam_evaluator.enforce
request_params = contextvars.ContextVar("request_params", default={})


def extract_resource_arn(service, method, path, headers, body, *rest):
    """For a call of AWS Batch all its resources, with spaces between them."""
    if service != "batch":
        return whole_resource_arn(service, method, path, headers, body, *rest)
    params = json.loads(body or b"{}")
    request_params.set(params)
    call = path.rstrip("/").rsplit("/", 1)[-1].lower()
    if call == "submitjob":
        return f"{queue_arn(params.get('jobQueue', ''))} {definition_arn(params.get('jobDefinition', ''))}"
    if call in ("terminatejob", "canceljob"):
        return batch._job_arn(params.get("jobId", ""))
    if call == "registerjobdefinition":
        return batch._jd_arn(params.get("jobDefinitionName", ""), "*")
    return "*"


def batch_tags(arn):
    definitions = [one for all_of_name in batch._job_definitions.values() for one in all_of_name]
    known = {
        **{job["jobArn"]: job for job in batch._jobs.values()},
        **{queue["jobQueueArn"]: queue for queue in batch._job_queues.values()},
        **{definition["jobDefinitionArn"]: definition for definition in definitions},
    }
    return known.get(arn, {}).get("tags", {})


def enforce(access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
    """Each of the resources has to be allowed, and to be tagged where the request has tags."""
    if service != "batch":
        return whole_enforce(access_key_id, iam_action, service, region, resource_arn, service_context)
    given = request_params.get().get("tags", {}) if iam_action in ("batch:SubmitJob", "batch:TagResource") else {}
    request_tags = {f"aws:RequestTag/{name}": value for name, value in given.items()}
    checks = [(iam_action, arn) for arn in resource_arn.split(" ")]
    if iam_action == "batch:SubmitJob" and given:
        checks += [("batch:TagResource", arn) for arn in [*resource_arn.split(" "), batch._job_arn("new")]]
    for action, arn in checks:
        resource_tags = {f"aws:ResourceTag/{name}": value for name, value in batch_tags(arn).items()}
        context = {**(service_context or {}), **request_tags, **resource_tags}
        refusal = whole_enforce(access_key_id, action, service, region, arn, context)
        if refusal:
            return refusal
    return None


iam_actions.extract_resource_arn = extract_resource_arn
iam_evaluator.enforce = enforce

if __name__ == "__main__":
    from ministack.app import main

    main()
