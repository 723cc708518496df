"""The CloudFormation templates: by cfn-lint, and each rule of the plan by reading them. None has been run on AWS."""

import inspect
import itertools
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from django.conf import settings
from granian.http import HTTP1Settings

from prewarm.admin import background_task
from prewarm.admin.resources import SHOW_SECONDS
from prewarm.runs.plan import PERIOD_SECONDS
from tests.support.odd_paths import ODD, PLAIN
from tests.support.reading.cloudformation import AWS, STACKS, imported, of_type, read, resources
from tests.support.reading.settings_names import SETTINGS_READ
from tests.support.servers import TOP
from weather.live import upkeep
from weather.live.hub import Hub
from weathernote.http.bodies import body_watch, request_bodies
from weathernote.http.database_reader import READERS
from weathernote.runtime.live import live_process
from weathernote.telemetry.logs import JsonLines
from weathernote.telemetry.metrics import ROUTES

CFN_LINT = Path(sys.executable).with_name("cfn-lint")
UPSTREAM_TIMEOUT_SECONDS = 5
#: An instance's longest answer: the call to Open-Meteo, and what stands around it; or what a form of staff begins.
LONGEST_ANSWER_SECONDS = max(UPSTREAM_TIMEOUT_SECONDS + 5, request_bodies.ANSWER_SECONDS)


@pytest.mark.timeout(300)
@pytest.mark.skipif(not CFN_LINT.exists(), reason="not installed: cfn-lint (requirements-dev.txt)")
def test_cfn_lint_finds_nothing_wrong():
    linted = subprocess.run([CFN_LINT, *STACKS], check=False, capture_output=True, text=True, cwd=AWS)
    assert (linted.returncode, linted.stdout, linted.stderr) == (0, "", "")


def test_no_rule_of_cfn_lint_is_switched_off():
    assert not any("cfn-lint" in file.read_text() for file in STACKS)
    assert not list(TOP.glob(".cfnlintrc*"))


def test_each_file_can_be_deployed_as_it_stands():
    of_one_region, of_several = ["data", "network", "scaling", "service"], ["names", "peering", "records", "region"]
    assert [file.stem for file in STACKS] == sorted(of_one_region + of_several)
    assert all(file.stat().st_size < 51_200 for file in STACKS)  # beyond which AWS wants it in a bucket


def test_what_one_stack_imports_another_exports():
    outputs = [output for file in STACKS for output in read(file).get("Outputs", {}).values()]
    exported = {one["Export"]["Name"]["Fn::Sub"].partition("}-")[2] for one in outputs if "Export" in one}
    wanted = set(re.findall(r"\$\{\w+Stack\}-([a-z-]+)", "".join(file.read_text() for file in STACKS)))
    assert wanted and wanted <= exported


# ── the network ──────────────────────────────────────────────────────────────────────────────────


def routes_of(subnet: str) -> dict[str, dict[str, Any]]:
    """The routes of a subnet's table."""
    (table,) = (
        one["RouteTableId"]["Ref"]
        for one in of_type("network", "EC2::SubnetRouteTableAssociation").values()
        if one["SubnetId"]["Ref"] == subnet
    )
    return {n: r for n, r in of_type("network", "EC2::Route").items() if r["RouteTableId"]["Ref"] == table}


def test_private_subnets_go_out_by_nat_and_data_not_at_all():
    for zone in "AB":
        assert [set(route) for route in routes_of(f"PrivateSubnet{zone}").values()] == [
            {"RouteTableId", "DestinationCidrBlock", "NatGatewayId"}
        ]
        assert routes_of(f"DataSubnet{zone}") == {}
        assert "GatewayId" in next(iter(routes_of(f"PublicSubnet{zone}").values()))


def test_no_two_subnets_share_a_block_and_each_kind_has_two_zones():
    subnets = of_type("network", "EC2::Subnet")
    assert sorted(one["CidrBlock"]["Fn::Select"][0] for one in subnets.values()) == list(range(6))
    for kind in ("Public", "Private", "Data"):
        assert {subnets[f"{kind}Subnet{z}"]["AvailabilityZone"]["Fn::Select"][0] for z in "AB"} == {0, 1}


def test_the_internet_reaches_the_balancer_alone():
    groups = of_type("network", "EC2::SecurityGroup")
    open_to_all = [n for n, g in groups.items() if "0.0.0.0/0" in str(g.get("SecurityGroupIngress"))]
    assert open_to_all == ["BalancerGroup"]
    assert {rule["FromPort"] for rule in groups["BalancerGroup"]["SecurityGroupIngress"]} == {80, 443}


def test_redis_and_postgresql_are_reached_by_the_tasks_alone():
    groups = of_type("network", "EC2::SecurityGroup")
    for name, port in {"RedisGroup": 6379, "DatabaseGroup": 5432}.items():
        (rule,) = groups[name]["SecurityGroupIngress"]
        assert (rule["FromPort"], rule["ToPort"]) == (port, port)
        assert rule["SourceSecurityGroupId"] == {"Ref": "TaskGroup"} and "CidrIp" not in rule


def test_tasks_redis_and_the_database_lie_in_private_subnets():
    for user in (service(), live_service(), schedule()["Target"]["EcsParameters"]):
        network = user["NetworkConfiguration"]["AwsvpcConfiguration"]
        assert imported(network["Subnets"]) == "private-subnets" and network["AssignPublicIp"] == "DISABLED"
        assert imported(network["SecurityGroups"]) == "task-group"
    for kind in ("ElastiCache::SubnetGroup", "RDS::DBSubnetGroup"):
        (group,) = of_type("data", kind).values()
        assert imported(group["SubnetIds"]) == "data-subnets"
    assert database()["PubliclyAccessible"] is False


