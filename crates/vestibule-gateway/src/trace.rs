//! Traces: which request was made for which (W3C Trace Context). Until somebody collects them nothing of this does
//! anything, and what a client says of its trace is passed on as it is.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::trace::{SpanKind, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue, global};

static COLLECTED: AtomicBool = AtomicBool::new(false);

/// From now on this process collects traces.
pub fn collect() {
    COLLECTED.store(true, Ordering::Relaxed);
}

/// A part of a trace has begun: within the trace that `parent` is of, otherwise in a new one. It ends by its own `end`,
/// or where the last copy of the context is dropped.
pub fn begin(kind: SpanKind, parent: &Context, method: &Method, upstream: Option<&str>) -> Context {
    if !COLLECTED.load(Ordering::Relaxed) {
        return parent.clone();
    }
    let method = method_of(method);
    let mut attributes = vec![KeyValue::new("http.request.method", method)];
    attributes.extend(upstream.map(|name| KeyValue::new("vestibule.upstream", name.to_owned())));
    let tracer = global::tracer("vestibule");
    let span = tracer.span_builder(Cow::Borrowed(method)).with_kind(kind);
    let span = span.with_attributes(attributes).start_with_context(&tracer, parent);
    parent.with_span(span)
}

/// The trace that a request says it belongs to, if it says so.
pub fn said_by(headers: &HeaderMap) -> Context {
    let nothing = Context::new();
    if !COLLECTED.load(Ordering::Relaxed) {
        return nothing;
    }
    global::get_text_map_propagator(|read| read.extract_with_context(&nothing, &Said(headers)))
}

/// Tells whoever gets these headers which trace the request belongs to, in place of whatever they said.
pub(crate) fn carry(context: &Context, headers: &mut HeaderMap) {
    if context.span().span_context().is_valid() {
        headers.remove(STATE);
        global::get_text_map_propagator(|write| {
            write.inject_context(context, &mut ToSay(headers));
        });
    }
}

/// The methods that there are; any token is one (RFC 9110, 9.1).
pub fn method_of(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

const STATE: &str = "tracestate";

struct Said<'a>(&'a HeaderMap);

impl Extractor for Said<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct ToSay<'a>(&'a mut HeaderMap);

impl Injector for ToSay<'_> {
    fn set(&mut self, name: &str, value: String) {
        // An empty state is none.
        if value.is_empty() {
            return;
        }
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}
