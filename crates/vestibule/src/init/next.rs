//! A Next.js app: where its files are, and what each of them needs.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::change::Change;
use super::edit::{Style, with_default_export_in, with_import, with_last_in_body};
use super::refused;
use crate::run::RunError;
use crate::settings::Front;

/// The package that the changes import from.
const PACKAGE: &str = "@vestibule/next";

/// An app, found by its package.json and its root layout.
pub(super) struct App {
    folder: PathBuf,
    /// The folder that has `app`: the app's own, or its `src`.
    source: PathBuf,
    /// The only one with a `<body>`.
    layout: PathBuf,
    has_package: bool,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    dependencies: serde_json::Map<String, serde_json::Value>,
    #[serde(default, rename = "devDependencies")]
    dev_dependencies: serde_json::Map<String, serde_json::Value>,
}

impl App {
    /// # Errors
    /// [`RunError`], if there is no Next.js app with an App Router in `folder`.
    pub(super) fn at(folder: &Path) -> Result<Self, RunError> {
        let manifest = folder.join("package.json");
        let text = fs::read_to_string(&manifest).map_err(|cause| refused(&manifest, &cause))?;
        let Manifest { dependencies, dev_dependencies } =
            serde_json::from_str(&text).map_err(|cause| refused(&manifest, &cause))?;
        let depends_on =
            |name: &str| dependencies.contains_key(name) || dev_dependencies.contains_key(name);
        if !depends_on("next") {
            return Err(refused(
                &manifest,
                &"next is not among its dependencies: name the folder of a Next.js app",
            ));
        }
        let found = ["", "src"].into_iter().flat_map(|at| {
            let source = folder.join(at);
            root_layouts(&source.join("app")).into_iter().map(move |path| (source.clone(), path))
        });
        let found: Vec<_> = found.collect();
        let [(source, layout)] = &found[..] else {
            let why = "it has to have one root layout, app/layout.tsx or src/app/layout.tsx";
            return Err(refused(folder, &why));
        };
        Ok(Self {
            folder: folder.to_owned(),
            source: source.clone(),
            layout: layout.clone(),
            has_package: depends_on(PACKAGE),
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn has_package(&self) -> bool {
        self.has_package
    }

    /// What has to change, file by file.
    ///
    /// # Errors
    /// [`RunError`] for a file in which the place for a change can't be told; it says what to write there by hand.
    pub(super) fn changes(&self, front: Front) -> Result<Vec<Change>, RunError> {
        let mut changes = vec![self.layout()?];
        if front == Front::Next {
            changes.push(self.config()?);
            changes.push(self.proxy()?);
        }
        Ok(changes.into_iter().flatten().collect())
    }

    /// The root layout notices a sign-out in another tab.
    fn layout(&self) -> Result<Option<Change>, RunError> {
        self.edit(
            &self.layout,
            "SessionSync",
            "client",
            "put <SessionSync /> into its <body>",
            |text| with_last_in_body(text, "<SessionSync />"),
        )
    }

    /// The configuration leads calls to the gateway.
    fn config(&self) -> Result<Option<Change>, RunError> {
        let ends = ["ts", "mts", "mjs", "js"];
        let paths = ends.map(|end| self.folder.join(format!("next.config.{end}")));
        let Some(path) = paths.iter().find(|path| path.is_file()) else {
            let path = self.folder.join("next.config.mjs");
            let text = format!(
                "import {{ withVestibule }} from \"{PACKAGE}/config\";\n\nexport default withVestibule({{}});\n"
            );
            return Ok(Change::new(&self.folder, &path, None, text));
        };
        if is_common_js(&read(path)?) {
            let why = format!(
                "it is CommonJS, which can't import {PACKAGE}: make it a next.config.mjs with export default, then run this again"
            );
            return Err(refused(path, &why));
        }
        self.edit(
            path,
            "withVestibule",
            "config",
            "export withVestibule(…) of what it exports",
            |text| with_default_export_in(text, "withVestibule"),
        )
    }

    /// The proxy asks the gateway who is there. It is built only beside the folder `app`.
    fn proxy(&self) -> Result<Option<Change>, RunError> {
        let ends = ["ts", "js"];
        for path in ends.map(|end| self.source.join(format!("middleware.{end}"))) {
            if path.is_file() {
                let why = "Next.js 16 builds it or a proxy.ts, not both: move what it does into a proxy.ts first";
                return Err(refused(&path, &why));
            }
        }
        let end = self.layout.extension().filter(|end| *end == "tsx").map_or("js", |_| "ts");
        if let Some(path) = ends
            .map(|end| self.source.join(format!("proxy.{end}")))
            .iter()
            .find(|path| path.is_file())
        {
            let text = read(path)?;
            if text.contains(PACKAGE) {
                return Ok(None);
            }
            let why =
                format!("it has a proxy already: call the one of {PACKAGE}/proxy in it by hand");
            return Err(refused(path, &why));
        }
        let path = self.source.join(format!("proxy.{end}"));
        let text = PROXY.replace('\n', Style::of(&read(&self.layout)?).newline());
        Ok(Change::new(&self.folder, &path, None, text))
    }

    /// A file that uses `name` of one part of the package, once `place` has put it there.
    fn edit(
        &self,
        path: &Path,
        name: &str,
        part: &str,
        by_hand: &str,
        place: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Change>, RunError> {
        let before = read(path)?;
        let module = format!("{PACKAGE}/{part}");
        if before.contains(&module) && before.contains(name) {
            return Ok(None);
        }
        let Some(placed) = place(&before) else {
            let import = Style::of(&before).import(name, &module);
            return Err(refused(
                path,
                &format!(
                    "the place for a change can't be told: write `{import}`, and {by_hand}, by hand"
                ),
            ));
        };
        let after = with_import(&placed, name, &module);
        Ok(Change::new(&self.folder, path, Some(before), after))
    }
}

/// The layouts of an `app` folder that no other is around: its own, or else those of its parts that are in no path, or in
/// every one, such as `(shop)` and `[locale]`.
fn root_layouts(app: &Path) -> Vec<PathBuf> {
    let own = layouts(app);
    if !own.is_empty() {
        return own;
    }
    let parts = fs::read_dir(app).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_part = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(['(', '['])
    };
    parts.filter(is_part).flat_map(|part| layouts(&part)).collect()
}

fn layouts(folder: &Path) -> Vec<PathBuf> {
    let all = ["tsx", "jsx", "js"].map(|end| folder.join(format!("layout.{end}")));
    all.into_iter().filter(|path| path.is_file()).collect()
}

fn is_common_js(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("module.exports") || line.starts_with("exports."))
}

fn read(path: &Path) -> Result<String, RunError> {
    fs::read_to_string(path).map_err(|cause| match cause.kind() {
        ErrorKind::InvalidData => refused(path, &"it is not UTF-8"),
        _ => refused(path, &cause),
    })
}

/// Which requests Next.js asks it about has to stand there as a literal (contract: Next.js, N4).
const PROXY: &str = r#"export { proxy } from "@vestibule/next/proxy";

// Next.js reads this without running it: it has to be written out.
export const config = {
  matcher: [
    { source: "/((?!_next/|favicon.ico).*)", missing: [{ type: "header", key: "next-router-prefetch" }] },
    { source: "/((?!_next/|favicon.ico).*)", has: [{ type: "cookie", key: "__Host-Http-vestibule" }] },
    { source: "/((?!_next/|favicon.ico).*)", has: [{ type: "cookie", key: "vestibule" }] },
  ],
};
"#;
