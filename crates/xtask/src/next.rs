//! The Next.js example, built as people build it: behind the gateway (design A) and in front of it (design B).
//!
//! `target/next` is one npm project with the example's lock file, and two copies of the app in it, `a` and `b`. The package
//! is installed from a tarball as from a registry: Next.js doesn't resolve what is linked (contract: Next.js, N17).

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::command::{Failure, command, run};

/// Brings `target/next` up to date, and builds both apps for production. Answers the gateway's address that is built into that of
/// design B, which is free now.
pub(crate) fn build(top: &Path) -> Result<String, Failure> {
    let gateway = format!("http://localhost:{}", free_port(top)?);
    let (package, example, folder) =
        (top.join("packages/next"), top.join("examples/nextjs"), folder(top));
    run(command("npm", ["run", "build"], &package))?;
    install(&example, &package, &folder)?;
    for design in ["a", "b"] {
        let app = folder.join(design);
        refresh(&example, &app, design).map_err(|error| unusable(&app, &error))?;
        let mut build = command("npx", ["--no-install", "next", "build"], &app);
        build.env("NEXT_TELEMETRY_DISABLED", "1").env("VESTIBULE_URL", &gateway);
        run(build)?;
    }
    before(&top.join("examples/nextjs-before"), &top.join("target/next-before"))?;
    Ok(gateway)
}

fn folder(top: &Path) -> PathBuf {
    top.join("target/next")
}

/// Brings the brief's own app up to date. It is only played with the development server: its API's address is built in.
fn before(example: &Path, folder: &Path) -> Result<(), Failure> {
    let copied = fs::create_dir_all(folder).and_then(|()| {
        ["app", "src"].iter().try_for_each(|name| {
            remove(&folder.join(name))?;
            copy(&example.join(name), &folder.join(name))
        })?;
        let files = ["package.json", "package-lock.json", ".npmrc", "tsconfig.json", "proxy.ts"];
        files.iter().try_for_each(|name| anew(&example.join(name), &folder.join(name)))
    });
    copied.map_err(|error| unusable(folder, &error))?;
    run(command("npm", NPM_INSTALL, folder))
}

/// Not by `npm ci`: that insists on packages for other systems, which not every registry has.
const NPM_INSTALL: [&str; 4] = ["install", "--no-save", "--no-audit", "--no-fund"];

/// Ports below those that systems give away by themselves: nobody else takes one meanwhile.
const PORTS: Range<u16> = 28_400..29_400;

/// A port that is free, and most likely no other checkout's, which may be built at the same time.
fn free_port(top: &Path) -> Result<u16, Failure> {
    let mut hasher = DefaultHasher::new();
    top.hash(&mut hasher);
    let count = u64::from(PORTS.end - PORTS.start);
    let first = u16::try_from(hasher.finish() % count).expect("there are fewer ports than that");
    let free = (PORTS.start + first..PORTS.end)
        .chain(PORTS)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    free.ok_or_else(|| Failure("no port of 28400 to 29399 is free".to_owned()))
}

/// Installs what the example's lock file names, and the package as it is now.
fn install(example: &Path, package: &Path, folder: &Path) -> Result<(), Failure> {
    let files = ["package.json", "package-lock.json", ".npmrc"];
    let copied = fs::create_dir_all(folder).and_then(|()| {
        files.iter().try_for_each(|name| anew(&example.join(name), &folder.join(name)))
    });
    copied.map_err(|error| unusable(folder, &error))?;
    run(command("npm", NPM_INSTALL, folder))?;
    let installed = folder.join("node_modules/@vestibule/next");
    let replaced = remove(&installed).and_then(|()| {
        fs::create_dir_all(&installed)?;
        anew(&package.join("package.json"), &installed.join("package.json"))?;
        copy(&package.join("dist"), &installed.join("dist"))
    });
    replaced.map_err(|error| unusable(&installed, &error))
}

/// Makes `app` the example of now, in one design. What Next.js has built there before stays: it is faster then.
fn refresh(example: &Path, app: &Path, design: &str) -> io::Result<()> {
    for name in ["app", "public", "proxy.ts", "next.config.ts"] {
        remove(&app.join(name))?;
    }
    fs::create_dir_all(app)?;
    for name in ["app", "public"] {
        copy(&example.join(name), &app.join(name))?;
    }
    anew(&example.join("tsconfig.json"), &app.join("tsconfig.json"))?;
    if design == "b" {
        copy(&example.join("in-front"), app)?;
    }
    Ok(())
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            anew(&entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Copies a file. One that is there is not written into: it may be another file's too, by a hard link.
fn anew(from: &Path, to: &Path) -> io::Result<()> {
    remove(to)?;
    fs::copy(from, to).map(drop)
}

/// Removes a file or a folder, if there is one.
fn remove(path: &Path) -> io::Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed
        .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    Failure(format!("{} can't be brought up to date: {error}", path.display()))
}
