//! The pages that the browser shows at the end of a sign-in: small, readable by everyone, in light and
//! dark, with nothing loaded from anywhere.

use crate::error::one_line;

/// What a page says.
#[derive(Debug)]
pub enum Page<'a> {
    /// The browser's part is done.
    Done,
    /// The service refused.
    Refused {
        /// `error`
        error: &'a str,
        /// `error_description`
        description: &'a str,
    },
    /// The request is not part of the sign-in that is waiting.
    NotAnAnswer,
}

/// Takes the code of a query out of the history; [`POLICY`] names its hash.
const SCRIPT: &str = "history.replaceState(null,'','/')";
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; script-src 'sha256-/pjm5mjVC8qSf3E2vn/Jvti9PA65a7Nkc8TYEuKfhyQ='";
const STYLE: &str = "body{margin:0;min-height:100vh;display:grid;place-items:center;\
font:1.125rem/1.5 system-ui,sans-serif;background:#fff;color:#1b1b1b}\
main{max-width:36rem;padding:2rem}h1{font-size:1.75rem;line-height:1.25;margin:0 0 1rem}\
p{margin:0 0 1rem;overflow-wrap:anywhere}\
@media(prefers-color-scheme:dark){body{background:#1b1b1b;color:#f2f2f2}}";

/// A whole HTTP response with a page.
pub fn page(status: &str, page: &Page) -> Vec<u8> {
    let (title, text) = match page {
        Page::Done => (
            "Done in the browser",
            "<p>Return to the terminal to continue. You can close this window.</p>".to_owned(),
        ),
        Page::Refused { error, description } => (
            "The sign-in failed",
            format!(
                "<p>{} ({})</p><p>The terminal shows the details. You can close this window.</p>",
                escape(&one_line(description.lines().next().unwrap_or_default())),
                escape(&one_line(error))
            ),
        ),
        Page::NotAnAnswer => (
            "This page is not part of the current sign-in",
            "<p>kubelogin is still waiting. Continue in the window that it opened, or run it again.</p>"
                .to_owned(),
        ),
    };
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
<meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} - kubelogin</title>\n\
<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{text}\n</main>\n\
<script>{SCRIPT}</script>\n</body>\n</html>\n"
    );
    response(status, "text/html; charset=utf-8", &html)
}

/// A whole HTTP response that only says its status.
pub fn plain(status: &str) -> Vec<u8> {
    response(status, "text/plain; charset=utf-8", &format!("{status}\n"))
}

/// Sends the browser to an address that has been checked; no page is kept of it.
pub fn redirect_to(address: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 302 Found\r\nLocation: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\
Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n\r\n"
    )
    .into_bytes()
}

fn response(status: &str, media_type: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\nConnection: close\r\n\
Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\
Content-Security-Policy: {POLICY}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use sha2::{Digest, Sha256};

    #[test]
    fn the_policy_allows_the_one_script_and_nothing_from_elsewhere() {
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(SCRIPT));
        assert!(POLICY.contains(&format!("'sha256-{hash}'")), "{hash}");
        let bytes = page("200 OK", &Page::Done);
        let text = String::from_utf8(bytes).unwrap();
        for outside in ["src=", "href=", "url(", "@import"] {
            assert!(!text.contains(outside), "{outside}");
        }
        let (header, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(header.contains(&format!("Content-Length: {}\r\n", body.len())));
    }
}
