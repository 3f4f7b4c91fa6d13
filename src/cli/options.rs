//! [`ParsedArgs`] and the environment -> [`Options`]: what was meant. The only home of precedence.
//!
//! An environment variable that is set beats the flag, and later names beat earlier ones, as scripts
//! written for the original rely on; [`When`] in the flag table says when each counts. Each setting
//! remembers where it came from.

use super::flags::{FLAGS, Family, Flag, Id, ValueKind, When};
use super::parse::{ParsedArgs, parse_number};
use super::paths;
use crate::context::{Context, Env};
use crate::error::{Error, Result};
use crate::http::url::{is_scheme, without_userinfo};
use crate::mode::Mode;
use crate::oauth::oidc::lists;
use crate::secret::Secret;
use crate::time::parse_go_duration;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a setting's value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingSource {
    /// The flag table.
    Default,
    /// The command line.
    Flag,
    /// This environment variable.
    Env(&'static str),
}

#[derive(Clone)]
struct Setting {
    id: Id,
    value: Cow<'static, OsStr>,
    /// A path with its `~/` expanded.
    expanded: Option<PathBuf>,
    source: SettingSource,
}

/// The settings of one run.
pub struct Options {
    given: ParsedArgs,
    settings: Vec<Setting>,
    login: Mode,
    home: Option<PathBuf>,
}

impl Options {
    /// Works out every setting.
    ///
    /// # Errors
    /// An environment variable that is not UTF-8, and what the checks of every mode refuse: an unknown
    /// login method, an authority host that is no URL, half of the PoP pair.
    pub fn resolve(given: ParsedArgs, env: &Env) -> Result<Self> {
        let nothing = Env::default();
        let home = paths::home(env);
        if let Some(options) = Self::of_provider(&given, env, home.as_deref())? {
            return Ok(options);
        }
        let env = if given.is_on(Id::DisableEnvironmentOverride) { &nothing } else { env };
        let login = {
            // A command without the flag is not stopped by a variable that it does not use.
            let env = if Id::Login.flag().belongs_to(given.command) { env } else { &nothing };
            let setting = resolve_one(Id::Login.flag(), &given, env, None)?;
            match Mode::parse(&setting.value.to_string_lossy())? {
                Mode::Oidc => {
                    return Err(Error::new("AAD_LOGIN_METHOD=oidc is not supported")
                        .hint("pass --login oidc with --oidc-issuer-url and --oidc-client-id"));
                }
                mode => mode,
            }
        };
        let settings = FLAGS
            .iter()
            .filter(|flag| flag.belongs_to(given.command))
            .map(|flag| {
                let env = if flag.reads_env_in(given.command) { env } else { &nothing };
                let mut setting = resolve_one(flag, &given, env, Some(login))?;
                if is_path(flag) && setting.source != SettingSource::Default {
                    setting.expanded = paths::expand(Path::new(&setting.value), home.as_deref()).ok();
                }
                Ok(setting)
            })
            .collect::<Result<_>>()?;
        let options = Self { given, settings, login, home };
        options.check()?;
        Ok(options)
    }

    /// The settings of an OpenID provider's command line: one with a flag that only those have, or `--login oidc`. No
    /// variable of Azure's counts there, so that none turns a browser sign-in into another.
    fn of_provider(given: &ParsedArgs, env: &Env, home: Option<&Path>) -> Result<Option<Self>> {
        let (azure, provider) = (given.first_of(Family::Azure), given.first_of(Family::Oidc));
        let login = given.last(Id::Login).filter(|login| !login.is_empty());
        if provider.is_none() && login != Some(OsStr::new("oidc")) {
            return Ok(None);
        }
        let other = match login {
            Some(login) if login != "oidc" => Some(format!("--login {}", login.to_string_lossy())),
            _ => azure.map(Id::dashed),
        };
        if let Some(other) = other {
            let own = provider.map_or_else(|| "--login oidc".to_owned(), Id::dashed);
            return Err(Error::new(format!("{own} and {other} do not go together")).hint(
                "flags of an OpenID provider sign in to that provider, the others to Microsoft Entra ID",
            ));
        }
        let nothing = Env::default();
        let settings = FLAGS.iter().filter(|flag| flag.belongs_to(given.command)).map(|flag| {
            let env = if flag.id == Id::CacheDir { env } else { &nothing };
            let mut setting = resolve_one(flag, given, env, Some(Mode::Oidc))?;
            if is_path(flag) && setting.source != SettingSource::Default {
                setting.expanded = paths::expand(Path::new(&setting.value), home).ok();
            }
            Ok(setting)
        });
        let settings = settings.collect::<Result<_>>()?;
        Ok(Some(Self { given: given.clone(), settings, login: Mode::Oidc, home: home.map(Path::to_owned) }))
    }

