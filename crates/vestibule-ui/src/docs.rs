//! The API reference: an OpenAPI 3.1 document as a page. Ready-made viewers load scripts from
//! elsewhere or need a looser policy; this one is HTML.

use std::ptr;

use askama::Template;
use serde_json::{Map, Value};

use crate::pages::Frame;

/// The whole page. It never fails: what the document lacks is left out.
pub fn page(frame: &Frame, document: &Value) -> String {
    let reference = Reference::of(frame.clone(), document);
    // Writing into a string fails only if a value's own `Display` does, and none of ours does.
    reference.render().unwrap_or_default()
}

#[derive(Template)]
#[template(path = "docs.html", whitespace = "minimize")]
struct Reference {
    frame: Frame,
    title: String,
    version: String,
    description: Vec<Block>,
    servers: Vec<Described>,
    schemes: Vec<Described>,
    groups: Vec<Group>,
}

/// A name and what there is to say about it.
struct Described {
    name: String,
    description: Vec<Block>,
}

struct Group {
    id: String,
    name: String,
    description: Vec<Block>,
    operations: Vec<Operation>,
}

struct Operation {
    id: String,
    method: String,
    path: String,
    summary: String,
    description: Vec<Block>,
    is_deprecated: bool,
    security: String,
    parameters: Vec<Row>,
    request: Option<Described>,
    request_bodies: Vec<Body>,
    responses: Vec<Answer>,
}

struct Answer {
    status: String,
    /// One line: it may stand in a `<summary>`, where no paragraph can.
    description: Vec<Span>,
    headers: Vec<Row>,
    bodies: Vec<Body>,
}

/// What one media type looks like.
struct Body {
    media: String,
    kind: String,
    rows: Vec<Row>,
    examples: Vec<String>,
}

/// One field, parameter or header.
struct Row {
    name: String,
    /// Type and limits, and for a parameter where it goes.
    kind: String,
    is_required: bool,
    description: Vec<Block>,
}

/// A piece of a description: the part of Markdown that API descriptions use.
enum Block {
    Paragraph(Vec<Span>),
    List(Vec<Vec<Span>>),
}

enum Span {
    Text(String),
    Code(String),
}

const METHODS: [&str; 8] = ["get", "post", "put", "patch", "delete", "head", "options", "trace"];
/// Objects within objects are shown so deep; a schema may contain itself.
const DEEPEST: usize = 4;

impl Reference {
    fn of(frame: Frame, document: &Value) -> Self {
        let api = Api(document);
        Self {
            frame,
            title: text(&document["info"]["title"]).unwrap_or_else(|| "API".to_owned()),
            version: text(&document["info"]["version"]).unwrap_or_default(),
            description: described(&document["info"]),
            servers: items(&document["servers"])
                .filter_map(|server| {
                    Some(Described { name: text(&server["url"])?, description: described(server) })
                })
                .collect(),
            schemes: entries(&document["components"]["securitySchemes"])
                .map(|(name, scheme)| Described {
                    name: name.to_owned(),
                    description: described(api.resolved(scheme)),
                })
                .collect(),
            groups: api.groups(),
        }
    }
}

/// The document, to follow its `$ref`s.
#[derive(Clone, Copy)]
struct Api<'a>(&'a Value);

