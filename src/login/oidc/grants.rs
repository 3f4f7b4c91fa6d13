//! The grants: each gets tokens from the provider in its way.

use super::Oidc;
use super::settings::Settings;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::http::message::Response;
use crate::login::sign_in_page::SignInPage;
use crate::oauth::device_code::{self, Poll, PollStep};
use crate::oauth::oidc::client::{self, Authorization};
use crate::oauth::oidc::provider::Provider;
use crate::oauth::oidc::web_address::{host, openable};
use crate::oauth::pasted;
use crate::oauth::pkce::{Pkce, State};
use crate::oauth::redirect::{Expected, ExpectedIssuer, Pages, RedirectAnswer};
use crate::oauth::token::{OauthError, Token, TokenFailure};
use crate::secret::Secret;
use crate::sys::browser;
use crate::sys::loopback::Loopback;
use crate::sys::terminal;
use crate::waiting::WaitNotice;

/// Everything that ties an answer to one authorization request.
struct Binding {
    state: State,
    nonce: String,
    pkce: Option<Pkce>,
}

impl Binding {
    fn new(of: &Oidc, provider: &Provider) -> Result<Self> {
        let ctx = of.ctx;
        let pkce = of.sends_pkce(provider).then(|| ctx.random().map(Pkce::new)).transpose()?;
        let nonce = State::new(ctx.random()?).expose().to_owned();
        Ok(Self { state: State::new(ctx.random()?), nonce, pkce })
    }
}

fn expected_issuer(provider: &Provider) -> ExpectedIssuer<'_> {
    match provider.sends_issuer {
        true => ExpectedIssuer::Required(&provider.issuer),
        false => ExpectedIssuer::IfPresent(&provider.issuer),
    }
}

/// The listener, and the redirect address that leads to it.
pub fn listener(of: &Oidc) -> Result<(Loopback, String)> {
    let Settings { listen, redirect_url, redirect_host, .. } = &of.settings;
    let wanted = redirect_url.as_deref().and_then(port_of);
    let split = |address: &String| {
        let (host, port) = address.rsplit_once(':')?;
        Some((host.to_owned(), port.parse::<u16>().ok()?))
    };
    let all: Vec<(String, u16)> = listen.iter().filter_map(split).collect();
    let fitting: Vec<&(String, u16)> = match all.iter().any(|(_, port)| Some(*port) == wanted) {
        true => all.iter().filter(|(_, port)| Some(*port) == wanted).collect(),
        false => all.iter().collect(),
    };
    let any = ("127.0.0.1".to_owned(), 0);
    let candidates = if listen.is_empty() { vec![&any] } else { fitting };
    let mut failures = Vec::new();
    for (host, port) in candidates {
        match Loopback::bind_host(host, *port) {
            Ok(loopback) => {
                let name = redirect_host.as_deref().unwrap_or("localhost");
                let own = format!("http://{name}:{}", loopback.port());
                return Ok((loopback, redirect_url.clone().unwrap_or(own)));
            }
            Err(e) => failures.push(format!("{host}:{port}: {e}")),
        }
    }
    Err(Error::new(format!(
        "could not start a local server: no available port: {}",
        if failures.is_empty() { listen.join(", ") } else { failures.join("; ") }
    ))
    .hint("end the program that uses the port, or name another one with --listen-address and register it"))
}

fn port_of(url: &str) -> Option<u16> {
    let authority = url.split_once("://")?.1.split(['/', '?']).next()?;
    authority.rsplit_once(':')?.1.parse().ok()
}

/// The path of an address; `/` where it has none.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
    path.split(['?', '#']).next().unwrap_or("/")
}