    /// What every mode refuses, whether it uses the flag or not.
    fn check(&self) -> Result<()> {
        if let Some(host) = self.text(Id::AuthorityHost) {
            let shown = without_userinfo(host);
            if !is_absolute_url(host) {
                return Err(Error::new(format!("authority host \"{shown}\" is not valid")));
            }
            if !host.ends_with('/') {
                return Err(Error::new(format!("authority host \"{shown}\" should have a trailing slash")));
            }
        }
        match (self.is_on(Id::PopEnabled), self.text(Id::PopClaims).is_some()) {
            (true, false) => Err(Error::new("--pop-claims is required when specifying --pop-enabled")),
            (false, true) => Err(Error::new("--pop-enabled is required when specifying --pop-claims")),
            _ => Ok(()),
        }
    }

    /// The same as if some flags had not been given.
    #[must_use]
    pub fn without(&self, ids: &[Id]) -> Self {
        let settings = self.settings.iter().filter(|setting| !ids.contains(&setting.id)).cloned().collect();
        Self { given: self.given.without(ids), settings, login: self.login, home: self.home.clone() }
    }

    /// Refuses paths that cannot be meant as they are, of the flags that count; `exists` knows the file system.
    ///
    /// # Errors
    /// `~/` without a home folder; `${HOME}`, `$NAME` or `~user` that no shell has expanded.
    pub fn check_paths(&self, counts: impl Fn(Id) -> bool, exists: impl Fn(&Path) -> bool) -> Result<()> {
        for setting in self.settings.iter().filter(|setting| counts(setting.id)) {
            let flag = setting.id.flag();
            let name = match setting.source {
                SettingSource::Env(name) => name.to_owned(),
                SettingSource::Flag if is_path(flag) => flag.id.dashed(),
                _ => continue,
            };
            let all = self.given.all(flag.id).filter(|_| flag.repeatable);
            for value in all.chain((!flag.repeatable).then_some(&*setting.value)).filter(|_| is_path(flag)) {
                paths::usable(Path::new(value), self.home.as_deref(), &exists).map_err(|why| {
                    Error::new(format!("cannot use the path {} ({name}): {why}", value.to_string_lossy()))
                        .hint(paths::HINT)
                })?;
            }
        }
        Ok(())
    }

    /// The login mode.
    pub fn login(&self) -> Mode {
        self.login
    }

    /// What the command line said, before the environment.
    pub fn args(&self) -> &ParsedArgs {
        &self.given
    }

