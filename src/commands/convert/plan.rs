//! What conversion makes of each file, before anything is written.

use super::engine::{Converted, convert_with};
use super::exec_command;
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::kubeconfig::document::{Choice, Entry, Section};
use crate::kubeconfig::edit::{Edited, Edits};
use crate::kubeconfig::entry::{EntryKind, kind};
use crate::kubeconfig::value::Value;
use crate::kubeconfig::{File, chosen, relative};
use crate::sys::files;
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
    /// The file's text after conversion.
    pub fn text(&self) -> &str {
        self.edited.as_ref().map_or(&self.file.text, |edited| &edited.text)
    }
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
        let read = |path: &PathBuf| self.reading(|users, clusters| File::read(path, users, clusters));
        let files = paths.iter().map(read).collect::<Result<_>>()?;
        self.convert(files)
    }

    /// The same with what the files hold now.
    ///
    /// # Errors
    /// As [`Job::plan`].
    pub fn plan_again(&self, plans: Vec<Plan>) -> Result<Vec<Plan>> {
        let read = |plan: Plan| self.reading(|users, clusters| plan.file.read_again(users, clusters));
        let files = plans.into_iter().map(read).collect::<Result<_>>()?;
        self.convert(files)
    }

    fn reading(&self, read: impl FnOnce(Choice, Choice) -> Result<File>) -> Result<File> {
        if self.moves {
            let users =
                |user: &Value| kind(user) != EntryKind::Other || relative::has_any(Section::Users, user);
            let clusters = |cluster: &Value| relative::has_any(Section::Clusters, cluster);
            read(Some(&users), Some(&clusters))
        } else {
            read(Some(&|user| kind(user) != EntryKind::Other), None)
        }
    }

    fn convert(&self, files: Vec<File>) -> Result<Vec<Plan>> {
        let chosen = chosen(&files, self.options.text(Id::Context))?;
        let mut plans = Vec::with_capacity(files.len());
        for (at, file) in files.into_iter().enumerate() {
            let chosen = chosen.iter().filter(|(file, _)| *file == at).map(|(_, index)| *index).collect();
            plans.push(self.convert_file(file, &chosen)?);
        }
        Ok(plans)
    }

    fn convert_file(&self, mut file: File, chosen: &HashSet<usize>) -> Result<Plan> {
        let (clusters, users) =
            (std::mem::take(&mut file.document.clusters), std::mem::take(&mut file.document.users));
        let mut plan = Plan { file, edited: None, remarks: Vec::new(), matched: 0, secrets: Vec::new() };
        let mut edits = Edits::default();
        let folder = if self.moves { Some(folder(&plan.file)?) } else { None };
        let mut replace = |text: &str, entry: &Entry, mut new: Value| {
            if let Some(folder) = &folder {
                relative::make_absolute(entry.section, &mut new, folder);
            }
            let is_new = !entry.value.semantically_equal(&new);
            if is_new {
                edits.replace(text, entry, &new);
            }
            is_new
        };
        for entry in &clusters {
            replace(&plan.file.text, entry, entry.value.clone());
        }
        // Each is dropped once it is converted: a large file's users are not kept beside their new texts.
        for (index, entry) in users.into_iter().enumerate() {
            let converted =
                if chosen.contains(&index) { self.convert_user(&mut plan, &entry)? } else { None };
            let (new, secrets) = match converted {
                Some(converted) => (converted.user, converted.secrets),
                None => (entry.value.clone(), Vec::new()),
            };
            if replace(&plan.file.text, &entry, new) {
                plan.secrets.extend(secrets);
            }
        }
        let path = plan.file.path.display();
        if !edits.is_empty() {
            let edited = edits
                .apply(&plan.file.text, &plan.file.document)
                .map_err(|e| e.context(format!("cannot convert the kubeconfig {path}")))?;
            if edited.rewritten {
                plan.remarks.push(format!(
                    "{path} could not be changed in place and is written anew; its comments are lost"
                ));
            }
            plan.edited = Some(edited);
        }
        if plan.file.utf16.is_some() && (plan.edited.is_some() || self.moves) {
            plan.remarks.push(format!("{path} is UTF-16 and is written as UTF-8"));
        }
        Ok(plan)
    }

    /// Converts one user; `None` if it is none of ours.
    fn convert_user(&self, plan: &mut Plan, entry: &Entry) -> Result<Option<Converted>> {
        let name = &entry.name;
        match kind(&entry.value) {
            EntryKind::Other => return Ok(None),
            EntryKind::Foreign => {
                plan.remarks.push(format!("user \"{name}\" belongs to another program named kubelogin (it has --oidc-issuer-url): left alone"));
                return Ok(None);
            }
            EntryKind::Ours => plan.matched += 1,
        }
        let converted =
            convert_with(self.options, &entry.value, self.exec_command.as_deref()).map_err(|e| {
                e.context(format!("cannot convert the user \"{name}\" in {}", plan.file.path.display()))
            })?;
        for flag in &converted.dropped {
            plan.remarks.push(format!("user \"{name}\": left out of its arguments: {flag}"));
        }
        for doubt in &converted.doubts {
            plan.remarks.push(format!("Warning: user \"{name}\": {doubt}"));
        }
        Ok(Some(converted))
    }
}

/// The folder that a file's relative paths are relative to.
fn folder(file: &File) -> Result<String> {
    let failed =
        |why: &str| Error::new(format!("cannot make the paths in {} absolute: {why}", file.path.display()));
    // What is no file of its own stands in no folder.
    let path = if file.is_regular { file.path.as_path() } else { Path::new("stdin") };
    let absolute = files::absolute(path).map_err(|e| failed(&e.to_string()))?;
    let folder = absolute.parent().unwrap_or(&absolute);
    folder.to_str().map(str::to_owned).ok_or_else(|| failed("the folder's name is not valid UTF-8"))
}
