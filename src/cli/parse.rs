//! argv -> [`ParsedArgs`]: what was said, by pflag's rules, which scripts written for the original rely on.
//!
//! `ParsedArgs` never looks at the environment and gives nothing a meaning; that is
//! [`options`](super::options)' work.

use super::flags::{COMMANDS, Command, FLAGS, Family, Flag, Id, ValueKind};
use crate::error::{Error, Result};
use crate::oauth::oidc::lists;
use crate::time::parse_go_duration;
use lexopt::Arg;
use std::ffi::{OsStr, OsString};

/// The command and the flags of one command line.
#[derive(Clone)]
pub struct ParsedArgs {
    /// Which command.
    pub command: Command,
    /// The words that are no flags, after the command.
    pub words: Vec<OsString>,
    values: Vec<(Id, OsString)>,
}

impl ParsedArgs {
    /// The last value that was said for a flag.
    pub fn last(&self, id: Id) -> Option<&OsStr> {
        self.all(id).last()
    }

    /// All values that were said for a flag, in order.
    pub fn all(&self, id: Id) -> impl Iterator<Item = &OsStr> {
        self.values.iter().filter(move |(said, _)| *said == id).map(|(_, value)| value.as_os_str())
    }

    /// The last value said for any of `ids`.
    pub fn last_of(&self, ids: &[Id]) -> Option<&OsStr> {
        self.values.iter().rev().find(|(said, _)| ids.contains(said)).map(|(_, value)| value.as_os_str())
    }

    /// The same as if some flags had not been said.
    #[must_use]
    pub fn without(&self, ids: &[Id]) -> Self {
        let values = self.values.iter().filter(|(id, _)| !ids.contains(id)).cloned().collect();
        Self { command: self.command, words: self.words.clone(), values }
    }

    /// The first flag of a kind that was given with a value.
    pub fn first_of(&self, family: Family) -> Option<Id> {
        let is_of = |(id, value): &&(Id, OsString)| id.flag().family == family && !value.is_empty();
        self.values.iter().find(is_of).map(|(id, _)| *id)
    }

    /// Whether a boolean flag was said and is on.
    pub fn is_on(&self, id: Id) -> bool {
        self.last(id).and_then(OsStr::to_str).and_then(parse_bool) == Some(true)
    }
}

/// Reads a command line (without the program's name).
///
/// # Errors
/// An unknown command or flag, a missing value, a value of the wrong type.
pub fn parse(args: &[OsString]) -> Result<ParsedArgs> {
    let command = find_command(args)?;
    let mut skip_command = command != Command::Root;
    let mut parsed = ParsedArgs { command, words: Vec::new(), values: Vec::new() };
    if let Some(problem) = read(command, args, &mut parsed)?.into_iter().next() {
        return Err(problem.hint(command));
    }
    parsed.words.retain(|_| !std::mem::take(&mut skip_command));
    Ok(parsed)
}

/// Reads the arguments of a kubeconfig's exec entry: unknown flags are left out and returned,
/// as the errors that the command line would have given.
///
/// # Errors
/// A known flag without its value, or with one of the wrong type.
pub fn parse_exec_args(args: &[OsString]) -> Result<(ParsedArgs, Vec<Error>)> {
    parse_all_but(args, |_| false)
}

/// The same for an entry that is to be converted: known flags that cannot be used are left out too, as if they did
/// not stand there.
///
/// # Errors
/// Arguments that cannot be told apart.
pub fn parse_old_args(args: &[OsString]) -> Result<(ParsedArgs, Vec<Error>)> {
    parse_all_but(args, |_| true)
}

fn parse_all_but(args: &[OsString], may_go: impl Fn(Id) -> bool) -> Result<(ParsedArgs, Vec<Error>)> {
    let mut parsed = ParsedArgs { command: Command::GetToken, words: Vec::new(), values: Vec::new() };
    let mut left_out = Vec::new();
    for problem in read(Command::GetToken, args, &mut parsed)? {
        if problem.id.is_some_and(|id| !may_go(id)) {
            return Err(problem.hint(Command::GetToken));
        }
        left_out.push(problem.error);
    }
    Ok((parsed, left_out))
}

/// pflag's spellings of a boolean (Go's `strconv.ParseBool`).
pub fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// A whole number as Go reads one.
pub fn parse_number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A level of verbosity as klog reads it, which knows none above 255 or below 0 that differs from those.
pub fn parse_level(text: &str) -> Option<u8> {
    let level: i32 = text.parse().ok()?;
    u8::try_from(level.clamp(0, 255)).ok()
}

