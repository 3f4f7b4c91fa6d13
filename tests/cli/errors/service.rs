//! What a service answers: Entra's refusals with their remedies, and answers that no service should give.

use super::{APP, Case, case, login, pin, refused, spn};
use crate::support::entra::{SERVER, TENANT, unsigned_jwt};
use crate::support::http::Reply;
use serde_json::json;

/// One refusal each of an application with a secret.
const APPLICATION: &[(u32, &str)] = &[
    (50013, "Assertion failed signature validation."),
    (50049, "Unknown or invalid instance."),
    (
        50059,
        "No tenant-identifying information found in either the request or implied by any provided credentials.",
    ),
    (50105, "The signed in user is not assigned to a role for the application."),
    (50128, "Invalid domain name - No tenant-identifying information found."),
    (50194, "Application is not configured as a multi-tenant application."),
    (50196, "The server terminated an operation because it encountered a client request loop."),
    (53003, "Access has been blocked by Conditional Access policies."),
    (53_003 * 10, "An unlisted code."),
    (65001, "The user or administrator has not consented to use the application."),
    (70002, "Error validating credentials."),
    (90002, "Tenant not found."),
    (90009, "Application is requesting a token for itself."),
    (90094, "Admin consent is required."),
    (500_011, "The resource principal was not found in the tenant."),
    (500_021, "Access to tenant is denied."),
    (500_133, "Assertion is not within its valid time range."),
    (530_003, "Your device is required to be managed."),
    (650_052, "The app needs access to a service that your organization has not subscribed to."),
    (650_057, "Invalid resource. The client has requested access to a resource which is not listed."),
    (700_016, "Application was not found in the directory."),
    (700_025, "Client is public so neither client_assertion nor client_secret should be presented."),
    (700_027, "The certificate used to sign the client assertion is not registered on application."),
    (700_054, "response_type 'id_token' is not enabled for the application."),
    (700_211, "No matching federated identity record found for presented assertion issuer."),
    (900_023, "Specified tenant identifier is neither a valid DNS name, nor a valid external domain."),
    (7_000_112, "Application is disabled."),
    (7_000_215, "Invalid client secret provided."),
    (
        7_000_218,
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    ),
    (7_000_222, "The provided client secret keys are expired."),
];

/// Of a user with a device code.
const DEVICE_CODE: &[(u32, &str)] = &[
    (50005, "User tried to log in to a device from a platform that is currently not supported."),
    (50057, "The user account is disabled."),
    (50058, "Session information is not sufficient for single-sign-on."),
    (50076, "You must use multi-factor authentication to access."),
    (50097, "Device authentication is required."),
    (50131, "Device is not in required device state."),
    (50158, "External security challenge was not satisfied."),
    (53000, "Your device is required to be compliant to access this resource."),
    (53003, "Access has been blocked by Conditional Access policies."),
    (65004, "User declined to consent to access the app."),
    (70043, "The refresh token has expired or is invalid due to sign-in frequency checks."),
    (90072, "User account does not exist in tenant and cannot access the application."),
    (530_033, "Access has been blocked by the authentication flows policy."),
    (
        7_000_218,
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    ),
];

/// Of a user with a password.
const PASSWORD: &[(u32, &str)] = &[
    (16000, "User account is not a member of the tenant."),
    (50020, "User account from identity provider does not exist in tenant."),
    (50034, "The user account does not exist in the directory."),
    (50053, "The account is locked, you've tried to sign in too many times."),
    (50055, "The password is expired."),
    (50076, "You must use multi-factor authentication to access."),
    (50079, "You must enroll in multi-factor authentication to access."),
    (50126, "Error validating credentials due to invalid username or password."),
    (65001, "The user or administrator has not consented to use the application."),
    (
        7_000_218,
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    ),
];

