//! `workloadidentity`: where the federated token comes from.

use super::github::Github;
use super::token_file::TokenFile;
use super::{Federated, check_https};
use crate::cli::flags::Id;
use crate::cli::options::Options;
use crate::context::Context;
use crate::error::Result;
use crate::login::SignIn;
use crate::secret::Secret;
use std::path::Path;

/// The sign-in that the options describe. A `--federated-token-file` flag wins over GitHub's variables, which win
/// over `AZURE_FEDERATED_TOKEN_FILE`; where flag and variable both name a file, the variable's is read, as
/// everywhere.
///
/// # Errors
/// A missing client id, tenant id or token file, an address of GitHub's that is not https.
pub fn build<'a>(ctx: &'a Context, options: &'a Options) -> Result<Box<dyn SignIn + 'a>> {
    let client_id = options.required(Id::ClientId, "client ID")?.to_owned();
    let url = ctx.env.try_text("ACTIONS_ID_TOKEN_REQUEST_URL")?;
    let github = url.zip(ctx.env.try_text("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?);
    let names_file = options.args().last(Id::FederatedTokenFile).is_some_and(|path| !path.is_empty());
    if let Some((url, token)) = github.filter(|_| !names_file) {
        check_https(url, "ACTIONS_ID_TOKEN_REQUEST_URL")?;
        ctx.log(1, || "federated token from GitHub Actions".to_owned());
        let github = Github { url: url.to_owned(), token: Secret::from(token) };
        return Federated::build(ctx, options, client_id, github);
    }
    options.required(Id::FederatedTokenFile, "federated token file").map_err(|e| {
        match missing_line(ctx) {
            Some(line) => e.hint(line),
            None => e,
        }
    })?;
    let path = options.path(Id::FederatedTokenFile).unwrap_or(Path::new("")).to_owned();
    ctx.log(1, || format!("federated token from the file {}", path.display()));
    Federated::build(ctx, options, client_id, TokenFile(path))
}

/// What a pipeline lacks that has no federated token, where its kind is known.
fn missing_line(ctx: &Context) -> Option<&'static str> {
    let is_set = |name: &str| ctx.env.os(name).is_some();
    if is_set("GITHUB_ACTIONS") {
        return Some(
            "give the job a token of GitHub's, with these lines: permissions: { id-token: write, contents: read }",
        );
    }
    (is_set("TF_BUILD") || is_set("SYSTEM_OIDCREQUESTURI"))
        .then_some("in Azure Pipelines use --login azurepipelines, with SYSTEM_ACCESSTOKEN: $(System.AccessToken) in the step's env")
}
