use std::fmt;

use tracing::field::{Field, Visit};
use tracing_subscriber::field::{RecordFields, VisitOutput as _};
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultVisitor, Writer};

use super::line::is_plain;

/// Fields as tracing-subscriber writes them. The id of a request is written for each, and does not have to go through its
/// machinery.
pub(super) struct Fields;

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = Visitor { writer, is_empty: true, written: Ok(()) };
        fields.record(&mut visitor);
        visitor.written
    }
}

struct Visitor<'w> {
    writer: Writer<'w>,
    is_empty: bool,
    written: fmt::Result,
}

impl Visitor<'_> {
    fn write(&mut self, write: impl FnOnce(&mut Writer<'_>, bool) -> fmt::Result) {
        if self.written.is_ok() {
            self.written = write(&mut self.writer, self.is_empty);
            self.is_empty = false;
        }
    }
}

impl Visit for Visitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" || self.writer.has_ansi_escapes() || !is_plain(value) {
            return self.write(|writer, is_empty| {
                let mut usual = DefaultVisitor::new(writer.by_ref(), is_empty);
                usual.record_str(field, value);
                usual.finish()
            });
        }
        self.write(|writer, is_empty| {
            let space = if is_empty { "" } else { " " };
            [space, field.name(), "=\"", value, "\""]
                .into_iter()
                .try_for_each(|part| writer.write_str(part))
        });
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.write(|writer, is_empty| {
            let mut usual = DefaultVisitor::new(writer.by_ref(), is_empty);
            usual.record_error(field, value);
            usual.finish()
        });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(|writer, is_empty| {
            let mut usual = DefaultVisitor::new(writer.by_ref(), is_empty);
            usual.record_debug(field, value);
            usual.finish()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Fields;
    use crate::log::tests::Written;

    fn say(agent: &str) {
        let error = std::io::Error::other("no\u{1b}[31m");
        let error = &error as &dyn std::error::Error;
        let _in = tracing::info_span!("http.request", request.id = agent, count = 7).entered();
        tracing::info!(agent, is_well = true, ?agent, %agent, error, "said");
        tracing::info!("{agent}");
        tracing::info!(agent);
    }

    #[test]
    fn they_are_those_that_tracing_writes() {
        for (agent, ansi) in
            ["a/1", "a \"b\"", "a\n\u{1b}[31m", ""].map(|it| [(it, false), (it, true)]).concat()
        {
            let written = [Written::default(), Written::default()];
            let log = |into: &Written| {
                let into = into.clone();
                tracing_subscriber::fmt()
                    .without_time()
                    .with_ansi(ansi)
                    .with_writer(move || into.clone())
            };
            tracing::subscriber::with_default(log(&written[0]).finish(), || say(agent));
            let ours = log(&written[1]).fmt_fields(Fields).finish();
            tracing::subscriber::with_default(ours, || say(agent));
            let [usual, ours] = written.map(|written| written.text());
            assert_eq!(ours, usual);
        }
    }
}