    fn setting(&self, id: Id) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.id == id)
    }

    /// Where a setting came from.
    pub fn source(&self, id: Id) -> SettingSource {
        self.setting(id).map_or(SettingSource::Default, |setting| setting.source)
    }

    fn os(&self, id: Id) -> Option<&OsStr> {
        self.setting(id).map(|setting| &*setting.value).filter(|value| !value.is_empty())
    }

    /// A setting's text; `None` if it has none or an empty one.
    pub fn text(&self, id: Id) -> Option<&str> {
        self.os(id).and_then(OsStr::to_str)
    }

    /// A setting as a path, its `~/` expanded.
    pub fn path(&self, id: Id) -> Option<&Path> {
        let typed = self.os(id)?;
        let expanded = self.setting(id).and_then(|setting| setting.expanded.as_deref());
        Some(expanded.unwrap_or(Path::new(typed)))
    }

    /// A setting as it was typed, by the environment or on the command line.
    pub fn as_typed(&self, id: Id) -> Option<&OsStr> {
        self.os(id)
    }

    /// All paths that were given for a flag that may be repeated.
    pub fn paths(&self, id: Id) -> Vec<PathBuf> {
        self.given.all(id).map(|path| self.expanded(path)).collect()
    }

    /// Without a home folder it stays as it is; [`Options::check_paths`] has refused it.
    fn expanded(&self, path: &OsStr) -> PathBuf {
        paths::expand(Path::new(path), self.home.as_deref()).unwrap_or_else(|_| PathBuf::from(path))
    }

    /// A setting that must not be shown.
    pub fn secret(&self, id: Id) -> Option<Secret> {
        self.text(id).map(Secret::from)
    }

    /// Whether a boolean setting is on.
    pub fn is_on(&self, id: Id) -> bool {
        self.given.is_on(id)
    }

    /// A whole number; the type was checked when it was read.
    pub fn number(&self, id: Id) -> Option<u32> {
        self.text(id).and_then(parse_number)
    }

    /// The values of a list, repeated flags one after the other; the default where none is given.
    pub fn list(&self, id: Id) -> Vec<String> {
        let mut given = self.given.all(id).filter_map(OsStr::to_str).peekable();
        if given.peek().is_none() {
            return lists::csv(id.flag().default).unwrap_or_default();
        }
        given.flat_map(|text| lists::csv(text).unwrap_or_default()).collect()
    }

    /// The pairs of a flag; of one key the last value counts.
    pub fn pairs(&self, id: Id) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = Vec::new();
        let given = self.given.all(id).filter_map(OsStr::to_str);
        for (key, value) in given.flat_map(|text| lists::pairs(text).unwrap_or_default()) {
            all.retain(|(known, _)| *known != key);
            all.push((key, value));
        }
        all
    }

    /// All values of a flag that may be repeated, as they are.
    pub fn texts(&self, id: Id) -> Vec<&str> {
        self.given.all(id).filter_map(OsStr::to_str).collect()
    }

    /// A duration; the type was checked when it was read.
    pub fn duration(&self, id: Id) -> Duration {
        self.text(id).and_then(parse_go_duration).unwrap_or_default()
    }

    /// A setting that the login mode cannot do without.
    ///
    /// # Errors
    /// `<name> cannot be empty`, the words that scripts know.
    pub fn required(&self, id: Id, name: &str) -> Result<&str> {
        self.text(id).ok_or_else(|| {
            Error::new(format!("{name} cannot be empty")).hint(how_to_give(
                id.flag(),
                self.login,
                &self.given,
            ))
        })
    }

    /// The folder of the token cache; the last of `--cache-dir` and `--token-cache-dir` counts.
    ///
    /// # Errors
    /// When nothing names one and there is no home folder.
    pub fn cache_dir(&self, ctx: &Context) -> Result<PathBuf> {
        if let Some(said) = self.given.last_of(&[Id::CacheDir, Id::TokenCacheDir]).filter(|d| !d.is_empty()) {
            return Ok(self.expanded(said));
        }
        if let (SettingSource::Env(_), Some(path)) = (self.source(Id::CacheDir), self.path(Id::CacheDir)) {
            return Ok(path.to_owned());
        }
        ctx.home().map(|home| home.join(".kube").join("cache").join("kubelogin")).ok_or_else(|| {
            Error::new("there is no folder for the token cache: HOME is not set")
                .hint("set HOME or KUBECACHEDIR, or pass --cache-dir")
        })
    }

    /// One line at `-v 1` for each setting that the environment took from the command line.
    pub fn log_overrides(&self, ctx: &Context) {
        for setting in &self.settings {
            if let SettingSource::Env(name) = setting.source {
                let flag = setting.id.flag();
                let verb = if self.given.last(setting.id).is_some() { "overrides" } else { "sets" };
                ctx.log(1, || format!("environment variable {name} {verb} --{}", flag.long));
            }
        }
    }
}

fn is_path(flag: &Flag) -> bool {
    matches!(flag.kind, ValueKind::File | ValueKind::Folder)
}

/// `--flag` and the variables that give the same with the flags in force, for a hint.
fn how_to_give(flag: &Flag, login: Mode, given: &ParsedArgs) -> String {
    let azure_rm = given.is_on(Id::UseAzureRmEnvVars);
    let are_read = !given.is_on(Id::DisableEnvironmentOverride) && login != Mode::Oidc;
    let mut names: Vec<&str> = Vec::new();
    for variable in flag.env {
        let counts = match variable.when {
            When::In(mode) | When::Fallback(mode) => mode == login,
            When::AzureRm => azure_rm,
            When::NotAzureRm => !azure_rm,
            When::Always | When::FlagWins => true,
        };
        if are_read && counts && !names.contains(&variable.name) {
            names.push(variable.name);
        }
    }
    if names.is_empty() {
        format!("pass --{}", flag.long)
    } else {
        format!("pass --{} or set {}", flag.long, names.join(" or "))
    }
}

