"""Random folders of the Azure CLI, and the token that MSAL finds in each without a network.

Arguments: the folder to write to, how many, the seed. Prints a JSON list with a token or null for each.
"""
import base64
import json
import pathlib
import random
import sys
import time

import msal

SERVER = "6dae42f8-4368-4678-94ff-3960e28e3630"
CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
APP = "99999999-0000-0000-0000-000000000001"
A, B = "aaaaaaaa-0000-0000-0000-00000000000a", "bbbbbbbb-0000-0000-0000-00000000000b"
HOST, ALIAS = "login.microsoftonline.com", "login.windows.net"
SCOPE = f"{SERVER}/.default"
NAMES = ["ada@contoso.com", "Ada@Contoso.com", "eve@contoso.com", "ada_contoso.com#EXT#@fabrikam.com"]
HOMES = ["ada-oid.home", "eve-oid.home", "guest-oid.home"]
NOW = int(time.time())


class Offline:
    """Answers discovery, and nothing else."""

    class Response:
        status_code, headers = 200, {}

        def __init__(self, body):
            self.text = json.dumps(body)

        def raise_for_status(self):
            pass

    def get(self, url, **_):
        if url.endswith("/.well-known/openid-configuration"):
            base = url.removesuffix("/v2.0/.well-known/openid-configuration")
            return self.Response({
                "issuer": base + "/v2.0", "token_endpoint": base + "/oauth2/v2.0/token",
                "authorization_endpoint": base + "/oauth2/v2.0/authorize"})
        return self.Response({"metadata": []})

    def post(self, *_, **__):
        raise ConnectionError("offline")

    def close(self):
        pass


def jwt(claims):
    part = lambda data: base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")
    return f"{part({})}.{part(claims)}.c2ln"


def mostly(pick, usual, *others):
    """The usual value, in one case of six another."""
    return pick.choice(others) if pick.random() < 1 / 6 else usual


def account(pick):
    entry = {
        "home_account_id": mostly(pick, HOMES[0], *HOMES[1:]),
        "environment": mostly(pick, HOST, ALIAS),
        "realm": pick.choice([A, B, "organizations"]),
        "local_account_id": "oid",
        "username": pick.choice(NAMES),
        "authority_type": mostly(pick, "MSSTS", "ADFS", "Other"),
    }
    return f"{entry['home_account_id']}-{entry['environment']}-{entry['realm']}", entry


def token(pick, number, home, client):
    entry = {
        "credential_type": "AccessToken",
        "secret": pick.choice([f"token-{number}", jwt({"tid": A, "aud": SERVER, "exp": NOW + 4000, "n": number})]),
        "home_account_id": mostly(pick, home, *HOMES, None, ""),
        "environment": mostly(pick, HOST, ALIAS, HOST.upper()),
        "client_id": mostly(pick, client, client.upper(), APP),
        "target": mostly(pick, SCOPE, f"{SCOPE} {SERVER}/user.read", f"x {SCOPE}", "x", "", SCOPE + "x", SCOPE.upper()),
        "realm": mostly(pick, A, B, A.upper(), "organizations"),
        "token_type": mostly(pick, "Bearer", "bearer", "pop", "ssh-cert"),
        "cached_at": str(NOW),
        "expires_on": mostly(pick, str(NOW + 4000), str(NOW + 200), str(NOW - 100), NOW + 4000, f" {NOW + 4000}"),
        "extended_expires_on": str(NOW + 4000),
    }
    if pick.random() < 0.1:
        entry["refresh_on"] = pick.choice([str(NOW + 2000), str(NOW - 10)])
    if pick.random() < 0.1:
        entry["key_id"] = "k"
    if pick.random() < 0.15:
        entry["ext_cache_key"] = pick.choice(["Hash", "", "default"])
    if pick.random() < 0.05:
        del entry[pick.choice(list(entry))]
    kind = "atext" if entry.get("ext_cache_key") else "accesstoken"
    key = "-".join([entry.get("home_account_id") or "", entry.get("environment") or "", kind,
                    entry.get("client_id") or "", entry.get("realm") or "", entry.get("target") or ""])
    if entry.get("ext_cache_key"):
        key += "-" + entry["ext_cache_key"]
    # A key of another program's, and the one that MSAL looks at first.
    first = f"{home or ''}-{HOST}-accesstoken-{client}-{A}-{SCOPE}"
    return mostly(pick, key, f"key-{number}", first).lower(), entry


def world(pick):
    is_app = pick.random() < 0.3
    home, client = (None, APP) if is_app else (HOMES[0], CLIENT)
    tokens = dict(token(pick, number, home, client) for number in range(pick.choice([0, 1, 1, 1, 2, 2, 3, 5])))
    accounts = dict(account(pick) for _ in range(pick.choice([1, 1, 2, 3])))
    return is_app, pick.choice(NAMES), {"AccessToken": tokens, "Account": accounts}


def msal_token(is_app, name, store):
    cache = msal.SerializableTokenCache()
    cache.deserialize(json.dumps(store))
    options = {"authority": f"https://{HOST}/{A}", "token_cache": cache, "http_client": Offline()}
    try:
        if is_app:
            app = msal.ConfidentialClientApplication(APP, client_credential="s", **options)
            answer = app.acquire_token_for_client([SCOPE])
        else:
            app = msal.PublicClientApplication(CLIENT, **options)
            # az refuses two accounts of one name.
            [found] = app.get_accounts(name)
            answer = app.acquire_token_silent_with_error([SCOPE], found)
    except Exception:
        return None
    return (answer or {}).get("access_token")


def main(folder, count, seed):
    pick = random.Random(int(seed))
    answers = []
    for number in range(int(count)):
        is_app, name, store = world(pick)
        path = pathlib.Path(folder) / str(number)
        path.mkdir()
        user = {"name": APP, "type": "servicePrincipal"} if is_app else {"name": name, "type": "user"}
        profile = {"subscriptions": [{"id": "s", "name": "S", "user": user, "isDefault": True, "tenantId": A,
                                      "environmentName": "AzureCloud"}]}
        (path / "azureProfile.json").write_text(json.dumps(profile), encoding="utf-8-sig")
        (path / "msal_token_cache.json").write_text(json.dumps(store))
        entries = [{"client_id": APP, "tenant": A, "client_secret": "s"}]
        (path / "service_principal_entries.json").write_text(json.dumps(entries))
        answers.append(msal_token(is_app, name, store))
    print(json.dumps(answers))


main(*sys.argv[1:])
