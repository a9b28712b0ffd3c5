use std::fs;
use std::path::{Path, PathBuf};

/// Oldest Python that the application runs with: 3.11 brought `datetime.UTC`.
pub const PYTHON: (u32, u32) = (3, 11);

/// The virtual environment with everything in the application's list of requirements.
#[derive(Clone, Debug)]
pub struct Installed(PathBuf);

impl Installed {
    /// The one that `cargo xtask test` makes, if it has what the list asks for now.
    ///
    /// # Errors
    /// How to make it.
    pub fn find() -> Result<Self, String> {
        let folder = Self::folder();
        let has = fs::read(Self::stamp()).ok();
        match has.is_some() && has == fs::read(Self::requirements()).ok() {
            true => Ok(Self(folder.join("bin/python"))),
            false => Err(format!(
                "{} has not what tests/fastapi/requirements.txt asks for. Make it: cargo xtask test --only tools",
                folder.display()
            )),
        }
    }

    /// Where it is.
    pub fn folder() -> PathBuf {
        top().join("target/fastapi")
    }

    /// The list, one pinned package a line.
    pub fn requirements() -> PathBuf {
        application().join("requirements.txt")
    }

    /// The list once it is installed: written last, so a half-made environment has none.
    pub fn stamp() -> PathBuf {
        Self::folder().join("requirements.txt")
    }

    /// Its interpreter.
    pub fn python(&self) -> &Path {
        &self.0
    }
}

/// The folder of the application.
pub(super) fn application() -> PathBuf {
    top().join("tests/fastapi")
}

/// The top of the repository.
fn top() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("this crate is crates/testbed").to_owned()
}