impl<'a> Api<'a> {
    /// Follows local references, a few at most: they may go round in circles.
    fn resolved(self, value: &'a Value) -> &'a Value {
        (0..8).fold(value, |value, _| self.target(value).unwrap_or(value))
    }

    fn target(self, value: &'a Value) -> Option<&'a Value> {
        self.0.pointer(value["$ref"].as_str()?.strip_prefix('#')?)
    }

    /// Operations by their first tag: declared tags in their order, then the others as they appear.
    fn groups(self) -> Vec<Group> {
        let mut groups: Vec<Group> = items(&self.0["tags"])
            .filter_map(|tag| Some(Group::new(&text(&tag["name"])?, described(tag))))
            .collect();
        for (path, methods) in entries(&self.0["paths"]) {
            let methods = self.resolved(methods);
            for method in METHODS.iter().filter(|method| methods[**method].is_object()) {
                let operation = &methods[*method];
                let tag = text(&operation["tags"][0]).unwrap_or_else(|| "Other".to_owned());
                let at = groups.iter().position(|group| group.name == tag).unwrap_or_else(|| {
                    groups.push(Group::new(&tag, Vec::new()));
                    groups.len() - 1
                });
                groups[at].operations.push(self.operation(path, method, methods, operation));
            }
        }
        groups.retain(|group| !group.operations.is_empty());
        groups
    }

    fn operation(
        self,
        path: &str,
        method: &str,
        methods: &'a Value,
        operation: &'a Value,
    ) -> Operation {
        let shared = items(&methods["parameters"]);
        let request = self.resolved(&operation["requestBody"]);
        Operation {
            id: slug(&format!("{method} {path}")),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: text(&operation["summary"]).unwrap_or_default(),
            description: described(operation),
            is_deprecated: operation["deprecated"] == true,
            security: self.security(operation),
            parameters: shared
                .chain(items(&operation["parameters"]))
                .map(|parameter| self.parameter(self.resolved(parameter)))
                .collect(),
            request: request.is_object().then(|| Described {
                name: if request["required"] == true { "required" } else { "optional" }.to_owned(),
                description: described(request),
            }),
            request_bodies: self.bodies(&request["content"]),
            responses: entries(&operation["responses"])
                .map(|(status, answer)| self.answer(status, self.resolved(answer)))
                .collect(),
        }
    }

    /// Any one of the listed alternatives, each of which may need several schemes at once.
    fn security(self, operation: &Value) -> String {
        let own = operation.get("security").unwrap_or(&self.0["security"]);
        let mut ways: Vec<String> = items(own)
            .map(|way| entries(way).map(|(name, _)| name).collect::<Vec<_>>().join(" and "))
            .map(|way| if way.is_empty() { "none".to_owned() } else { way })
            .collect();
        ways.dedup();
        if ways.is_empty() { "none".to_owned() } else { ways.join(", or ") }
    }

    fn parameter(self, parameter: &'a Value) -> Row {
        let place = text(&parameter["in"]).unwrap_or_default();
        Row {
            name: text(&parameter["name"]).unwrap_or_default(),
            kind: joined([format!("in the {place}"), self.kind(&parameter["schema"])]),
            is_required: parameter["required"] == true,
            description: described(parameter),
        }
    }

    fn answer(self, status: &str, answer: &'a Value) -> Answer {
        Answer {
            status: status.to_owned(),
            description: answer["description"].as_str().map(spans).unwrap_or_default(),
            headers: entries(&answer["headers"])
                .map(|(name, header)| (name, self.resolved(header)))
                .map(|(name, header)| Row {
                    name: name.to_owned(),
                    kind: joined(["header".to_owned(), self.kind(&header["schema"])]),
                    is_required: header["required"] == true,
                    description: described(header),
                })
                .collect(),
            bodies: self.bodies(&answer["content"]),
        }
    }

    /// Media types of one shape are told together: a form may come in two encodings.
    fn bodies(self, content: &'a Value) -> Vec<Body> {
        let mut media_of: Vec<(&Value, String)> = Vec::new();
        for (media, body) in entries(content) {
            match media_of.iter_mut().find(|(other, _)| *other == body) {
                Some((_, names)) => *names = format!("{names} or {media}"),
                None => media_of.push((body, media.to_owned())),
            }
        }
        media_of.into_iter().map(|(body, media)| self.body(media, body)).collect()
    }

    fn body(self, media: String, body: &'a Value) -> Body {
        let mut rows = Vec::new();
        self.fields(&body["schema"], "", &[], &mut rows);
        Body { media, kind: self.kind(&body["schema"]), rows, examples: self.examples(body) }
    }

    fn examples(self, body: &'a Value) -> Vec<String> {
        let named = entries(&body["examples"]).map(|(_, example)| &self.resolved(example)["value"]);
        let schema = self.resolved(&body["schema"]);
        let mut all: Vec<&Value> = body.get("example").into_iter().chain(named).collect();
        if all.is_empty() {
            all.extend(schema.get("example").or_else(|| items(&schema["examples"]).next()));
        }
        all.into_iter()
            .map(|example| match example {
                Value::String(text) => text.clone(),
                other => serde_json::to_string_pretty(other).unwrap_or_default(),
            })
            .collect()
    }

    /// The fields of an object, of each alternative, and of what a list holds; names in dotted form.
    fn fields(self, schema: &'a Value, prefix: &str, within: &[&'a Value], rows: &mut Vec<Row>) {
        let schema = self.resolved(schema);
        if within.len() > DEEPEST || within.iter().any(|outer| ptr::eq(*outer, schema)) {
            return;
        }
        let within = &[within, &[schema]].concat();
        for key in ["allOf", "oneOf", "anyOf"] {
            for part in items(&schema[key]) {
                self.fields(part, prefix, within, rows);
            }
        }
        let required: Vec<&str> = items(&schema["required"]).filter_map(Value::as_str).collect();
        for (name, field) in entries(&schema["properties"]) {
            let name_here = format!("{prefix}{name}");
            if rows.iter().any(|row| row.name == name_here) {
                continue;
            }
            rows.push(Row {
                kind: self.kind(field),
                is_required: required.contains(&name),
                description: described_first(field, self.resolved(field)),
                name: name_here.clone(),
            });
            self.fields(field, &format!("{name_here}."), within, rows);
        }
        if schema["items"].is_object() {
            let prefix = format!("{}[].", prefix.trim_end_matches('.'));
            self.fields(&schema["items"], &prefix, within, rows);
        }
    }

    /// Type and limits in words: `string, 2 to 20 characters, like ^[a-z0-9]+$`.
    fn kind(self, schema: &'a Value) -> String {
        self.kind_within(schema, 0)
    }

    fn kind_within(self, schema: &'a Value, depth: usize) -> String {
        let name = schema["$ref"].as_str().and_then(|target| target.rsplit('/').next());
        let schema = self.resolved(schema);
        if depth > DEEPEST {
            return String::new();
        }
        let inner = |schema: &'a Value| self.kind_within(schema, depth + 1);
        let alternatives = ["oneOf", "anyOf"]
            .iter()
            .flat_map(|key| items(&schema[*key]))
            .map(inner)
            .filter(|kind| !kind.is_empty())
            .fold(Vec::new(), |mut kinds, kind| {
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
                kinds
            })
            .join(" or ");
        let listed = match schema["items"].is_object() {
            true => inner(&schema["items"]),
            false => String::new(),
        };
        let base = match (type_of(schema).as_str(), listed.as_str()) {
            ("array", "") => "list".to_owned(),
            ("array", listed) => format!("list of ({listed})"),
            ("" | "object", _)
                if schema["properties"].is_object() || schema["allOf"].is_array() =>
            {
                name.unwrap_or("object").to_owned()
            }
            (base, _) => base.to_owned(),
        };
        let limits = [
            text(&schema["format"]).unwrap_or_default(),
            range(schema, "minLength", "maxLength", " characters"),
            range(schema, "minimum", "maximum", ""),
            range(schema, "minItems", "maxItems", " entries"),
            shown("like", &schema["pattern"]),
            shown("always", schema.get("const").unwrap_or(&Value::Null)),
            shown("by default", schema.get("default").unwrap_or(&Value::Null)),
            choices(&schema["enum"]),
        ];
        joined([base, alternatives].into_iter().chain(limits))
    }
}

impl Group {
    fn new(name: &str, description: Vec<Block>) -> Self {
        let id = slug(&format!("group {name}"));
        Self { id, name: name.to_owned(), description, operations: Vec::new() }
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter).map(|(name, value)| (name.as_str(), value))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn type_of(schema: &Value) -> String {
    match &schema["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")
        }
        _ => String::new(),
    }
}

