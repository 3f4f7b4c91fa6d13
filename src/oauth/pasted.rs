//! What a user pastes after signing in in a browser that cannot reach this machine: the address to which the
//! browser was sent and which it could not open, its query, or the bare code.
//!
//! The text passes the checks of the redirect listener ([`redirect::read_answer`]). A bare code has no
//! `state`, so it counts only where PKCE was sent: a foreign code does not fit the verifier (RFC 9700
//! section 4.7).

use super::form_data;
use super::redirect::{self, Expected, NotAnAnswer, RedirectAnswer};
use crate::secret::Secret;

/// The longest text; Microsoft Entra ID's addresses have two or three KiB.
pub const MAX_PASTED: usize = 16 << 10;

/// Why pasted text is not the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongText {
    /// It is longer than [`MAX_PASTED`].
    TooLong,
    /// It is the address of the sign-in page, not the one to which the browser was sent afterwards.
    SignInPage,
    /// It has neither code nor error, or has a parameter twice.
    NotAnAnswer,
    /// It belongs to another sign-in.
    OtherSignIn,
    /// It comes from another provider.
    OtherIssuer,
}

impl WrongText {
    /// What is wrong, as a sentence that ends with what to do.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::TooLong => "That text is too long. Copy only the browser's address.",
            Self::SignInPage => {
                "That is the address of the sign-in page. Sign in there, then copy the address to which the browser was sent."
            }
            Self::NotAnAnswer => {
                "That is not the answer to the sign-in. Copy the whole address to which the browser was sent; it contains \"code=\"."
            }
            Self::OtherSignIn => {
                "That address belongs to another sign-in. Open the page above and copy the address to which it sends the browser."
            }
            Self::OtherIssuer => {
                "That address comes from another provider. Open the page above and copy the address to which it sends the browser."
            }
        }
    }
}

/// Reads pasted text. `takes_bare_code` says whether PKCE was sent.
///
/// # Errors
/// Why it is not the answer to this request.
pub fn read(text: &str, expected: &Expected, takes_bare_code: bool) -> Result<RedirectAnswer, WrongText> {
    if text.len() > MAX_PASTED {
        return Err(WrongText::TooLong);
    }
    let text = text.trim_matches(is_around);
    let query = match text.split_once('?') {
        Some((_, query)) => query.split('#').next().unwrap_or_default(),
        None => text,
    };
    let has = |names: &[&str]| {
        form_data::parameters(query.as_bytes())
            .any(|(name, value)| !value.is_empty() && names.contains(&name.as_str()))
    };
    if has(&["code", "error"]) {
        return redirect::read_answer(query.as_bytes(), expected).map_err(|wrong| match wrong {
            NotAnAnswer::Malformed => WrongText::NotAnAnswer,
            NotAnAnswer::OtherState => WrongText::OtherSignIn,
            NotAnAnswer::OtherIssuer => WrongText::OtherIssuer,
        });
    }
    if has(&["response_type", "code_challenge"]) {
        return Err(WrongText::SignInPage);
    }
    let code = if text.contains('%') { form_data::percent_decode(text.as_bytes()) } else { text.to_owned() };
    if takes_bare_code && is_code(text) && is_code(&code) {
        Ok(RedirectAnswer::Code(Secret::new(code)))
    } else {
        Err(WrongText::NotAnAnswer)
    }
}

/// Reads what a user types where the provider shows the code: as [`read`], but the provider need not show more than
/// the code, so state and issuer are checked only where they are there.
///
/// # Errors
/// Why it is not the answer to this request.
pub fn read_code(text: &str, expected: &Expected) -> Result<RedirectAnswer, WrongText> {
    let query = text.trim_matches(is_around);
    let query = query.split_once('?').map_or(query, |(_, query)| query.split('#').next().unwrap_or_default());
    let mut code = None;
    for (name, value) in form_data::parameters(query.as_bytes()) {
        match name.as_str() {
            "state" | "iss" | "error" => return read(text, expected, true),
            "code" if code.is_none() => code = Some(value),
            _ => {}
        }
    }
    match code.filter(|code| is_code(code) && text.len() <= MAX_PASTED) {
        Some(code) => Ok(RedirectAnswer::Code(Secret::new(code))),
        None => read(text, expected, true),
    }
}

/// What mail programs, chat programs and shells put around an address.
fn is_around(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "\"'`<>\u{2018}\u{2019}\u{201c}\u{201d}\u{ab}\u{bb}".contains(c)
}

/// Whether it may be a code: visible ASCII (RFC 6749 appendix A.11) and no part of an address.
fn is_code(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_graphic() && !b"&?".contains(&b))
        && !text.contains("://")
}

#[cfg(test)]
mod tests {
    use super::super::pkce::State;
    use super::super::redirect::ExpectedIssuer;
    use super::*;

    fn state() -> State {
        State::new([1; 32])
    }

    fn read_one(text: &str) -> Result<RedirectAnswer, WrongText> {
        read(text, &Expected { state: &state(), issuer: ExpectedIssuer::Any }, true)
    }

