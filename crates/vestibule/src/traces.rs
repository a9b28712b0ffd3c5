//! Collects the parts of traces and hands them to a collector by OTLP: protobuf over HTTP.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use opentelemetry::{KeyValue, global};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::runtime::Handle;
use url::Url;
use vestibule_gateway::{InvalidUpstream, Upstream, trace};

/// Time for the collector to take a batch.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time for the last batch, when the process ends.
const FAREWELL: Duration = Duration::from_secs(2);
/// Largest answer of a collector that is read, in bytes.
const LARGEST: usize = 64 * 1024;

/// Why traces can't be collected.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The collector's address.
    #[error(transparent)]
    Address(#[from] InvalidUpstream),
    /// What the exporter reads from the environment by itself, such as OTEL_EXPORTER_OTLP_HEADERS.
    #[error("can't be used: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
}

/// Traces of this process are collected, until this is dropped; then what is left is sent.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends to `collector`, below which the path is `/v1/traces`. Of traces that begin here it keeps the part `ratio`;
    /// in others their beginner has decided. Needs the runtime.
    ///
    /// # Errors
    /// [`TracesError`]
    pub fn start(collector: &Url, ratio: f64) -> Result<Self, TracesError> {
        let address = format!("{}/v1/traces", collector.as_str().trim_end_matches('/'));
        let mut origin = collector.clone();
        origin.set_path("");
        let post = Post {
            to: Upstream::at(&origin)?,
            runtime: Handle::current(),
            is_lost: AtomicBool::new(false),
        };
        let exporter = SpanExporter::builder().with_http().with_http_client(post);
        let exporter = exporter.with_endpoint(address).with_protocol(Protocol::HttpBinary);
        let exporter = exporter.with_timeout(PATIENCE).build()?;
        let service = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder().with_service_name("vestibule").with_attribute(service);
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio))))
            .with_resource(resource.build())
            .build();
        global::set_tracer_provider(provider.clone());
        global::set_text_map_propagator(TraceContextPropagator::new());
        trace::collect();
        Ok(Self(provider))
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        // That the collector is away has been said.
        let _lost = self.0.shutdown_with_timeout(FAREWELL);
    }
}

/// The exporter works on a thread of its own; requests are sent on the runtime, by the client that all have.
#[derive(Debug)]
struct Post {
    to: Upstream,
    runtime: Handle,
    is_lost: AtomicBool,
}

impl HttpClient for Post {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        let sending = send(self.to.clone(), request);
        let sending =
            self.runtime.spawn(async move { tokio::time::timeout(PATIENCE, sending).await? });
        Box::pin(async move {
            let answer = sending.await?;
            let is_lost = !answer.as_ref().is_ok_and(|answer| answer.status().is_success());
            if is_lost && !self.is_lost.swap(is_lost, Ordering::Relaxed) {
                tracing::warn!("the collector does not take traces: look at --otlp-endpoint");
            }
            self.is_lost.store(is_lost, Ordering::Relaxed);
            answer
        })
    }
}

async fn send(to: Upstream, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let mut request = request.map(Body::from);
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map(Into::into).unwrap_or_default();
    let (head, body) = to.send(request).await?.into_parts();
    Ok(Response::from_parts(head, to_bytes(body, LARGEST).await?))
}
