//! The help pages, in the layout that the original's users know, derived from the flag table.

use super::flags::{COMMANDS, Command, FLAGS, Family, Flag, Id, ValueKind, When};
use crate::mode::Mode;
use crate::style::Style;

/// Beside the names there is room for some words; on a narrower screen they stand below.
const MIN_ROOM: usize = 40;
/// How far they are indented there.
const BELOW: usize = 8;

/// The help page of a command; `Root` is the program's own. Where the style has no width, lines have any length.
pub fn page(command: Command, style: Style) -> String {
    let mut page = String::new();
    match COMMANDS.iter().find(|row| row.command == command) {
        Some(row) => {
            let arguments = match command {
                Command::Help => " [command]",
                Command::Completion => " bash|fish|powershell|zsh",
                _ => "",
            };
            page += &format!(
                "{}\n\nUsage:\n  kubelogin {}{arguments} [flags]\n",
                style.wrap(row.about, 0),
                row.name
            );
        }
        None => {
            page += &style.wrap("login to azure active directory and populate kubeconfig with AAD tokens", 0);
            page += "\n\nUsage:\n  kubelogin [flags]\n  kubelogin [command]\n\nAvailable Commands:\n";
            let width = COMMANDS.iter().map(|row| row.name.len()).max().unwrap_or(0);
            for row in COMMANDS {
                page += &format!("  {:width$} {}\n", row.name, style.wrap(row.about, width + 3));
            }
        }
    }
    let (global, local): (Vec<&Flag>, Vec<&Flag>) = FLAGS
        .iter()
        .filter(|flag| flag.belongs_to(command))
        .partition(|flag| flag.is_global() && command != Command::Root);
    let (provider, own): (Vec<&Flag>, Vec<&Flag>) =
        local.into_iter().partition(|flag| flag.family == Family::Oidc);
    page += "\nFlags:\n";
    page += &rows(&own, style);
    if !provider.is_empty() {
        page += "\nFlags for OpenID providers:\n";
        page += &rows(&provider, style);
    }
    if global.is_empty() {
        let more = "Use \"kubelogin [command] --help\" for more information about a command.";
        page += &format!("\n{}\n", style.wrap(more, 0));
    } else {
        page += "\nGlobal Flags:\n";
        page += &rows(&global, style);
    }
    page
}

/// The flags of the table as a Markdown table, for the README.
pub fn reference() -> String {
    let mut text = String::from(
        "| flag | value, default | environment variables, later wins | commands | meaning |\n|---|---|---|---|---|\n",
    );
    for flag in FLAGS {
        let short = flag.short.map_or(String::new(), |short| format!(", `-{short}`"));
        let default = match flag.default {
            "" => String::new(),
            default => format!(", `{default}`"),
        };
        let commands: Vec<String> = match flag.is_global() || flag.id == Id::Help {
            true => vec!["all".to_owned()],
            false if flag.id == Id::Version => vec!["none".to_owned()],
            false => COMMANDS
                .iter()
                .filter(|row| flag.belongs_to(row.command))
                .map(|row| format!("`{}`", row.name))
                .collect(),
        };
        let value = match flag.kind {
            ValueKind::Choice(words) => words.join(" \\| "),
            _ => value_name(flag).to_owned(),
        };
        text += &format!(
            "| `--{}`{short} | {}{default} | {} | {} | {} |\n",
            flag.long,
            if value.is_empty() { "bool" } else { &value },
            environment(flag).replace('|', "\\|"),
            commands.join(", "),
            flag.help.replace('|', "\\|"),
        );
    }
    text
}

