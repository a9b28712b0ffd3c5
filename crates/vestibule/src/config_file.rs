//! The file of `--config`: what is too much for flags. A key that is not known is an error (DF-02).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use vestibule_gateway::{RouteSpec, UpstreamSpec};

/// What the file says; without a file, nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConfigFile {
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
    #[error("--config {path}, line {line}: {why}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// Why, in one line.
        why: String,
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
            let line = before.matches('\n').count() + 1;
            let why = cause.message().replace('\n', "; ");
            ConfigError::Wrong { path: path.to_owned(), line, why }
        })
    }
}
