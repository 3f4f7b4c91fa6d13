//! `convert-kubeconfig`: makes a kubeconfig's users call `kubelogin get-token`.

mod engine;
pub mod rules;

pub use engine::{Converted, convert, secrets};

use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result, one_line};
use crate::kubeconfig::document::{Edited, Replacement};
use crate::kubeconfig::entry::{EntryKind, kind};
use crate::kubeconfig::{File, chosen, diff, paths, read};
use crate::sys::config_lock::ConfigLock;
use crate::sys::files::{Keep, Staged, replace, tag};
use crate::sys::interrupt;
use crate::sys::paths as fs_paths;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// A file with its new text, if it changes.
struct Plan {
    file: File,
    edited: Option<Edited>,
    /// What to tell the user about its entries.
    remarks: Vec<String>,
    matched: usize,
    /// The secrets that its new text has because they were typed.
    secrets: Vec<Id>,
}

/// Runs the command. An error leaves every file untouched.
///
/// # Errors
/// A file that cannot be used, an entry that lacks what the mode needs, a lock that stays.
pub fn run(ctx: &Context, options: &Options) -> Result<()> {
    interrupt::exit_on_interrupt();
    let paths = paths(ctx, options.path(Id::Kubeconfig))?;
    if options.args().last(Id::Output).is_some_and(OsStr::is_empty) {
        return Err(Error::new("--output names no file").hint("write - for standard output"));
    }
    let plans = plan(options, &paths)?;
    if plans.iter().all(|plan| plan.matched == 0) {
        ctx.eprintln("no user of the kubeconfig signs in through Azure: nothing to convert");
    }
    for remark in plans.iter().flat_map(|plan| &plan.remarks) {
        ctx.eprintln(&one_line(remark));
    }
    let secrets: Vec<Id> = plans.iter().flat_map(|plan| plan.secrets.iter().copied()).collect();
    let place = match (options.path(Id::Output), options.is_on(Id::DryRun)) {
        (_, true) => show(ctx, &plans).map(|()| "would be in the kubeconfig")?,
        (Some(output), false) => write_to(ctx, output, &plans).map(|()| "is now in the output")?,
        (None, false) if write_back(ctx, options, plans, &paths)? => "is now in the kubeconfig",
        (None, false) => return Ok(()),
    };
    for (id, variable) in self::secrets().filter(|(id, _)| secrets.contains(id)) {
        ctx.eprintln(&format!(
            "Warning: {} {place}, readable by whoever reads that; prefer the environment variable {variable}",
            id.dashed()
        ));
    }
    Ok(())
}

fn plan(options: &Options, paths: &[PathBuf]) -> Result<Vec<Plan>> {
    let files: Vec<File> = paths.iter().map(|path| read(path)).collect::<Result<_>>()?;
    let chosen = chosen(&files, options.text(Id::Context))?;
    let mut plans = Vec::with_capacity(files.len());
    for (at, file) in files.into_iter().enumerate() {
        let mut plan = Plan { edited: None, remarks: Vec::new(), matched: 0, secrets: Vec::new(), file };
        let mut replacements: Vec<Replacement> = Vec::new();
        for index in chosen.iter().filter(|(file, _)| *file == at).map(|(_, index)| *index) {
            // Taken out: a large file's users are not kept beside their new texts.
            let Some((name, user)) = plan.file.document.take(index) else { continue };
            if kind(&user) == EntryKind::Foreign {
                plan.remarks.push(format!("user \"{name}\" belongs to another program named kubelogin (it has --oidc-issuer-url): left alone"));
                continue;
            }
            plan.matched += 1;
            let converted = convert(options, &user).map_err(|e| {
                e.hint(format!("this is about the user \"{name}\" in {}", plan.file.path.display()))
            })?;
            for flag in converted.dropped {
                plan.remarks.push(format!("user \"{name}\": left out of its arguments: {flag}"));
            }
            if !user.semantically_equal(&converted.user) {
                plan.secrets.extend(converted.secrets);
                replacements.extend(plan.file.document.replacement(&plan.file.text, index, &converted.user));
            }
        }
        if !replacements.is_empty() {
            let edited = plan.file.document.replace(&plan.file.text, replacements).map_err(|e| {
                e.context(format!("cannot convert the kubeconfig {}", plan.file.path.display()))
            })?;
            if edited.rewritten {
                let path = plan.file.path.display();
                plan.remarks.push(format!(
                    "{path} could not be changed in place and is written anew; its comments are lost"
                ));
            }
            plan.edited = Some(edited);
        }
        plans.push(plan);
    }
    Ok(plans)
}