# ── the data ─────────────────────────────────────────────────────────────────────────────────────


def database() -> dict[str, Any]:
    (one,) = of_type("data", "RDS::DBInstance").values()
    return one


def test_redis_is_encrypted_asks_for_a_password_and_has_a_replica():
    (redis,) = of_type("data", "ElastiCache::ReplicationGroup").values()
    assert redis["TransitEncryptionEnabled"] and redis["AtRestEncryptionEnabled"]
    assert "resolve:secretsmanager" in redis["AuthToken"]["Fn::Sub"]
    assert redis["NumCacheClusters"] >= 2 and redis["AutomaticFailoverEnabled"] and redis["MultiAZEnabled"]


def test_redis_evicts_as_planned():
    (group,) = of_type("data", "ElastiCache::ParameterGroup").values()
    plan = dict(re.findall(r"^([\w-]+) (\S+)$", (TOP / "deploy" / "redis" / "redis.conf").read_text(), re.MULTILINE))
    for name in ("maxmemory-policy", "timeout", "tcp-keepalive"):
        assert group["Properties"][name] == plan[name]
    assert plan["maxmemory-policy"] == "allkeys-lru"


def test_the_database_is_encrypted_in_two_zones_and_backed_up():
    assert database()["StorageEncrypted"] and database()["MultiAZ"] and database()["DeletionProtection"]
    assert database()["BackupRetentionPeriod"] >= 7


def test_what_holds_data_is_not_lost_with_its_stack():
    for name, one in resources("data").items():
        if one["Type"] in ("AWS::RDS::DBInstance", "AWS::ElastiCache::ReplicationGroup", "AWS::ECR::Repository"):
            assert one["DeletionPolicy"] == one["UpdateReplacePolicy"] in ("Snapshot", "Retain"), name


def test_urls_go_over_tls():
    secrets = of_type("data", "SecretsManager::Secret")
    assert secrets["RedisUrl"]["SecretString"]["Fn::Sub"][0].startswith("rediss://")
    assert "?sslmode=verify-full&" in secrets["DatabaseUrl"]["SecretString"]["Fn::Sub"]


def test_the_database_is_known_by_certificates_that_the_image_holds():
    url = of_type("data", "SecretsManager::Secret")["DatabaseUrl"]["SecretString"]["Fn::Sub"]
    (folder, name) = re.findall(r"&sslrootcert=/srv/weathernote/(\w+)/([\w.]+)$", url)[0]
    (source,) = re.findall(
        rf"^COPY (\S+) {folder}$", (TOP / "deploy" / "docker" / "Dockerfile").read_text(), re.MULTILINE
    )
    assert f"!{source}\n" in (TOP / ".dockerignore").read_text() and (TOP / source).is_dir()
    assert f"--output {source}/{name} https://truststore.pki.rds.amazonaws.com/" in (AWS / "data.yaml").read_text()


def test_the_database_takes_the_connections_of_all_tasks():
    tasks = scalable()["MaxCapacity"] * service()["DeploymentConfiguration"]["MaximumPercent"] // 100
    of_a_worker = READERS + 1  # and a login
    staff, prewarm, migrate, people, kept_by_rds = 20, 2, 1, 2, 5
    wanted = tasks * int(environment("InstanceTask")["WORKERS"]) * of_a_worker  # streams need no database
    wanted += staff + prewarm + migrate + people + kept_by_rds
    (group,) = of_type("data", "RDS::DBParameterGroup").values()
    assert wanted <= int(group["Parameters"]["max_connections"]) <= 1.1 * wanted


def test_every_secret_is_made_by_aws_and_fits_a_url():
    made = [
        one["GenerateSecretString"]
        for one in of_type("data", "SecretsManager::Secret").values()
        if "SecretString" not in one
    ]
    assert len(made) == 4
    assert all(one["ExcludePunctuation"] and one["PasswordLength"] >= 32 for one in made)


# ── several regions ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("stack", ["data", "records", "region"])
def test_every_redis_of_a_region_is_encrypted_and_kept(stack):
    ((name, group),) = of_type(stack, "ElastiCache::ReplicationGroup").items()
    joins = group.get("GlobalReplicationGroupId") is not None
    for encrypted in ("TransitEncryptionEnabled", "AtRestEncryptionEnabled"):
        # Who joins a Global Datastore takes both from it.
        assert group[encrypted] == ({"Fn::If": ["IsFirst", True, {"Ref": "AWS::NoValue"}]} if joins else True)
    assert group["MultiAZEnabled"] and group["AutomaticFailoverEnabled"] and group["NumCacheClusters"] == 2
    assert resources(stack)[name]["DeletionPolicy"] == "Snapshot"
    (parameters,) = of_type(stack, "ElastiCache::ParameterGroup").values()
    assert parameters["Properties"] == of_type("data", "ElastiCache::ParameterGroup")["RedisParameters"]["Properties"]


def test_the_first_region_makes_the_datastore_and_another_joins_it():
    ((name, datastore),) = of_type("records", "ElastiCache::GlobalReplicationGroup").items()
    assert resources("records")[name]["Condition"] == "IsFirst"
    assert [member["Role"] for member in datastore["Members"]] == ["PRIMARY"]
    group = of_type("records", "ElastiCache::ReplicationGroup")["Records"]
    assert group["GlobalReplicationGroupId"] == {"Fn::If": ["IsFirst", {"Ref": "AWS::NoValue"}, {"Ref": "Datastore"}]}
    # Which takes no small nodes.
    assert read(AWS / "records.yaml")["Parameters"]["NodeType"]["Default"] == "cache.m7g.large"


