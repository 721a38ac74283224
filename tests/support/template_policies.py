"""Reads the template as CloudFormation would with its defaults: resources, and who may do what to which ARN."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "infrastructure" / "aurora-restore-pipeline.yaml"
NESTED = {
    "Permissions": ROOT / "infrastructure" / "permissions.yaml",
    "Monitoring": ROOT / "infrastructure" / "monitoring.yaml",
}
"""The templates of the stacks in the stack, by their logical ids."""
ACCOUNT, REGION = "123456789012", "us-west-2"
PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::NoValue": None,
}

Grant = tuple[str, str]
"""An IAM action and the ARN pattern that it is granted on."""

# What each request of boto3 asks IAM for. A request that reaches several resources asks for each of them.
IAM_ACTIONS = {
    (
        "application-autoscaling",
        "describe_scalable_targets",
    ): "application-autoscaling:DescribeScalableTargets",
    (
        "application-autoscaling",
        "describe_scaling_policies",
    ): "application-autoscaling:DescribeScalingPolicies",
    ("application-autoscaling", "register_scalable_target"): "application-autoscaling:RegisterScalableTarget",
    ("dynamodb", "delete_item"): "dynamodb:DeleteItem",
    ("dynamodb", "get_item"): "dynamodb:GetItem",
    ("dynamodb", "put_item"): "dynamodb:PutItem",
    ("dynamodb", "query"): "dynamodb:Query",
    ("dynamodb", "scan"): "dynamodb:Scan",
    ("dynamodb", "update_item"): "dynamodb:UpdateItem",
    ("ec2", "describe_security_groups"): "ec2:DescribeSecurityGroups",
    ("kms", "describe_key"): "kms:DescribeKey",
    ("rds", "add_role_to_db_cluster"): "rds:AddRoleToDBCluster",
    ("rds", "add_tags_to_resource"): "rds:AddTagsToResource",
    ("rds", "copy_db_cluster_snapshot"): "rds:CopyDBClusterSnapshot",
    ("rds", "copy_db_cluster_parameter_group"): "rds:CopyDBClusterParameterGroup",
    ("rds", "create_db_cluster_parameter_group"): "rds:CreateDBClusterParameterGroup",
    ("rds", "create_db_cluster_endpoint"): "rds:CreateDBClusterEndpoint",
    ("rds", "create_db_cluster_snapshot"): "rds:CreateDBClusterSnapshot",
    ("rds", "create_db_instance"): "rds:CreateDBInstance",
    ("rds", "delete_db_cluster"): "rds:DeleteDBCluster",
    ("rds", "delete_db_cluster_endpoint"): "rds:DeleteDBClusterEndpoint",
    ("rds", "delete_db_cluster_parameter_group"): "rds:DeleteDBClusterParameterGroup",
    ("rds", "delete_db_cluster_snapshot"): "rds:DeleteDBClusterSnapshot",
    ("rds", "delete_db_instance"): "rds:DeleteDBInstance",
    ("rds", "describe_account_attributes"): "rds:DescribeAccountAttributes",
    ("rds", "describe_db_cluster_automated_backups"): "rds:DescribeDBClusterAutomatedBackups",
    ("rds", "describe_db_cluster_endpoints"): "rds:DescribeDBClusterEndpoints",
    ("rds", "describe_db_cluster_parameter_groups"): "rds:DescribeDBClusterParameterGroups",
    ("rds", "describe_db_cluster_parameters"): "rds:DescribeDBClusterParameters",
    ("rds", "describe_db_cluster_snapshots"): "rds:DescribeDBClusterSnapshots",
    ("rds", "describe_db_clusters"): "rds:DescribeDBClusters",
    ("rds", "describe_db_engine_versions"): "rds:DescribeDBEngineVersions",
    ("rds", "describe_db_instances"): "rds:DescribeDBInstances",
    ("rds", "describe_db_parameter_groups"): "rds:DescribeDBParameterGroups",
    ("rds", "describe_db_subnet_groups"): "rds:DescribeDBSubnetGroups",
    ("rds", "describe_global_clusters"): "rds:DescribeGlobalClusters",
    ("rds", "describe_orderable_db_instance_options"): "rds:DescribeOrderableDBInstanceOptions",
    ("rds", "enable_http_endpoint"): "rds:EnableHttpEndpoint",
    ("rds", "list_tags_for_resource"): "rds:ListTagsForResource",
    ("rds", "modify_db_cluster_parameter_group"): "rds:ModifyDBClusterParameterGroup",
    ("rds", "modify_db_cluster"): "rds:ModifyDBCluster",
    ("rds", "reboot_db_instance"): "rds:RebootDBInstance",
    ("rds", "reset_db_cluster_parameter_group"): "rds:ResetDBClusterParameterGroup",
    ("rds", "remove_tags_from_resource"): "rds:RemoveTagsFromResource",
    ("rds", "restore_db_cluster_from_snapshot"): "rds:RestoreDBClusterFromSnapshot",
    ("rds", "start_db_cluster"): "rds:StartDBCluster",
    ("rds", "stop_db_cluster"): "rds:StopDBCluster",
    ("secretsmanager", "get_secret_value"): "secretsmanager:GetSecretValue",
    ("sns", "publish"): "sns:Publish",
    ("stepfunctions", "describe_execution"): "states:DescribeExecution",
    ("stepfunctions", "start_execution"): "states:StartExecution",
    ("stepfunctions", "stop_execution"): "states:StopExecution",
}


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, made into the long ones."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


@functools.cache
def _parse(text: str) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    return parsed


VIA_AWS_SERVICE = {"Bool": {"aws:ViaAWSService": "true"}}
"""True for a request that a service makes in the name of the role, and for none that the role makes itself."""


class Template:
    """The template with its parameters' defaults, or with others."""

    def __init__(self, parameters: Mapping[str, str] | None = None, path: Path = TEMPLATE) -> None:
        self.text = path.read_text(encoding="utf-8")
        self.raw = _parse(self.text)
        declared = self.raw["Parameters"].items()
        defaults = {name: str(spec["Default"]) for name, spec in declared if "Default" in spec}
        self.parameters = defaults | dict(parameters or {})
        self._nested: dict[str, Template] = {}

    def nested(self, logical_id: str) -> Template:
        """The template of a stack in this one, with the parameters that this one gives it."""
        if logical_id not in self._nested:
            properties = self.raw["Resources"][logical_id]["Properties"]
            self._nested[logical_id] = Template(self.resolve(properties["Parameters"]), NESTED[logical_id])
        return self._nested[logical_id]

    def resources(self, resource_type: str) -> dict[str, dict[str, Any]]:
        """The properties of all resources of a type that these parameters make, resolved, by logical id.

        Those of the stacks in the stack are among them.
        """
        made = {
            name: self.resolve(resource.get("Properties", {}))
            for name, resource in self.raw["Resources"].items()
            if resource["Type"] == resource_type and self._is_made(resource)
        }
        for logical_id in NESTED.keys() & self.raw["Resources"].keys():
            inner = self.nested(logical_id).resources(resource_type)
            assert not inner.keys() & made.keys()
            made |= inner
        return made

    def grants(self, function_name: str) -> frozenset[Grant]:
        """What the role of a function allows."""
        function = self.function(function_name)
        return frozenset(self.role_grants(function["Role"].removesuffix(".Arn")))

    def function(self, function_name: str) -> dict[str, Any]:
        functions = self.resources("AWS::Lambda::Function").values()
        return next(f for f in functions if f["FunctionName"] == function_name)

    def role_grants(self, role_name: str) -> Iterator[Grant]:
        """What a role allows, by its logical id, to requests of its own."""
        for statement in self.statements(role_name):
            if statement["Effect"] != "Allow" or statement.get("Condition") == VIA_AWS_SERVICE:
                continue
            for action in _listed(statement["Action"]):
                yield from ((action, resource) for resource in _listed(statement["Resource"]))

    def actions_via_services(self, function_name: str) -> set[str]:
        """What the role of a function allows to AWS services alone, which ask in its name."""
        role = self.function(function_name)["Role"].removesuffix(".Arn")
        statements = [each for each in self.statements(role) if each.get("Condition") == VIA_AWS_SERVICE]
        return {action for statement in statements for action in _listed(statement["Action"])}

    def statements(self, role_name: str) -> Iterator[dict[str, Any]]:
        """The policy statements of a role, those of its managed policies among them."""
        role = self.resources("AWS::IAM::Role")[role_name]
        managed = self.resources("AWS::IAM::ManagedPolicy")
        documents = [policy["PolicyDocument"] for policy in role.get("Policies", [])]
        documents += [managed[name]["PolicyDocument"] for name in role.get("ManagedPolicyArns", [])]
        for document in documents:
            yield from document["Statement"]

    def may(self, function_name: str, action: str, resource_arn: str) -> bool:
        """Whether a function may do this to that (conditions of statements aside)."""
        return any(
            fnmatchcase(action, granted) and fnmatchcase(resource_arn, pattern.replace("[", "[[]"))
            for granted, pattern in self.grants(function_name)
        )

    def resolve(self, node: Any) -> Any:
        """Put in what is known before deployment; attributes stay as `LogicalId.Attribute`."""
        if isinstance(node, list):
            items = [self.resolve(item) for item in node]
            return [item for item in items if item is not None]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, value),) = node.items()
            if name == "Ref":
                return self._ref(value)
            if name.startswith("Fn::"):
                return self._call(name, value)
        resolved = {name: self.resolve(value) for name, value in node.items()}
        return {name: value for name, value in resolved.items() if value is not None}

    def _ref(self, name: str) -> str | None:
        return PSEUDO[name] if name in PSEUDO else self.parameters.get(name, name)

    def _call(self, name: str, value: Any) -> Any:
        if name == "Fn::If":
            condition, then, otherwise = value
            return self.resolve(then if self._holds(self.raw["Conditions"][condition]) else otherwise)
        if name == "Fn::GetAtt":
            return self._attribute(*value)
        if name == "Fn::Sub":
            text, given = (value, {}) if isinstance(value, str) else value
            known = {name: str(self.resolve(each)) for name, each in given.items()}
            return re.sub(r"\$\{([^}]+)\}", lambda m: known.get(m[1]) or str(self._ref(m[1])), text)
        if name == "Fn::Split":
            return str(self.resolve(value[1])).split(value[0])
        if name == "Fn::FindInMap":
            mapping, entry, key = value
            return self.raw["Mappings"][mapping][self.resolve(entry)][key]
        raise NotImplementedError(f"{name} is not one of the functions that this template used so far")

    def _attribute(self, logical_id: str, attribute: str) -> Any:
        """Known before the deployment: what the template writes into a parameter, and what a stack in it returns."""
        if (logical_id, attribute) == ("Bucket", "Value"):
            return self.resolve(self.raw["Resources"]["Bucket"]["Properties"]["Value"])
        if logical_id in NESTED and attribute.startswith("Outputs."):
            inner = self.nested(logical_id)
            return inner.resolve(inner.raw["Outputs"][attribute.removeprefix("Outputs.")]["Value"])
        return f"{logical_id}.{attribute}"

    def _holds(self, condition: Any) -> bool:
        ((name, value),) = condition.items()
        if name == "Fn::Not":
            return not self._holds(value[0])
        if name == "Fn::Equals":
            return bool(self.resolve(value[0]) == self.resolve(value[1]))
        raise NotImplementedError(f"{name} is not one of the conditions that this template used so far")

    def _is_made(self, resource: Mapping[str, Any]) -> bool:
        condition = resource.get("Condition")
        return condition is None or self._holds(self.raw["Conditions"][condition])


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