/// Of another issuer's token.
const FEDERATED: &[(u32, &str)] = &[
    (50027, "JWT token is invalid or malformed."),
    (50166, "Request to external OIDC endpoint failed."),
    (70021, "No matching federated identity record found for presented assertion."),
    (700_024, "Client assertion is not within its valid time range."),
    (700_211, "No matching federated identity record found for presented assertion issuer."),
    (700_212, "No matching federated identity record found for presented assertion audience."),
    (700_213, "No matching federated identity record found for presented assertion subject."),
    (700_016, "Application was not found in the directory."),
];

#[test]
fn applications() {
    let cases = APPLICATION.iter().map(|(code, text)| spn(&code.to_string(), [refused(*code, text)]));
    pin("application", cases.collect());
}

#[test]
fn device_codes() {
    let device =
        |name: String, answer: Reply| login(&name, "devicecode", APP).at_grant("device_code", [answer]);
    let oauth = |error: &str| Reply::json(400, &json!({ "error": error, "error_description": "" }));
    let mut cases: Vec<Case> =
        DEVICE_CODE.iter().map(|(code, text)| device(code.to_string(), refused(*code, text))).collect();
    cases.push(device("declined".to_owned(), oauth("authorization_declined")));
    cases.push(device("expired".to_owned(), oauth("expired_token")));
    cases.push(device("bad-code".to_owned(), oauth("bad_verification_code")));
    cases.push(
        device("blocked-with-a-browser-here".to_owned(), refused(53003, "Blocked by policy."))
            .tool("xdg-open", "exit 0")
            .env("DISPLAY", ":0"),
    );
    cases.push(
        login("no-code", "devicecode", APP)
            .at_grant("devicecode", [refused(700_016, "Application was not found in the directory.")]),
    );
    cases.push(
        login("code-without-address", "devicecode", APP)
            .at_entra([Reply::json(200, &json!({ "device_code": "d", "user_code": "U" }))]),
    );
    pin("devicecode", cases);
}

#[test]
fn passwords() {
    let ropc = |name: &str, user: &str| {
        login(name, "ropc", APP).args(&["--username", user, "--password", super::SECRET])
    };
    let mut cases: Vec<Case> = PASSWORD
        .iter()
        .map(|(code, text)| {
            ropc(&code.to_string(), "ada@contoso.com").at_grant("password", [refused(*code, text)])
        })
        .collect();
    cases.push(ropc("federated-domain", "ada@federated.example").at_entra([]));
    pin("ropc", cases);
}

#[test]
fn federated_tokens() {
    let token = |exp: u64| {
        unsigned_jwt(&json!({ "iss": "https://issuer.example", "sub": "system:serviceaccount:ns:app",
                              "aud": "api://AzureADTokenExchange", "exp": exp }))
    };
    let sign_in = |name: &str, exp: u64| {
        login(name, "workloadidentity", APP)
            .args(&["--federated-token-file", "@files/token"])
            .hidden_file("token", token(exp))
            .note("file /files/token: a token of https://issuer.example")
    };
    let mut cases: Vec<Case> = FEDERATED
        .iter()
        .map(|(code, text)| sign_in(&code.to_string(), 4_102_444_800).at_entra([refused(*code, text)]))
        .collect();
    let expired = "Client assertion is not within its valid time range.";
    cases.push(sign_in("expired", 1_600_000_000).at_entra([refused(700_024, expired)]));
    pin("workloadidentity", cases);
}

#[test]
fn browsers() {
    let back = |name: &str, query: &str| {
        login(name, "interactive", APP).args(&["--skip-open-browser"]).browser_returns(query).at_entra([])
    };
    pin(
        "interactive",
        vec![
            back(
                "declined",
                "error=access_denied&error_description=AADSTS65004%3A+User+declined+to+consent.",
            ),
            back("blocked", "error=interaction_required&error_description=AADSTS53003%3A+Blocked+by+policy."),
            back(
                "redirect",
                "error=invalid_request&error_description=AADSTS50011%3A+The+redirect+URI+does+not+match.",
            ),
            back("server-error", "error=server_error"),
            back("unknown-code", "code=stray"),
            login("no-answer-in-time", "interactive", APP)
                .args(&["--authentication-timeout", "1s", "--skip-open-browser"])
                .note("no browser comes")
                .at_entra([])
                .without_pauses(),
            login("no-browser", "interactive", APP)
                .args(&["--authentication-timeout", "1s"])
                .env("PATH", "/nonexistent")
                .at_entra([])
                .without_pauses(),
        ],
    );
}

