//! Azure Arc's proof of local access: the agent names a file that only privileged users can read, and its
//! content is sent back.
//!
//! Any local process that listens on the agent's port could name any file, so only a key file directly in the
//! agent's own folder is ever opened. Source: learn.microsoft.com, "Authenticate against Azure resources with Azure
//! Arc-enabled servers".

use crate::context::Env;
use crate::error::{Error, Result};
use crate::http::message::Response;
use crate::secret::Secret;
use crate::sys::files::read_bounded;
use crate::sys::paths;
use std::path::PathBuf;

const MAX_KEY: u64 = 4096;

/// Where the agent keeps its key files, and where its program may be.
struct Agent {
    key_folder: String,
    separator: char,
    programs: Vec<PathBuf>,
}

impl Agent {
    fn of(env: &Env) -> Self {
        if !cfg!(windows) {
            return Self {
                key_folder: "/var/opt/azcmagent/tokens".to_owned(),
                separator: '/',
                programs: vec![PathBuf::from("/opt/azcmagent/bin/himds")],
            };
        }
        Self::windows(env)
    }

    fn windows(env: &Env) -> Self {
        let of = |variable: &str, folder: &str| env.text(variable).unwrap_or(folder).to_owned();
        let data = of("PROGRAMDATA", r"C:\ProgramData");
        let program = |folder: &str| PathBuf::from(format!(r"{folder}\AzureConnectedMachineAgent\himds.exe"));
        Self {
            key_folder: format!(r"{data}\AzureConnectedMachineAgent\Tokens"),
            separator: '\\',
            programs: vec![program(&of("PROGRAMFILES", r"C:\Program Files")), program(&data)],
        }
    }

    /// The file that `Basic realm=<file>` names, if it may be read.
    fn key_file(&self, challenge: &str) -> Result<PathBuf> {
        let realm = challenge
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .and_then(|(_, parameters)| parameters.trim().strip_prefix("realm="))
            .map(|realm| realm.trim().trim_matches('"'))
            .ok_or_else(|| Error::new("the Azure Arc agent's challenge names no key file"))?;
        let refused = |why: &str| {
            Err(Error::new(format!("the Azure Arc agent named the key file {realm}, which {why}: refused")))
        };
        let folder = &self.key_folder;
        // Compared as text: a path with .. or // in it is not directly in the folder.
        let is_below = |prefix: &str| match self.separator {
            '/' => prefix == folder,
            _ => prefix.eq_ignore_ascii_case(folder),
        };
        let name = realm.split_at_checked(folder.len()).filter(|(prefix, _)| is_below(prefix));
        let Some(name) = name.and_then(|(_, rest)| rest.strip_prefix(self.separator)) else {
            return refused(&format!("is not in {folder}"));
        };
        if name.contains(['/', '\\', ':']) || name.starts_with('.') {
            return refused(&format!("is not directly in {folder}"));
        }
        if !name.ends_with(".key") {
            return refused("does not end in .key");
        }
        Ok(PathBuf::from(realm))
    }
}

/// Whether the agent's program is installed.
pub fn agent_is_there(env: &Env) -> bool {
    Agent::of(env).programs.iter().any(|program| paths::exists(program))
}

/// `Basic <content of the key file>` for the agent's challenge.
///
/// # Errors
/// No challenge in the answer, a file outside the agent's folder, one that cannot be read.
pub fn authorization(env: &Env, challenge: &Response) -> Result<Secret> {
    let header = challenge
        .header("www-authenticate")
        .ok_or_else(|| Error::new("the Azure Arc agent's answer has no challenge (WWW-Authenticate)"))?;
    let path = Agent::of(env).key_file(header)?;
    let refused = |why: &str| Error::new(format!("the Azure Arc agent's key file {} {why}", path.display()));
    if paths::is_link(&path) {
        return Err(refused("is a symbolic link: refused"));
    }
    let key = read_bounded(&path, MAX_KEY).map_err(|e| {
        let hint = match cfg!(windows) {
            true => "run it as an administrator, or as a member of the group \"Hybrid agent extension applications\"",
            false => "the user must be root or a member of the group himds",
        };
        refused(&format!("cannot be read: {e}")).hint(hint)
    })?;
    match std::str::from_utf8(&key).map(str::trim) {
        Ok(key) if !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic()) => {
            Ok(Secret::new(format!("Basic {key}")))
        }
        _ => Err(refused("holds no key")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_windows_the_folder_is_that_of_the_program_data() {
        let agent = Agent::windows(&[("PROGRAMDATA", r"D:\Data")].into_iter().collect());
        let file = r"D:\Data\AzureConnectedMachineAgent\Tokens\a.key";
        assert_eq!(agent.key_file(&format!("Basic realm={file}")).unwrap(), PathBuf::from(file));
        for bad in [
            r"Basic realm=D:\Data\AzureConnectedMachineAgent\Tokens\..\a.key",
            r"Basic realm=D:\Data\AzureConnectedMachineAgent\Tokens\x\a.key",
            r"Basic realm=D:\Data\AzureConnectedMachineAgent\Tokens\x:a.key",
            r"Basic realm=C:\Windows\a.key",
            "Basic realm=D:\\Data\\AzureConnectedMachineAgent\\Tokensé\\a.key",
        ] {
            assert!(agent.key_file(bad).is_err(), "{bad}");
        }
        assert_eq!(agent.programs.len(), 2);
    }

    #[test]
    fn only_key_files_of_the_agents_folder() {
        let agent = Agent::of(&Env::default());
        for good in
            ["Basic realm=/var/opt/azcmagent/tokens/a.key", "basic realm=\"/var/opt/azcmagent/tokens/a.key\""]
        {
            assert_eq!(agent.key_file(good).unwrap(), PathBuf::from("/var/opt/azcmagent/tokens/a.key"));
        }
        for bad in [
            "",
            "Basic",
            "Basic realm",
            "Bearer realm=/var/opt/azcmagent/tokens/a.key",
            "Basic realm=/etc/shadow",
            "Basic realm=/var/opt/azcmagent/tokens/../../../../etc/shadow",
            "Basic realm=/var/opt/azcmagent/tokens/../a.key",
            "Basic realm=/var/opt/azcmagent/tokens/x/a.key",
            "Basic realm=/var/opt/azcmagent/tokens//a.key",
            "Basic realm=/var/opt/azcmagent/tokens/a.pem",
            "Basic realm=/var/opt/azcmagent/tokens/.key",
            "Basic realm=/var/opt/azcmagent/tokens",
            "Basic realm=/var/opt/azcmagent/tokensX/a.key",
            "Basic realm=var/opt/azcmagent/tokens/a.key",
        ] {
            assert!(agent.key_file(bad).is_err(), "{bad}");
        }
    }
}