/// A flag that cannot be used.
struct Problem {
    /// Which one; `None` for an unknown one.
    id: Option<Id>,
    error: Error,
    /// The help page would help.
    usage: bool,
}

impl Problem {
    fn unknown(what: String) -> Self {
        Self { id: None, error: Error::new(what), usage: true }
    }

    fn unknown_long(long: &str) -> Self {
        Self::unknown(format!("unknown flag: --{long}"))
    }

    fn unknown_short(short: char) -> Self {
        Self::unknown(format!("unknown shorthand flag: '{short}' in -{short}"))
    }

    fn hint(self, command: Command) -> Error {
        let is_providers = |flag: &&Flag| {
            flag.family == Family::Oidc && self.error.message().ends_with(&format!(" --{}", flag.long))
        };
        if command == Command::Root && FLAGS.iter().any(|flag| is_providers(&flag)) {
            return self.error.hint(
                "sign in with kubelogin get-token; kubelogin convert-kubeconfig -l oidc converts a kubeconfig for it",
            );
        }
        if self.usage { self.error.hint(usage_hint(command)) } else { self.error }
    }
}

fn usage_hint(command: Command) -> String {
    match COMMANDS.iter().find(|row| row.command == command) {
        Some(row) => format!("run 'kubelogin {} --help' for usage", row.name),
        None => "run 'kubelogin --help' for usage".to_owned(),
    }
}

/// Flags of klog that other programs' kubeconfigs carry; none does anything here. With whether each takes a value.
const KLOG: &[(&str, bool)] = &[
    ("add_dir_header", false),
    ("alsologtostderr", false),
    ("alsologtostderrthreshold", true),
    ("legacy_stderr_threshold_behavior", false),
    ("log_backtrace_at", true),
    ("log_dir", true),
    ("log_file", true),
    ("log_file_max_size", true),
    ("one_output", false),
    ("skip_headers", false),
    ("skip_log_headers", false),
    ("stderrthreshold", true),
    ("vmodule", true),
];

/// Skips the value of such a flag; `false` for any other.
fn skip_klog(parser: &mut lexopt::Parser, long: &str) -> bool {
    let Some((_, takes_value)) = KLOG.iter().find(|(name, _)| *name == long) else { return false };
    if *takes_value {
        let _ = parser.value();
    } else {
        let _ = parser.optional_value();
    }
    true
}

/// The first word that is neither a flag nor a flag's value.
fn find_command(args: &[OsString]) -> Result<Command> {
    let mut parser = lexopt::Parser::from_args(args);
    // Anything odd is found again, and named, once the command is known.
    while let Ok(Some(arg)) = parser.next() {
        let (flag, unknown) = match arg {
            Arg::Value(word) => {
                return COMMANDS
                    .iter()
                    .find(|row| OsStr::new(row.name) == word)
                    .map(|row| row.command)
                    .ok_or_else(|| {
                        Error::new(format!(
                            "unknown command \"{}\" for \"kubelogin\"",
                            word.to_string_lossy()
                        ))
                        .hint(usage_hint(Command::Root))
                    });
            }
            Arg::Long(long) => {
                let long = long.to_owned();
                if skip_klog(&mut parser, &long) {
                    continue;
                }
                (FLAGS.iter().find(|f| f.long == long), Problem::unknown_long(&long))
            }
            Arg::Short(short) => {
                (FLAGS.iter().find(|f| f.short == Some(short)), Problem::unknown_short(short))
            }
        };
        // Whether the word behind it is its value cannot be told.
        let flag = flag.ok_or_else(|| unknown.hint(Command::Root))?;
        if flag.takes_value() {
            let _ = parser.value();
        } else {
            let _ = parser.optional_value();
        }
    }
    Ok(Command::Root)
}

