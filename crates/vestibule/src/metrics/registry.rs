//! Where counts are kept, and their text (Prometheus' text format, version 0.0.4).

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{
    Counter, Gauge, GaugeFn as _, Histogram, HistogramFn, Key, KeyName, Label, Metadata, Recorder,
    SharedString, Unit,
};

/// Upper ends of what is told apart, in seconds: from memory to what somebody would give up on.
const BUCKETS: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// All counts of a process, by name. Clones share them.
///
/// Our own, because the library for it spends half of a gateway's start on measuring the processor's clock, which
/// dates what nobody counts any more; here nothing is forgotten.
#[derive(Clone, Debug, Default)]
pub struct Registry(Arc<Mutex<BTreeMap<String, Family>>>);

/// Everything of one name.
#[derive(Debug, Default)]
struct Family {
    help: SharedString,
    /// By labels, as they are written.
    series: BTreeMap<String, Series>,
}

#[derive(Clone, Debug)]
enum Series {
    Counter(Arc<AtomicU64>),
    /// The bits of an `f64`.
    Gauge(Arc<AtomicU64>),
    Histogram(Arc<Buckets>),
}

/// How many values fell between the ends of [`BUCKETS`], and beyond the last; and their sum.
#[derive(Debug, Default)]
struct Buckets {
    counts: [AtomicU64; BUCKETS.len() + 1],
    /// The bits of an `f64`.
    sum: AtomicU64,
}

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        let bucket = BUCKETS.partition_point(|end| *end < value);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.increment(value);
    }
}

impl Registry {
    /// Everything that was counted so far. Names and labels are sorted.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, family) in self.families().iter().filter(|(_, family)| !family.series.is_empty())
        {
            write!(text, "{}", Text { name, family }).expect("a text takes everything");
        }
        text
    }

    fn families(&self) -> MutexGuard<'_, BTreeMap<String, Family>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn describe(&self, name: &KeyName, help: SharedString) {
        self.families().entry(name.as_str().to_owned()).or_default().help = help;
    }

    fn series(&self, key: &Key, new: impl FnOnce() -> Series) -> Series {
        let mut families = self.families();
        let family = families.entry(key.name().to_owned()).or_default();
        family.series.entry(labels(key.labels())).or_insert_with(new).clone()
    }
}

/// What is counted in two kinds under one name is counted in the first.
impl Recorder for Registry {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&name, help);
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&name, help);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&name, help);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match self.series(key, || Series::Counter(Arc::default())) {
            Series::Counter(count) => Counter::from_arc(count),
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match self.series(key, || Series::Gauge(Arc::default())) {
            Series::Gauge(value) => Gauge::from_arc(value),
            _ => Gauge::noop(),
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        match self.series(key, || Series::Histogram(Arc::default())) {
            Series::Histogram(buckets) => Histogram::from_arc(buckets),
            _ => Histogram::noop(),
        }
    }
}

/// `name="value"`, separated by commas.
fn labels<'a>(labels: impl Iterator<Item = &'a Label>) -> String {
    let escaped =
        |value: &str| value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
    let label = |label: &Label| format!("{}=\"{}\"", label.key(), escaped(label.value()));
    labels.map(label).collect::<Vec<_>>().join(",")
}

/// A family's lines.
struct Text<'a> {
    name: &'a str,
    family: &'a Family,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, family } = self;
        writeln!(out, "# HELP {name} {}", family.help)?;
        let kind = match family.series.values().next() {
            Some(Series::Gauge(_)) => "gauge",
            Some(Series::Histogram(_)) => "histogram",
            _ => "counter",
        };
        writeln!(out, "# TYPE {name} {kind}")?;
        for (labels, series) in &family.series {
            let label = braced(labels);
            match series {
                Series::Counter(count) => {
                    writeln!(out, "{name}{label} {}", count.load(Ordering::Relaxed))?;
                }
                Series::Gauge(value) => writeln!(out, "{name}{label} {}", float(value))?,
                Series::Histogram(buckets) => buckets.write(out, name, labels)?,
            }
        }
        writeln!(out)
    }
}

impl Buckets {
    fn write(&self, out: &mut fmt::Formatter<'_>, name: &str, labels: &str) -> fmt::Result {
        let comma = if labels.is_empty() { "" } else { "," };
        let ends = BUCKETS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        let mut count = 0;
        for (end, bucket) in ends.zip(&self.counts) {
            count += bucket.load(Ordering::Relaxed);
            writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{end}\"}} {count}")?;
        }
        let label = braced(labels);
        writeln!(out, "{name}_sum{label} {}", float(&self.sum))?;
        writeln!(out, "{name}_count{label} {count}")
    }
}

fn braced(labels: &str) -> String {
    if labels.is_empty() { String::new() } else { format!("{{{labels}}}") }
}

fn float(bits: &AtomicU64) -> f64 {
    f64::from_bits(bits.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use metrics::{counter, describe_counter, describe_histogram, gauge, histogram};

    use super::Registry;

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let registry = Registry::default();
        metrics::with_local_recorder(&registry, || {
            describe_counter!("logins_total", "Logins.");
            describe_histogram!("seconds", "Time.");
            describe_histogram!("unused", "Nothing is told of what was never counted.");
            counter!("logins_total", "role" => "api", "outcome" => "ok").increment(2);
            counter!("logins_total", "role" => "api", "outcome" => "ok").increment(1);
            counter!("logins_total", "role" => "a \"b\" \\ \n").increment(1);
            gauge!("age").set(1.5);
            gauge!("age").decrement(2.0);
            for seconds in [0.0, 0.001, 0.0011, 60.0, 61.0] {
                histogram!("seconds", "role" => "api").record(seconds);
            }
        });
        let told = registry.text();
        let expected = r#"# HELP age 
# TYPE age gauge
age -0.5

# HELP logins_total Logins.
# TYPE logins_total counter
logins_total{role="a \"b\" \\ \n"} 1
logins_total{role="api",outcome="ok"} 3

# HELP seconds Time.
# TYPE seconds histogram
seconds_bucket{role="api",le="0.001"} 2
seconds_bucket{role="api",le="0.0025"} 3
"#;
        assert!(told.starts_with(expected), "{told}");
        let end = r#"seconds_bucket{role="api",le="10"} 3
seconds_bucket{role="api",le="60"} 4
seconds_bucket{role="api",le="+Inf"} 5
seconds_sum{role="api"} 121.0021
seconds_count{role="api"} 5

"#;
        assert!(told.ends_with(end), "{told}");
    }

    #[test]
    fn a_name_has_one_kind() {
        let registry = Registry::default();
        metrics::with_local_recorder(&registry, || {
            counter!("both").increment(1);
            gauge!("both").set(7.0);
        });
        assert_eq!(registry.text(), "# HELP both \n# TYPE both counter\nboth 1\n\n");
    }
}
