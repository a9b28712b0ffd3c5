use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use similar::TextDiff;

/// One file as it is, and as it will be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Change {
    path: PathBuf,
    /// As people call it, below the app's folder.
    name: String,
    before: Option<String>,
    after: String,
}

impl Change {
    /// `None` if nothing changes.
    pub(super) fn new(
        folder: &Path,
        path: &Path,
        before: Option<String>,
        after: String,
    ) -> Option<Self> {
        if before.as_deref() == Some(after.as_str()) {
            return None;
        }
        let name = path.strip_prefix(folder).unwrap_or(path).display().to_string();
        Some(Self { path: path.to_owned(), name, before, after })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// As `diff -u` shows it.
    pub(super) fn diff(&self) -> String {
        let old =
            if self.before.is_some() { format!("a/{}", self.name) } else { "/dev/null".into() };
        let diff = TextDiff::from_lines(self.before.as_deref().unwrap_or_default(), &self.after);
        diff.unified_diff().header(&old, &format!("b/{}", self.name)).to_string()
    }

    /// Puts a whole new file in the place of the old one. A link stays a link, and a file keeps its mode.
    pub(super) fn write(&self) -> io::Result<()> {
        let Some(before) = &self.before else {
            // What has come there meanwhile is somebody's.
            return io::Write::write_all(
                &mut fs::File::create_new(&self.path)?,
                self.after.as_bytes(),
            );
        };
        let path = fs::canonicalize(&self.path)?;
        if fs::read_to_string(&path)? != *before {
            return Err(io::Error::other("it has changed meanwhile: run the command again"));
        }
        let mut new = path.clone().into_os_string();
        new.push(".vestibule-new");
        let new = PathBuf::from(new);
        let done = fs::write(&new, &self.after)
            .and_then(|()| fs::set_permissions(&new, fs::metadata(&path)?.permissions()))
            .and_then(|()| fs::rename(&new, &path));
        if done.is_err() {
            let _ = fs::remove_file(&new);
        }
        done
    }
}
