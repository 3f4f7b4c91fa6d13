//! What may follow on a command line: the candidates that the shells' completion scripts ask for.

use crate::cli::flags::{COMMANDS, Command, FLAGS, Flag, Id, ValueKind};
use crate::cloud;
use crate::context::Context;
use crate::kubeconfig::active;
use crate::mode::Mode;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The shells that there are scripts for.
pub const SHELLS: &[&str] = &["bash", "fish", "powershell", "zsh"];

/// What may stand in a word's place.
#[derive(Debug, PartialEq, Eq)]
pub enum Candidates {
    /// One of these, each with a description that may be empty.
    Words(Vec<(String, String)>),
    /// A file.
    Files,
    /// A folder.
    Folders,
}

/// Candidates for the last of `words`, which come after the program's name. A shell may split
/// `--flag=value` at the `=`, as bash does.
pub fn candidates(ctx: &Context, words: &[OsString]) -> Candidates {
    let words: Vec<&str> = words.iter().map(|word| word.to_str().unwrap_or_default()).collect();
    let (current, before) = words.split_last().map_or(("", &[][..]), |(current, before)| (*current, before));
    let command = command_of(before);
    if let Some((flag, start)) = value_position(command, before, current) {
        return values(ctx, flag, before, start);
    }
    if current.starts_with('-') {
        let flags = FLAGS.iter().filter(|flag| flag.belongs_to(command));
        return matching(flags.map(|flag| (format!("--{}", flag.long), flag.help.to_owned())), current);
    }
    match command {
        Command::Root => commands(current),
        Command::Help => commands(current),
        Command::Completion => {
            matching(SHELLS.iter().map(|shell| ((*shell).to_owned(), String::new())), current)
        }
        _ => Candidates::Words(Vec::new()),
    }
}

fn commands(current: &str) -> Candidates {
    matching(COMMANDS.iter().map(|row| (row.name.to_owned(), row.about.to_owned())), current)
}

fn command_of(before: &[&str]) -> Command {
    let mut is_value = false;
    for word in before {
        if !std::mem::take(&mut is_value) && !word.starts_with('-') && *word != "=" {
            return COMMANDS.iter().find(|row| row.name == *word).map_or(Command::Root, |row| row.command);
        }
        // Global flags with a value may stand before the command.
        is_value = matches!(*word, "-v" | "--v");
    }
    Command::Root
}

/// The flag whose value the current word is, with what is written of it.
fn value_position<'a>(
    command: Command,
    before: &[&str],
    current: &'a str,
) -> Option<(&'static Flag, &'a str)> {
    let named = |word: &str| {
        FLAGS.iter().find(|flag| {
            let short = flag.short.is_some_and(|short| word == format!("-{short}"));
            flag.belongs_to(command) && flag.takes_value() && (word == format!("--{}", flag.long) || short)
        })
    };
    if let Some((name, value)) = current.split_once('=').filter(|_| current.starts_with('-')) {
        return named(name).map(|flag| (flag, value));
    }
    match before {
        [.., name, "="] => named(name).map(|flag| (flag, current)),
        [.., name] if current == "=" => named(name).map(|flag| (flag, "")),
        [.., name] => named(name).map(|flag| (flag, current)),
        [] => None,
    }
}

fn values(ctx: &Context, flag: &Flag, before: &[&str], start: &str) -> Candidates {
    let plain = |words: Vec<String>| matching(words.into_iter().map(|word| (word, String::new())), start);
    match flag.kind {
        ValueKind::File => Candidates::Files,
        ValueKind::Folder => Candidates::Folders,
        ValueKind::LoginMode => plain(Mode::ALL.iter().map(|(_, name)| (*name).to_owned()).collect()),
        ValueKind::Cloud => plain(cloud::names().into_iter().map(str::to_owned).collect()),
        ValueKind::Choice(words) => plain(words.iter().map(|word| (*word).to_owned()).collect()),
        ValueKind::ContextName => plain(active::contexts(ctx, kubeconfig(ctx, before).as_deref())),
        ValueKind::Bool
        | ValueKind::Level
        | ValueKind::Duration
        | ValueKind::Number
        | ValueKind::List
        | ValueKind::Pairs
        | ValueKind::Text => Candidates::Words(Vec::new()),
    }
}

/// The kubeconfig that the line names already; the shell has not replaced its `~` yet.
fn kubeconfig(ctx: &Context, before: &[&str]) -> Option<PathBuf> {
    let name = Id::Kubeconfig.dashed();
    let at = before.iter().position(|word| *word == name || word.starts_with(&format!("{name}=")))?;
    let path = match before.get(at)?.split_once('=') {
        Some((_, value)) => value,
        None => before.get(at + 1..)?.iter().find(|word| **word != "=")?,
    };
    match path.strip_prefix("~/") {
        Some(rest) => Some(ctx.home()?.join(rest)),
        None => Some(PathBuf::from(path)),
    }
}

fn matching(words: impl Iterator<Item = (String, String)>, start: &str) -> Candidates {
    Candidates::Words(words.filter(|(word, _)| word.starts_with(start)).collect())
}

/// The candidates as the scripts read them: a line each, the description after a tab; `:files` or `:folders`
/// where the shell completes by itself.
pub fn lines(candidates: &Candidates) -> String {
    match candidates {
        Candidates::Files => ":files\n".to_owned(),
        Candidates::Folders => ":folders\n".to_owned(),
        Candidates::Words(words) => words.iter().map(|(word, about)| format!("{word}\t{about}\n")).collect(),
    }
}

/// The script of a shell; `None` for one that there is none for.
pub fn script(shell: &OsStr) -> Option<&'static str> {
    Some(match shell.to_str()? {
        "bash" => include_str!("bash"),
        "fish" => include_str!("fish"),
        "powershell" => include_str!("powershell"),
        "zsh" => include_str!("zsh"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Env;

    fn words(line: &str) -> Vec<String> {
        let sink = || Box::new(std::io::sink());
        let ctx = Context::fake(&[], Env::default(), Context::real().clock, sink(), sink());
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        match candidates(&ctx, &words) {
            Candidates::Words(words) => words.into_iter().map(|(word, _)| word).collect(),
            Candidates::Files => vec![":files".to_owned()],
            Candidates::Folders => vec![":folders".to_owned()],
        }
    }

    #[test]
    fn commands_flags_and_values() {
        assert_eq!(words("conv"), ["convert-kubeconfig"]);
        assert_eq!(words("").len(), COMMANDS.len());
        assert_eq!(words("-v 3 get"), ["get-token"]);
        assert_eq!(words("help wh"), ["whoami"]);
        assert_eq!(words("completion z"), ["zsh"]);
        assert_eq!(words("get-token --client-c"), ["--client-certificate", "--client-certificate-password"]);
        assert_eq!(words("get-token --login dev"), ["devicecode"]);
        for line in ["get-token -l az", "get-token --login=az", "get-token --login = az"] {
            assert_eq!(words(line), ["azurecli", "azd", "azurepipelines"], "{line}");
        }
        assert_eq!(words("get-token --login =").len(), Mode::ALL.len());
        assert_eq!(words("convert-kubeconfig -e AzureS"), ["AzureStackCloud"]);
        assert_eq!(words("get-token --client-certificate x"), [":files"]);
        assert_eq!(words("get-token --cache-dir="), [":folders"]);
        assert_eq!(words("whoami --output "), ["text", "json"]);
        assert_eq!(words("get-token --tenant-id "), [""; 0]);
        assert_eq!(words("get-token word"), [""; 0]);
    }
}
