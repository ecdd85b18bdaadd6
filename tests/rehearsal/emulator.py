"""The emulator of AWS, and the resources that it does not know.

MiniStack refuses a whole template for one resource type or property that it lacks. Here it takes what it lacks, does
nothing for it, and says so, so that infra/template.yaml is deployed as it is. What is only taken is printed at the start:
it is not rehearsed. Where it makes something otherwise than AWS does, and the template depends on it, it is put right.
"""

import sys

from ministack.app import main
from ministack.services import iam
from ministack.services.cloudformation import provisioners


def taken(prefix):
    """Handlers of a resource that exists in name only."""

    def create(logical_id, properties, stack_name):
        return f"{stack_name}-{logical_id}", {"Arn": f"{prefix}{stack_name}-{logical_id}"}

    return {"create": create, "delete": lambda physical_id, properties: None}


def metric_math_taken(handlers):
    """Alarms over a formula are taken; those over one metric are made."""

    def create(logical_id, properties, stack_name):
        if properties.get("Metrics"):
            return taken("arn:aws:cloudwatch:us-east-1:000000000000:alarm:")["create"](logical_id, properties, stack_name)
        return handlers["create"](logical_id, properties, stack_name)

    return {**handlers, "create": create}


def named_by_arn(handlers):
    """`Ref` of a secret is its ARN, not its name: policies and settings depend on it."""

    def name(arn):
        return arn.rsplit(":", 1)[-1].rsplit("-", 1)[0]

    def create(logical_id, properties, stack_name):
        _, attributes = handlers["create"](logical_id, properties, stack_name)
        return attributes["Arn"], attributes

    def update(physical_id, *arguments, **named):
        _, attributes = handlers["update"](name(physical_id), *arguments, **named)
        return attributes["Arn"], attributes

    def delete(physical_id, properties):
        return handlers["delete"](name(physical_id), properties)

    return {**handlers, "create": create, "update": update, "delete": delete}


def bounded(handlers):
    """The permissions boundary of a role counts."""

    def create(logical_id, properties, stack_name):
        name, attributes = handlers["create"](logical_id, properties, stack_name)
        iam._roles[name]["PermissionsBoundary"] = properties.get("PermissionsBoundary")
        return name, attributes

    return {**handlers, "create": create}


known = provisioners._RESOURCE_HANDLERS
for kind in ("AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup"):
    if kind in known:
        sys.exit(f"MiniStack knows {kind} now: take it out of {__file__}")
    known[kind] = taken("arn:aws:codedeploy:us-east-1:000000000000:")
known["AWS::CloudWatch::Alarm"] = metric_math_taken(known["AWS::CloudWatch::Alarm"])
known["AWS::SecretsManager::Secret"] = named_by_arn(known["AWS::SecretsManager::Secret"])
known["AWS::IAM::Role"] = bounded(known["AWS::IAM::Role"])

print("taken, not rehearsed: CodeDeploy's traffic shifting, alarms over a formula", flush=True)
main()
