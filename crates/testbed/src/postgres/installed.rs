use std::fs;
use std::path::{Path, PathBuf};

/// What a server is made and asked with.
const PROGRAMS: [&str; 4] = ["initdb", "postgres", "pg_ctl", "psql"];

/// Where Debian and its kin keep the programs, one folder for each major version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The folder with PostgreSQL's programs.
#[derive(Clone, Debug)]
pub struct Installed(PathBuf);

impl Installed {
    /// Looks in the search path, then for the newest version where Debian keeps them.
    ///
    /// # Errors
    /// What to install.
    pub fn find() -> Result<Self, String> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let linked = std::env::split_paths(&path).filter_map(|folder| real(&folder));
        let folder = linked.chain(newest_first(Path::new(DEBIAN))).find(|folder| is_whole(folder));
        folder.map(Self).ok_or_else(|| {
            format!(
                "PostgreSQL's programs ({}) are neither in PATH nor in {DEBIAN}/*/bin. Install them: sudo apt-get install postgresql",
                PROGRAMS.join(", ")
            )
        })
    }

    /// The path of one of the programs.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.0
    }
}

/// The folder that a link to `initdb` in `folder` leads to: the other programs lie beside the real one.
fn real(folder: &Path) -> Option<PathBuf> {
    let initdb = fs::canonicalize(folder.join("initdb")).ok()?;
    initdb.parent().map(Path::to_owned)
}

/// The folders of programs of all versions in `folder`.
fn newest_first(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

fn is_whole(folder: &Path) -> bool {
    PROGRAMS.iter().all(|program| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::newest_first;

    #[test]
    fn of_several_versions_the_newest_comes_first() {
        let folder = std::env::temp_dir().join(format!("vestibule-testbed-{}", std::process::id()));
        for name in ["9.6", "15", "17", "9", "common"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        let found = newest_first(&folder);
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found, ["17", "15", "9"].map(|name| folder.join(name).join("bin")));
        assert!(newest_first(&folder).is_empty(), "a folder that is not there has none");
    }
}
