"""Which hosts name a service and a region of AWS. Most rows were held against botocore's own rules of endpoints."""

import pytest

from stack_local.proxy.aws_hosts import scope_of_host

NAMED = [
    # S3, in every style it has had
    ("s3.amazonaws.com", "s3", "us-east-1"),
    ("bucket.s3.amazonaws.com", "s3", "us-east-1"),
    ("my.dotted.bucket.s3.amazonaws.com", "s3", "us-east-1"),
    ("s3.eu-central-1.amazonaws.com", "s3", "eu-central-1"),
    ("bucket.s3.eu-central-1.amazonaws.com", "s3", "eu-central-1"),
    ("a.s3.us-west-2.b.s3.eu-central-1.amazonaws.com", "s3", "eu-central-1"),
    ("s3-us-west-2.amazonaws.com", "s3", "us-west-2"),
    ("bucket.s3-us-gov-west-1.amazonaws.com", "s3", "us-gov-west-1"),
    ("s3-fips-us-gov-west-1.amazonaws.com", "s3", "us-gov-west-1"),
    ("s3.dualstack.us-west-2.amazonaws.com", "s3", "us-west-2"),
    ("bucket.s3.dualstack.us-west-2.amazonaws.com", "s3", "us-west-2"),
    ("s3-fips.dualstack.us-east-1.amazonaws.com", "s3", "us-east-1"),
    ("bucket.s3-fips.us-east-1.amazonaws.com", "s3", "us-east-1"),
    ("point-123456789012.s3-accesspoint.eu-west-1.amazonaws.com", "s3", "eu-west-1"),
    ("123456789012.s3-control.eu-west-1.amazonaws.com", "s3", "eu-west-1"),
    ("point-123456789012.s3-object-lambda.us-east-1.amazonaws.com", "s3-object-lambda", "us-east-1"),
    ("p-123456789012.op-01.s3-outposts.us-east-1.amazonaws.com", "s3-outposts", "us-east-1"),
    ("b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com", "s3express", "us-east-1"),
    ("s3express-control.us-east-1.amazonaws.com", "s3express", "us-east-1"),
    ("bucket.vpce-0a1b-2c3d.s3.us-east-1.vpce.amazonaws.com", "s3", "us-east-1"),
    ("bucket.s3.cn-north-1.amazonaws.com.cn", "s3", "cn-north-1"),
    # One service, one region
    ("dynamodb.us-east-1.amazonaws.com", "dynamodb", "us-east-1"),
    ("ec2.eu-central-1.amazonaws.com", "ec2", "eu-central-1"),
    ("ec2.eu-central-1.api.aws", "ec2", "eu-central-1"),
    ("lambda.ap-southeast-7.api.aws", "lambda", "ap-southeast-7"),
    ("sts.eu-west-3.amazonaws.com", "sts", "eu-west-3"),
    ("kms-fips.us-east-1.amazonaws.com", "kms", "us-east-1"),
    ("fips.batch.us-east-1.amazonaws.com", "batch", "us-east-1"),
    ("secretsmanager.us-gov-west-1.amazonaws.com", "secretsmanager", "us-gov-west-1"),
    ("sqs.il-central-1.amazonaws.com", "sqs", "il-central-1"),
    ("logs.eusc-de-east-1.amazonaws.eu", "logs", "eusc-de-east-1"),
    ("route53domains.us-east-1.amazonaws.com", "route53domains", "us-east-1"),
    # A name of its own to sign under
    ("email.eu-west-1.amazonaws.com", "ses", "eu-west-1"),
    ("bedrock-runtime.us-east-1.amazonaws.com", "bedrock", "us-east-1"),
    ("bedrock-agentcore-control.us-east-1.amazonaws.com", "bedrock-agentcore", "us-east-1"),
    ("oidc.us-east-1.amazonaws.com", "sso-oauth", "us-east-1"),
    ("portal.sso.us-east-1.amazonaws.com", "awsssoportal", "us-east-1"),
    ("pinpoint.us-east-1.amazonaws.com", "mobiletargeting", "us-east-1"),
    ("sms-voice.pinpoint.us-east-1.amazonaws.com", "sms-voice", "us-east-1"),
    ("appconfigdata.us-east-1.amazonaws.com", "appconfig", "us-east-1"),
    ("entitlement.marketplace.us-east-1.amazonaws.com", "aws-marketplace", "us-east-1"),
    ("reporting-marketplace.us-east-1.amazonaws.com", "aws-marketplace", "us-east-1"),
    ("places.geo.eu-central-1.amazonaws.com", "geo-places", "eu-central-1"),
    ("efs.eu-central-1.api.aws", "elasticfilesystem", "eu-central-1"),
    ("elasticfilesystem.eu-central-1.amazonaws.com", "elasticfilesystem", "eu-central-1"),
    # More before the service
    ("api.ecr.us-east-1.amazonaws.com", "ecr", "us-east-1"),
    ("api.sagemaker.us-east-1.amazonaws.com", "sagemaker", "us-east-1"),
    ("runtime.sagemaker.us-east-1.amazonaws.com", "sagemaker", "us-east-1"),
    ("runtime-fips.sagemaker.us-east-1.amazonaws.com", "sagemaker", "us-east-1"),
    ("streams.dynamodb.us-east-1.amazonaws.com", "dynamodb", "us-east-1"),
    ("query.timestream.us-east-1.amazonaws.com", "timestream", "us-east-1"),
    ("abc123.execute-api.us-east-1.amazonaws.com", "execute-api", "us-east-1"),
    ("participant.connect.us-east-1.amazonaws.com", "execute-api", "us-east-1"),
    ("abcdef.lambda-url.us-east-1.on.aws", "lambda", "us-east-1"),
    ("abc.appsync-api.us-east-1.amazonaws.com", "appsync", "us-east-1"),
    ("data-ats.iot.us-east-1.amazonaws.com", "iotdata", "us-east-1"),
    ("a1b2c3-ats.iot.us-east-1.amazonaws.com", "iotdata", "us-east-1"),
    ("data.jobs.iot.us-east-1.amazonaws.com", "iot-jobs-data", "us-east-1"),
    ("iot.us-east-1.amazonaws.com", "iot", "us-east-1"),
    ("search-logs-abc.us-east-1.es.amazonaws.com", "es", "us-east-1"),
    ("es.us-east-1.amazonaws.com", "es", "us-east-1"),
    ("abc.eu-central-1.aoss.amazonaws.com", "aoss", "eu-central-1"),
    ("search-logs-abc.aos.us-east-1.on.aws", "es", "us-east-1"),
    # No region: one that stands for the partition
    ("iam.amazonaws.com", "iam", "us-east-1"),
    ("iam-fips.amazonaws.com", "iam", "us-east-1"),
    ("iam.global.api.aws", "iam", "us-east-1"),
    ("sts.amazonaws.com", "sts", "us-east-1"),
    ("cloudfront.amazonaws.com", "cloudfront", "us-east-1"),
    ("route53.amazonaws.com", "route53", "us-east-1"),
    ("budgets.amazonaws.com", "budgets", "us-east-1"),
    ("queue.amazonaws.com", "sqs", "us-east-1"),
    ("iam.us-gov.amazonaws.com", "iam", "us-gov-west-1"),
    ("route53.us-gov.amazonaws.com", "route53", "us-gov-west-1"),
    # China
    ("route53.amazonaws.com.cn", "route53", "cn-northwest-1"),
    ("budgets.amazonaws.com.cn", "budgets", "cn-northwest-1"),
    ("iam.cn-north-1.amazonaws.com.cn", "iam", "cn-north-1"),
    ("cloudfront.cn-northwest-1.amazonaws.com.cn", "cloudfront", "cn-northwest-1"),
    ("lambda.cn-north-1.api.amazonwebservices.com.cn", "lambda", "cn-north-1"),
]
"""A host, its service and its region."""

