//! How large the program is.

use std::fs;
use std::path::Path;

use crate::Failure;
use crate::table::{Goal, Row, Spread};

/// Most megabytes, each of a million bytes.
const MOST: f64 = 25.0;

/// The row of the program in the folder `build`.
pub(crate) fn size(build: &Path) -> Result<Vec<Row>, Failure> {
    let bytes = fs::metadata(build.join("vestibule"))?.len();
    Ok(vec![Row {
        what: "size of the program".to_owned(),
        against: "–".to_owned(),
        figures: format!("{bytes} bytes"),
        measured: Spread::of(vec![bytes as f64 / 1e6]),
        unit: " MB",
        goal: Goal::AtMost(MOST),
    }])
}
