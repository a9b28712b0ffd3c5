//! Writes every page in every state, and the files they use, into a folder, to be looked at through any
//! web server: `cargo run -p vestibule-ui --example preview -- /tmp/preview`.

mod states;

use std::fs;
use std::io;
use std::path::PathBuf;

use vestibule_ui::assets;

fn main() -> io::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "preview".to_owned()));
    fs::create_dir_all(folder.join("_vestibule"))?;
    for name in ["vestibule.css", "docs.css", "vestibule.js", "icon.svg", "hall.svg"] {
        let asset = assets::asset(name).expect("the list above is complete");
        fs::write(folder.join("_vestibule").join(name), asset.bytes)?;
    }
    for (name, page) in states::all() {
        fs::write(folder.join(name).with_extension("html"), page)?;
    }
    Ok(())
}