/// In a browser that is redirected to this machine (RFC 8252 section 7.3).
pub fn browser(of: &Oidc) -> Result<Token> {
    let (ctx, settings) = (of.ctx, &of.settings);
    let provider = of.provider()?;
    let endpoint = authorization_endpoint(of, provider)?;
    let (loopback, redirect_uri) = listener(of)?;
    let binding = Binding::new(of, provider)?;
    let request = Authorization {
        redirect_uri: Some(&redirect_uri),
        scope: &settings.scope,
        state: &binding.state,
        nonce: &binding.nonce,
        pkce: binding.pkce.as_ref(),
        extra: &settings.extra,
    };
    let url = settings.client.authorize_url(endpoint, &request);
    let url =
        openable(&url).ok_or_else(|| Error::new("the provider's authorization address cannot be opened"))?;
    let name = settings.redirect_host.as_deref().unwrap_or("localhost");
    let short = format!("http://{name}:{}/", loopback.port());
    let page = SignInPage {
        opened: short.clone(),
        printed: url.clone(),
        redirect_uri: redirect_uri.trim_end_matches('/'),
        pages: Pages { path: path_of(&redirect_uri), start: Some(&url), after: settings.after.as_deref() },
        expected: Expected { state: &binding.state, issuer: expected_issuer(provider) },
        has_pkce: binding.pkce.is_some(),
        opens: settings.opens,
        command: settings.command.as_deref(),
        timeout: settings.browser_timeout,
        short: Some(short),
    };
    let code = accepted(of, page.wait(ctx, loopback)?)?;
    redeem(of, &code, Some(&redirect_uri), &binding)
}

/// In a browser anywhere: the user types the code, or the address to which the browser was sent.
pub fn keyboard(of: &Oidc) -> Result<Token> {
    let (ctx, settings) = (of.ctx, &of.settings);
    let provider = of.provider()?;
    let endpoint = authorization_endpoint(of, provider)?;
    let binding = Binding::new(of, provider)?;
    let request = Authorization {
        redirect_uri: settings.redirect_url.as_deref(),
        scope: &settings.scope,
        state: &binding.state,
        nonce: &binding.nonce,
        pkce: binding.pkce.as_ref(),
        extra: &settings.extra,
    };
    let url = settings.client.authorize_url(endpoint, &request);
    ctx.eprintln(&format!("Please visit the following URL in your browser: {url}"));
    let typed = terminal::ask_line_anywhere(ctx, "Enter code: ")
        .map_err(|e| Error::new(format!("could not read an authorization code: {e}")))?;
    let expected = Expected { state: &binding.state, issuer: expected_issuer(provider) };
    // A code that is typed alone has no state; the user who types it has seen the page.
    let answer = pasted::read(typed.expose(), &expected, true)
        .map_err(|wrong| Error::new("this is no authorization code").hint(wrong.sentence()))?;
    let code = accepted(of, answer)?;
    redeem(of, &code, settings.redirect_url.as_deref(), &binding)
}

fn authorization_endpoint<'p>(of: &Oidc, provider: &'p Provider) -> Result<&'p str> {
    provider.authorization_endpoint.as_deref().ok_or_else(|| {
        Error::new(format!("{} announces no authorization endpoint", of.settings.issuer))
            .hint("use another --grant-type")
    })
}

fn accepted(of: &Oidc, answer: RedirectAnswer) -> Result<Secret> {
    match answer {
        RedirectAnswer::Code(code) => Ok(code),
        RedirectAnswer::Refused { error, description } => {
            let error = OauthError { error, error_description: description, ..Default::default() };
            let by_browser =
                Response { status: 400, headers: Vec::new(), body: Vec::new(), request_id: String::new() };
            Err(of.explain(TokenFailure::Oauth(Box::new(error)), &by_browser))
        }
    }
}

fn redeem(of: &Oidc, code: &Secret, redirect_uri: Option<&str>, binding: &Binding) -> Result<Token> {
    let tokens = of.exchange(|provider, how| {
        of.settings.client.code_request(provider, how, (code, redirect_uri, binding.pkce.as_ref()))
    })?;
    of.token(tokens, Some(&binding.nonce), None)
}