def test_where_a_region_writes_both_urls_are_one_address():
    secrets_of_records = of_type("records", "SecretsManager::Secret")
    template, values = secrets_of_records["RecordsRedisUrl"]["SecretString"]["Fn::Sub"]
    replica, _ = secrets_of_records["RecordsReplicaUrl"]["SecretString"]["Fn::Sub"]
    own = {"Fn::GetAtt": "Records.PrimaryEndPoint.Address"}
    assert values["Host"] == {"Fn::If": ["Writes", own, {"Ref": "Primary"}]}
    assert template.replace("${Host}", "${Records.PrimaryEndPoint.Address}") == replica
    assert template.startswith("rediss://")


def test_another_region_s_data_is_named_as_the_first_one_s():
    exported = [set(read(AWS / f"{name}.yaml")["Outputs"]) for name in ("data", "region")]
    assert exported[0] - exported[1] == {"Database"}
    assert not of_type("region", "RDS::DBInstance")


def test_keys_are_copied_to_another_region_and_redis_passwords_are_not():
    copied = {name for name, one in of_type("data", "SecretsManager::Secret").items() if "ReplicaRegions" in one}
    assert copied == {"SecretKey", "HashKey", "DatabaseUrl"}


def with_conditions(value: Any, met: set[str]) -> Any:
    """A value with its `Fn::If` decided, and without what has no value."""
    if isinstance(value, list):
        return [one for one in (with_conditions(each, met) for each in value) if one != {"Ref": "AWS::NoValue"}]
    if isinstance(value, dict) and "Fn::If" in value:
        name, then, otherwise = value["Fn::If"]
        return with_conditions(then if name in met else otherwise, met)
    return value


@pytest.mark.parametrize(
    ("met", "regions"),
    [
        (set(), {"Ref": "AWS::NoValue"}),
        ({"HasReplica"}, [{"Region": {"Ref": "ReplicaRegion"}}]),
        (
            {"HasReplica", "HasSecondReplica"},
            [{"Region": {"Ref": "ReplicaRegion"}}, {"Region": {"Ref": "SecondReplicaRegion"}}],
        ),
    ],
    ids=["one region", "two", "three"],
)
def test_what_every_region_must_know_is_copied_to_one_further_region_or_to_two(met, regions):
    secrets_of_all = [*of_type("data", "SecretsManager::Secret").values()]
    secrets_of_all += of_type("records", "SecretsManager::Secret").values()
    copies = [one["ReplicaRegions"] for one in secrets_of_all if "ReplicaRegions" in one]
    assert len(copies) == 4
    assert [with_conditions(copy, met) for copy in copies] == [regions] * 4


@pytest.mark.parametrize("stack", ["data", "records"])
def test_a_third_region_is_not_taken_without_a_second(stack):
    rule = read(AWS / f"{stack}.yaml")["Rules"]["ReplicasAreNamedInOrder"]
    needed, different = (one["Assert"] for one in rule["Assertions"])
    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "SecondReplicaRegion"}, ""]}]}
    assert needed == {"Fn::Not": [{"Fn::Equals": [{"Ref": "ReplicaRegion"}, ""]}]}
    assert different == {"Fn::Not": [{"Fn::Equals": [{"Ref": "ReplicaRegion"}, {"Ref": "SecondReplicaRegion"}]}]}


def test_any_two_regions_are_peered_by_a_stack_in_each():
    # Several such stacks stand in one region, so none of them exports a name, and each has routes of its own.
    assert not any("Export" in one for one in read(AWS / "peering.yaml")["Outputs"].values())
    assert {one["DestinationCidrBlock"]["Ref"] for one in of_type("peering", "EC2::Route").values()} == {"PeerCidr"}
    order = (AWS / "peering.yaml").read_text()
    for peer in ("PCX-OF-SECOND", "PCX-OF-THIRD", "THE-OTHER-PCX-OF-THIRD"):
        assert f"Peering={peer} " in order


def test_the_order_of_the_stacks_counts_the_processes_of_all_regions():
    of_one = read(AWS / "service.yaml")["Parameters"]["FleetProcesses"]["Default"]
    counts = [int(one) for one in re.findall(r"FleetProcesses=(\d+)", (AWS / "peering.yaml").read_text())]
    assert counts == [2 * of_one, 3 * of_one]


def test_the_database_is_reached_where_it_is_and_its_port_is_open_one_way():
    found = resources("peering")
    assert (found["ToDatabase"]["Condition"], found["FromDatabase"]["Condition"]) == (
        "IsDatabaseThere",
        "IsDatabaseHere",
    )
    assert not any("Condition" in found[name] for name in ("ToRedis", "FromRedis"))
    (choice,) = (one for name, one in read(AWS / "peering.yaml")["Parameters"].items() if name == "Database")
    assert "Default" not in choice and set(choice["AllowedValues"]) == {"here", "there", "elsewhere"}


def test_what_goes_between_regions_goes_by_two_ports_and_named_addresses():
    rules = [*of_type("peering", "EC2::SecurityGroupIngress").values()]
    rules += of_type("peering", "EC2::SecurityGroupEgress").values()
    assert {rule["FromPort"] for rule in rules} == {rule["ToPort"] for rule in rules} == {6379, 5432}
    assert all(rule["CidrIp"] == {"Ref": "PeerCidr"} for rule in rules)
    routes = of_type("peering", "EC2::Route").values()
    assert {imported(route["RouteTableId"]) for route in routes} == {
        *("private-routes-a", "private-routes-b", "data-routes")
    }