/// Reads all flags of `command` into `parsed`; returns those that cannot be used, in order.
fn read(command: Command, args: &[OsString], parsed: &mut ParsedArgs) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    let mut parser = lexopt::Parser::from_args(args);
    loop {
        let arg = parser.next().map_err(|e| Error::new(e.to_string()).hint(usage_hint(command)))?;
        let (flag, unknown) = match arg {
            None => return Ok(problems),
            Some(Arg::Value(word)) => {
                parsed.words.push(word);
                continue;
            }
            Some(Arg::Long(long)) => {
                let long = long.to_owned();
                if skip_klog(&mut parser, &long) {
                    continue;
                }
                (FLAGS.iter().find(|f| f.long == long && f.belongs_to(command)), Problem::unknown_long(&long))
            }
            Some(Arg::Short(short)) => (
                FLAGS.iter().find(|f| f.short == Some(short) && f.belongs_to(command)),
                Problem::unknown_short(short),
            ),
        };
        let Some(flag) = flag else {
            problems.push(unknown);
            let _ = parser.optional_value();
            continue;
        };
        let value = if flag.takes_value() {
            parser.value().ok()
        } else {
            Some(parser.optional_value().unwrap_or_else(|| OsString::from("true")))
        };
        let Some(value) = value else {
            let error = Error::new(format!("flag needs an argument: --{}", flag.long));
            problems.push(Problem { id: Some(flag.id), error, usage: true });
            continue;
        };
        match check(flag, &value) {
            Ok(()) => parsed.values.push((flag.id, value)),
            Err(error) => problems.push(Problem { id: Some(flag.id), error, usage: false }),
        }
    }
}