    fn code(text: &str) -> Result<RedirectAnswer, WrongText> {
        Ok(RedirectAnswer::Code(Secret::from(text)))
    }

    #[test]
    fn the_address_its_query_and_the_bare_code_are_taken() {
        let query = format!("code=0.A%2Bb_c%3D&state={}&session_state=x", state().expose());
        for text in [
            format!("http://localhost:8400/?{query}"),
            format!("localhost:8400/?{query}#"),
            format!("http://localhost:8400/?{query}#_=_"),
            format!("?{query}"),
            query.clone(),
            format!(" \"http://localhost:1/?{query}\"\r\n"),
            format!("<http://localhost:1/?{query}>"),
            format!("\u{201c}http://localhost:1/?{query}\u{201d}"),
            "0.A+b_c=".to_owned(),
            "'0.A%2Bb_c%3D' ".to_owned(),
        ] {
            assert_eq!(read_one(&text), code("0.A+b_c="), "{text}");
        }
    }

    #[test]
    fn a_refusal_is_taken_too() {
        let text = format!(
            "http://localhost:1/?error=access_denied&error_description=AADSTS1%3a+no&state={}",
            state().expose()
        );
        let (error, description) = ("access_denied".to_owned(), "AADSTS1: no".to_owned());
        assert_eq!(read_one(&text), Ok(RedirectAnswer::Refused { error, description }));
    }

    #[test]
    fn anything_else_is_wrong_and_says_why() {
        let right = state().expose().to_owned();
        for (text, why) in [
            ("", WrongText::NotAnAnswer),
            ("  \"\" ", WrongText::NotAnAnswer),
            ("two words", WrongText::NotAnAnswer),
            ("a&b", WrongText::NotAnAnswer),
            ("a%26b", WrongText::NotAnAnswer),
            ("a%20b", WrongText::NotAnAnswer),
            ("a%00b", WrongText::NotAnAnswer),
            ("c\u{f6}de", WrongText::NotAnAnswer),
            ("a\u{1b}[31mb", WrongText::NotAnAnswer),
            ("http://localhost:8400/", WrongText::NotAnAnswer),
            ("http://localhost:8400/?code=&state=x", WrongText::NotAnAnswer),
            ("https://login.microsoftonline.com/x?a=b", WrongText::NotAnAnswer),
            ("https://a/authorize?response_type=code&code_challenge=x&state=y", WrongText::SignInPage),
            ("code=x", WrongText::OtherSignIn),
            ("http://localhost:1/?code=x&state=wrong", WrongText::OtherSignIn),
            ("error=access_denied", WrongText::OtherSignIn),
            (&format!("code=a&code=b&state={right}"), WrongText::NotAnAnswer),
            (&format!("code=a&state={right}&state={right}"), WrongText::NotAnAnswer),
            (&"x".repeat(MAX_PASTED + 1), WrongText::TooLong),
        ] {
            assert_eq!(read_one(text), Err(why), "{text}");
        }
        assert_eq!(read_one(&"x".repeat(MAX_PASTED)), code(&"x".repeat(MAX_PASTED)));
    }

    #[test]
    fn state_and_issuer_are_checked_and_a_bare_code_needs_pkce() {
        let state = state();
        let expected = Expected { state: &state, issuer: ExpectedIssuer::Required("https://a") };
        let query = format!("code=x&state={}", state.expose());
        assert_eq!(read(&query, &expected, false), Err(WrongText::OtherIssuer));
        assert_eq!(read(&format!("{query}&iss=https%3A%2F%2Fa"), &expected, false), code("x"));
        assert_eq!(read("x", &expected, false), Err(WrongText::NotAnAnswer));
        assert_eq!(read("x", &expected, true), code("x"));
    }

    #[test]
    fn a_code_that_the_provider_shows_needs_no_state() {
        let expected_state = state();
        let expected = Expected { state: &expected_state, issuer: ExpectedIssuer::IfPresent("https://a") };
        let right = format!("code=x&state={}", expected_state.expose());
        for (text, answer) in [
            ("x", code("x")),
            (" 'x' ", code("x")),
            ("code=x", code("x")),
            ("http://localhost/?code=x", code("x")),
            (right.as_str(), code("x")),
            (&format!("{right}&iss=https%3A%2F%2Fa"), code("x")),
            (&format!("{right}&iss=https%3A%2F%2Fb"), Err(WrongText::OtherIssuer)),
            ("code=x&state=y", Err(WrongText::OtherSignIn)),
            ("code=x&iss=https%3A%2F%2Fa", Err(WrongText::OtherSignIn)),
            ("code=a%20b", Err(WrongText::OtherSignIn)),
            ("", Err(WrongText::NotAnAnswer)),
        ] {
            assert_eq!(read_code(text, &expected), answer, "{text}");
        }
    }

    #[test]
    fn every_truncation_is_wrong() {
        let whole = format!("http://localhost:1/?state={}&code=secret", state().expose());
        for end in 0..whole.len() - "ecret".len() {
            // Pieces of "http" are words like any code; what has an address's marks is none.
            let part = whole.get(..end).unwrap();
            assert!(read_one(part).is_err() || !part.contains("://"), "{part}");
        }
    }
}
