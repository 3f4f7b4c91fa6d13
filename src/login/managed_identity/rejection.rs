//! What a source's refusal means, and what to do about it: the only home of managed identity's remedies.

use super::source::{Identity, IdentitySource};
use crate::error::Error;
use crate::http::message::Response;
use crate::oauth::remedy::{Facts, Who, remedy};
use crate::oauth::token::OauthError;
use serde_json::Value;

/// What a request was about.
pub struct Asked<'a> {
    /// The source.
    pub source: &'a IdentitySource,
    /// The identity.
    pub identity: &'a Identity,
    /// The flag or variable that names the identity.
    pub named_by: &'a str,
    /// The server application.
    pub server: &'a str,
}

impl Asked<'_> {
    /// The error to show for a failed answer.
    pub fn error(&self, response: &Response) -> Error {
        if let Some(error) = self.other_cloud(response) {
            return error;
        }
        let (name, status) = (self.source.name(), response.status);
        let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        // The sources' errors have several shapes; the text for people stands in one of these places.
        let text = ["/error_description", "/error/message", "/message", "/Message", "/error"]
            .into_iter()
            .find_map(|place| answer.pointer(place).and_then(Value::as_str));
        let message = match text {
            Some(text) => format!("{name} refused: {text} (HTTP {status})"),
            None if answer.is_object() => format!("{name} refused without an explanation (HTTP {status})"),
            None => format!("{name} refused, in an answer that is not its own (HTTP {status})"),
        };
        let error = match status {
            404 | 408 | 410 | 429 | 500.. => Error::transient(message),
            _ => Error::new(message),
        };
        let error = match self.hint(status, text, answer.is_object()) {
            Some(hint) => error.hint(hint),
            None => error,
        };
        error.id("Request ID", response.request_id.clone())
    }

    fn hint(&self, status: u16, text: Option<&str>, is_json: bool) -> Option<String> {
        let said = text.unwrap_or_default().to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
        if says(&["multiple user assigned", "multiple identities", "more than one"]) {
            return Some(
                "several identities are assigned here: name one with --client-id or --identity-resource-id"
                    .to_owned(),
            );
        }
        let is_unknown = says(&[
            "identity not found",
            "no managed identity",
            "no user assigned",
            "not assigned",
            "no identity",
        ]);
        if is_unknown && (400..500).contains(&status) {
            return Some(self.unknown_identity());
        }
        let facts = Facts { who: Who::Machine, server: self.server.to_owned(), ..Facts::default() };
        let codes =
            OauthError { error_description: text.unwrap_or_default().to_owned(), ..OauthError::default() }
                .codes();
        if let Some(text) = remedy(&codes, &facts) {
            return Some(text);
        }
        match status {
            401 | 403 if !is_json => Some(format!(
                "an agent or proxy between this process and {} answered: let this machine or pod reach {}, or use another --login, such as workloadidentity",
                self.source.name(),
                self.source.shown_endpoint()
            )),
            404 | 410 => Some(
                "the identity is not ready yet: try again in a minute, or give it more time with --timeout"
                    .to_owned(),
            ),
            429 | 500.. => Some("try again in a few minutes".to_owned()),
            _ => None,
        }
    }

    fn unknown_identity(&self) -> String {
        let what = match self.identity {
            Identity::System => {
                return "no identity is assigned to this machine: assign one, or use another --login"
                    .to_owned();
            }
            Identity::Client(id) => format!("the identity with client id {id}"),
            Identity::Resource(id) => format!("the identity {id}"),
        };
        let (origin, way) = (self.named_by, self.way_to_drop());
        format!(
            "{what} (from {origin}) is not assigned to this machine: assign it, or {way} to use the machine's own"
        )
    }

    /// How to ask for the machine's own identity.
    pub fn way_to_drop(&self) -> String {
        let verb = if self.named_by.starts_with("--") { "leave out" } else { "unset" };
        format!("{verb} {}", self.named_by)
    }

    /// Another cloud's metadata service has the same address.
    pub fn other_cloud(&self, response: &Response) -> Option<Error> {
        let cloud = response.other_cloud().filter(|_| matches!(self.source, IdentitySource::Imds { .. }))?;
        Some(
            Error::new(format!(
                "no managed identity here: the metadata service of {cloud} answered (HTTP {})",
                response.status
            ))
            .hint("this machine is not in Azure: use another --login, such as workloadidentity"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    fn error(identity: &Identity, named_by: &str, status: u16, body: &str) -> Error {
        let source = IdentitySource::detect(&crate::context::Env::default(), false).unwrap();
        let body = body.as_bytes().to_vec();
        let response = Response { status, headers: Vec::new(), body, request_id: String::new() };
        Asked { source: &source, identity, named_by, server: "srv" }.error(&response)
    }

    fn hint(identity: &Identity, named_by: &str, status: u16, text: &str) -> String {
        let body = serde_json::json!({ "error": "x", "error_description": text }).to_string();
        error(identity, named_by, status, &body).hint_text().unwrap_or_default().to_owned()
    }

    #[test]
    fn an_unknown_identity_is_shown_with_its_origin() {
        let (client, resource) = (Identity::Client("c".to_owned()), Identity::Resource("/r".to_owned()));
        for text in [
            "Identity not found",
            "No User Assigned Managed Identity found for specified ClientId",
            "No managed identity was found",
        ] {
            assert!(hint(&Identity::System, "", 400, text).starts_with("no identity is assigned"));
            let by_variable = hint(&client, "AZURE_CLIENT_ID", 400, text);
            assert!(by_variable.contains("client id c (from AZURE_CLIENT_ID)"), "{by_variable}");
            assert!(by_variable.contains("unset AZURE_CLIENT_ID"), "{by_variable}");
            let by_flag = hint(&resource, "--identity-resource-id", 404, text);
            assert!(
                by_flag.contains("/r (from --identity-resource-id)") && by_flag.contains("leave out"),
                "{by_flag}"
            );
        }
    }

    #[test]
    fn other_refusals_say_what_to_do() {
        let none = &Identity::System;
        assert!(hint(none, "", 400, "Multiple user assigned identities exist").contains("--client-id or"));
        assert!(hint(none, "", 400, "AADSTS500011: not found").contains("srv"));
        assert!(hint(none, "", 410, "updating").contains("--timeout"));
        assert_eq!(hint(none, "", 400, "what?"), "");
        for page in ["<html>no</html>", "", "forbidden", "[]"] {
            let error = error(none, "", 403, page);
            assert!(
                error.hint_text().unwrap().contains("let this machine or pod reach http://169.254"),
                "{page}"
            );
            assert_eq!(error.class(), Class::Permanent);
        }
        assert_eq!(error(none, "", 403, "{}").hint_text(), None);
    }
}
