//! Proof Key for Code Exchange (RFC 7636), method S256, and the `state` of one sign-in.

use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// The verifier of one sign-in; only its hash is sent before the code is redeemed.
#[derive(Debug)]
pub struct Pkce {
    verifier: Secret,
}

impl Pkce {
    /// Makes the verifier from 32 random bytes: 43 letters, as RFC 7636 section 4.1 recommends.
    pub fn new(random: [u8; 32]) -> Self {
        Self { verifier: Secret::new(URL_SAFE_NO_PAD.encode(random)) }
    }

    /// `code_verifier`, for the token request.
    pub fn verifier(&self) -> &Secret {
        &self.verifier
    }

    /// `code_challenge`, for the browser.
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.expose().as_bytes()))
    }
}

/// `state` (RFC 6749 section 10.12): ties the browser's answer to this process.
#[derive(Clone, Debug)]
pub struct State(Secret);

impl State {
    /// Makes it from random bytes.
    pub fn new(random: [u8; 32]) -> Self {
        Self(Secret::new(URL_SAFE_NO_PAD.encode(random)))
    }

    /// For the address that the browser opens.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Whether an answer's state is this one. Hashes are compared, so that the time it takes says
    /// nothing about the state.
    pub fn matches(&self, answered: &str) -> bool {
        Sha256::digest(self.expose().as_bytes()) == Sha256::digest(answered.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7636_appendix_b() {
        let octets = [
            116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37, 77, 105,
            214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121,
        ];
        let pkce = Pkce::new(octets);
        assert_eq!(pkce.verifier().expose(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(pkce.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn only_the_same_state_matches() {
        let state = State::new([7; 32]);
        assert!(state.matches(state.expose()));
        assert!(!state.matches("") && !state.matches("x"));
    }
}
