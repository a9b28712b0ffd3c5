use askama::Template;

use super::Frame;

/// `/`: what this is, and the way in.
#[derive(Clone, Debug, Template)]
#[template(path = "home.html", whitespace = "minimize")]
pub struct Home {
    /// What surrounds the page.
    pub frame: Frame,
}