def test_names_lead_to_the_nearest_region_that_is_well():
    (record,) = of_type("names", "Route53::RecordSet").values()
    (check,) = (one["HealthCheckConfig"] for one in of_type("names", "Route53::HealthCheck").values())
    assert record["Region"] == record["SetIdentifier"] == {"Ref": "AWS::Region"}
    assert record["HealthCheckId"] == {"Ref": "Check"} and record["AliasTarget"]["EvaluateTargetHealth"] is True
    assert (check["Type"], check["ResourcePath"]) == ("HTTPS", "/health")
    assert imported(check["FullyQualifiedDomainName"]) == imported(record["AliasTarget"]["DNSName"]) == "address"


# ── the balancer ─────────────────────────────────────────────────────────────────────────────────


def attributes(properties: dict[str, Any], name: str) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in properties[name]}


def balancer() -> dict[str, str]:
    (one,) = of_type("service", "ElasticLoadBalancingV2::LoadBalancer").values()
    return attributes(one, "LoadBalancerAttributes")


def targets(name: str = "Targets") -> dict[str, Any]:
    return of_type("service", "ElasticLoadBalancingV2::TargetGroup")[name]


def listeners() -> dict[int, dict[str, Any]]:
    return {one["Port"]: one for one in of_type("service", "ElasticLoadBalancingV2::Listener").values()}


