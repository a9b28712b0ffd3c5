//! Changes of TypeScript and JavaScript that need no parser: a line beside others of its kind, in their style. What
//! can't be placed beyond doubt is not placed.

/// What some editors begin a file with (RFC 3629, 6).
const MARK: char = '\u{feff}';

/// How a file ends its lines, quotes and statements.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Style {
    newline: &'static str,
    quote: char,
    semicolon: &'static str,
}

impl Style {
    /// As the first import of `text` has it; without one, as Next.js writes new files.
    pub(super) fn of(text: &str) -> Self {
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let is_end = |line: &&str| {
            (line.starts_with("import ") || line.starts_with("} from")) && is_closed(line)
        };
        let import = text.lines().find(is_end);
        let Some(import) = import else { return Self { newline, quote: '"', semicolon: ";" } };
        Self {
            newline,
            quote: if import.contains('"') { '"' } else { '\'' },
            semicolon: if import.trim_end().ends_with(';') { ";" } else { "" },
        }
    }

    /// What ends a line.
    pub(super) fn newline(&self) -> &'static str {
        self.newline
    }

    /// `import { name } from "module";` without the line's end.
    pub(super) fn import(&self, name: &str, module: &str) -> String {
        let Self { quote, semicolon, .. } = self;
        format!("import {{ {name} }} from {quote}{module}{quote}{semicolon}")
    }
}

/// Whether an import ends on this line.
fn is_closed(line: &str) -> bool {
    line.trim_end().trim_end_matches(';').ends_with(['"', '\''])
}

/// `text` with an import behind its last one, or in front of everything but a byte order mark, directives such as "use client" and
/// comments.
pub(super) fn with_import(text: &str, name: &str, module: &str) -> String {
    if let Some(rest) = text.strip_prefix(MARK) {
        return format!("{MARK}{}", with_import(rest, name, module));
    }
    let style = Style::of(text);
    let place = end_of_imports(text).unwrap_or_else(|| end_of_preamble(text));
    let (before, after) = text.split_at(place);
    let separator = if before.is_empty() || before.ends_with('\n') { "" } else { style.newline };
    format!("{before}{separator}{}{}{after}", style.import(name, module), style.newline)
}

/// Behind the last import, which may take several lines.
fn end_of_imports(text: &str) -> Option<usize> {
    let (mut at, mut end, mut is_open) = (0, None, false);
    for line in text.split_inclusive('\n') {
        at += line.len();
        is_open |= line.starts_with("import ") || line.starts_with("import{");
        if is_open && is_closed(line) {
            (end, is_open) = (Some(at), false);
        }
    }
    end
}

/// Behind the directives and comments that a file begins with.
fn end_of_preamble(text: &str) -> usize {
    let is_preamble = |line: &&str| {
        let line = line.trim();
        line.starts_with("\"use ") || line.starts_with("'use ") || line.starts_with("//")
    };
    text.split_inclusive('\n').take_while(is_preamble).map(str::len).sum()
}

/// `text` with `element` as the last thing in `<body>`; `None` if it has not one end of a body.
pub(super) fn with_last_in_body(text: &str, element: &str) -> Option<String> {
    const END: &str = "</body>";
    let end = text.find(END)?;
    if text[end + END.len()..].contains(END) {
        return None;
    }
    let (before, after) = text.split_at(end);
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    let indent = &before[line..];
    if !indent.trim().is_empty() {
        return Some(format!("{before}{element}{after}"));
    }
    let step = if indent.contains('\t') { "\t" } else { "  " };
    let newline = Style::of(text).newline;
    Some(format!("{}{indent}{step}{element}{newline}{indent}{after}", &before[..line]))
}

