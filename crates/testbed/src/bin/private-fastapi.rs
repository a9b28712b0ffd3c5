//! The brief's FastAPI backend to try things with: prints its address, and ends with standard input, or when it is
//! killed.

use std::io::{Read as _, Write as _};

use vestibule_testbed::fastapi::Server;

fn main() -> Result<(), String> {
    let server = Server::start()?;
    let mut out = std::io::stdout();
    let said = writeln!(out, "{}", server.url()).and_then(|()| out.flush());
    said.and_then(|()| std::io::stdin().read_to_end(&mut Vec::new()))
        .map_err(|error| error.to_string())?;
    Ok(())
}