fn range(schema: &Value, least: &str, most: &str, unit: &str) -> String {
    match (schema.get(least), schema.get(most)) {
        (Some(least), Some(most)) => format!("{least} to {most}{unit}"),
        (Some(least), None) => format!("at least {least}{unit}"),
        (None, Some(most)) => format!("at most {most}{unit}"),
        (None, None) => String::new(),
    }
}

fn shown(word: &str, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => format!("{word} {text}"),
        other => format!("{word} {other}"),
    }
}

fn choices(values: &Value) -> String {
    let all: Vec<String> = items(values).map(Value::to_string).collect();
    if all.is_empty() { String::new() } else { format!("one of {}", all.join(", ")) }
}

fn joined(parts: impl IntoIterator<Item = String>) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// An anchor: letters and digits with single hyphens between.
fn slug(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

fn described(value: &Value) -> Vec<Block> {
    value["description"].as_str().map(blocks).unwrap_or_default()
}

/// A description beside a `$ref` goes before that of its target (OpenAPI 3.1, reference object).
fn described_first(value: &Value, target: &Value) -> Vec<Block> {
    let own = described(value);
    if own.is_empty() { described(target) } else { own }
}

/// Paragraphs, bulleted lists and `code`; anything else stays as it is written.
fn blocks(text: &str) -> Vec<Block> {
    text.replace("\r\n", "\n")
        .split("\n\n")
        .map(str::trim)
        .filter(|block| !block.is_empty())
        .map(|block| match block.strip_prefix("- ").or_else(|| block.strip_prefix("* ")) {
            Some(list) => {
                let marked = list.replace("\n* ", "\n- ");
                Block::List(marked.split("\n- ").map(spans).collect())
            }
            None => Block::Paragraph(spans(block)),
        })
        .collect()
}

fn spans(text: &str) -> Vec<Span> {
    let span = |(at, part): (usize, &str)| match at % 2 {
        0 => Span::Text(part.to_owned()),
        _ => Span::Code(part.to_owned()),
    };
    text.split('`').enumerate().map(span).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Api, page, slug};
    use crate::pages::Frame;

    fn sample() -> Value {
        serde_json::from_str(include_str!("../examples/openapi.sample.json")).unwrap()
    }

    #[test]
    fn a_page_tells_every_operation_with_its_limits_answers_and_examples() {
        let html = page(&Frame::default(), &sample());
        for part in [
            "Bookshelf API",
            "https://books.example/api",
            "href=\"#get-books-id\"",
            "id=\"get-books-id\"",
            "/books/{id}",
            "in the path, integer, at least 1",
            "string, 2 to 60 characters",
            "one of &#34;new&#34;, &#34;read&#34;",
            "author.name",
            "list of (string), at most 8 entries",
            "list of (Book)",
            "&#34;title&#34;: &#34;Middlemarch&#34;",
            "Retry-After",
            "bearer, or session and csrf",
            "<code>next</code>",
            "string or null",
        ] {
            assert!(html.contains(part), "{part} is missing in {html}");
        }
    }

    #[test]
    fn a_schema_that_contains_itself_comes_to_an_end() {
        let document = json!({
            "components": {"schemas": {
                "Tree": {"type": "object", "properties": {"child": {"$ref": "#/components/schemas/Tree"}}},
                "Loop": {"$ref": "#/components/schemas/Loop"},
                "List": {"type": "array", "items": {"$ref": "#/components/schemas/List"}},
            }}
        });
        let api = Api(&document);
        for name in ["Tree", "Loop", "List"] {
            let mut rows = Vec::new();
            let schema = &document["components"]["schemas"][name];
            api.fields(schema, "", &[], &mut rows);
            assert!(rows.len() < 10 && api.kind(schema).len() < 200, "{name}");
        }
    }

    #[test]
    fn what_a_document_says_stays_text() {
        let bad = "<script>alert(1)</script>\"'";
        let document = json!({
            "info": {"title": bad, "version": bad, "description": bad},
            "paths": {bad: {"get": {"summary": bad, "tags": [bad], "responses": {"200": {"description": bad}}}}},
        });
        let html = page(&Frame::default(), &document);
        assert!(!html.contains("<script>") && html.contains("&#60;script&#62;"));
    }

    #[test]
    fn anything_is_a_document() {
        for document in [json!(null), json!({"paths": 1}), json!({"paths": {"/": {"get": {}}}})] {
            assert!(page(&Frame::default(), &document).contains("</html>"));
        }
    }

    #[test]
    fn anchors_are_readable() {
        assert_eq!(slug("get /api/v1/user/{username}"), "get-api-v1-user-username");
    }
}
