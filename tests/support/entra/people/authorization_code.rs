//! The authorization code grant with PKCE: the sign-in page and the code's redemption.

use super::{Answer, Form, Grants, exactly, expect, field, person_scope, refuse};
use base64::Engine;
use sha2::{Digest, Sha256};

pub struct Code {
    tenant: String,
    client: String,
    scope: String,
    redirect_uri: String,
    challenge: String,
    user: String,
}

impl Grants {
    /// The sign-in page: a user who is signed in already. With `form_post` the page at once posts the code to the
    /// redirect address: status 200 and HTML. With `query` the browser is sent there: status 302 and the address.
    pub fn authorize(&mut self, tenant: &str, query: &Form) -> (u16, String) {
        self.seen.push(("authorize".to_owned(), query.clone()));
        match self.try_authorize(tenant, query) {
            Ok(answer) => answer,
            Err((_, body)) => (400, format!("<!doctype html><title>Sign in</title><p>{body}")),
        }
    }

    fn try_authorize(&mut self, tenant: &str, query: &Form) -> Result<(u16, String), Answer> {
        let hint = field(query, "login_hint").map(str::to_owned);
        let mut fields = vec![
            "client_id",
            "response_type",
            "redirect_uri",
            "scope",
            "state",
            "code_challenge",
            "code_challenge_method",
            "response_mode",
            "prompt",
        ];
        fields.extend(hint.as_ref().map(|_| "login_hint"));
        exactly(query, &fields)?;
        expect(query, "response_type", "code")?;
        expect(query, "code_challenge_method", "S256")?;
        let posts = field(query, "response_mode") == Some("form_post");
        if !posts {
            expect(query, "response_mode", "query")?;
        }
        expect(query, "prompt", "select_account")?;
        let value = |name: &str| field(query, name).unwrap().to_owned();
        let redirect_uri = value("redirect_uri");
        let loopback = ["http://localhost:", "http://127.0.0.1:", "http://[::1]:"];
        if !loopback.iter().any(|prefix| redirect_uri.starts_with(prefix)) {
            return Err(refuse("invalid_request", "AADSTS50011"));
        }
        if value("code_challenge").len() != 43 || value("state").len() < 22 {
            return Err(refuse("invalid_request", "AADSTS90014: challenge or state too short"));
        }
        self.serial += 1;
        let code = format!("code-{}+/=", self.serial);
        let scripted = self.script.front().is_some_and(|(of, _)| *of == "authorize");
        let answer = if scripted {
            let (_, (_, body)) = self.script.pop_front().unwrap();
            vec![
                ("error", body["error"].as_str().unwrap().to_owned()),
                ("error_description", body["error_description"].as_str().unwrap().to_owned()),
            ]
        } else {
            let kept = Code {
                tenant: tenant.to_owned(),
                client: value("client_id"),
                scope: person_scope(query)?,
                redirect_uri: redirect_uri.clone(),
                challenge: value("code_challenge"),
                user: hint.unwrap_or_else(|| "browser-user".to_owned()),
            };
            self.codes.insert(code.clone(), kept);
            vec![("code", code)]
        };
        let answer = answer.into_iter().chain([("state", value("state")), ("session_state", "s".into())]);
        if !posts {
            let encoded = |value: &str| value.bytes().map(|b| format!("%{b:02X}")).collect::<String>();
            let pairs: Vec<String> =
                answer.map(|(name, value)| format!("{name}={}", encoded(&value))).collect();
            return Ok((302, format!("{redirect_uri}/?{}#", pairs.join("&"))));
        }
        let mut inputs = String::new();
        for (name, value) in answer {
            inputs += &format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(&value));
        }
        let page = format!(
            "<!doctype html><title>Working…</title><form method=\"POST\" name=\"hiddenform\" action=\"{}\">{inputs}\
             <noscript><button>Continue</button></noscript></form><script>document.forms[0].submit()</script>",
            escape(&redirect_uri)
        );
        Ok((200, page))
    }
}

pub fn token(grants: &mut Grants, tenant: &str, form: &Form) -> Result<Answer, Answer> {
    exactly(
        form,
        &["grant_type", "client_id", "code", "code_verifier", "redirect_uri", "scope", "client_info"],
    )?;
    expect(form, "client_info", "1")?;
    // Single use: whatever is wrong with the rest, the code is gone.
    let code = field(form, "code")
        .and_then(|code| grants.codes.remove(code))
        .ok_or_else(|| refuse("invalid_grant", "AADSTS54005: code redeemed or unknown"))?;
    expect(form, "client_id", &code.client)?;
    expect(form, "redirect_uri", &code.redirect_uri)?;
    expect(form, "scope", &code.scope)?;
    let verifier = field(form, "code_verifier").unwrap();
    let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    if challenge != code.challenge || !(43..=128).contains(&verifier.len()) {
        return Err(refuse("invalid_grant", "AADSTS501481: code_verifier does not match"));
    }
    if tenant != code.tenant {
        return Err(refuse("invalid_grant", "AADSTS700005: another tenant"));
    }
    Ok(grants.issue(tenant, &code.client, &code.scope, &code.user))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}
