"""Which service and region of AWS a host stands for, as a signature names them.

Source: "AWS service endpoints" and "Methods for accessing a bucket" of AWS's own guides. A host that names neither for
sure gives nothing: a credential must then say both.
"""

import re

from stack_local.proxy.sigv4 import Scope

_FIRST_REGION = {
    "amazonaws.com": "us-east-1",
    "api.aws": "us-east-1",
    "on.aws": "us-east-1",
    "amazonaws.com.cn": "cn-northwest-1",
    "api.amazonwebservices.com.cn": "cn-northwest-1",
    "amazonaws.eu": "eusc-de-east-1",
    "api.amazonwebservices.eu": "eusc-de-east-1",
}
# The suffixes of AWS, each with the region that stands for all of its partition.

_GLOBAL = {
    "budgets": "budgets",
    "ce": "ce",
    "cloudfront": "cloudfront",
    "ec2": "ec2",
    "iam": "iam",
    "importexport": "IngestionService",
    "organizations": "organizations",
    "queue": "sqs",
    "route53": "route53",
    "s3": "s3",
    "savingsplans": "savingsplans",
    "sdb": "sdb",
    "sqs": "sqs",
    "sts": "sts",
    "waf": "waf",
}
# Hosts that may leave the region out, with the name they sign under.

_SIGNS_AS = {
    "api.tunneling.iot": "IoTSecuredTunneling",
    "data.jobs.iot": "iot-jobs-data",
    "maps.geo": "geo-maps",
    "participant.connect": "execute-api",
    "places.geo": "geo-places",
    "portal.sso": "awsssoportal",
    "routes.geo": "geo-routes",
    "sms-voice.pinpoint": "sms-voice",
    "aos": "es",
    "appconfigdata": "appconfig",
    "appstream2": "appstream",
    "appsync-api": "appsync",
    "bedrock-agent": "bedrock",
    "bedrock-agent-runtime": "bedrock",
    "bedrock-agentcore-control": "bedrock-agentcore",
    "bedrock-data-automation": "bedrock",
    "bedrock-data-automation-runtime": "bedrock",
    "bedrock-runtime": "bedrock",
    "cloudhsmv2": "cloudhsm",
    "contact-lens": "connect",
    "data-signer": "signer",
    "efs": "elasticfilesystem",
    "email": "ses",
    "forecastquery": "forecast",
    "identity-chime": "chime",
    "ivsrealtime": "ivs",
    "kafka-api": "kafka",
    "lambda-url": "lambda",
    "mail-manager": "ses",
    "marketplace": "aws-marketplace",
    "media-pipelines-chime": "chime",
    "meetings-chime": "chime",
    "memory-db": "memorydb",
    "messaging-chime": "chime",
    "migrationhub-config": "mgh",
    "models-v2-lex": "lex",
    "oidc": "sso-oauth",
    "personalize-events": "personalize",
    "personalize-runtime": "personalize",
    "pinpoint": "mobiletargeting",
    "queue": "sqs",
    "runtime-v2-lex": "lex",
    "s3-accesspoint": "s3",
    "s3-control": "s3",
    "servicecatalog-appregistry": "servicecatalog",
    "streams-dynamodb": "dynamodb",
    "timestream-ingest": "timestream",
    "timestream-query": "timestream",
    "voice-chime": "chime",
}
# What stands before the region, where AWS signs under another name; of two that fit, the longer counts.

_REGION_FIRST = frozenset({"aoss", "es"})
# Here the region stands before the service: search-x.us-east-1.es.amazonaws.com.

_UNSIGNED = frozenset({"s3-accelerate", "s3-website"})
# These name no region of their own, or take no signature.

_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+){1,2}-[1-9][0-9]?", re.ASCII)
_JOINED_REGION = re.compile(r"(s3|s3-website|s3-fips)-([a-z]{2}-[a-z-]+-[1-9][0-9]?)", re.ASCII)
# The older form, s3-us-west-2.amazonaws.com.
_EXPRESS = re.compile(r"s3express-[a-z0-9-]+", re.ASCII)


def scope_of_host(host: str) -> Scope | None:
    """The service and region a host of AWS stands for; None for any other host. `host` is lower-case, without port."""
    suffix = next((suffix for suffix in _FIRST_REGION if host.endswith(f".{suffix}")), None)
    if suffix is None:
        return None
    labels = [label for label in host.removesuffix(f".{suffix}").split(".") if label not in ("dualstack", "vpce")]
    if not labels:
        return None
    *before, last = labels
    if joined := _JOINED_REGION.fullmatch(last):
        return _scope([*before, joined[1]], joined[2])
    if _REGION.fullmatch(last):
        return _scope(before, last)
    if last in _REGION_FIRST:
        return Scope(last, before[-1]) if before and _REGION.fullmatch(before[-1]) else None
    return _global_scope(labels, _FIRST_REGION[suffix])


def _scope(before: list[str], region: str) -> Scope | None:
    """The scope of the labels that stand before a region."""
    if not before or _REGION.fullmatch(before[-1]):
        return None
    name = _plain(before[-1])
    if name in _UNSIGNED:
        return None
    if _EXPRESS.fullmatch(name):
        return Scope("s3express", region)
    return Scope(_signing_name([*before[:-1], name]), region)


def _signing_name(labels: list[str]) -> str:
    for count in (3, 2, 1):
        if found := _SIGNS_AS.get(".".join(labels[-count:])):
            return found
    name = labels[-1]
    if name == "iot" and len(labels) > 1:
        # An endpoint for the things of one account: abc-ats.iot.….
        return "iotdata"
    return "aws-marketplace" if name.endswith("-marketplace") else name


def _global_scope(labels: list[str], first_region: str) -> Scope | None:
    if labels[-1] == "us-gov" and len(labels) > 1:
        return _scope(labels[:-1], "us-gov-west-1")
    if labels[-1] == "global" and len(labels) > 1:
        return _scope(labels[:-1], first_region)
    service = _GLOBAL.get(_plain(labels[-1]))
    is_alone = len(labels) == 1 or service == "s3"
    return Scope(service, first_region) if service is not None and is_alone else None


def _plain(label: str) -> str:
    """The label without what only says that FIPS ciphers are used."""
    return label.removesuffix("-fips").removeprefix("fips-")
