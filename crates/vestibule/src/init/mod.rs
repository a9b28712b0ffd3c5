//! `vestibule init`: what an app needs, written into it once its owner has seen the changes.

mod change;
mod edit;
mod next;

use std::path::Path;

use crate::operate::{agrees, report};
use crate::run::RunError;
use crate::settings::{Front, InitNext};

/// `vestibule init next`.
pub(crate) fn init_next(settings: &InitNext) -> Result<(), RunError> {
    let app = next::App::at(&settings.folder)?;
    let changes = app.changes(settings.front)?;
    if changes.is_empty() {
        report("Everything is there already.");
        return Ok(());
    }
    for change in &changes {
        report(change.diff().trim_end());
    }
    let files = if changes.len() == 1 { "this file" } else { "these files" };
    if !settings.yes && !agrees(&format!("Change {files} in {}?", app.folder().display()))? {
        report("Nothing was done.");
        return Ok(());
    }
    for change in &changes {
        change.write().map_err(|cause| refused(change.path(), &cause))?;
    }
    report(&format!("Done. Next:{}", next_steps(settings.front, app.has_package())));
    Ok(())
}

fn next_steps(front: Front, has_package: bool) -> String {
    let install = if has_package { "" } else { "\n  npm install @vestibule/next" };
    let rest = match front {
        Front::Gateway => {
            "\n  npx next dev --port 3001\n  vestibule --ui http://localhost:3001\nand open http://localhost:3000"
        }
        Front::Next => {
            "\n  vestibule --site-listen 127.0.0.1:4000 --site-url http://localhost:3000 --also-host localhost:4000\n  export VESTIBULE_URL=http://localhost:4000 VESTIBULE_KEY=$(vestibule next-key)\n  npx next dev\nand open http://localhost:3000"
        }
    };
    format!("{install}{rest}")
}

fn refused(path: &Path, cause: &dyn std::fmt::Display) -> RunError {
    RunError::Setting(format!("{}: {cause}", path.display()))
}
