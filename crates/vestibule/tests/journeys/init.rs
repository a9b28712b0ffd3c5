//! `vestibule init next`: what an app needs, shown first, written once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::process::vestibule;
use crate::support::Folder;

const LAYOUT: &str = r#"import type { Metadata } from "next";
import "./globals.css";

export const metadata: Metadata = { title: "App" };

export default function RootLayout({ children }: Readonly<{ children: React.ReactNode }>) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
"#;
const CONFIG: &str = r#"import type { NextConfig } from "next";

const nextConfig: NextConfig = {
  /* config options here */
};

export default nextConfig;
"#;

/// An app as `create-next-app` makes one, with its source in `source`.
struct App(Folder, &'static str);

impl App {
    fn new(source: &'static str) -> Self {
        let app = Self(Folder::new(), source);
        fs::create_dir_all(app.source("app")).unwrap();
        app.put("package.json", r#"{"name": "app", "dependencies": {"next": "16.4.6"}}"#);
        app.put("next.config.ts", CONFIG);
        fs::write(app.source("app/layout.tsx"), LAYOUT).unwrap();
        app
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn source(&self, name: &str) -> PathBuf {
        self.path().join(self.1).join(name)
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn init(&self, arguments: &[&str]) -> Output {
        let mut command = vestibule(&["init", "next"]);
        command.arg(self.path()).args(arguments).output().unwrap()
    }

    /// Every file and what is in it.
    fn files(&self) -> Vec<(PathBuf, String)> {
        let mut folders = vec![self.path().to_owned()];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push((path.clone(), fs::read_to_string(path).unwrap()));
                }
            }
        }
        files.sort();
        files
    }
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn changed_lines(diff: &str) -> usize {
    let is_change = |line: &&str| {
        line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---")
    };
    diff.lines().filter(is_change).count()
}

#[test]
fn an_app_behind_the_gateway_gets_two_lines_and_the_second_time_none() {
    for source in ["", "src"] {
        let app = App::new(source);
        let done = app.init(&["--yes"]);
        assert!(done.status.success(), "{}", err(&done));
        assert!(changed_lines(&out(&done)) <= 4, "{}", out(&done));
        let layout = fs::read_to_string(app.source("app/layout.tsx")).unwrap();
        assert!(layout.contains("import { SessionSync } from \"@vestibule/next/client\";\n"));
        assert!(layout.contains("<body>{children}<SessionSync /></body>"), "{layout}");
        let files = app.files();
        assert_eq!(files.len(), 3, "{files:?}");
        let again = app.init(&["--yes"]);
        assert_eq!(out(&again), "Everything is there already.\n");
        assert_eq!(app.files(), files);
    }
}

#[test]
fn an_app_in_front_gets_three_files_beside_its_folder_app() {
    for source in ["", "src"] {
        let app = App::new(source);
        let done = app.init(&["--front", "next", "--yes"]);
        assert!(done.status.success(), "{}", err(&done));
        assert!(changed_lines(&out(&done)) <= 20, "{}", out(&done));
        let config = fs::read_to_string(app.path().join("next.config.ts")).unwrap();
        assert!(config.ends_with("export default withVestibule(nextConfig);\n"), "{config}");
        let proxy = fs::read_to_string(app.source("proxy.ts")).unwrap();
        assert!(proxy.contains("@vestibule/next/proxy") && proxy.contains("matcher"), "{proxy}");
        let files = app.files();
        assert_eq!(files.len(), 4, "{files:?}");
        assert_eq!(out(&app.init(&["--front", "next", "--yes"])), "Everything is there already.\n");
        assert_eq!(app.files(), files);
    }
}

#[test]
fn a_root_layout_below_a_group_or_a_locale_is_found() {
    for part in ["(shop)", "[locale]"] {
        let app = App::new("src");
        fs::create_dir(app.source("app").join(part)).unwrap();
        let layout = app.source("app").join(part).join("layout.tsx");
        fs::rename(app.source("app/layout.tsx"), &layout).unwrap();
        let done = app.init(&["--front", "next", "--yes"]);
        assert!(done.status.success(), "{part}: {}", err(&done));
        assert!(fs::read_to_string(layout).unwrap().contains("<SessionSync />"));
        assert!(app.source("proxy.ts").is_file(), "beside app");
    }
}

#[test]
fn a_project_in_javascript_with_windows_lines_stays_one() {
    let app = App::new("");
    app.put("package.json", r#"{"devDependencies": {"next": "16.4.6"}}"#);
    fs::remove_file(app.source("app/layout.tsx")).unwrap();
    fs::remove_file(app.path().join("next.config.ts")).unwrap();
    app.put("next.config.mjs", "\u{feff}const config = {}\r\n\r\nexport default config\r\n");
    let layout = "\u{feff}import './a.css'\r\n\r\nexport default ({ children }) => (\r\n  <html>\r\n    <body>\r\n      {children}\r\n    </body>\r\n  </html>\r\n)\r\n";
    fs::write(app.source("app/layout.js"), layout).unwrap();
    let done = app.init(&["--front", "next", "--yes"]);
    assert!(done.status.success(), "{}", err(&done));
    assert!(changed_lines(&out(&done)) <= 20, "{}", out(&done));
    for name in ["app/layout.js", "next.config.mjs", "proxy.js"] {
        let text = fs::read_to_string(app.source(name)).unwrap();
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{name}: {text:?}");
        assert!(
            text.lines().count() > 3 && !text.chars().skip(1).any(|c| c == '\u{feff}'),
            "{name}: {text:?}"
        );
    }
    let files = app.files();
    assert_eq!(files.len(), 4, "{files:?}");
    assert_eq!(out(&app.init(&["--front", "next", "--yes"])), "Everything is there already.\n");
    assert_eq!(app.files(), files);
}

#[test]
fn without_a_yes_the_changes_are_shown_and_nothing_is_written() {
    let app = App::new("");
    let before = app.files();
    let refused = app.init(&[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(out(&refused).contains("+import { SessionSync }"), "{}", out(&refused));
    assert!(err(&refused).contains("say --yes"), "{}", err(&refused));
    assert_eq!(app.files(), before);
}

#[test]
fn what_cant_be_changed_beyond_doubt_is_told_and_nothing_is_written() {
    type Spoil = fn(&App);
    let cases: [(Spoil, &str); 10] = [
        (
            |app| app.put("next.config.ts", "module.exports = { a: 1 }\n"),
            "make it a next.config.mjs",
        ),
        (
            |app| {
                fs::create_dir(app.source("app/(a)")).unwrap();
                fs::create_dir(app.source("app/(b)")).unwrap();
                fs::rename(app.source("app/layout.tsx"), app.source("app/(a)/layout.tsx")).unwrap();
                fs::write(app.source("app/(b)/layout.tsx"), LAYOUT).unwrap();
            },
            "one root layout",
        ),
        (|app| app.put("package.json", "{"), "package.json"),
        (|app| app.put("package.json", r#"{"dependencies": {}}"#), "next is not among"),
        (|app| fs::remove_file(app.source("app/layout.tsx")).unwrap(), "one root layout"),
        (|app| fs::write(app.source("app/layout.jsx"), LAYOUT).unwrap(), "one root layout"),
        (
            |app| fs::write(app.source("app/layout.tsx"), "export {}").unwrap(),
            "put <SessionSync /> into",
        ),
        (|app| app.put("next.config.ts", "export default async () => ({});\n"), "withVestibule"),
        (|app| app.put("middleware.ts", "export {}"), "middleware.ts"),
        (|app| app.put("proxy.ts", "export function proxy() {}"), "it has a proxy already"),
    ];
    for (spoil, why) in cases {
        let app = App::new("");
        spoil(&app);
        let before = app.files();
        let refused = app.init(&["--front", "next", "--yes"]);
        assert_eq!(refused.status.code(), Some(1), "{why}: {}", out(&refused));
        assert!(err(&refused).contains(why), "{why}: {}", err(&refused));
        assert_eq!(app.files(), before, "{why}");
    }
    let nowhere = vestibule(&["init", "next", "/no/such/folder", "--yes"]).output().unwrap();
    assert!(err(&nowhere).contains("/no/such/folder/package.json"), "{}", err(&nowhere));
}