def test_tls_1_3_alone_and_http_leads_there():
    assert listeners()[443]["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-3-2021-06"
    assert listeners()[80]["DefaultActions"][0]["RedirectConfig"]["Protocol"] == "HTTPS"
    (hsts,) = listeners()[443]["ListenerAttributes"]
    assert hsts["Value"].startswith("max-age=31536000")


@pytest.mark.parametrize("name", ["Targets", "LiveTargets"])
def test_health_decides_and_nobody_is_bound_to_a_task(name):
    assert targets(name)["HealthCheckPath"] == "/health" and targets(name)["Matcher"] == {"HttpCode": "200"}
    assert attributes(targets(name), "TargetGroupAttributes")["stickiness.enabled"] == "false"


def test_streams_go_to_the_live_processes_and_nothing_else_does():
    (rule,) = of_type("service", "ElasticLoadBalancingV2::ListenerRule").values()
    assert rule["ListenerArn"] == {"Ref": "Https"}
    (condition,) = rule["Conditions"]
    paths = {route for route, name in ROUTES.items() if name in ("live", "events")}
    assert set(condition["PathPatternConfig"]["Values"]) == paths | {f"{path}/" for path in paths}
    assert rule["Actions"] == [{"Type": "forward", "TargetGroupArn": {"Ref": "LiveTargets"}}]
    assert live_service()["LoadBalancers"] == [
        {"ContainerName": "live", "ContainerPort": 8001, "TargetGroupArn": {"Ref": "LiveTargets"}}
    ]
    assert environment("LiveTask")["LIVE_PORT"] == str(targets("LiveTargets")["Port"]) == "8001"
    assert environment("InstanceTask")["LIVE_PORT"] == "0"


def test_the_balancer_reaches_both_kinds_of_tasks():
    (ingress,) = of_type("network", "EC2::SecurityGroupIngress").values()
    (egress,) = of_type("network", "EC2::SecurityGroup")["BalancerGroup"]["SecurityGroupEgress"]
    for rule in (ingress, egress):
        assert (rule["FromPort"], rule["ToPort"]) == (targets()["Port"], targets("LiveTargets")["Port"])


def test_the_balancer_leaves_a_stream_open_between_two_heartbeats():
    # Events are looked after every STEP_SECONDS.
    idle_seconds = int(balancer()["idle_timeout.timeout_seconds"])
    assert idle_seconds > max(upkeep.PING_SECONDS + upkeep.STEP_SECONDS, live_process.PING_SECONDS)


def test_phones_have_time_to_leave_a_live_process_by_themselves():
    delay = int(attributes(targets("LiveTargets"), "TargetGroupAttributes")["deregistration_delay.timeout_seconds"])
    assert delay >= 600
    assert container("LiveTask")["StopTimeout"] > int(environment("LiveTask")["DRAIN_SECONDS"]) + 10
    (limit,) = container("LiveTask")["Ulimits"]
    assert limit["Name"] == "nofile" and limit["SoftLimit"] > 2 * settings.LIVE_STREAMS


def test_the_balancer_lets_go_of_an_idle_connection_before_the_instance_does():
    idle_seconds = int(balancer()["idle_timeout.timeout_seconds"])
    assert LONGEST_ANSWER_SECONDS < idle_seconds < HTTP1Settings().header_read_timeout / 1000
    # An option of this name would change granian's 30 s.
    assert "header_read" not in (TOP / "weathernote" / "runtime" / "serve.py").read_text()


def test_a_form_of_staff_is_answered_within_fifteen_seconds_of_its_first_byte():
    assert request_bodies.ANSWER_SECONDS == 15
    # The slowest body leaves time for the check of a file; after a quick one the whole wait for work behind it fits.
    assert body_watch.DEADLINE_SECONDS + SHOW_SECONDS < request_bodies.ANSWER_SECONDS > background_task.WAIT_SECONDS
    assert request_bodies.seconds_left({"weathernote.began": time.monotonic() - body_watch.DEADLINE_SECONDS}) <= 5


def test_the_drain_outlasts_the_balancer_s_two_looks_and_the_stop_the_drain():
    drain = int(environment("InstanceTask")["DRAIN_SECONDS"])
    assert drain > targets()["HealthCheckIntervalSeconds"] * targets()["UnhealthyThresholdCount"]
    delay = int(attributes(targets(), "TargetGroupAttributes")["deregistration_delay.timeout_seconds"])
    assert delay > LONGEST_ANSWER_SECONDS
    assert container("InstanceTask")["StopTimeout"] > drain + UPSTREAM_TIMEOUT_SECONDS + 10
    assert container("InstanceTask")["StopTimeout"] <= 120  # Fargate's own bound


def test_one_proxy_is_believed_and_no_header_can_pass_for_its_own():
    assert balancer()["routing.http.xff_header_processing.mode"] == "append"
    assert balancer()["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert environment("InstanceTask")["TRUSTED_PROXY_COUNT"] == "1"


def test_no_position_is_written_down_by_aws():
    assert balancer()["access_logs.s3.enabled"] == "false"
    (acl,) = of_type("service", "WAFv2::WebACL").values()
    assert set(re.findall(r"'SampledRequestsEnabled': (\w+)", str(acl))) == {"False"}
    assert not of_type("service", "WAFv2::LoggingConfiguration")


def waf() -> dict[str, dict[str, Any]]:
    """WAF's rules by their names."""
    return {rule["Name"]: rule for rule in of_type("service", "WAFv2::WebACL")["Waf"]["Rules"]}


def paths_of(statement: dict[str, Any]) -> set[str]:
    """What a path has to begin with, once it is decoded."""
    matches = [one["ByteMatchStatement"] for one in statement["Statements"] if "ByteMatchStatement" in one]
    assert {one["PositionalConstraint"] for one in matches} == {"STARTS_WITH"}
    # To normalise it would make something else of it than the service is sent.
    assert all(one["TextTransformations"] == [{"Priority": 0, "Type": "URL_DECODE"}] for one in matches)
    return {one["SearchString"] for one in matches}


def is_odd(target: str) -> bool:
    match = waf()["odd-paths"]["Statement"]["RegexMatchStatement"]
    assert match["FieldToMatch"] == {"UriPath": {}}
    assert match["TextTransformations"] == [{"Priority": 0, "Type": "NONE"}]
    return re.search(match["RegexString"], target.partition("?")[0]) is not None


@pytest.mark.parametrize("target", ODD)
def test_an_odd_path_is_nobody_s_as_it_was_sent(target):
    """Fault 69."""
    assert is_odd(target)
    assert waf()["odd-paths"]["Action"]["Block"]["CustomResponse"]["ResponseCode"] == 404


@pytest.mark.parametrize("target", [*PLAIN, "/", "/admin/login/", "/static/page/a.b/c.js", "/.well-known/x", "/..."])
def test_a_plain_path_is_let_through(target):
    assert not is_odd(target)


def test_odd_paths_are_refused_before_it_is_asked_whose_they_are():
    assert waf()["odd-paths"]["Priority"] < waf()["admin-for-staff"]["Priority"] < waf()["not-for-everyone"]["Priority"]


def test_admin_is_for_stated_networks():
    rule = waf()["admin-for-staff"]
    both = rule["Statement"]["AndStatement"]
    assert paths_of(both) == {"/admin"}
    assert both["Statements"][1]["NotStatement"]["Statement"]["IPSetReferenceStatement"] == {
        "Arn": {"Fn::GetAtt": "Staff.Arn"}
    }
    assert of_type("service", "WAFv2::IPSet")["Staff"]["Addresses"] == {"Ref": "AdminNetworks"}
    assert read(AWS / "service.yaml")["Parameters"]["AdminNetworks"]["Default"] == "127.0.0.1/32"
    assert rule["Action"]["Block"]["CustomResponse"]["ResponseCode"] == 404


def test_metrics_and_what_is_internal_are_for_nobody_outside():
    rule = waf()["not-for-everyone"]
    assert paths_of(rule["Statement"]["OrStatement"]) == {"/metrics", "/internal"}
    assert rule["Action"]["Block"]["CustomResponse"]["ResponseCode"] == 404


def test_waf_allows_an_address_a_thousand_requests_a_second_over_its_shortest_window():
    rule = waf()["rate-of-an-address"]
    rate = rule["Statement"]["RateBasedStatement"]
    assert rate["AggregateKeyType"] == "IP"
    assert rate["EvaluationWindowSec"] == min(60, 120, 300, 600)
    assert rate["Limit"] == 1000 * rate["EvaluationWindowSec"]
    assert rule["Action"]["Block"]["CustomResponse"]["ResponseCode"] == 429
    assert of_type("service", "WAFv2::WebACLAssociation")["WafOfBalancer"]["ResourceArn"] == {"Ref": "Balancer"}


def test_what_waf_answers_has_our_shape():
    bodies = of_type("service", "WAFv2::WebACL")["Waf"]["CustomResponseBodies"]
    for name, status in {"TooMany": 429, "Nothing": 404}.items():
        told = json.loads(bodies[name]["Content"])
        assert told["status"] == status and {"type", "title", "detail", "code"} <= set(told)


# ── the tasks ────────────────────────────────────────────────────────────────────────────────────

TASKS = ["InstanceTask", "LiveTask", "PrewarmTask", "MigrateTask"]


def service() -> dict[str, Any]:
    return of_type("service", "ECS::Service")["Service"]


def live_service() -> dict[str, Any]:
    return of_type("service", "ECS::Service")["LiveService"]


def schedule() -> dict[str, Any]:
    (one,) = of_type("service", "Scheduler::Schedule").values()
    return one


def task(name: str) -> dict[str, Any]:
    return of_type("service", "ECS::TaskDefinition")[name]


def container(name: str) -> dict[str, Any]:
    (one,) = task(name)["ContainerDefinitions"]
    return one


def environment(name: str) -> dict[str, Any]:
    return {one["Name"]: one["Value"] for one in container(name).get("Environment", [])}


def secrets(name: str) -> dict[str, Any]:
    """By their names; one that is there under a condition too."""
    listed = [one["Fn::If"][1] if "Fn::If" in one else one for one in container(name)["Secrets"]]
    return {one["Name"]: one["ValueFrom"] for one in listed}


def test_a_task_has_two_processors_and_the_least_memory_that_fargate_gives_them():
    assert (task("InstanceTask")["Cpu"], task("InstanceTask")["Memory"]) == ("2048", "4096")
    assert "Memory" not in container("InstanceTask")
    assert environment("InstanceTask")["WORKERS"] == "2"


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_confined(name):
    one = container(name)
    assert one["ReadonlyRootFilesystem"] is True and one["User"] == "10001:10001"
    assert one["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
    assert "TaskRoleArn" not in task(name)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_writes_where_the_image_has_volumes(name):
    (volumes,) = re.findall(r"^VOLUME (\[.+\])$", (TOP / "deploy" / "docker" / "Dockerfile").read_text(), re.MULTILINE)
    assert [mount["ContainerPath"] for mount in container(name)["MountPoints"]] == json.loads(volumes)


@pytest.mark.parametrize("name", TASKS)
def test_the_service_reads_every_variable_that_it_is_given(name):
    given = [*environment(name), *secrets(name)]
    assert len(given) == len(set(given)) and set(given) <= SETTINGS_READ


@pytest.mark.parametrize("name", TASKS)
def test_every_secret_comes_from_secrets_manager(name):
    assert not re.search("KEY|PASSWORD|SECRET|TOKEN|URL", " ".join(environment(name)))
    kept = {"SECRET_KEY": "secret-key", "RATE_LIMIT_HASH_KEY": "hash-key", "REDIS_URL": "redis-url"}
    kept |= {"DATABASE_URL": "database-url", "RECORDS_REDIS_URL": "records-redis-url"}
    kept |= {"RECORDS_REPLICA_URL": "records-replica-url"}
    for variable, source in secrets(name).items():
        assert imported(source) == kept.get(variable, "") or (variable, source) == (
            "OPEN_METEO_API_KEY",
            {"Ref": "OpenMeteoKeyArn"},
        )


def test_all_that_a_deploy_must_name_is_named():
    named = {*environment("InstanceTask"), *secrets("InstanceTask")}
    assert {"SECRET_KEY", "REDIS_URL", "RATE_LIMIT_HASH_KEY", "ALLOWED_HOSTS", "DATABASE_URL"} <= named


def test_prewarm_has_the_environment_of_the_instances():
    assert secrets("PrewarmTask") == secrets("InstanceTask")
    assert environment("PrewarmTask").items() <= environment("InstanceTask").items()


def test_a_live_process_has_it_too_but_for_its_port_and_its_drain():
    assert secrets("LiveTask") == secrets("InstanceTask")
    own = {name: value for name, value in environment("LiveTask").items() if name not in ("LIVE_PORT", "DRAIN_SECONDS")}
    assert own.items() <= environment("InstanceTask").items()
    assert container("LiveTask")["Command"] == ["python", "manage.py", "live"]


def test_prewarm_runs_every_ten_minutes():
    assert schedule()["ScheduleExpression"] == f"rate({PERIOD_SECONDS // 60} minutes)"
    assert schedule()["Target"]["EcsParameters"]["TaskDefinitionArn"] == {"Ref": "PrewarmTask"}
    assert container("PrewarmTask")["Command"] == ["python", "manage.py", "prewarm"]


def test_migrating_is_a_task_of_its_own_and_of_its_own_release():
    assert container("MigrateTask")["Command"] == ["python", "manage.py", "migrate", "--no-input"]
    assert environment("InstanceTask")["MIGRATE"] == "0"
    assert "${MigrateImageTag}" in container("MigrateTask")["Image"]["Fn::Sub"][0]
    assert "${ImageTag}" in container("InstanceTask")["Image"]["Fn::Sub"][0]
    assert "${MigrateTask}" in read(AWS / "service.yaml")["Outputs"]["Migrate"]["Value"]["Fn::Sub"]


def test_the_line_that_migrates_is_one_that_a_shell_can_read():
    line = read(AWS / "service.yaml")["Outputs"]["Migrate"]["Value"]["Fn::Sub"]
    filled = re.sub(r"\$\{[\w.]+\}", "name", line)
    stand_in = 'aws() { case "$*" in *run-task*) echo arn:task;; *describe-tasks*) echo "$CODE";; esac; }\n'
    ends = [
        subprocess.run(["sh", "-c", stand_in + filled], env={"CODE": code}, check=False).returncode
        for code in ("0", "1")
    ]
    assert ends == [0, 1]


def test_the_share_of_each_process_counts_them_all():
    most = scalable()["MaxCapacity"] * service()["DeploymentConfiguration"]["MaximumPercent"] // 100
    workers = int(environment("InstanceTask")["WORKERS"])
    live = scalable("Live")["MaxCapacity"] * live_service()["DeploymentConfiguration"]["MaximumPercent"] // 100
    assert environment("InstanceTask")["FLEET_PROCESSES"] == {"Ref": "FleetProcesses"}
    assert read(AWS / "service.yaml")["Parameters"]["FleetProcesses"]["Default"] == most * workers + live + 1


@pytest.mark.parametrize(("service", "target"), [("Service", "Tasks"), ("LiveService", "Live")])
def test_a_rollout_never_has_fewer_than_there_were_and_goes_back_by_itself(service, target):
    one = of_type("service", "ECS::Service")[service]
    rollout, least = one["DeploymentConfiguration"], scalable(target)["MinCapacity"]
    assert rollout["MinimumHealthyPercent"] == 100
    assert least * rollout["MaximumPercent"] // 100 > least
    assert rollout["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert "DesiredCount" not in one


def test_logs_do_not_stay_for_ever():
    groups = of_type("service", "Logs::LogGroup")
    assert len(groups) == len(TASKS) and all(one["RetentionInDays"] for one in groups.values())


def test_roles_may_do_what_they_are_for_and_no_more():
    roles = of_type("service", "IAM::Role")
    allowed = {
        name: {
            action: statement["Resource"]
            for policy in role["Policies"]
            for statement in policy["PolicyDocument"]["Statement"]
            for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        }
        for name, role in roles.items()
    }
    assert not any("ManagedPolicyArns" in role for role in roles.values())
    everywhere = [(n, a) for n, actions in allowed.items() for a, resource in actions.items() if resource == "*"]
    assert everywhere == [("ExecutionRole", "ecr:GetAuthorizationToken")]
    assert not any("*" in action for actions in allowed.values() for action in actions)
    assert set(allowed["SchedulerRole"]) == {"ecs:RunTask", "iam:PassRole"}


# ── the plan's scaling rules ─────────────────────────────────────────────────────────────────────


def alarms() -> dict[str, dict[str, Any]]:
    return of_type("scaling", "CloudWatch::Alarm")


def scalable(name: str = "Tasks") -> dict[str, Any]:
    return of_type("scaling", "ApplicationAutoScaling::ScalableTarget")[name]


def steps(name: str) -> list[dict[str, Any]]:
    policy = of_type("scaling", "ApplicationAutoScaling::ScalingPolicy")[name]
    assert policy["PolicyType"] == "StepScaling" and policy["ScalingTargetId"] == {"Ref": "Tasks"}
    return policy["StepScalingPolicyConfiguration"]["StepAdjustments"]


def test_there_are_two_to_twenty_tasks():
    assert (scalable()["MinCapacity"], scalable()["MaxCapacity"]) == (2, 20)
    assert scalable()["ScalableDimension"] == "ecs:service:DesiredCount"


@pytest.mark.parametrize(
    ("name", "metric", "threshold", "seconds"),
    [
        ("CpuHigh", "AWS/ECS CPUUtilization", 70, 300),
        ("MemoryHigh", "AWS/ECS MemoryUtilization", 80, 60),
        ("LatencyHigh", "AWS/ApplicationELB TargetResponseTime", 0.5, 60),
    ],
)
def test_there_are_more_tasks_when(name, metric, threshold, seconds):
    alarm = alarms()[name]
    assert f"{alarm['Namespace']} {alarm['MetricName']}" == metric and alarm["Statistic"] == "Average"
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", threshold)
    assert alarm["Period"] * alarm["EvaluationPeriods"] == seconds
    assert alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]) == alarm["EvaluationPeriods"]
    assert alarm["AlarmActions"] == [{"Ref": "Out"}] and alarm["TreatMissingData"] == "notBreaching"


def test_nothing_else_adds_or_takes_tasks():
    callers = {name: alarm["AlarmActions"][0]["Ref"] for name, alarm in alarms().items()}
    assert {name for name, called in callers.items() if called == "Out"} == {"CpuHigh", "MemoryHigh", "LatencyHigh"}
    assert [name for name, called in callers.items() if called == "In"] == ["Quiet"]
    assert all(one["ScalingAdjustment"] > 0 for one in steps("Out"))
    assert all(one["ScalingAdjustment"] < 0 for one in steps("In"))


def test_there_are_fewer_tasks_after_fifteen_quiet_minutes():
    quiet = alarms()["Quiet"]
    periods = {one["MetricStat"]["Period"] for one in quiet["Metrics"] if "MetricStat" in one}
    assert periods == {60} and (quiet["EvaluationPeriods"], quiet["DatapointsToAlarm"]) == (15, 15)
    assert (quiet["ComparisonOperator"], quiet["Threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
    assert quiet["TreatMissingData"] == "notBreaching"  # what is not known takes no task away


def test_what_is_quiet_is_seen_in_the_metrics_of_the_three_alarms():
    seen = {one["Id"]: one["MetricStat"]["Metric"] for one in alarms()["Quiet"]["Metrics"] if "MetricStat" in one}
    for identity, name in {"cpu": "CpuHigh", "memory": "MemoryHigh", "latency": "LatencyHigh"}.items():
        alarm = alarms()[name]
        assert seen[identity] == {key: alarm[key] for key in ("Namespace", "MetricName", "Dimensions")}


def is_quiet(cpu: float, memory: float, latency: float | None) -> bool:
    """The alarm's own expression, worked out as CloudWatch does for a minute; no latency is one without requests."""
    (expression,) = (one["Expression"] for one in alarms()["Quiet"]["Metrics"] if "Expression" in one)
    functions = {
        "IF": lambda condition, then, otherwise: then if condition else otherwise,
        "FILL": lambda value, filler: filler if value is None else value,
    }
    return (
        eval(  # noqa: S307 # the template's own words
            expression.replace(" AND ", " and "),
            {"__builtins__": {}, **functions},
            {"cpu": cpu, "memory": memory, "latency": latency},
        )
        >= alarms()["Quiet"]["Threshold"]
    )


@pytest.mark.parametrize(("cpu", "expected"), [(0, True), (29.9, True), (30, False), (50, False), (71, False)])
def test_quiet_is_a_processor_below_thirty_percent(cpu, expected):
    assert is_quiet(cpu, memory=40, latency=0.01) is expected
    assert is_quiet(cpu, memory=40, latency=None) is expected


def test_no_minute_is_quiet_in_which_an_alarm_for_more_tasks_has_a_reason():
    limits = {name: alarms()[name]["Threshold"] for name in ("CpuHigh", "MemoryHigh", "LatencyHigh")}
    around = ([0, 29, 30, 70, 70.1, 100], [0, 79, 80, 80.1, 100], [None, 0, 0.49, 0.5, 0.501, 9])
    for cpu, memory, latency in itertools.product(*around):
        reason = cpu > limits["CpuHigh"] or memory > limits["MemoryHigh"] or (latency or 0) > limits["LatencyHigh"]
        assert not (reason and is_quiet(cpu, memory, latency))
        assert is_quiet(cpu, memory, latency) or reason or cpu >= 30  # and for no other cause


def test_one_task_goes_in_as_many_minutes_as_are_looked_at():
    policy = of_type("scaling", "ApplicationAutoScaling::ScalingPolicy")["In"]["StepScalingPolicyConfiguration"]
    assert policy["Cooldown"] == 15 * 60 and policy["StepAdjustments"][0]["ScalingAdjustment"] == -1


# ── live processes, by their streams ──────────────────────────────────────────────────────────────


def tracked(name: str) -> dict[str, Any]:
    policy = of_type("scaling", "ApplicationAutoScaling::ScalingPolicy")[name]
    assert policy["PolicyType"] == "TargetTrackingScaling" and policy["ScalingTargetId"] == {"Ref": "Live"}
    return policy["TargetTrackingScalingPolicyConfiguration"]


def test_live_processes_are_as_many_as_have_half_the_streams_that_they_could():
    assert (scalable("Live")["MinCapacity"], scalable("Live")["MaxCapacity"]) == (2, 10)
    assert tracked("ByStreams")["TargetValue"] == settings.LIVE_STREAMS / 2
    assert tracked("ByStreams")["CustomizedMetricSpecification"]["Statistic"] == "Average"


def test_the_streams_that_scale_are_those_that_a_live_process_logs(caplog):
    filter_ = of_type("scaling", "Logs::MetricFilter")["OpenStreams"]
    (transformation,) = filter_["MetricTransformations"]
    metric = tracked("ByStreams")["CustomizedMetricSpecification"]
    assert (metric["Namespace"], metric["MetricName"]) == (
        transformation["MetricNamespace"],
        transformation["MetricName"],
    )
    with caplog.at_level("INFO"):
        upkeep.report(cast("Hub", SimpleNamespace(streams={1, 2, 3})))
    line = json.loads(JsonLines().format(caplog.records[-1]))
    ((message, field),) = re.findall(r'^{ \$\.message = "(\w+)" && \$\.(\w+) >= 0 }$', filter_["FilterPattern"])
    assert (line["message"], line[field], transformation["MetricValue"]) == (message, 3, f"$.{field}")


# ── what wakes somebody ──────────────────────────────────────────────────────────────────────────


def test_somebody_is_told_of_errors_of_sick_tasks_and_of_a_full_redis():
    told = {name for name, one in alarms().items() if one["AlarmActions"] == [{"Ref": "Alarms"}]}
    assert {"Errors", "Unhealthy", "NoneHealthy", "NoneLive", "RedisMemory", "PrewarmMissing"} <= told
    assert alarms()["RedisMemory"]["MetricName"] == "DatabaseMemoryUsagePercentage"


def test_two_missing_prewarms_are_told():
    alarm = alarms()["PrewarmMissing"]
    assert alarm["Period"] == PERIOD_SECONDS * 5 // 2 and alarm["TreatMissingData"] == "breaching"
    filter_ = of_type("scaling", "Logs::MetricFilter")["GoodRuns"]
    assert filter_["FilterPattern"] == "{ $.exit_code = 0 }"
    assert filter_["MetricTransformations"][0]["MetricName"] == alarm["MetricName"]


def test_the_line_of_a_prewarm_has_what_is_counted():
    from prewarm.runs import run_history

    assert '"exit_code"' in inspect.getsource(run_history.summary)


def test_every_heading_of_the_runbook_that_is_named_is_there():
    named = set(re.findall(r"^  # (WeatherNote\w+)", (AWS / "scaling.yaml").read_text(), re.MULTILINE))
    headings = set(re.findall(r"^### (\w+)$", (TOP / "docs" / "runbook.md").read_text(), re.MULTILINE))
    assert len(named) == 7 and named <= headings


def test_yaml_aliases_are_not_used_for_cloudformation_has_none():
    for file in STACKS:
        assert not [t for t in yaml.scan(file.read_text()) if isinstance(t, yaml.AliasToken | yaml.AnchorToken)]
