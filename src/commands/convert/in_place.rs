//! Writing the result back to the files that it came from: all of them or none.

use super::plan::{Job, Plan};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::kubeconfig::Source;
use crate::sys::config_lock::ConfigLock;
use crate::sys::paths;
use crate::sys::staged::{self, Keep, Staged};
use std::io;
use std::path::{Path, PathBuf};

/// A file that is to be replaced.
struct Change<'p> {
    source: &'p Source,
    text: &'p str,
    /// The file itself, where its path leads through links.
    target: PathBuf,
}

/// Writes the changed files under their locks; whether any has changed. What was read before the lock was taken is
/// compared with what the files hold now, and planned again if they differ; a file that only then turns out to
/// change is locked in the next round.
///
/// # Errors
/// A lock that stays, a file that cannot be written; no file has changed then, or the error names it.
pub fn write(ctx: &Context, job: &Job, mut plans: Vec<Plan>) -> Result<bool> {
    loop {
        let wanted = changed(&plans)?;
        if wanted.is_empty() {
            return Ok(false);
        }
        let lock = ConfigLock::take(ctx, &wanted)?;
        let mut is_unchanged = true;
        for plan in &plans {
            is_unchanged &= plan.source().is_unchanged().unwrap_or(false);
        }
        if !is_unchanged {
            plans = job.plan_again(plans)?;
        }
        lock.check()?;
        let now = changed(&plans)?;
        if now.iter().all(|path| wanted.contains(path)) {
            replace_all(ctx, &lock, &plans)?;
            return Ok(!now.is_empty());
        }
    }
}

fn changed(plans: &[Plan]) -> Result<Vec<PathBuf>> {
    let changed = plans.iter().filter(|plan| plan.edited.is_some());
    changed
        .map(|plan| {
            if plan.source().is_regular {
                return Ok(plan.source().path.clone());
            }
            let path = plan.source().path.display();
            Err(Error::new(format!("cannot write the kubeconfig {path}: it is not a regular file"))
                .hint("--outfile writes the result elsewhere, - to standard output"))
        })
        .collect()
}

/// Replaces all files or none: every new text lies beside its file before the first one is renamed, and a
/// rename that fails undoes those before it.
fn replace_all(ctx: &Context, lock: &ConfigLock, plans: &[Plan]) -> Result<()> {
    let changes: Vec<Change> = plans
        .iter()
        .filter_map(|plan| Some((plan.source(), plan.edited.as_ref()?)))
        .map(|(file, edited)| {
            let target = paths::resolve(&file.path).map_err(|e| failed(file, e))?;
            Ok(Change { source: file, text: &edited.text, target })
        })
        .collect::<Result<_>>()?;
    let mut staged = Vec::with_capacity(changes.len());
    for change in &changes {
        staged.push(stage(ctx, change.source, &change.target, change.text.as_bytes())?);
        lock.check()?;
    }
    for (at, (staged, change)) in staged.into_iter().zip(&changes).enumerate() {
        if let Err(e) = staged.commit() {
            let error = failed(change.source, e);
            return Err(undo(ctx, changes.get(..at).unwrap_or_default(), error));
        }
    }
    Ok(())
}

/// Gives files their old content back; one that cannot have it does not keep the others from it.
fn undo(ctx: &Context, changes: &[Change], error: Error) -> Error {
    let restore = |change: &Change| {
        stage(ctx, change.source, &change.target, change.source.bytes())?
            .commit()
            .map_err(|e| failed(change.source, e))
    };
    let stuck: Vec<String> = changes
        .iter()
        .filter(|change| restore(change).is_err())
        .map(|change| change.source.path.display().to_string())
        .collect();
    if stuck.is_empty() {
        return error;
    }
    error.context(format!("{} stays converted, for its old content could not be restored", stuck.join(", ")))
}

fn stage<'a>(ctx: &Context, file: &Source, target: &'a Path, bytes: &[u8]) -> Result<Staged<'a>> {
    let like = paths::metadata(target).map_err(|e| failed(file, e))?;
    // A rename would go through: the folder decides about that. Who made a file read-only meant it.
    if like.permissions().readonly() {
        let path = file.path.display();
        return Err(Error::new(format!("cannot write the kubeconfig {path}: it is read-only")));
    }
    Staged::new(target, bytes, Keep::All(&like), &staged::tag(ctx)?).map_err(|e| failed(file, e))
}

fn failed(file: &Source, e: io::Error) -> Error {
    let error = Error::new(format!("cannot write the kubeconfig {}: {e}", file.path.display()));
    match e.kind() {
        io::ErrorKind::ResourceBusy => {
            error.hint("it is mounted there, so it cannot be replaced; --outfile writes the result elsewhere")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            error.hint("--outfile writes the result elsewhere")
        }
        _ => error,
    }
}
