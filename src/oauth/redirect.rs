//! The browser's way back: reading what it sends to the redirect address.
//!
//! Any local process can connect to the loopback port. [`step`] reads the bytes of one request so far and
//! either asks for more, answers with a page, or takes the code; it bounds header and body, and only an
//! answer with the right `state` and issuer ends the sign-in. What a user pastes goes through the same
//! [`read_answer`].

use super::form_data::parameters;
use super::pkce::State;
use super::redirect_request::{Parsed, parse};
use super::result_page::{Page, page, plain, redirect_to};
use crate::secret::Secret;

/// What the browser brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedirectAnswer {
    /// The authorization code.
    Code(Secret),
    /// The sign-in was refused, in the service's words.
    Refused {
        /// `error`
        error: String,
        /// `error_description`
        description: String,
    },
}

/// What an answer must have to be taken.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The `state` of the authorization request.
    pub state: &'a State,
    /// The issuer.
    pub issuer: ExpectedIssuer<'a>,
}

/// The `iss` parameter of an answer (RFC 9207 section 2.4).
#[derive(Clone, Copy, Debug)]
pub enum ExpectedIssuer<'a> {
    /// It is not checked: Microsoft Entra ID sends none.
    Any,
    /// If there is one, it is this.
    IfPresent(&'a str),
    /// The provider announces that it sends it.
    Required(&'a str),
}

/// Why a form or query is not the answer to the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAnAnswer {
    /// It has neither code nor error, or has a parameter twice.
    Malformed,
    /// Its `state` is missing or another request's.
    OtherState,
    /// Its `iss` is missing or another provider's.
    OtherIssuer,
}

/// What follows from the bytes that have come so far.
#[derive(Debug, PartialEq, Eq)]
pub enum RedirectStep {
    /// The request is not complete.
    More,
    /// Send this back; the sign-in goes on waiting.
    Reply(Vec<u8>),
    /// Send this back; the sign-in has its answer.
    End(Vec<u8>, RedirectAnswer),
}

/// Where requests to the listener lead.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pages<'a> {
    /// The path of the redirect address.
    pub path: &'a str,
    /// Where a plain request for `/` is sent: a short address stands for the long one of the sign-in page.
    pub start: Option<&'a str>,
    /// Where the browser is sent after a sign-in, in place of our own page.
    pub after: Option<&'a str>,
}

/// Reads `bytes`, all that has come of one request to the listener.
pub fn step(bytes: &[u8], pages: &Pages, expected: &Expected) -> RedirectStep {
    let request = match parse(bytes) {
        Parsed::More => return RedirectStep::More,
        Parsed::Bad(status) => return RedirectStep::Reply(plain(status)),
        Parsed::Request(request) => request,
    };
    // A browser that only looks ahead has not signed in.
    if request.is_prefetch {
        return RedirectStep::Reply(plain("403 Forbidden"));
    }
    let has_answer = || {
        let form = request.form.unwrap_or_default();
        request.path == pages.path
            && parameters(form.as_bytes())
                .any(|(name, _)| matches!(name.as_str(), "code" | "error" | "state"))
    };
    if let Some(start) = pages.start.filter(|_| request.method == "GET" && request.path == "/")
        && !has_answer()
    {
        return RedirectStep::Reply(redirect_to(start));
    }
    if request.path != pages.path {
        return RedirectStep::Reply(plain("404 Not Found"));
    }
    let form = match (request.method, request.form) {
        ("POST", _) => request.body,
        ("GET", Some(query)) => query.as_bytes(),
        ("GET", None) => return RedirectStep::Reply(page("400 Bad Request", &Page::NotAnAnswer)),
        _ => return RedirectStep::Reply(plain("405 Method Not Allowed")),
    };
    match read_answer(form, expected) {
        Err(_) => RedirectStep::Reply(page("400 Bad Request", &Page::NotAnAnswer)),
        Ok(RedirectAnswer::Code(code)) => {
            let done = pages.after.map_or_else(|| page("200 OK", &Page::Done), redirect_to);
            RedirectStep::End(done, RedirectAnswer::Code(code))
        }
        Ok(RedirectAnswer::Refused { error, description }) => RedirectStep::End(
            page("200 OK", &Page::Refused { error: &error, description: &description }),
            RedirectAnswer::Refused { error, description },
        ),
    }
}

