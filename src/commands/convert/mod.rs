//! `convert-kubeconfig`: makes a kubeconfig's users call `kubelogin get-token`.

mod engine;
mod exec_command;
mod in_place;
mod outfile;
mod plan;
pub mod rules;

pub use engine::{Converted, convert, secrets};

use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result, one_line};
use crate::kubeconfig::{diff, listed, paths};
use crate::sys::files::may_exist;
use crate::sys::interrupt;
use plan::{Job, Plan};
use std::ffi::OsStr;
use std::path::PathBuf;

/// What must not be empty where it is given: `--context "$UNSET"` must not convert every user.
const NEVER_EMPTY: &[Id] =
    &[Id::Kubeconfig, Id::Context, Id::Login, Id::Outfile, Id::Output, Id::ExecCommand];

/// The paths that the command itself uses; it writes all others as they were typed.
const USED: &[Id] = &[Id::Kubeconfig, Id::Outfile, Id::Output, Id::ExecCommand];

/// Both names of the option that says where the result goes.
const OUTFILE: &[Id] = &[Id::Outfile, Id::Output];

/// Runs the command. An error leaves every file untouched.
///
/// # Errors
/// A file that cannot be used, an entry that lacks what the mode needs, a lock that stays.
pub fn run(ctx: &Context, options: &Options) -> Result<()> {
    interrupt::exit_on_interrupt();
    refuse_empty(options)?;
    options.check_paths(|id| USED.contains(&id), may_exist)?;
    let paths = paths(ctx, options.path(Id::Kubeconfig))?;
    let is_dry_run = options.is_on(Id::DryRun);
    let outfile = options.args().last_of(OUTFILE).is_some() && !is_dry_run;
    let job = Job::new(ctx, options, outfile)?;
    let plans = job.plan(&paths)?;
    say(ctx, options, &plans)?;
    let secrets: Vec<Id> = plans.iter().flat_map(|plan| plan.secrets.iter().copied()).collect();
    let place = if is_dry_run {
        show(ctx, &plans)?;
        "would be written to the kubeconfig"
    } else if outfile {
        outfile::write(ctx, options, &plans)?;
        "was written to the output"
    } else if in_place::write(ctx, &job, plans)? {
        "was written to the kubeconfig"
    } else {
        return Ok(());
    };
    for (id, instead) in self::secrets().filter(|(id, _)| secrets.contains(id)) {
        ctx.warn(&format!("{} {place} in plain text; use {instead} instead", id.dashed()));
    }
    Ok(())
}

fn refuse_empty(options: &Options) -> Result<()> {
    match NEVER_EMPTY.iter().find(|id| options.args().last(**id).is_some_and(OsStr::is_empty)) {
        None => Ok(()),
        Some(id) => Err(Error::new(format!("{} is empty", id.dashed()))
            .hint("leave the flag out, or set the variable that its value comes from")),
    }
}

/// What there is to say about the entries.
fn say(ctx: &Context, options: &Options, plans: &[Plan]) -> Result<()> {
    if plans.is_empty() {
        let missing = listed(ctx, options.path(Id::Kubeconfig))?;
        let missing: Vec<String> = missing.iter().map(|path: &PathBuf| path.display().to_string()).collect();
        let missing =
            if missing.is_empty() { "KUBECONFIG names none".to_owned() } else { missing.join(", ") };
        ctx.eprintln(&one_line(&format!("there is no kubeconfig ({missing}): nothing to convert")));
    } else if plans.iter().all(|plan| plan.matched == 0) {
        ctx.eprintln("no user of the kubeconfig signs in through Azure: nothing to convert");
    }
    for remark in plans.iter().flat_map(|plan| &plan.remarks) {
        ctx.eprintln(&one_line(remark));
    }
    Ok(())
}

fn show(ctx: &Context, plans: &[Plan]) -> Result<()> {
    for plan in plans {
        if let Some(edited) = &plan.edited {
            let name = plan.source().path.display().to_string();
            ctx.print(&diff::unified(&name, &plan.source().text, edited.replaced()))?;
        }
    }
    Ok(())
}
