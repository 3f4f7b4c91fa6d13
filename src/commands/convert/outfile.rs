//! `--outfile`: the result goes elsewhere and the sources stay as they are.

use super::OUTFILE;
use super::plan::Plan;
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::kubeconfig::{Source, merge};
use crate::sys::special::{self, Access, Named};
use crate::sys::staged::{self, Keep};
use crate::sys::{paths, private};
use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;

/// Writes the converted kubeconfig where `--outfile` says; several files give the merged result.
///
/// # Errors
/// A target that is a source, no source, a target that cannot be written: it is as it was then.
pub fn write(ctx: &Context, options: &Options, plans: &[Plan]) -> Result<()> {
    let (typed, path) = target(options);
    let failed =
        |why: &dyn std::fmt::Display| Error::new(format!("unable to write kubeconfig to {typed}: {why}"));
    let is_stdout = path == Path::new("-");
    let named = match path {
        _ if is_stdout && cfg!(not(unix)) => Named::Special(path.to_owned()),
        _ if is_stdout => special::named(Path::new("/dev/stdout"), Access::Write).map_err(|e| failed(&e))?,
        path => special::named(path, Access::Write).map_err(|e| failed(&e))?,
    };
    for plan in plans {
        if is_source(&named, plan.source()) {
            return Err(Error::new(format!(
                "--outfile \"{typed}\" is the same file as source kubeconfig \"{}\"; choose a different path",
                plan.source().path.display()
            )));
        }
    }
    if plans.iter().all(|plan| plan.file.document.is_empty) {
        return Err(Error::new(format!(
            "no kubeconfig found to convert, refusing to write an empty {typed}"
        ))
        .hint("name a kubeconfig with --kubeconfig or KUBECONFIG"));
    }
    let has_secret = plans.iter().any(|plan| !plan.secrets.is_empty());
    let text = text(plans)?;
    if is_stdout {
        return ctx.print(&text);
    }
    let tag = staged::tag(ctx)?;
    put(named, text.as_bytes(), has_secret, &tag).map_err(|e| failed(&e))
}

/// The target as it was typed, and its path.
fn target(options: &Options) -> (String, &Path) {
    let id = if options.args().last_of(OUTFILE) == options.args().last(Id::Outfile) {
        Id::Outfile
    } else {
        Id::Output
    };
    let path = options.path(id).unwrap_or(Path::new("-"));
    (path.display().to_string(), path)
}

/// Whether the target is a source, by its name, a link or an open descriptor.
fn is_source(target: &Named, source: &Source) -> bool {
    if !source.is_regular {
        return false;
    }
    match target {
        Named::Regular(path, metadata) => {
            let same = paths::metadata(&source.path).is_ok_and(|source| special::is_same(metadata, &source));
            same || paths::resolve(path)
                .ok()
                .zip(paths::resolve(&source.path).ok())
                .is_some_and(|(a, b)| a == b)
        }
        Named::Open(open) => special::is_same_file(open, &source.path),
        Named::Nothing(_) | Named::Folder | Named::Special(_) => false,
    }
}

/// One file's new text as it is; several files' as one.
fn text(plans: &[Plan]) -> Result<Cow<'_, str>> {
    let mut texts = plans.iter().filter(|plan| !plan.file.document.is_empty).map(Plan::text);
    match (texts.next(), texts.next()) {
        (Some(first), Some(second)) => {
            merge::merged([first, second].into_iter().chain(texts)).map(Cow::Owned)
        }
        (only, _) => Ok(only.unwrap_or_default().into()),
    }
}

fn put(target: Named, bytes: &[u8], has_secret: bool, tag: &str) -> io::Result<()> {
    let refused = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    match target {
        Named::Nothing(path) => {
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                private::create_folder(folder)?;
            }
            staged::replace(&path, bytes, Keep::Nothing, tag)
        }
        // A rename would go through: the folder decides about that. Who made a file read-only meant it.
        Named::Regular(_, like) if like.permissions().readonly() => refused("it is read-only"),
        Named::Regular(path, like) => {
            let keep = if has_secret { Keep::Owner(&like) } else { Keep::All(&like) };
            staged::replace(&path, bytes, keep, tag)
        }
        Named::Folder => refused("it is a folder"),
        Named::Special(path) => special::open_to_write(&path)?.write_all(bytes),
        Named::Open(mut file) => file.write_all(bytes),
    }
}
