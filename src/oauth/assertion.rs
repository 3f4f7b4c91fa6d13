//! The assertion by which an application proves that it has its certificate's key.
//!
//! Source: RFC 7523 section 3; learn.microsoft.com, "Microsoft identity platform application authentication
//! certificate credentials"; AD FS takes the older form only.

use super::jws;
use crate::keys::Certificate;
use crate::keys::private_key::Algorithm;
use crate::secret::Secret;
use crate::time::UnixTime;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

/// How long an assertion can be used, in seconds.
const LIFETIME: UnixTime = 600;

/// What an assertion says.
pub struct Assertion<'a> {
    /// The application.
    pub client_id: &'a str,
    /// The token endpoint's address; a query is none of the audience.
    pub token_endpoint: &'a str,
    /// Never used before.
    pub id: &'a str,
    /// Its first second.
    pub now: UnixTime,
}

impl Assertion<'_> {
    /// What is to be signed. The chain goes with it: subject-name/issuer authentication needs it.
    pub fn signing_input(
        &self,
        algorithm: Algorithm,
        certificate: &Certificate,
        chain: &[Certificate],
    ) -> Secret {
        let x5c: Vec<String> =
            std::iter::once(certificate).chain(chain).map(|c| STANDARD.encode(&c.der)).collect();
        let mut header = json!({ "alg": algorithm.name(), "typ": "JWT", "x5c": x5c });
        let (name, thumbprint) = match algorithm {
            Algorithm::Rs256 => ("x5t", URL_SAFE_NO_PAD.encode(certificate.sha1())),
            Algorithm::Ps256 | Algorithm::Es256 => ("x5t#S256", URL_SAFE_NO_PAD.encode(certificate.sha256())),
        };
        if let Some(header) = header.as_object_mut() {
            header.insert(name.to_owned(), thumbprint.into());
        }
        let audience = self.token_endpoint.split('?').next().unwrap_or_default();
        let claims = json!({
            "aud": audience,
            "iss": self.client_id,
            "sub": self.client_id,
            "jti": self.id,
            "nbf": self.now,
            "exp": self.now.saturating_add(LIFETIME),
        });
        jws::signing_input(&header, &claims)
    }
}
