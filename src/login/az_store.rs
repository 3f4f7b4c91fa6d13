//! The Azure CLI's own folder: where it is, whether its files can be trusted, and reading them.
//!
//! Invariant: the folder is only ever read. az keeps managing its tokens, so a sign-out counts at once. What
//! the files say is decided in [`oauth::az_store`](crate::oauth::az_store); whatever is unexpected here or there
//! is a reason to run az.

use crate::context::Context;
use crate::oauth::az_store::{self, Account, AccountKind, Files, MAX_FILE_BYTES, Question, RunAz};
use crate::oauth::token::Token;
use crate::sys::paths::is_file;
use crate::sys::programs;
use crate::sys::stable_read::{FileBytes, is_writable_by_all, modified, read_stable};
use std::io;
use std::path::{Path, PathBuf};

const STORE: &str = "msal_token_cache.json";
/// Where the tokens are when az encrypts them.
const ENCRYPTED_STORE: &str = "msal_token_cache.bin";
const PRINCIPALS: &str = "service_principal_entries.json";

type Bytes = Option<FileBytes>;

/// What az would be asked, and the folder where the answer may be.
pub struct AzStore<'a> {
    /// The world.
    pub ctx: &'a Context,
    /// `--resource` as az is given it.
    pub resource: String,
    /// `--tenant-id`.
    pub tenant: Option<&'a str>,
    /// `--subscription`.
    pub subscription: Option<&'a str>,
}

/// The files that say which account az uses.
struct Settings {
    config: Bytes,
    clouds: Bytes,
    profile: Bytes,
}

impl AzStore<'_> {
    /// The token that az would print.
    ///
    /// # Errors
    /// Why az has to be run for it.
    pub fn token(&self) -> Result<Token, RunAz> {
        let folder = self.folder()?;
        let settings = Settings::read(&folder)?;
        let question = self.question()?;
        let account = az_store::account(&question, &settings.files())?;
        let store = read(&folder, STORE)?;
        check_not_moved(&folder)?;
        let principals = match account.kind {
            AccountKind::Application => read(&folder, PRINCIPALS)?,
            _ => None,
        };
        let files = Files { store: bytes(&store), principals: bytes(&principals), ..settings.files() };
        let is_there = |path: &str| Path::new(path).is_absolute() && is_file(Path::new(path));
        az_store::token(&question, &account, &files, &is_there)
    }

    /// The account that az would use.
    ///
    /// # Errors
    /// Why the files do not say.
    pub fn account(&self) -> Result<Account, RunAz> {
        let settings = Settings::read(&self.folder()?)?;
        az_store::account(&self.question()?, &settings.files())
    }

    /// Checks that az keeps its tokens in plain form.
    ///
    /// # Errors
    /// Why it does not, or why that cannot be told.
    pub fn check_plain(&self) -> Result<(), RunAz> {
        let folder = self.folder()?;
        az_store::check_plain(&self.question()?, &Settings::read(&folder)?.files())?;
        check_not_moved(&folder)?;
        match modified(&folder.join(STORE)) {
            Ok(Some(_)) => Ok(()),
            _ => Err(RunAz::never("az has no token store in plain form")),
        }
    }

    /// What tells this question apart from others: all that decides az's answer, but for the time.
    pub fn identity(&self) -> [Option<&[u8]>; 5] {
        let variable = |name: &str| self.ctx.env.raw(name).map(|value| value.as_encoded_bytes());
        let folder = variable("AZURE_CONFIG_DIR").or_else(|| variable("HOME"));
        [
            Some(self.resource.as_bytes()),
            self.tenant.map(str::as_bytes),
            self.subscription.map(str::as_bytes),
            folder,
            variable("AZURE_CLOUD_NAME"),
        ]
    }

    fn question(&self) -> Result<Question<'_>, RunAz> {
        Ok(Question {
            resource: &self.resource,
            tenant: self.tenant,
            subscription: self.subscription,
            cloud_variable: self.variable("AZURE_CLOUD_NAME")?,
            encryption_variable: self.variable("AZURE_CORE_ENCRYPT_TOKEN_CACHE")?,
            now: self.ctx.now(),
        })
    }

    /// A variable of az's, also an empty one.
    fn variable(&self, name: &'static str) -> Result<Option<&str>, RunAz> {
        let unusual = || RunAz::never(format!("{name} is not valid text"));
        self.ctx.env.raw(name).map(|value| value.to_str().ok_or_else(unusual)).transpose()
    }

    /// az's folder, where nothing says that az would not use the files in it.
    fn folder(&self) -> Result<PathBuf, RunAz> {
        if cfg!(windows) {
            return Err(RunAz::never("az encrypts its tokens on Windows"));
        }
        if self.ctx.env.raw("ARM_CLOUD_METADATA_URL").is_some() {
            return Err(RunAz::never("ARM_CLOUD_METADATA_URL is set"));
        }
        if self.ctx.env.os("COPILOT_AGENT_SESSION_ID").is_some() {
            return Err(RunAz::never("COPILOT_AGENT_SESSION_ID is set"));
        }
        let folder = match self.ctx.env.raw("AZURE_CONFIG_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => PathBuf::from(self.ctx.env.raw("HOME").unwrap_or_default()).join(".azure"),
        };
        if !folder.is_absolute() {
            return Err(RunAz::never("az's folder has no absolute path"));
        }
        // In WSL the Windows az may come first on PATH; it has another home.
        let az = programs::find(&self.ctx.env, "az");
        if az.is_some_and(|az| is_file(&az.with_file_name("../python.exe"))) {
            return Err(RunAz::never("az is a Windows program"));
        }
        match is_writable_by_all(&folder) {
            Ok(false) => Ok(folder),
            Ok(true) => Err(RunAz::never(format!("every user may write to {}", folder.display()))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                Err(RunAz::never(format!("there is no folder {}", folder.display())))
            }
            Err(e) => Err(RunAz::never(format!("cannot read {}: {e}", folder.display()))),
        }
    }
}

