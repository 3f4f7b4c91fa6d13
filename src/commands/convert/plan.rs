//! What conversion makes of each file, before anything is written.
//!
//! Users are converted while their file is read, so that a large file's users are never all in memory; which of them
//! count is known only afterwards.

use super::engine::{Converted, convert_with};
use super::exec_command;
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::kubeconfig::document::Entry;
use crate::kubeconfig::edit::{EditId, Edited, Edits};
use crate::kubeconfig::entry::{EntryKind, kind};
use crate::kubeconfig::value::Value;
use crate::kubeconfig::{File, Source, chosen, relative};
use crate::mode::Mode;
use crate::sys::files;
use std::cell::RefCell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// What is to be done with the files.
pub struct Job<'o> {
    options: &'o Options,
    exec_command: Option<String>,
    /// The result may lie in another folder: relative paths become absolute.
    moves: bool,
}

/// A file with its new text, if it changes.
pub struct Plan {
    /// The file.
    pub file: File,
    /// Its new text.
    pub edited: Option<Edited>,
    /// What to tell the user about its entries.
    pub remarks: Vec<String>,
    /// How many of its users sign in through Azure.
    pub matched: usize,
    /// The secrets that its new text has because they were typed.
    pub secrets: Vec<Id>,
}

impl Plan {
    /// The file's text as it was, and where it came from.
    pub fn source(&self) -> &Source {
        &self.file.source
    }

    /// The file's text after conversion.
    pub fn text(&self) -> &str {
        self.edited.as_ref().map_or(&self.file.source.text, |edited| &edited.text)
    }
}

/// A file whose users have been converted, all of them.
struct Draft {
    file: File,
    edits: Edits,
    /// Of each user of the document.
    users: Vec<Outcome>,
    /// The clusters that have moved.
    clusters: Vec<EditId>,
}

/// What became of a user.
struct Outcome {
    kind: EntryKind,
    /// Its conversion, if it is one of ours, its new value taken out.
    converted: Option<Result<Converted>>,
    /// Its new value, if that is another one.
    edit: Option<EditId>,
    /// Its old value with absolute paths, which counts where it is not to be converted.
    moved: Option<EditId>,
}

impl<'o> Job<'o> {
    /// The job of a command line; `moves` says that the result goes elsewhere.
    ///
    /// # Errors
    /// `--exec-command` names no program by its whole path.
    pub fn new(ctx: &Context, options: &'o Options, moves: bool) -> Result<Self> {
        Ok(Self { options, exec_command: exec_command::resolve(ctx, options)?, moves })
    }

    /// Reads the files and converts their users.
    ///
    /// # Errors
    /// A file that cannot be used, an entry that lacks what the mode needs.
    pub fn plan(&self, paths: &[PathBuf]) -> Result<Vec<Plan>> {
        self.finish(paths.iter().map(|path| self.draft(Source::read(path)?)).collect::<Result<_>>()?)
    }

    /// The same with what the files hold now.
    ///
    /// # Errors
    /// As [`Job::plan`].
    pub fn plan_again(&self, plans: Vec<Plan>) -> Result<Vec<Plan>> {
        let again = plans.into_iter().map(|plan| self.draft(plan.file.source.read_again()?));
        self.finish(again.collect::<Result<_>>()?)
    }

    fn draft(&self, source: Source) -> Result<Draft> {
        let own = files::absolute(&source.path).ok().and_then(|path| path.parent().map(Path::to_owned));
        let folder = if self.moves { Some(folder(&source)?) } else { None };
        // Both visitors write to it.
        let edits = RefCell::new(Edits::default());
        let (mut users, mut clusters) = (Vec::new(), Vec::new());
        let mut visit_user = |entry: &mut Entry| {
            let outcome = self.outcome(entry, own.as_deref(), folder.as_deref(), &mut edits.borrow_mut());
            entry.value = Value::List(Vec::new());
            let is_kept = outcome.is_some();
            users.extend(outcome);
            is_kept
        };
        let mut visit_cluster = |entry: &mut Entry| {
            let edit = moved(entry, folder.as_deref(), &mut edits.borrow_mut());
            entry.value = Value::List(Vec::new());
            clusters.extend(edit);
            edit.is_some()
        };
        let file = if self.moves {
            source.parse(Some(&mut visit_user), Some(&mut visit_cluster))?
        } else {
            source.parse(Some(&mut visit_user), None)?
        };
        // Of a list that stands twice the last counts.
        users.drain(..users.len().saturating_sub(file.document.users.len()));
        clusters.drain(..clusters.len().saturating_sub(file.document.clusters.len()));
        Ok(Draft { file, edits: edits.into_inner(), users, clusters })
    }