fn resolve_one(flag: &'static Flag, given: &ParsedArgs, env: &Env, login: Option<Mode>) -> Result<Setting> {
    let azure_rm = given.is_on(Id::UseAzureRmEnvVars);
    let is_said = |id: Id| given.last(id).is_some_and(|said| !said.is_empty());
    let mut setting = match given.last(flag.id) {
        Some(said) => {
            let value = Cow::Owned(said.to_owned());
            Setting { id: flag.id, value, expanded: None, source: SettingSource::Flag }
        }
        None => Setting {
            id: flag.id,
            value: Cow::Borrowed(OsStr::new(flag.default)),
            expanded: None,
            source: SettingSource::Default,
        },
    };
    for variable in flag.env {
        let counts = match variable.when {
            When::Always => true,
            When::NotAzureRm => !azure_rm,
            When::AzureRm => azure_rm,
            When::In(mode) => login == Some(mode),
            When::Fallback(mode) => login == Some(mode) && setting.value.is_empty(),
            // The cache folder's; its flag has two names.
            When::FlagWins => setting.source == SettingSource::Default && !is_said(Id::TokenCacheDir),
        };
        let Some(value) = env.os(variable.name).filter(|_| counts) else {
            continue;
        };
        match (flag.kind, value.to_str()) {
            (ValueKind::File | ValueKind::Folder, _) => {}
            (_, None) => {
                return Err(Error::new(format!("environment variable {} is not valid UTF-8", variable.name)));
            }
            // The original ignores a duration that does not parse.
            (ValueKind::Duration, Some(text)) if parse_go_duration(text).is_none_or(|d| d.is_zero()) => {
                continue;
            }
            _ => {}
        }
        setting.value = Cow::Owned(value.to_owned());
        setting.source = SettingSource::Env(variable.name);
    }
    Ok(setting)
}