/// With user name and password, prompting for those that are missing.
pub fn password(of: &Oidc) -> Result<Token> {
    let (ctx, settings) = (of.ctx, &of.settings);
    let missing = |name: &str| Error::new(format!("{name} is missing and there is no terminal to ask at"));
    let username = match &settings.username {
        Some(username) => username.clone(),
        None => terminal::ask_line(ctx, "Username: ").map_err(|_| missing("--username"))?,
    };
    let password = match &settings.password {
        Some(password) => password.clone(),
        None => terminal::ask_hidden(ctx, "Password: ").map_err(|_| missing("--password"))?,
    };
    let tokens = of.exchange(|provider, how| {
        settings.client.password_request(provider, how, (&username, &password), &settings.scope)
    })?;
    of.token(tokens, None, None)
}

/// The application itself.
pub fn client_credentials(of: &Oidc) -> Result<Token> {
    let tokens = of.exchange(|provider, how| {
        of.settings.client.client_credentials_request(provider, how, &of.settings.scope, &of.settings.extra)
    })?;
    of.token(tokens, None, None)
}

/// In a browser anywhere, where the user enters a code of ours (RFC 8628).
pub fn device_code(of: &Oidc) -> Result<Token> {
    let (ctx, settings) = (of.ctx, &of.settings);
    let provider = of.provider()?;
    let endpoint = provider.device_authorization_endpoint.as_deref().ok_or_else(|| {
        Error::new(format!("{} announces no device authorization endpoint", settings.issuer))
            .hint("enable the device authorization grant at the provider, or leave --grant-type out")
    })?;
    let mut pkce = of.sends_pkce(provider).then(|| ctx.random().map(Pkce::new)).transpose()?;
    let ask = |pkce: Option<&Pkce>| {
        of.http.send(ctx, &settings.client.device_request(endpoint, &settings.scope, pkce))
    };
    let mut response = ask(pkce.as_ref())?;
    let mut device = device_code::read(&response);
    let is_refused = matches!(&device, Err(TokenFailure::Oauth(error)) if error.error == "invalid_request");
    if is_refused && response.status == 400 && pkce.take().is_some() {
        // Some providers refuse parameters of PKCE here.
        response = ask(None)?;
        device = device_code::read(&response);
    }
    let device = device.map_err(|failure| of.explain(failure, &response))?;
    ctx.eprintln(&device.message);
    ctx.prompts.publish(&device.prompt);
    let _opened = open(ctx, settings, &device);
    let mut poll = Poll::new(&device, ctx.clock.monotonic());
    let mut wait = poll.start();
    let mut waiting = WaitNotice::after_prompt(ctx);
    loop {
        waiting.sleep(wait, || "the code to be entered".to_owned());
        let answer = of.http.send(ctx, &settings.client.poll_request(provider, &device.code, pkce.as_ref()));
        wait = match poll.step_with(answer, ctx.clock.monotonic(), client::read) {
            PollStep::Wait(wait) => wait,
            PollStep::Done(tokens) => return of.token(tokens, None, None),
            PollStep::Refused(failure, response) => return Err(of.explain(failure, &response)),
            PollStep::End(error) => return Err(error),
        };
    }
}

/// Opens the page of a device code, or shows it. What is not a web page is shown by the message and never opened.
fn open(ctx: &Context, settings: &Settings, device: &device_code::DeviceCode) -> Option<browser::Browser> {
    let address = device.complete_address.as_deref().unwrap_or(&device.address);
    let address = openable(address)?;
    if !settings.opens {
        ctx.eprintln(&format!("Please visit the following URL in your browser: {address}"));
        return None;
    }
    let hidden = crate::cli::variables::secret_names();
    let opened = browser::openers(ctx, settings.command.as_deref())
        .and_then(|openers| browser::Browser::open(ctx, openers, &address, hidden));
    if opened.is_err() {
        ctx.log(1, || format!("no browser was opened for {}", host(&address)));
        ctx.eprintln(&format!("Please visit the following URL in your browser: {address}"));
    }
    opened.ok()
}