NAMELESS = [
    ("another service", "api.github.com"),
    ("the suffix alone", "amazonaws.com"),
    ("the suffix of China alone", "amazonaws.com.cn"),
    ("the suffix inside another domain", "s3.amazonaws.com.evil.io"),
    ("the suffix without its dot", "s3.notamazonaws.com"),
    ("a page for people", "us-east-1.console.aws.amazon.com"),
    ("a region alone", "us-east-1.amazonaws.com"),
    ("two regions", "us-east-1.us-west-2.amazonaws.com"),
    ("a machine", "ec2-1-2-3-4.us-west-2.compute.amazonaws.com"),
    ("a load balancer", "app-1.us-east-1.elb.amazonaws.com"),
    ("a database", "db.abc.us-east-1.rds.amazonaws.com"),
    ("a web site in a bucket", "bucket.s3-website.us-east-2.amazonaws.com"),
    ("the same in the older form", "bucket.s3-website-us-east-1.amazonaws.com"),
    ("an accelerated bucket, whose region is elsewhere", "bucket.s3-accelerate.amazonaws.com"),
    ("the same by both protocols", "bucket.s3-accelerate.dualstack.amazonaws.com"),
    ("a service that is not global", "dynamodb.amazonaws.com"),
    ("a name before a global service", "evil.iam.amazonaws.com"),
    ("a search domain without a region", "logs.es.amazonaws.com"),
    ("only what is left out", "dualstack.amazonaws.com"),
    ("global alone", "global.api.aws"),
    ("an old form of a queue", "us-west-2.queue.amazonaws.com"),
    ("an address", "127.0.0.1"),
]
"""A name for the row, and a host that says too little."""


@pytest.mark.parametrize(("host", "service", "region"), NAMED)
def test_a_host_of_aws_names_its_service_and_region(host: str, service: str, region: str) -> None:
    assert scope_of_host(host) == (service, region)


@pytest.mark.parametrize("host", [host for _, host in NAMELESS], ids=[name for name, _ in NAMELESS])
def test_any_other_host_names_nothing(host: str) -> None:
    assert scope_of_host(host) is None
