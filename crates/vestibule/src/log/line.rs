use std::cell::RefCell;
use std::fmt::{Display, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::Level;
use vestibule_types::Timestamp;

/// How lines look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Style {
    /// For people at a terminal.
    Coloured,
    /// For people, in a file.
    Plain,
    /// One JSON object a line.
    Json,
}

/// A line of the log as tracing-subscriber writes it, put together without its machinery: fields one after another, into one
/// text. Texts are escaped, so that none forges a line (LO-02).
pub(crate) struct Line {
    style: Style,
    text: String,
}

impl Line {
    pub(super) fn begin(style: Style, level: Level, message: &'static str) -> Self {
        let mut text = String::with_capacity(512);
        match style {
            Style::Json => {
                text.push_str("{\"timestamp\":\"");
                push_now(&mut text);
                text.push_str("\",\"level\":\"");
                text.push_str(level.as_str());
                text.push_str("\",\"message\":\"");
                text.push_str(message);
                text.push('"');
            }
            Style::Coloured | Style::Plain => {
                let (dim, colour, end) = match (style, level) {
                    (Style::Plain, _) => ("", "", ""),
                    (_, Level::INFO) => ("\x1b[2m", "\x1b[32m", "\x1b[0m"),
                    _ => ("\x1b[2m", "\x1b[33m", "\x1b[0m"),
                };
                text.push_str(dim);
                push_now(&mut text);
                text.push_str(end);
                for part in ["  ", colour, level.as_str(), end, " ", message] {
                    text.push_str(part);
                }
            }
        }
        Self { style, text }
    }

    /// A text, which anybody may have chosen.
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        if is_plain(value) {
            self.text.push('"');
            self.text.push_str(value);
            self.text.push('"');
        } else if self.style == Style::Json {
            // JSON takes C1 controls and line separators as they are; terminals do not.
            let json = serde_json::Value::from(value).to_string();
            for character in json.chars() {
                match character {
                    '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => {
                        let _ = write!(self.text, "\\u{:04x}", u32::from(character));
                    }
                    _ => self.text.push(character),
                }
            }
        } else {
            let _ = write!(self.text, "{value:?}");
        }
    }

    /// What needs no escaping: ours, or of a form that has neither quotes nor controls.
    pub(crate) fn shown(&mut self, name: &str, value: impl Display) {
        self.name(name);
        let quote = if self.style == Style::Json { "\"" } else { "" };
        let _ = write!(self.text, "{quote}{value}{quote}");
    }

    /// A number.
    pub(crate) fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        self.text.push_str(itoa::Buffer::new().format(value));
    }

    fn name(&mut self, name: &str) {
        let (before, after) = match self.style {
            Style::Json => (",\"", "\":"),
            Style::Coloured | Style::Plain => (" ", "="),
        };
        for part in [before, name, after] {
            self.text.push_str(part);
        }
    }

    /// The line, to its end.
    pub(super) fn end(mut self, target: &str) -> String {
        if self.style == Style::Json {
            for part in [",\"target\":\"", target, "\"}"] {
                self.text.push_str(part);
            }
        }
        self.text.push('\n');
        self.text
    }
}

/// Stands for itself in every style.
pub(super) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
}

thread_local! {
    /// The second that was written last, to its point: all lines of a second begin alike.
    static SECOND: RefCell<(u64, String)> = RefCell::default();
}

#[expect(
    clippy::disallowed_methods,
    reason = "a line is dated by the machine's clock, as those of tracing are"
)]
fn push_now(text: &mut String) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    SECOND.with_borrow_mut(|(second, written)| {
        if *second != now.as_secs() || written.is_empty() {
            *second = now.as_secs();
            *written = Timestamp(i64::try_from(*second).unwrap_or(i64::MAX)).to_string();
            written.truncate(written.len() - "000Z".len());
        }
        text.push_str(written);
    });
    // With a one before it, it has all its digits.
    text.push_str(&itoa::Buffer::new().format(1_000_000 + now.subsec_micros())[1..]);
    text.push('Z');
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tracing::Level;

    use super::{Line, Style};
    use crate::log::tests::Written;

    const AGENTS: [&str; 5] = ["a/1", "a \"b\" \\", "a\n\u{1b}[31m", "\u{e9}\u{202e}", ""];

    fn ours(style: Style, agent: &str) -> String {
        let mut line = Line::begin(style, Level::WARN, "answered");
        line.text("role", "api");
        line.number("http.status", 503);
        line.shown("client.address", std::net::Ipv4Addr::LOCALHOST);
        line.text("client.agent", agent);
        line.end("vestibule::access")
    }

    fn of_tracing(style: Style, agent: &str) -> String {
        let written = Written::default();
        let writer = written.clone();
        let log = tracing_subscriber::fmt().with_writer(move || writer.clone());
        let say = || {
            let client = tracing::field::display(std::net::Ipv4Addr::LOCALHOST);
            tracing::warn!(
                target: "vestibule::access",
                role = "api",
                http.status = 503,
                client.address = client,
                client.agent = agent,
                "answered"
            );
        };
        match style {
            Style::Json => {
                tracing::subscriber::with_default(log.json().flatten_event(true).finish(), say)
            }
            _ => {
                let log = log.with_ansi(false).with_target(false);
                tracing::subscriber::with_default(log.finish(), say)
            }
        }
        written.text()
    }

    #[test]
    fn lo_02_a_line_is_the_one_that_tracing_writes() {
        for agent in AGENTS {
            let (ours, theirs) = (ours(Style::Plain, agent), of_tracing(Style::Plain, agent));
            let moment = "2026-11-23T09:12:36.515613Z".len();
            assert_eq!(ours[moment..], theirs[moment..]);
            assert!(ours.starts_with("20") && ours[..moment].ends_with('Z'), "{ours}");
        }
    }

    #[test]
    fn lo_02_a_line_in_json_says_what_that_of_tracing_says() {
        for agent in AGENTS.into_iter().chain(["\u{9b}31m\u{2028}\u{7f}"]) {
            let read = |line: &str| {
                assert!(line.ends_with("}\n") && line.lines().count() == 1, "{line}");
                let mut line: Value = serde_json::from_str(line).unwrap();
                let moment = line.as_object_mut().unwrap().shift_remove("timestamp").unwrap();
                assert_eq!(moment.as_str().unwrap().len(), 27, "{moment}");
                line
            };
            let ours = ours(Style::Json, agent);
            assert!(!ours.trim_end().contains(|c: char| c.is_control()), "{ours:?}");
            assert_eq!(read(&ours), read(&of_tracing(Style::Json, agent)));
        }
    }

    #[test]
    fn colours_are_for_terminals() {
        let line = ours(Style::Coloured, "\u{1b}[31m");
        assert!(line.contains("\u{1b}[33mWARN\u{1b}[0m answered role=\"api\""), "{line:?}");
        assert_eq!(line.matches('\u{1b}').count(), 4, "none of the client: {line:?}");
    }
}