/// A scheme, `://` and a host; whether the scheme is allowed is the authority's business.
fn is_absolute_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| {
        is_scheme(scheme)
            && !rest.is_empty()
            && !rest.starts_with(['/', ':', '?', '#'])
            && !text.contains(|c: char| c.is_whitespace() || c.is_control())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::parse::parse;
    use std::ffi::OsString;

    fn options(args: &[&str], env: &[(&str, &str)]) -> Result<Options> {
        let args: Vec<OsString> = std::iter::once(&"get-token").chain(args).map(OsString::from).collect();
        Options::resolve(parse(&args)?, &env.iter().copied().collect())
    }

    fn client_id(args: &[&str], env: &[(&str, &str)]) -> (String, SettingSource) {
        let options = options(args, env).unwrap();
        (options.text(Id::ClientId).unwrap_or_default().to_owned(), options.source(Id::ClientId))
    }

    #[test]
    fn environment_beats_flag_and_azure_beats_aad() {
        let aad = ("AAD_SERVICE_PRINCIPAL_CLIENT_ID", "aad");
        let azure = ("AZURE_CLIENT_ID", "azure");
        assert_eq!(client_id(&["--client-id=flag"], &[]), ("flag".into(), SettingSource::Flag));
        assert_eq!(
            client_id(&["--client-id=flag"], &[aad]),
            ("aad".into(), SettingSource::Env("AAD_SERVICE_PRINCIPAL_CLIENT_ID"))
        );
        assert_eq!(client_id(&["--client-id=flag"], &[aad, azure]).0, "azure");
        assert_eq!(client_id(&["--client-id=flag"], &[("AZURE_CLIENT_ID", "")]).0, "flag");
        assert_eq!(
            client_id(&["--client-id=flag", "--disable-environment-override"], &[aad, azure]).0,
            "flag"
        );
    }

    #[test]
    fn terraform_names_replace_the_usual_ones() {
        let env = &[("ARM_CLIENT_ID", "arm"), ("AZURE_CLIENT_ID", "azure")];
        assert_eq!(client_id(&[], env).0, "azure");
        assert_eq!(client_id(&["--use-azurerm-env-vars"], env).0, "arm");
        assert_eq!(client_id(&["--use-azurerm-env-vars"], &[("AZURE_CLIENT_ID", "azure")]).0, "");
        assert_eq!(client_id(&["--use-azurerm-env-vars", "-l", "workloadidentity"], env).0, "azure");
        let user = options(&["--use-azurerm-env-vars"], &[("AZURE_USERNAME", "u")]).unwrap();
        assert_eq!(user.text(Id::Username), Some("u"));
    }

    #[test]
    fn pipeline_variables_fill_blanks_only() {
        let blank = ("AZURESUBSCRIPTION_CLIENT_ID", "blank");
        assert_eq!(client_id(&["-lazurepipelines"], &[blank]).0, "blank");
        assert_eq!(client_id(&["-lazurepipelines", "--client-id=flag"], &[blank]).0, "flag");
        assert_eq!(client_id(&["-lazurepipelines"], &[blank, ("AZURE_CLIENT_ID", "azure")]).0, "azure");
        assert_eq!(client_id(&["-lspn"], &[blank]).0, "");
    }

    #[test]
    fn the_login_method_comes_from_the_environment_too() {
        assert_eq!(options(&["-l", "spn"], &[("AAD_LOGIN_METHOD", "msi")]).unwrap().login(), Mode::Msi);
        let error = options(&["-l", "x"], &[]).err().unwrap();
        assert!(
            error
                .message()
                .starts_with("'x' is not a supported login method. Supported method is one of devicecode,")
        );
    }

    #[test]
    fn mode_bound_variables_count_only_there() {
        let env = &[("AZURE_AUTHORITY_HOST", "https://a/"), ("AZURE_FEDERATED_TOKEN_FILE", "/f")];
        let spn = options(&["-lspn"], env).unwrap();
        assert_eq!(spn.text(Id::AuthorityHost), None);
        let federated = options(&["-lworkloadidentity"], env).unwrap();
        assert_eq!(federated.text(Id::AuthorityHost), Some("https://a/"));
        assert_eq!(federated.path(Id::FederatedTokenFile), Some(Path::new("/f")));
    }

    #[test]
    fn authority_host_and_pop_pair_are_checked_in_every_mode() {
        let message = |args: &[&str]| options(args, &[]).err().map(|e| e.message().to_owned());
        assert_eq!(message(&["--authority-host=x"]).unwrap(), "authority host \"x\" is not valid");
        assert_eq!(
            message(&["--authority-host=https://x"]).unwrap(),
            "authority host \"https://x\" should have a trailing slash"
        );
        assert_eq!(message(&["--authority-host=https://x/"]), None);
        assert!(message(&["--pop-enabled"]).unwrap().starts_with("--pop-claims is required"));
        assert!(message(&["--pop-claims=u=1"]).unwrap().starts_with("--pop-enabled is required"));
        assert_eq!(message(&["--pop-enabled", "--pop-claims=u=1"]), None);
    }

    #[test]
    fn the_timeout_variable_is_ignored_if_it_does_not_parse() {
        let timeout =
            |value: &str| options(&[], &[("AZURE_CLI_TIMEOUT", value)]).unwrap().duration(Id::Timeout);
        assert_eq!(timeout("5s"), Duration::from_secs(5));
        for bad in ["5", "x", "0s", "-1s"] {
            assert_eq!(timeout(bad), Duration::from_secs(60), "{bad}");
        }
    }

    #[test]
    fn cache_folder() {
        let ctx = |env: &[(&str, &str)]| {
            Context::fake(
                &[],
                env.iter().copied().collect(),
                Context::real().clock,
                Box::new(std::io::sink()),
                Box::new(std::io::sink()),
            )
        };
        let dir = |args: &[&str], env: &[(&str, &str)]| {
            options(args, env).unwrap().cache_dir(&ctx(env)).map_err(|e| e.message().to_owned())
        };
        assert_eq!(dir(&[], &[("HOME", "/h")]).unwrap(), Path::new("/h/.kube/cache/kubelogin"));
        assert_eq!(dir(&[], &[("HOME", "/h"), ("KUBECACHEDIR", "/k")]).unwrap(), Path::new("/k"));
        assert_eq!(dir(&["--cache-dir=/c"], &[("KUBECACHEDIR", "/k")]).unwrap(), Path::new("/c"));
        assert_eq!(dir(&["--cache-dir=/c", "--token-cache-dir=/t"], &[]).unwrap(), Path::new("/t"));
        assert_eq!(dir(&["--token-cache-dir=/t", "--cache-dir=/c"], &[]).unwrap(), Path::new("/c"));
        assert!(dir(&[], &[]).is_err());
        let source = |args: &[&str]| options(args, &[("KUBECACHEDIR", "/k")]).unwrap().source(Id::CacheDir);
        assert_eq!(source(&[]), SettingSource::Env("KUBECACHEDIR"));
        assert_eq!(source(&["--token-cache-dir=/t"]), SettingSource::Default);
    }
}