/// Refuses a value that is not of the flag's type, in pflag's words.
fn check(flag: &Flag, value: &OsStr) -> Result<()> {
    let invalid = |why: &str| {
        let shown = if flag.secret { "…".into() } else { value.to_string_lossy() };
        let name = match flag.short {
            Some(short) => format!("-{short}, --{}", flag.long),
            None => format!("--{}", flag.long),
        };
        Err(Error::new(format!("invalid argument \"{shown}\" for \"{name}\" flag: {why}")))
    };
    let Some(text) = value.to_str() else {
        return match flag.kind {
            ValueKind::File | ValueKind::Folder => Ok(()),
            _ => invalid("not valid UTF-8"),
        };
    };
    match flag.kind {
        ValueKind::Bool if parse_bool(text).is_none() => invalid("not a boolean (true or false)"),
        ValueKind::Level if parse_level(text).is_none() => invalid("not a number"),
        ValueKind::Duration => match parse_go_duration(text) {
            None => invalid("not a duration (write 30s, 1m30s or 500ms)"),
            Some(duration) if duration.is_zero() => invalid("must be greater than 0"),
            Some(_) => Ok(()),
        },
        ValueKind::Number if parse_number(text).is_none() => invalid("not a number"),
        ValueKind::List => lists::csv(text).map(drop).or_else(invalid),
        ValueKind::Pairs => lists::pairs(text).map(drop).or_else(|why| match flag.secret {
            true => invalid("must be formatted as key=value"),
            false => invalid(&why),
        }),
        // The words that people search for.
        ValueKind::Choice(words) if flag.family == Family::Oidc && !words.contains(&text) => {
            Err(Error::new(format!("{} must be one of ({})", flag.long, words.join("|"))))
        }
        ValueKind::Choice(words) if !words.contains(&text) => {
            invalid(&format!("not one of {}", words.join(", ")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> ParsedArgs {
        parse(&args.iter().map(OsString::from).collect::<Vec<_>>()).unwrap()
    }

    fn message(args: &[&str]) -> String {
        match parse(&args.iter().map(OsString::from).collect::<Vec<_>>()) {
            Ok(_) => String::new(),
            Err(e) => e.message().to_owned(),
        }
    }

    #[test]
    fn pflag_value_forms() {
        for args in [
            &["get-token", "--login", "spn"][..],
            &["get-token", "--login=spn"],
            &["get-token", "-l", "spn"],
            &["get-token", "-lspn"],
            &["get-token", "-l=spn"],
            &["get-token", "--login", "msi", "-lspn"],
            &["--login", "spn", "get-token"],
            &["-v", "3", "get-token", "-lspn"],
            &["get-token", "word", "-lspn", "another"],
        ] {
            let parsed = parsed(args);
            assert_eq!(parsed.command, Command::GetToken, "{args:?}");
            assert_eq!(parsed.last(Id::Login), Some(OsStr::new("spn")), "{args:?}");
        }
        let dashes =
            parsed(&["get-token", "--client-secret", "-x", "--tenant-id", "--", "--", "--login=spn"]);
        assert_eq!(dashes.last(Id::ClientSecret), Some(OsStr::new("-x")));
        assert_eq!(dashes.last(Id::TenantId), Some(OsStr::new("--")));
        assert_eq!(dashes.last(Id::Login), None);
        assert_eq!(parsed(&["get-token", "-l="]).last(Id::Login), Some(OsStr::new("")));
    }

    #[test]
    fn booleans_take_no_separate_value() {
        let alone = parsed(&["get-token", "--legacy", "false"]);
        assert!(alone.is_on(Id::Legacy));
        assert_eq!(alone.words, ["false"]);
        for (text, on) in
            [("true", true), ("1", true), ("T", true), ("False", false), ("0", false), ("f", false)]
        {
            assert_eq!(parsed(&["get-token", &format!("--legacy={text}")]).is_on(Id::Legacy), on);
        }
        assert!(
            message(&["get-token", "--legacy=yes"]).contains("invalid argument \"yes\" for \"--legacy\"")
        );
    }

    #[test]
    fn what_nobody_knows_is_named() {
        assert_eq!(message(&["frobnicate"]), "unknown command \"frobnicate\" for \"kubelogin\"");
        assert_eq!(message(&["get-token", "--frob"]), "unknown flag: --frob");
        assert_eq!(message(&["get-token", "--frob=1"]), "unknown flag: --frob");
        assert_eq!(message(&["get-token", "-x"]), "unknown shorthand flag: 'x' in -x");
        assert_eq!(message(&["--login", "spn"]), "unknown flag: --login");
        assert_eq!(message(&["get-token", "--version"]), "unknown flag: --version");
        assert_eq!(message(&["get-token", "--kubeconfig", "x"]), "unknown flag: --kubeconfig");
        assert_eq!(message(&["get-token", "--login"]), "flag needs an argument: --login");
        assert_eq!(parsed(&[]).command, Command::Root);
        // The first of several; and one that stands before the command, whatever it takes.
        assert_eq!(message(&["get-token", "--frob", "x", "--timeout", "y"]), "unknown flag: --frob");
        assert!(message(&["get-token", "--timeout", "y", "--frob"]).contains("\"--timeout\" flag"));
        assert_eq!(message(&["--frob", "x", "get-token"]), "unknown flag: --frob");
        assert_eq!(message(&["-x", "get-token"]), "unknown shorthand flag: 'x' in -x");
    }

    #[test]
    fn types_are_checked() {
        for bad in ["30", "x", "", "0s", "-5s"] {
            assert!(message(&["get-token", "--timeout", bad]).contains("\"--timeout\" flag"), "{bad}");
        }
        for bad in ["x", "", "1.5", "2147483648"] {
            assert!(message(&["get-token", "-v", bad]).contains("\"-v, --v\" flag"), "{bad}");
        }
        for (text, level) in [("0", 0), ("3", 3), ("255", 255), ("999", 255), ("-1", 0), ("2147483647", 255)]
        {
            assert_eq!(message(&["get-token", "-v", text]), "");
            assert_eq!(parse_level(text), Some(level));
        }
        assert!(message(&["get-token", "--token-cache", "some"]).contains("auto, all, none"));
    }

    #[test]
    fn arguments_of_an_old_entry_lose_only_what_nobody_knows() {
        let read = |args: &[&str]| parse_old_args(&args.iter().map(OsString::from).collect::<Vec<_>>());
        let args = [
            "get-token",
            "--frob",
            "x",
            "-tcontoso",
            "--gone=1",
            "--timeout=30",
            "--server-id=s",
            "--legacy=yes",
            "--username",
        ];
        let (parsed, unknown) = read(&args).unwrap();
        assert_eq!(parsed.last(Id::TenantId), Some(OsStr::new("contoso")));
        assert_eq!(parsed.last(Id::ServerId), Some(OsStr::new("s")));
        let unknown: Vec<&str> = unknown.iter().map(Error::message).collect();
        assert_eq!(
            unknown,
            [
                "unknown flag: --frob",
                "unknown flag: --gone",
                "invalid argument \"30\" for \"--timeout\" flag: not a duration (write 30s, 1m30s or 500ms)",
                "invalid argument \"yes\" for \"--legacy\" flag: not a boolean (true or false)",
                "flag needs an argument: --username",
            ]
        );
        for flag in ["--client-id", "--server-id", "-t"] {
            let (_, unknown) = read(&["get-token", "--frob", flag]).unwrap();
            assert!(unknown[1].message().starts_with("flag needs an argument"), "{flag}");
        }
        // Who only looks at the entry is told what it would come to.
        assert!(parse_exec_args(&["--frob", "--timeout=30"].map(OsString::from)).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn paths_may_be_any_bytes_but_text_is_utf8() {
        use std::os::unix::ffi::OsStringExt;
        let odd = OsString::from_vec(b"/tmp/\xff".to_vec());
        let args = |flag: &str| vec!["get-token".into(), OsString::from(flag), odd.clone()];
        assert!(parse(&args("--client-certificate")).is_ok());
        assert!(parse(&args("--client-id")).is_err());
    }
}
