"""What happens after `sam deploy`, against the emulator: the parts of the rehearsal that are more than one command.

Usage: rehearse.py PART, with the emulator's address in AWS_ENDPOINT_URL. Parts, in this order:
  account   before the deployment: what a locked-down account has, and the keys of somebody who may only deploy
  template  what the emulator made of the template
  sandbox   lets the functions speak to the sandbox
  login     a whole login through the API, sign-out, and the authorizer in front of another API
  left      after the deletion: what must be left, and nothing else
"""

import json
import os
import pathlib
import sys
import urllib.parse

import boto3
import requests

STACK = os.environ["STACK"]
FUNCTIONS = ("login", "callback", "session", "scim", "outbox", "reconcile", "authorizer")
EMULATOR = os.environ["AWS_ENDPOINT_URL"]
HERE = pathlib.Path(__file__).parent


def client(service, **keys):
    return boto3.client(service, endpoint_url=EMULATOR, region_name="us-east-1", **keys)


def check(true, what):
    if not true:
        sys.exit(f"FAILED: {what}")
    print(f"  ok  {what}", flush=True)


def outputs(stack):
    described = client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}


# ── account ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def account():
    """A boundary that every role must carry, and a deployer with infra/deployer-policy.json and nothing else. A bucket as
    well: the policy of the one that SAM makes wants TLS, which the emulator has not."""
    client("s3").create_bucket(Bucket=os.environ["BUCKET"])
    iam = client("iam")
    boundary = iam.create_policy(PolicyName="boundary", PolicyDocument=(HERE / "boundary.json").read_text())
    policy = HERE.parent.parent / "infra" / "deployer-policy.json"
    iam.create_user(UserName="deployer")
    iam.put_user_policy(UserName="deployer", PolicyName="deployer", PolicyDocument=policy.read_text())
    key = iam.create_access_key(UserName="deployer")["AccessKey"]
    deployer = client("iam", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    try:
        deployer.create_user(UserName="accomplice")
        sys.exit("FAILED: the emulator enforces no policies")
    except deployer.exceptions.ClientError as refused:
        if "not authorized" not in str(refused):
            raise
    print(boundary["Policy"]["Arn"], key["AccessKeyId"], key["SecretAccessKey"])


# ── template ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def template():
    made = outputs(STACK)
    iam, dynamodb = client("iam"), client("dynamodb")
    roles = [role for role in iam.list_roles()["Roles"] if STACK in role["RoleName"]]
    check(len(roles) == len(FUNCTIONS) + 1, "one role for each function, and one for CodeDeploy")
    for role in roles:
        whole = iam.get_role(RoleName=role["RoleName"])["Role"]
        carries = whole.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", "")
        check(carries.endswith("policy/boundary") and whole["Path"] == "/service/", f"{role['RoleName']} has path and boundary")
    keys = dynamodb.describe_table(TableName=made["IdentityTableName"])["Table"]
    check(keys["DeletionProtectionEnabled"], "the identity table is protected against deletion")
    check(keys["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES", "its stream has both images")
    for name in FUNCTIONS:
        alias = client("lambda").get_alias(FunctionName=f"{STACK}-{name}", Name="live")
        check(alias["FunctionVersion"] != "$LATEST", f"{name} is called by an alias of a version")


# ── sandbox ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def sandbox():
    """The template takes https addresses of WorkOS only, and that is right. So the setting of the deployed functions is
    changed afterwards, as nobody could by deploying, and the alias follows."""
    functions = client("lambda")
    for name in FUNCTIONS:
        function = f"{STACK}-{name}"
        variables = functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        variables["WORKOS_API_BASE_URL"] = os.environ["SANDBOX"]
        functions.update_function_configuration(FunctionName=function, Environment={"Variables": variables})
        version = functions.publish_version(FunctionName=function)["Version"]
        functions.update_alias(FunctionName=function, Name="live", FunctionVersion=version)
        print(f"  ok  {function}:live is version {version}")


# ── login ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Browser:
    """Cookies, and the way to the emulated APIs: what DNS and TLS do in front of the real ones."""

    def __init__(self, origins):
        self.origins = origins
        self.cookies = {}

    def ask(self, method, url, headers=None, **more):
        parts = urllib.parse.urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        sent = {
            "accept": "text/html",
            "user-agent": "Mozilla/5.0 (rehearsal)",
            "sec-fetch-mode": "navigate",
            "sec-fetch-dest": "document",
            "sec-fetch-site": "same-origin",
            **(headers or {}),
        }
        if api := self.origins.get(origin):
            emulator = urllib.parse.urlsplit(EMULATOR)
            sent["host"] = f"{api}.execute-api.localhost:{emulator.port}"
            url = urllib.parse.urlunsplit(parts._replace(scheme=emulator.scheme, netloc=emulator.netloc))
        if jar := self.cookies.get(origin):
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        answer = requests.request(method, url, headers=sent, allow_redirects=False, timeout=20, **more)
        jar = self.cookies.setdefault(origin, {})
        for cookie in answer.raw.headers.getlist("set-cookie"):
            name, _, value = cookie.split(";")[0].partition("=")
            if "max-age=0" in cookie.lower():
                jar.pop(name, None)
            else:
                jar[name] = value
        return answer


def lands(answer, what):
    check(answer.status_code in (302, 303), f"{what} ({answer.status_code})")
    return answer.headers["location"]


def login():
    made, sample = outputs(STACK), outputs(f"{STACK}-sample")
    public = made["PublicUrl"]
    api = urllib.parse.urlsplit(public).hostname.split(".")[0]
    orders = "https://sample.example/orders"
    browser = Browser({public: api, "https://sample.example": sample["ApiId"]})
    share_cookie = lambda: {"cookie": "; ".join(f"{n}={v}" for n, v in browser.cookies.get(public, {}).items())}

    answer = browser.ask("GET", f"{public}/.well-known/jwks.json")
    check(answer.status_code == 200 and len(answer.json()["keys"]) == 1, "the public key of setup is served")
    answer = browser.ask("GET", f"{public}/no/such/path")
    check(answer.status_code == 404 and "nosniff" in answer.headers.get("x-content-type-options", ""), "unknown paths get our page")
    answer = browser.ask("GET", orders, headers={"accept": "application/json"})
    check(answer.status_code in (401, 403), f"the sample API refuses a stranger ({answer.status_code})")

    at = lands(browser.ask("GET", f"{public}/login?connection=conn_01SANDBOXACMEOKTA"), "a login starts")
    check(at.startswith(os.environ["SANDBOX"]) and browser.cookies[public], "it leads to WorkOS and leaves a cookie")
    idp = urllib.parse.urljoin(at, lands(browser.ask("GET", at), "WorkOS leads to the IdP"))
    returns = lands(browser.ask("POST", idp, data={"email": "ada@acme.com"}), "the IdP sends the person back")
    check(returns.startswith(f"{public}/auth/callback?"), "to the callback of the deployed stack")
    callback = browser.ask("GET", returns)
    home = lands(callback, "the callback signs in")
    check(home.startswith(public) and "__Host-session" in browser.cookies[public], "with a session cookie, at home")
    arrived = callback.raw.headers.getlist("set-cookie")
    names = sorted(cookie.split("=")[0] for cookie in arrived)
    # The session, the end of the login, and which company it was: one header each.
    check(len(arrived) == 3 and len(set(names)) == 3 and "__Host-session" in names, f"each cookie in a header of its own ({len(arrived)})")
    answer = browser.ask("GET", returns)
    check(answer.status_code == 303, "a reload of the callback goes on to the app")

    described = browser.ask("GET", f"{public}/auth/session", headers={"accept": "application/json"})
    check(described.status_code == 200, "the session is there")
    person = described.json()
    check("ada@acme.com" in described.text, "and is Ada's")
    answer = browser.ask("GET", orders, headers={"accept": "application/json", **share_cookie()})
    check(answer.status_code == 200, f"the sample API lets her in ({answer.status_code})")
    check(answer.json()["org"] == "org_01SANDBOXACME" and answer.json()["sub"].startswith("user_"), "and knows who she is")
    check(answer.json()["sub"] in json.dumps(person), "and it is the same person")

    stolen = share_cookie()
    answer = browser.ask("POST", f"{public}/auth/logout", headers={"origin": public})
    lands(answer, "she signs out")
    answer = browser.ask("GET", orders, headers={"accept": "application/json", **stolen})
    check(answer.status_code in (401, 403), f"her cookie is worth nothing from this moment on ({answer.status_code})")
    logged = {name: log(name) for name in ("login", "callback", "session")}
    check(any("signed in" in line for line in logged["callback"]), "the callback's log says who signed in")
    wrong = [line for lines in logged.values() for line in lines if '"level":"ERROR"' in line.replace(" ", "")]
    check(not wrong, f"no function logged an error {wrong[:3] or ''}")


def log(name):
    """What a function logged, where its settings say that it logs."""
    function = client("lambda").get_function_configuration(FunctionName=f"{STACK}-{name}")
    group = function["LoggingConfig"]["LogGroup"]
    return [event["message"] for event in client("logs").filter_log_events(logGroupName=group)["events"]]


# ── left ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def left():
    tables = [name for name in client("dynamodb").list_tables()["TableNames"] if STACK in name]
    check(len(tables) == 1 and "IdentityTable" in tables[0], "the identity table is kept, the ephemeral one is gone")
    secrets = sorted(secret["Name"] for secret in client("secretsmanager").list_secrets()["SecretList"] if STACK in secret["Name"])
    kept = ["SigningKeysSecret", "WebhookSecret", "WorkosApiKeySecret"]
    check([name.removeprefix(f"{STACK}-").split("-")[0] for name in secrets] == kept, "the three secrets that the stack made are kept")
    functions = [function["FunctionName"] for function in client("lambda").list_functions()["Functions"]]
    roles = [role["RoleName"] for role in client("iam").list_roles()["Roles"] if STACK in role["RoleName"]]
    apis = client("apigatewayv2").get_apis()["Items"]
    check(not any(STACK in name for name in functions) and not roles and not apis, "functions, roles and APIs are gone")


if __name__ == "__main__":
    {"account": account, "template": template, "sandbox": sandbox, "login": login, "left": left}[sys.argv[1]]()