/// `text` with what it exports by default wrapped in a call, if that is a name, as in new apps.
/// `None` for anything else.
pub(super) fn with_default_export_in(text: &str, function: &str) -> Option<String> {
    const EXPORT: &str = "export default ";
    let mut places =
        text.match_indices(EXPORT).filter(|(at, _)| *at == 0 || text[..*at].ends_with('\n'));
    let (start, _) = places.next()?;
    if places.next().is_some() {
        return None;
    }
    let value = start + EXPORT.len();
    let rest = &text[value..];
    let name = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '$').next()?;
    let behind = &rest[name.len()..];
    let is_name = !name.is_empty() && behind.trim_start_matches(';').trim().is_empty();
    let is_keyword = matches!(name, "function" | "async" | "class");
    (is_name && !is_keyword).then(|| format!("{}{function}({name}){behind}", &text[..value]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: &str = r#"import type { Metadata } from "next";
import {
  Geist,
} from "next/font/google";
import "./globals.css";

export default function RootLayout({ children }: { children: React.ReactNode }) {
  return (
    <html lang="en">
      <body className="x">
        {children}
      </body>
    </html>
  );
}
"#;

    #[test]
    fn an_import_stands_behind_the_others_in_their_style() {
        let with = with_import(LAYOUT, "A", "b/c");
        assert!(
            with.contains("import \"./globals.css\";\nimport { A } from \"b/c\";\n\nexport"),
            "{with}"
        );
        for (text, expected) in [
            ("import a from 'a'\n", "import a from 'a'\nimport { A } from 'b/c'\n"),
            (
                "import a from 'a';\r\nx\r\n",
                "import a from 'a';\r\nimport { A } from 'b/c';\r\nx\r\n",
            ),
            (
                "import {\n  a,\n} from \"a\"\nx\n",
                "import {\n  a,\n} from \"a\"\nimport { A } from \"b/c\"\nx\n",
            ),
            ("\"use client\"\nx\n", "\"use client\"\nimport { A } from \"b/c\";\nx\n"),
            ("x\n", "import { A } from \"b/c\";\nx\n"),
            ("", "import { A } from \"b/c\";\n"),
            (
                "\u{feff}import a from 'a'\nx\n",
                "\u{feff}import a from 'a'\nimport { A } from 'b/c'\nx\n",
            ),
            ("\u{feff}x\n", "\u{feff}import { A } from \"b/c\";\nx\n"),
            ("import a from 'a'", "import a from 'a'\nimport { A } from 'b/c'\n"),
            (
                "const x = 1\nconst s = \"import x\"\n",
                "import { A } from \"b/c\";\nconst x = 1\nconst s = \"import x\"\n",
            ),
        ] {
            assert_eq!(with_import(text, "A", "b/c"), expected);
        }
    }

    #[test]
    fn an_element_is_the_last_in_the_body() {
        let with = with_last_in_body(LAYOUT, "<S />").unwrap();
        assert!(with.contains("        {children}\n        <S />\n      </body>\n"), "{with}");
        let inline = with_last_in_body("<body>{children}</body>", "<S />").unwrap();
        assert_eq!(inline, "<body>{children}<S /></body>");
        let tabs = with_last_in_body("\t<body>\r\n\t</body>\r\n", "<S />").unwrap();
        assert_eq!(tabs, "\t<body>\r\n\t\t<S />\r\n\t</body>\r\n");
        assert_eq!(with_last_in_body("<main>", "<S />"), None);
        assert_eq!(with_last_in_body("<body></body> // </body>", "<S />"), None);
    }

    #[test]
    fn only_a_plain_default_export_is_wrapped() {
        for (text, wrapped) in [
            (
                "const a = {};\n\nexport default a;\n",
                Some("const a = {};\n\nexport default with(a);\n"),
            ),
            ("export default nextConfig", Some("export default with(nextConfig)")),
            ("export default async function config() {}\n", None),
            ("export default function a() {}\n", None),
            ("export default withBundle(a);\n", None),
            ("export default { a: 1 };\n", None),
            ("module.exports = a;\n", None),
            ("export default a;\nexport default b;\n", None),
        ] {
            assert_eq!(with_default_export_in(text, "with").as_deref(), wrapped, "{text}");
        }
    }
}
