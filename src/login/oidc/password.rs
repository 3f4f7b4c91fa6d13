//! `password`: user name and password (RFC 6749 section 4.3), of the flags or typed.

use super::Oidc;
use crate::cli::flags::Id;
use crate::error::{Error, Result};
use crate::exec_credential::forbids_terminal;
use crate::oauth::oidc::grant::Grant;
use crate::oauth::token::Token;
use crate::secret::Secret;
use crate::sys::terminal::{self, NoInput};

impl Oidc<'_> {
    /// Asks for what is missing, before anything is sent.
    pub(super) fn password(&self) -> Result<Token> {
        let (session, settings) = (&self.session, &self.session.settings);
        let is_asked = settings.username.is_none() || settings.password.is_none();
        let username = match &settings.username {
            Some(username) => username.clone(),
            None => {
                self.check_terminal(Id::Username)?;
                terminal::ask_line(session.ctx, "Username: ").map_err(|e| missing(Id::Username, e))?
            }
        };
        let password = match &settings.password {
            Some(password) => password.clone(),
            None => self.ask_password()?,
        };
        let grant = Grant::Password { username: &username, password: &password, scope: &settings.scope };
        let tokens =
            session.exchange(&grant).map_err(|refusal| session.explain(refusal, &session.facts()))?;
        let token = self.checked(tokens, None)?;
        // Without a prompt nothing is said: pipelines fail steps that write to stderr.
        if let Some(name) = token.owner.name().filter(|_| is_asked) {
            session.ctx.eprintln(&format!("Signed in as {name}"));
        }
        Ok(token)
    }

    fn ask_password(&self) -> Result<Secret> {
        self.check_terminal(Id::Password)?;
        terminal::ask_hidden(self.session.ctx, "Password: ").map_err(|e| missing(Id::Password, e))
    }

    fn check_terminal(&self, id: Id) -> Result<()> {
        if forbids_terminal(&self.session.ctx.env) {
            return Err(Error::new(format!(
                "{} is missing and the Kubernetes client keeps the terminal for itself",
                id.dashed()
            ))
            .hint(format!("pass {}, or set interactiveMode: IfAvailable in the exec entry", id.dashed())));
        }
        Ok(())
    }
}

fn missing(id: Id, why: NoInput) -> Error {
    let reason = match why {
        NoInput::NoTerminal => "there is no terminal to ask at",
        why => why.reason(),
    };
    Error::new(format!("{} is missing and {reason}", id.dashed()))
        .hint(format!("pass {}, or run the command in a terminal", id.dashed()))
}
