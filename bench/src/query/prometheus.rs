//! Debian's Prometheus: it scrapes the same pages and evaluates the same rules.

use super::pages::{AFTER_MS, Counters, STEP_MS, rule};
use super::{PAGES, RULES, Took};
use crate::figure::Table;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const ROUNDS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(180);

pub(super) fn run(table: &mut Table) -> Result<Took, String> {
    let folder = Folder::new()?;
    let (pages, target) = serve()?;
    let config = format!(
        "global: {{scrape_interval: 3s, scrape_timeout: 3s, evaluation_interval: 4s}}\n\
         rule_files: ['rules*.yml']\nscrape_configs:\n\
         - {{job_name: pages, honor_labels: true, static_configs: [{{targets: ['{target}']}}]}}\n"
    );
    let server = Server::start(&folder.0, &config)?;
    let mut took = Took { cold: vec![], steady: vec![], intake: vec![], answers: vec![] };
    let deadline = Instant::now() + PATIENCE;
    let mut seen = 0;
    while pages.load(Ordering::SeqCst) <= PAGES {
        if Instant::now() > deadline {
            return Err(format!("it took {seen} of {PAGES} pages in {PATIENCE:?}"));
        }
        thread::sleep(Duration::from_millis(200));
        let now = pages.load(Ordering::SeqCst);
        if now > seen + 1 {
            seen = now - 1;
            let scraped = server.number("scrape_samples_scraped{job=\"pages\"}");
            let seconds = server.number("scrape_duration_seconds{job=\"pages\"}");
            if let (Some(scraped), Some(seconds)) = (scraped, seconds)
                && scraped > 0.0
            {
                took.intake.push(scraped / seconds);
            }
        }
    }
    let rates: Vec<f64> = took.intake.iter().map(|rate| rate / 1e6).collect();
    table.numbers("intake by its own account, HTTP included", "Prometheus", "–", "M/s", &rates);
    std::fs::write(folder.0.join("rules.yml"), rules()).map_err(|e| e.to_string())?;
    server.ask("POST", "/-/reload", "").ok_or("it did not reload its rules")?;
    let mut last = 0.0;
    let deadline = Instant::now() + PATIENCE;
    while took.steady.len() < ROUNDS {
        if Instant::now() > deadline {
            return Err(format!("it evaluated {} rounds in {PATIENCE:?}", took.steady.len()));
        }
        thread::sleep(Duration::from_millis(200));
        let metrics = server.metrics();
        let (Some(at), Some(seconds)) = (
            metric(&metrics, "prometheus_rule_group_last_evaluation_timestamp_seconds"),
            metric(&metrics, "prometheus_rule_group_last_duration_seconds"),
        ) else {
            continue;
        };
        if at != last && seconds > 0.0 {
            let first = last == 0.0;
            last = at;
            let times = if first { &mut took.cold } else { &mut took.steady };
            times.push(Duration::from_secs_f64(seconds));
        }
    }
    let what = |what: &str| format!("{what}, {RULES} ratio rules over 100000 series");
    let who = format!("Prometheus {}", version());
    table.times(&what("first round: evaluate"), &who, "–", &took.cold);
    table.times(&what("steady round: evaluate"), &who, "–", &took.steady);
    took.answers = answers(&server, target_time());
    Ok(took)
}

/// The time shortly after the last page, at which the answers are compared.
fn target_time() -> f64 {
    (start_ms() + (PAGES as i64 - 1) * STEP_MS + AFTER_MS) as f64 / 1000.0
}

fn answers(server: &Server, time: f64) -> Vec<Option<f64>> {
    (0..RULES)
        .map(|n| {
            let query = percent(&rule(n));
            let body = format!("query={query}&time={time:.3}");
            let answer = server.ask("POST", "/api/v1/query", &body)?;
            let answer: serde_json::Value = serde_json::from_str(&answer).ok()?;
            answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
        })
        .collect()
}

fn rules() -> String {
    let mut out = String::from("groups:\n- name: ratios\n  rules:\n");
    for n in 0..RULES {
        let _ = writeln!(out, "  - record: ratio:{n}\n    expr: {}", rule(n));
    }
    out
}