/// The environment variables of a flag with their conditions.
fn environment(flag: &Flag) -> String {
    let names: Vec<String> = flag
        .env
        .iter()
        .map(|variable| {
            let condition = match variable.when {
                When::Always | When::NotAzureRm => String::new(),
                When::AzureRm => " (with --use-azurerm-env-vars)".to_owned(),
                When::In(mode) => format!(" ({} only)", mode.name()),
                When::Fallback(mode) => format!(" ({} only, fills a blank)", mode.name()),
                When::FlagWins => " (the flag wins)".to_owned(),
            };
            format!("{}{condition}", variable.name)
        })
        .collect();
    names.join(", ")
}

pub(super) fn value_name(flag: &Flag) -> &'static str {
    match flag.kind {
        ValueKind::Bool => "",
        ValueKind::Level => "Level",
        ValueKind::Duration => "duration",
        ValueKind::Number => "int",
        ValueKind::List => "strings",
        ValueKind::Pairs => "key=value",
        ValueKind::Text
        | ValueKind::File
        | ValueKind::Folder
        | ValueKind::Choice(_)
        | ValueKind::LoginMode
        | ValueKind::Cloud
        | ValueKind::ContextName => "string",
    }
}

fn rows(flags: &[&Flag], style: Style) -> String {
    let names: Vec<String> = flags
        .iter()
        .map(|flag| {
            let short = flag.short.map_or("    ".to_owned(), |short| format!("-{short}, "));
            format!("  {short}--{} {}", flag.long, value_name(flag)).trim_end().to_owned()
        })
        .collect();
    let width = names.iter().map(String::len).max().unwrap_or(0);
    let is_below = style.width.is_some_and(|columns| columns < width + 3 + MIN_ROOM);
    let rows = flags.iter().zip(names).map(|(flag, name)| match is_below {
        true => format!("{name}\n{:BELOW$}{}\n", "", style.wrap(&sentence(flag), BELOW)),
        false => format!("{name:width$}   {}\n", style.wrap(&sentence(flag), width + 3)),
    });
    rows.collect()
}

pub(super) fn sentence(flag: &Flag) -> String {
    let mut text = flag.help.to_owned();
    if flag.kind == ValueKind::LoginMode {
        let names: Vec<&str> = Mode::ALL.iter().map(|(_, name)| *name).collect();
        text += &format!(". Supported methods: {}", names.join(", "));
    }
    if !flag.env.is_empty() {
        text += &format!(". Environment: {}", environment(flag));
    }
    match (flag.default, flag.kind) {
        ("", _) => {}
        (default, ValueKind::Bool | ValueKind::Duration) => text += &format!(" (default {default})"),
        (default, _) => text += &format!(" (default \"{default}\")"),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { colour: false, width: None };

    /// `make readme` sets the variable and so writes the table instead of comparing it.
    #[test]
    #[allow(clippy::disallowed_methods)] // A tool's switch, not the program's.
    fn the_readme_has_the_flag_reference() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
        let readme = std::fs::read_to_string(path).unwrap();
        let (before, rest) = readme.split_once("<!-- flags -->\n").unwrap();
        let (block, after) = rest.split_once("<!-- /flags -->").unwrap();
        if std::env::var_os("WRITE_README").is_some() {
            let written = format!("{before}<!-- flags -->\n{}<!-- /flags -->{after}", reference());
            std::fs::write(path, written).unwrap();
        } else {
            assert!(block == reference(), "the flag table has changed: run `make readme`");
        }
    }

    #[test]
    fn each_page_names_its_flags_and_the_original_s_headings() {
        for row in COMMANDS {
            let page = page(row.command, PLAIN);
            assert!(page.starts_with(row.about) && page.contains("\nGlobal Flags:\n"), "{}", row.name);
            for flag in FLAGS.iter().filter(|flag| flag.belongs_to(row.command)) {
                assert!(page.contains(&format!("--{}", flag.long)), "{} {}", row.name, flag.long);
            }
        }
        let root = page(Command::Root, PLAIN);
        for row in COMMANDS {
            assert!(root.contains(row.name));
        }
        assert!(root.contains("Available Commands:") && root.contains("--version"));
    }
}