    /// What becomes of a user if it counts; `None` of one that stays as it is in any case. `own` is the folder of its
    /// kubeconfig, `folder` the same where the result goes elsewhere.
    fn outcome(
        &self,
        entry: &Entry,
        own: Option<&Path>,
        folder: Option<&str>,
        edits: &mut Edits,
    ) -> Option<Outcome> {
        let kind = kind(&entry.value);
        let moved = moved(entry, folder, edits);
        let wanted = match self.options.login() {
            Mode::Oidc => EntryKind::Provider,
            _ => EntryKind::Ours,
        };
        if kind != wanted {
            let counts = kind == EntryKind::Provider || moved.is_some();
            return counts.then_some(Outcome { kind, converted: None, edit: None, moved });
        }
        let mut converted = convert_with(self.options, &entry.value, self.exec_command.as_deref(), own);
        let edit = converted.as_mut().ok().and_then(|converted| {
            let mut new = std::mem::replace(&mut converted.user, Value::List(Vec::new()));
            if let Some(folder) = folder {
                relative::make_absolute(entry.section, &mut new, folder);
            }
            let is_new = !entry.value.semantically_equal(&new);
            is_new.then(|| edits.replace(entry, &new))
        });
        Some(Outcome { kind, converted: Some(converted), edit, moved })
    }

    fn finish(&self, drafts: Vec<Draft>) -> Result<Vec<Plan>> {
        let chosen = chosen(drafts.iter().map(|draft| &draft.file.document), self.options.text(Id::Context))?;
        drafts
            .into_iter()
            .zip(chosen)
            .map(|(draft, chosen)| finish_file(draft, &chosen, self.moves))
            .collect()
    }
}

fn finish_file(draft: Draft, chosen: &HashSet<usize>, moves: bool) -> Result<Plan> {
    let Draft { file, mut edits, users, clusters } = draft;
    let mut plan = Plan { file, edited: None, remarks: Vec::new(), matched: 0, secrets: Vec::new() };
    let mut wanted: HashSet<EditId> = clusters.into_iter().collect();
    for (index, outcome) in users.into_iter().enumerate() {
        let is_chosen = chosen.contains(&index);
        let edit = if is_chosen { plan.take(index, outcome)? } else { outcome.moved };
        wanted.extend(edit);
    }
    edits.retain(&wanted);
    let path = plan.source().path.display().to_string();
    if !edits.is_empty() {
        let edited = edits
            .apply(&plan.file.source.text, &plan.file.document)
            .map_err(|e| e.context(format!("cannot convert the kubeconfig {path}")))?;
        if edited.rewritten {
            plan.remarks.push(format!(
                "{path} could not be changed in place and is written anew; its comments are lost"
            ));
        }
        plan.edited = Some(edited);
    }
    if plan.source().utf16.is_some() && (plan.edited.is_some() || moves) {
        plan.remarks.push(format!("{path} is UTF-16 and is written as UTF-8"));
    }
    Ok(plan)
}

impl Plan {
    /// Takes over what became of a user that counts; its edit, if it changes.
    fn take(&mut self, index: usize, outcome: Outcome) -> Result<Option<EditId>> {
        let name = self.file.document.users.get(index).map_or("", |user| &user.name);
        if outcome.kind == EntryKind::Provider && outcome.converted.is_none() {
            self.remarks.push(format!(
                "user \"{name}\" signs in to an OpenID provider and was left alone: convert it with -l oidc"
            ));
        }
        let Some(converted) = outcome.converted else { return Ok(outcome.moved) };
        self.matched += 1;
        let converted = converted.map_err(|e| {
            let path = self.file.source.path.display();
            e.context(format!("cannot convert the user \"{name}\" in {path}"))
        })?;
        for flag in &converted.dropped {
            self.remarks.push(format!("user \"{name}\": left out of its arguments: {flag}"));
        }
        for doubt in &converted.doubts {
            self.remarks.push(format!("Warning: user \"{name}\": {doubt}"));
        }
        if outcome.edit.is_some() {
            self.secrets.extend(converted.secrets);
        }
        Ok(outcome.edit)
    }
}

/// Makes an entry's relative paths absolute, where it has any.
fn moved(entry: &Entry, folder: Option<&str>, edits: &mut Edits) -> Option<EditId> {
    let folder = folder.filter(|_| relative::has_any(entry.section, &entry.value))?;
    let mut new = entry.value.clone();
    relative::make_absolute(entry.section, &mut new, folder);
    Some(edits.replace(entry, &new))
}

/// The folder that a file's relative paths are relative to.
fn folder(source: &Source) -> Result<String> {
    let failed =
        |why: &str| Error::new(format!("cannot make the paths in {} absolute: {why}", source.path.display()));
    // What is no file of its own stands in no folder.
    let path = if source.is_regular { source.path.as_path() } else { Path::new("stdin") };
    let absolute = files::absolute(path).map_err(|e| failed(&e.to_string()))?;
    let folder = absolute.parent().unwrap_or(&absolute);
    folder.to_str().map(str::to_owned).ok_or_else(|| failed("the folder's name is not valid UTF-8"))
}