/// The time of the first page: the last one is now.
fn start_ms() -> i64 {
    static START: std::sync::OnceLock<i64> = std::sync::OnceLock::new();
    *START.get_or_init(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
        now as i64 - (PAGES as i64 - 1) * STEP_MS
    })
}

/// Serves the pages one after the other, each once, and then nothing new.
fn serve() -> Result<(Arc<AtomicUsize>, String), String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    let target = listener.local_addr().map_err(|e| e.to_string())?.to_string();
    let served = Arc::new(AtomicUsize::new(0));
    let counter = served.clone();
    thread::spawn(move || {
        let mut counters = Counters::new(RULES);
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            // The request is short, and what it says does not matter.
            let _ = stream.read(&mut [0; 4096]);
            let at = counter.fetch_add(1, Ordering::SeqCst) as i64;
            let page = match at < PAGES as i64 {
                true => counters.page(Some(start_ms() + at * STEP_MS)),
                false => String::new(),
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n",
                page.len()
            );
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(page.as_bytes());
        }
    });
    Ok((served, target))
}

/// Bytes of the chunk files that Debian's promtool makes of the same data.
pub(super) fn bytes_a_sample() -> Result<f64, String> {
    let folder = Folder::new()?;
    let mut counters = Counters::new(20);
    let mut text = String::new();
    let pages = 2 * squall_signals::RETENTION_MS / STEP_MS;
    for n in 0..pages {
        // OpenMetrics gives times in seconds.
        let page = counters.page(None);
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let _ = writeln!(text, "{line} {}", n * STEP_MS / 1000);
        }
    }
    text.push_str("# EOF\n");
    let file = folder.0.join("samples.txt");
    std::fs::write(&file, text).map_err(|e| e.to_string())?;
    let made = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([&file, &folder.0.join("data")])
        .stdout(Stdio::null())
        .status()
        .map_err(|e| format!("start promtool: {e}"))?;
    if !made.success() {
        return Err("promtool refused the samples".into());
    }
    let mut bytes = 0;
    for block in std::fs::read_dir(folder.0.join("data")).map_err(|e| e.to_string())?.flatten() {
        let chunks = std::fs::read_dir(block.path().join("chunks"));
        for chunk in chunks.into_iter().flatten().flatten() {
            bytes += chunk.metadata().map_or(0, |m| m.len());
        }
    }
    Ok(bytes as f64 / (pages as f64 * counters.len() as f64))
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder, String> {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let n = MADE.fetch_add(1, Ordering::SeqCst);
        let name = format!("squall-bench-query-{}-{n}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).map_err(|e| e.to_string())?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(folder: &Path, config: &str) -> Result<Server, String> {
        let file = folder.join("prometheus.yml");
        std::fs::write(&file, config).map_err(|e| e.to_string())?;
        let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
        let address = free.map_err(|e| e.to_string())?.to_string();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--web.enable-lifecycle")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("start Debian's prometheus: {e}"))?;
        Ok(Server { child, address })
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Option<String> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        let head = format!(
            "{method} {path} HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (status, body) = answer.split_once("\r\n\r\n")?;
        status.lines().next()?.contains(" 200 ").then(|| body.to_owned())
    }

    fn metrics(&self) -> String {
        self.ask("GET", "/metrics", "").unwrap_or_default()
    }

    fn number(&self, query: &str) -> Option<f64> {
        let answer = self.ask("POST", "/api/v1/query", &format!("query={}", percent(query)))?;
        let answer: serde_json::Value = serde_json::from_str(&answer).ok()?;
        answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn metric(metrics: &str, name: &str) -> Option<f64> {
    let line = metrics.lines().find(|line| line.starts_with(name) && line.contains("ratios"))?;
    line.rsplit(' ').next()?.parse().ok()
}

fn percent(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

fn version() -> String {
    let output = Command::new("prometheus").arg("--version").output();
    let text = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
    text.split_whitespace()
        .nth(2)
        .unwrap_or("of unknown version")
        .trim_end_matches("+ds")
        .to_owned()
}