impl Settings {
    fn read(folder: &Path) -> Result<Self, RunAz> {
        Ok(Self {
            config: read(folder, "config")?,
            clouds: read(folder, "clouds.config")?,
            profile: read(folder, "azureProfile.json")?,
        })
    }

    fn files(&self) -> Files<'_> {
        Files {
            config: bytes(&self.config),
            clouds: bytes(&self.clouds),
            profile: bytes(&self.profile),
            ..Files::default()
        }
    }
}

fn bytes(bytes: &Bytes) -> Option<&[u8]> {
    bytes.as_deref()
}

fn read(folder: &Path, name: &str) -> Result<Bytes, RunAz> {
    let path = folder.join(name);
    read_stable(&path, MAX_FILE_BYTES).map_err(|e| match e.kind() {
        io::ErrorKind::WouldBlock => RunAz::soon(format!("{} {e}", path.display())),
        io::ErrorKind::InvalidInput | io::ErrorKind::FileTooLarge => {
            RunAz::never(format!("{} {e}", path.display()))
        }
        _ => RunAz::never(format!("cannot read {}: {e}", path.display())),
    })
}

/// Checks that az has not begun to encrypt its tokens since it wrote the plain store.
fn check_not_moved(folder: &Path) -> Result<(), RunAz> {
    let time = |name: &str| {
        modified(&folder.join(name)).map_err(|e| RunAz::never(format!("cannot read {name}: {e}")))
    };
    match (time(STORE)?, time(ENCRYPTED_STORE)?) {
        (Some(plain), Some(encrypted)) if encrypted < plain => Ok(()),
        (_, Some(_)) => Err(RunAz::never("az has moved its tokens to the keyring")),
        (_, None) => Ok(()),
    }
}