/// Reads the answer in a form or query (RFC 6749 sections 4.1.2 and 3.1).
///
/// # Errors
/// Why it is not the answer to this request. The state is checked first.
pub fn read_answer(form: &[u8], expected: &Expected) -> Result<RedirectAnswer, NotAnAnswer> {
    let field = |name: &str| -> Result<Option<String>, NotAnAnswer> {
        let mut values = parameters(form).filter(|(n, _)| n == name).map(|(_, value)| value);
        let first = values.next();
        if values.next().is_some() { Err(NotAnAnswer::Malformed) } else { Ok(first) }
    };
    if !field("state")?.is_some_and(|state| expected.state.matches(&state)) {
        return Err(NotAnAnswer::OtherState);
    }
    let issuer = field("iss")?;
    let is_issuer = match (expected.issuer, issuer.as_deref()) {
        (ExpectedIssuer::Any, _) | (ExpectedIssuer::IfPresent(_), None) => true,
        (ExpectedIssuer::Required(_), None) => false,
        (ExpectedIssuer::IfPresent(wanted) | ExpectedIssuer::Required(wanted), Some(issuer)) => {
            issuer == wanted
        }
    };
    if !is_issuer {
        return Err(NotAnAnswer::OtherIssuer);
    }
    if let Some(error) = field("error")? {
        let description = field("error_description")?.unwrap_or_default();
        return Ok(RedirectAnswer::Refused { error, description });
    }
    let code = field("code")?.filter(|code| !code.is_empty()).ok_or(NotAnAnswer::Malformed)?;
    Ok(RedirectAnswer::Code(Secret::new(code)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::form_data::decode;
    use crate::oauth::redirect_request::MAX_HEADER;

    fn state() -> State {
        State::new([1; 32])
    }

    fn run_bytes(request: &[u8]) -> RedirectStep {
        step(
            request,
            &Pages { path: "/", ..Pages::default() },
            &Expected { state: &state(), issuer: ExpectedIssuer::Any },
        )
    }

    fn run(request: &str) -> RedirectStep {
        run_bytes(request.as_bytes())
    }

    fn post(form: &str) -> String {
        format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        )
    }

    fn with_state(fields: &str) -> String {
        format!("{fields}&state={}&session_state=x", state().expose())
    }

    fn status(step: &RedirectStep) -> String {
        match step {
            RedirectStep::More => "more".to_owned(),
            RedirectStep::Reply(bytes) => String::from_utf8_lossy(&bytes[9..12]).into_owned(),
            RedirectStep::End(_, answer) => format!("{answer:?}"),
        }
    }

    #[test]
    fn takes_the_code_of_a_form_and_of_a_query() {
        let code = RedirectAnswer::Code(Secret::from("a b/c"));
        for request in [
            post(&with_state("code=a+b%2Fc")),
            format!("GET /?{} HTTP/1.1\r\n\r\n", with_state("code=a%20b/c")),
        ] {
            assert!(matches!(run(&request), RedirectStep::End(_, answer) if answer == code), "{request}");
        }
    }

    /// Found by fuzzing.
    #[test]
    fn what_follows_the_body_is_no_part_of_it() {
        let request = post(&with_state("code=x").replace("&session_state=x", ""));
        for more in ["0", "&state=other", "&code=y", "\r\n\r\nPOST / HTTP/1.1"] {
            let step = run(&(request.clone() + more));
            let code = RedirectAnswer::Code(Secret::from("x"));
            assert!(matches!(step, RedirectStep::End(_, answer) if answer == code), "{more}");
        }
    }

    #[test]
    fn any_part_of_an_answer_asks_for_more() {
        let request = post(&with_state("code=x"));
        for end in 0..request.len() {
            assert_eq!(run_bytes(&request.as_bytes()[..end]), RedirectStep::More, "{end}");
        }
    }

    #[test]
    fn only_the_right_state_ends_the_wait() {
        for form in ["code=x&state=wrong", "code=x", "error=access_denied", "error=x&state=", "", "code="] {
            assert_eq!(status(&run(&post(form))), "400", "{form}");
        }
        for form in ["code=", "x=y", "code=a&code=b"] {
            assert_eq!(status(&run(&post(&with_state(form)))), "400", "{form}");
        }
        let twice = format!("{}&state={}", with_state("code=x"), state().expose());
        assert_eq!(status(&run(&post(&twice))), "400");
    }

    #[test]
    fn no_damage_to_an_answer_panics_or_passes_with_another_state() {
        let whole = post(&with_state("code=right")).into_bytes();
        let mut seed = 1_u64;
        for _ in 0..20_000 {
            let mut bytes = whole.clone();
            for _ in 0..3 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = usize::try_from(seed >> 33).unwrap() % bytes.len();
                bytes[at] = seed.to_le_bytes()[3];
            }
            if let RedirectStep::End(..) = run_bytes(&bytes) {
                let text = String::from_utf8_lossy(&bytes);
                let encoded = text.split_once("\r\n\r\n").unwrap().1;
                assert!(
                    encoded.split('&').any(|pair| decode(pair.as_bytes()).ends_with(state().expose())),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn a_refusal_ends_it_and_is_escaped_on_the_page() {
        let form =
            with_state("error=access_denied&error_description=AADSTS1%3A+%3Cscript%3Ealert(1)%3C/script%3E");
        let RedirectStep::End(page, RedirectAnswer::Refused { error, description }) = run(&post(&form))
        else {
            panic!("no end")
        };
        assert_eq!(error, "access_denied");
        assert_eq!(description, "AADSTS1: <script>alert(1)</script>");
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains("AADSTS1: &lt;script&gt;alert(1)&lt;/script&gt;"));
    }

    #[test]
    fn what_else_browsers_and_others_send_is_answered() {
        for (request, expected) in [
            ("GET /favicon.ico HTTP/1.1\r\n\r\n", "404"),
            ("GET /x?code=y HTTP/1.1\r\n\r\n", "404"),
            ("GET / HTTP/1.1\r\n\r\n", "400"),
            ("HEAD / HTTP/1.1\r\n\r\n", "405"),
            ("OPTIONS / HTTP/1.1\r\n\r\n", "405"),
            ("POST / HTTP/1.1\r\n\r\n", "411"),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "411"),
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Type: text/plain\r\n\r\nx", "415"),
            ("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "400"),
            ("POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", "400"),
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400"),
            ("GET http://evil/ HTTP/1.1\r\n\r\n", "400"),
            ("GET / HTTP/2\r\n\r\n", "400"),
            ("\u{16}\u{3}\u{1}\r\n\r\n", "400"),
        ] {
            assert_eq!(status(&run(request)), expected, "{request}");
        }
        let form = "application/x-www-form-urlencoded";
        for length in ["65537", "99999999999999999999999"] {
            let huge = format!("POST / HTTP/1.1\r\nContent-Type: {form}\r\nContent-Length: {length}\r\n\r\n");
            assert_eq!(status(&run(&huge)), "413");
        }
        assert_eq!(status(&run(&format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(MAX_HEADER)))), "431");
    }

    #[test]
    fn a_cookie_of_any_bytes_keeps_no_code_out() {
        let with = |cookie: &[u8], line: &[u8]| {
            let form = with_state("code=x");
            let rest = format!(
                "\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
                form.len()
            );
            [line, b"\r\nCookie: a=", cookie, rest.as_bytes()].concat()
        };
        for cookie in [&b"\xff"[..], b"\xc3", b"m\xfcnchen", "m\u{fc}nchen".as_bytes()] {
            let whole = with(cookie, b"POST / HTTP/1.1");
            assert!(matches!(run_bytes(&whole), RedirectStep::End(..)), "{cookie:?}");
            for end in 0..whole.len() {
                assert_eq!(run_bytes(&whole[..end]), RedirectStep::More, "{cookie:?} {end}");
            }
        }
        for line in [&b"POST /\xff HTTP/1.1"[..], "POST /\u{fc} HTTP/1.1".as_bytes()] {
            assert_eq!(status(&run_bytes(&with(b"x", line))), "400");
        }
    }

    #[test]
    fn a_path_of_the_redirect_url_is_the_only_one() {
        let state = state();
        let expected = Expected { state: &state, issuer: ExpectedIssuer::Any };
        let get = |path: &str| format!("GET {path}?{} HTTP/1.1\r\n\r\n", with_state("code=x"));
        assert_eq!(
            status(&step(get("/").as_bytes(), &Pages { path: "/cb", ..Pages::default() }, &expected)),
            "404"
        );
        assert!(matches!(
            step(get("/cb").as_bytes(), &Pages { path: "/cb", ..Pages::default() }, &expected),
            RedirectStep::End(..)
        ));
    }

    #[test]
    fn the_short_address_leads_to_the_sign_in_page() {
        let state = state();
        let expected = Expected { state: &state, issuer: ExpectedIssuer::Any };
        let run = |request: &str, path| {
            let pages = Pages { path, start: Some("https://a/auth?x"), after: Some("https://b/") };
            step(format!("{request} HTTP/1.1\r\n\r\n").as_bytes(), &pages, &expected)
        };
        for path in ["/", "/cb"] {
            for request in ["GET /", "GET /?utm=x"] {
                let RedirectStep::Reply(page) = run(request, path) else { panic!("{request}") };
                assert!(String::from_utf8(page).unwrap().contains("\r\nLocation: https://a/auth?x\r\n"));
            }
        }
        for (request, path, expected) in [
            ("HEAD /", "/", "405"),
            ("GET /x", "/", "404"),
            ("GET /?code=x", "/", "400"),
            ("GET /?error=x", "/", "400"),
            ("GET /cb", "/cb", "400"),
        ] {
            assert_eq!(status(&run(request, path)), expected, "{request}");
        }
        let RedirectStep::End(page, _) = run(&format!("GET /?{}", with_state("code=x")), "/") else {
            panic!()
        };
        assert!(String::from_utf8(page).unwrap().contains("\r\nLocation: https://b/\r\n"));
    }

    #[test]
    fn a_guess_of_the_browser_ends_nothing() {
        for purpose in ["Sec-Purpose: prefetch;prerender", "Purpose: prefetch", "purpose:prefetch"] {
            let request = format!("GET /?{} HTTP/1.1\r\n{purpose}\r\n\r\n", with_state("code=x"));
            assert_eq!(status(&run(&request)), "403");
        }
    }

    #[test]
    fn an_issuer_is_the_providers_own() {
        let state = state();
        let read = |more: &str, issuer| {
            let form = with_state("code=x") + more;
            read_answer(form.as_bytes(), &Expected { state: &state, issuer })
        };
        let (right, other) = ("&iss=https%3A%2F%2Fa", "&iss=https%3A%2F%2Fa%2F");
        for (more, issuer, is_taken) in [
            (other, ExpectedIssuer::Any, true),
            ("", ExpectedIssuer::IfPresent("https://a"), true),
            (right, ExpectedIssuer::IfPresent("https://a"), true),
            (other, ExpectedIssuer::IfPresent("https://a"), false),
            (right, ExpectedIssuer::Required("https://a"), true),
            (other, ExpectedIssuer::Required("https://a"), false),
            ("", ExpectedIssuer::Required("https://a"), false),
        ] {
            let read = read(more, issuer);
            assert_eq!(read.is_ok(), is_taken, "{more} {issuer:?}");
            assert!(is_taken || read == Err(NotAnAnswer::OtherIssuer));
        }
    }

    #[test]
    fn broken_escapes_are_taken_as_they_are() {
        for (text, decoded) in [("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("%41%", "A%"), ("%ff", "\u{fffd}")]
        {
            assert_eq!(decode(text.as_bytes()), decoded);
        }
    }
}