fn show(ctx: &Context, plans: &[Plan]) -> Result<()> {
    for plan in plans {
        if let Some(edited) = &plan.edited {
            let name = plan.file.path.display().to_string();
            ctx.print(&diff::unified(&name, &plan.file.text, &edited.edits))?;
        }
    }
    Ok(())
}

fn write_to(ctx: &Context, output: &Path, plans: &[Plan]) -> Result<()> {
    let [plan] = plans else {
        return Err(Error::new(format!("--output takes one input file, and there are {}", plans.len()))
            .hint("name it with --kubeconfig"));
    };
    let text = plan.edited.as_ref().map_or(&plan.file.text, |edited| &edited.text);
    if output == Path::new("-") {
        return ctx.print(text);
    }
    let target = fs_paths::resolve(output).unwrap_or_else(|_| output.to_owned());
    let like = fs_paths::metadata(&target).ok();
    replace(&target, text.as_bytes(), like.as_ref().map_or(Keep::Nothing, Keep::All), &tag(ctx)?)
        .map_err(|e| Error::new(format!("cannot write {}: {e}", output.display())))
}

/// Writes the changed files under their locks. What was read before the lock was had may have changed, so
/// it is read again; a file that only then turns out to change is locked in the next round.
fn write_back(ctx: &Context, options: &Options, plans: Vec<Plan>, paths: &[PathBuf]) -> Result<bool> {
    let changed = |plans: &[Plan]| -> Vec<PathBuf> {
        plans.iter().filter(|plan| plan.edited.is_some()).map(|plan| plan.file.path.clone()).collect()
    };
    let mut wanted = changed(&plans);
    drop(plans);
    while !wanted.is_empty() {
        let lock = ConfigLock::take(ctx, &wanted)?;
        let plans = plan(options, paths)?;
        lock.check()?;
        let now = changed(&plans);
        if now.iter().all(|path| wanted.contains(path)) {
            write_files(ctx, &lock, &plans)?;
            return Ok(!now.is_empty());
        }
        wanted = now;
        drop(lock);
    }
    Ok(false)
}

/// Replaces all files or none: every new text lies beside its file before the first one is renamed, and a
/// rename that fails undoes those before it.
fn write_files(ctx: &Context, lock: &ConfigLock, plans: &[Plan]) -> Result<()> {
    let changes: Vec<(&File, &Edited, PathBuf)> = plans
        .iter()
        .filter_map(|plan| Some((&plan.file, plan.edited.as_ref()?)))
        .map(|(file, edited)| Ok((file, edited, fs_paths::resolve(&file.path).map_err(|e| failed(file, e))?)))
        .collect::<Result<_>>()?;
    let mut staged = Vec::with_capacity(changes.len());
    for (file, edited, target) in &changes {
        staged.push((*file, stage(ctx, file, target, &edited.text)?));
        lock.check()?;
    }
    for (at, (file, staged)) in staged.into_iter().enumerate() {
        if let Err(e) = staged.commit() {
            for (file, _, target) in changes.iter().take(at) {
                stage(ctx, file, target, &file.text)?.commit().map_err(|e| failed(file, e))?;
            }
            return Err(failed(file, e));
        }
    }
    Ok(())
}

fn stage<'a>(ctx: &Context, file: &File, target: &'a Path, text: &str) -> Result<Staged<'a>> {
    let like = fs_paths::metadata(target).map_err(|e| failed(file, e))?;
    // A rename would go through: the folder decides about that. Who made a file read-only meant it.
    if like.permissions().readonly() {
        let path = file.path.display();
        return Err(Error::new(format!("cannot write the kubeconfig {path}: it is read-only")));
    }
    Staged::new(target, text.as_bytes(), Keep::All(&like), &tag(ctx)?).map_err(|e| failed(file, e))
}

fn failed(file: &File, e: std::io::Error) -> Error {
    let is_busy = e.kind() == std::io::ErrorKind::ResourceBusy;
    let error = Error::new(format!("cannot write the kubeconfig {}: {e}", file.path.display()));
    if is_busy {
        return error.hint("it is mounted there, so it cannot be replaced; --output writes it elsewhere");
    }
    error
}