#[test]
fn answers() {
    let json = |body: &str| Reply::new(200, "application/json", body);
    let html =
        |status: u16| Reply::new(status, "text/html", "<html><title>Sign in to the Wi-Fi</title></html>");
    let again = |reply: Reply| vec![reply; 40];
    let busy = Reply::json(429, &json!({ "error": "temporarily_unavailable" }));
    let control =
        json!({ "error": "invalid_client", "error_description": "\u{1b}[2JAADSTS1: a\nHint: run this" });
    pin(
        "answers",
        vec![
            spn("html-page", [html(200)]),
            spn("html-page-of-an-error", [html(403)]),
            spn("incomplete-json", [json("{")]),
            spn("list", [json("[]")]),
            spn("no-token", [json("{}")]),
            spn("odd-token", [json(r#"{"access_token":"a b","token_type":"Bearer","expires_in":1}"#)]),
            spn("no-expiry", [json(r#"{"access_token":"a","token_type":"Bearer"}"#)]),
            spn("other-type", [json(r#"{"access_token":"a","token_type":"dpop","expires_in":1}"#)]),
            spn("redirect", [Reply::new(302, "text/plain", "").header("Location", "https://example.org/")]),
            spn("too-long", [json(&" ".repeat((1 << 20) + 1))]),
            spn("not-found", [Reply::new(404, "text/plain", "")]),
            spn("control-characters", [Reply::json(401, &control)]),
            spn("broken-for-ever", again(Reply::new(500, "text/plain", "oops"))).note("… to every request"),
            spn("busy-for-ever", again(Reply::json(503, &json!({ "error": "temporarily_unavailable" }))))
                .note("… to every request"),
            spn("asks-for-an-hour", [busy.header("Retry-After", "3600")]),
            spn("try-later", again(refused(90033, "A transient error has occurred. Please try again.")))
                .note("… to every request"),
        ]
        .into_iter()
        .map(Case::without_repeated_notes)
        .collect(),
    );
}

#[test]
fn settings_that_came_damaged() {
    let damaged = |name: &str, variable: &str, value: &str| {
        let mut case = case(name, &["get-token", "-l", "spn", "--server-id", SERVER, "--tenant-id", TENANT]);
        for (name, good) in [("AZURE_CLIENT_ID", super::CLIENT), ("AZURE_CLIENT_SECRET", "x")] {
            case = case.env(name, if name == variable { value } else { good });
        }
        case.at_entra([refused(7_000_215, "Invalid client secret provided.")])
    };
    pin(
        "damaged-settings",
        vec![
            damaged("secret-with-a-line-end", "AZURE_CLIENT_SECRET", "secret\n"),
            damaged("secret-in-quotes", "AZURE_CLIENT_SECRET", "\"secret\""),
            damaged("secret-with-a-blank", "AZURE_CLIENT_SECRET", "secret "),
            damaged("client-with-a-blank", "AZURE_CLIENT_ID", " client"),
        ],
    );
}

#[test]
fn clocks() {
    let entra = crate::support::Entra::start();
    entra.state().clock_offset = 3600;
    let answer = refused(700_024, "Client assertion is not within its valid time range.");
    entra.script([answer.clone()]);
    let root = entra.ca().pem();
    pin(
        "clock",
        vec![
            login("an-hour-behind", "spn", APP)
                .args(&["--client-secret", super::SECRET])
                .note("the service's clock is an hour ahead; it answers with AADSTS700024")
                .at_port(entra.port(), &root)
                .keep(entra),
        ],
    );
}
