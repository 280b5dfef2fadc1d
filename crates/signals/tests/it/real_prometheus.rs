//! A real Prometheus server, ended with the test.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

/// The server, or the reason why there is none.
pub(crate) struct RealPrometheus {
    child: Child,
    pub(crate) url: String,
    _folder: tempfile::TempDir,
}

impl RealPrometheus {
    /// Starts a server that scrapes a target every second.
    pub(crate) fn start(job: &str, target: SocketAddr) -> Result<RealPrometheus, String> {
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n\
             - job_name: {job}\n  static_configs: [{{targets: ['{target}']}}]\n"
        );
        RealPrometheus::with(tempfile::tempdir().unwrap(), &config)
    }

    /// Starts a server that holds the samples of an OpenMetrics text and scrapes nothing.
    pub(crate) fn holding(openmetrics: &str) -> Result<RealPrometheus, String> {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("samples.txt");
        std::fs::write(&text, openmetrics).unwrap();
        let status = Command::new("promtool")
            .args(["tsdb", "create-blocks-from", "openmetrics"])
            .args([text, folder.path().join("data")])
            .stdout(Stdio::null())
            .status()
            .map_err(|error| format!("start Debian's promtool: {error}"))?;
        assert!(status.success(), "promtool refused the samples");
        RealPrometheus::with(folder, "{}")
    }

    fn with(folder: tempfile::TempDir, config: &str) -> Result<RealPrometheus, String> {
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--storage.tsdb.retention.time=100y")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("start Debian's prometheus: {error}"))?;
        Ok(RealPrometheus { child, url: format!("http://127.0.0.1:{port}"), _folder: folder })
    }

    /// Posts a form to the API; `None` while the server does not answer yet.
    pub(crate) fn ask(&self, path: &str, fields: &[(&str, &str)]) -> Option<serde_json::Value> {
        let address = self.url.strip_prefix("http://").unwrap();
        let pairs: Vec<String> =
            fields.iter().map(|(n, v)| format!("{n}={}", percent(v))).collect();
        let body = pairs.join("&");
        let mut stream = TcpStream::connect(address).ok()?;
        // HTTP/1.0, so that the answer is not in chunks and ends with the connection.
        let head = format!(
            "POST {path} HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
    }
}

fn percent(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

impl Drop for RealPrometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
