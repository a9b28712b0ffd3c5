//! The file of `--config`: what is too much for flags. A key that is not known is an error (DF-02).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use vestibule_gateway::{Dialect, RouteSpec, UpstreamSpec};

/// What the file says; without a file, nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConfigFile {
    /// What is particular about the API, if it is not ours.
    pub api: Option<Dialect>,
    /// Servers behind the site, by the names that routes use.
    #[serde(default)]
    pub upstreams: BTreeMap<String, UpstreamSpec>,
    /// Which path goes where; the first route that covers a path takes it. Those of flags go first.
    #[serde(default)]
    pub routes: Vec<RouteSpec>,
}

/// Why the file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It can't be read.
    #[error("--config {path} can't be read: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: std::io::Error,
    },
    /// It is not what it should be.
    #[error("--config {path} is not right in line {line}: {cause}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Where; of a table whose keys contradict one another, where it begins.
        line: usize,
        /// Why.
        cause: String,
    },
}

impl ConfigFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`ConfigError`], with the line and the reason.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let failed = |cause| ConfigError::Unreadable { path: path.to_owned(), cause };
        let text = std::fs::read_to_string(path).map_err(failed)?;
        toml::from_str(&text).map_err(|cause| {
            let before = cause.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = 1 + before.matches('\n').count();
            let cause = cause.message().trim_end().replace('\n', "; ");
            ConfigError::Wrong { path: path.to_owned(), line, cause }
        })
    }
}
