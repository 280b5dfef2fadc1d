//! A real Prometheus server that scrapes a target every second, ended with the test.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

/// The server, or the reason why there is none.
pub(crate) struct RealPrometheus {
    child: Child,
    pub(crate) url: String,
    _folder: tempfile::TempDir,
}

impl RealPrometheus {
    pub(crate) fn start(job: &str, target: SocketAddr) -> Result<RealPrometheus, String> {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n\
             - job_name: {job}\n  static_configs: [{{targets: ['{target}']}}]\n"
        );
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("start Debian's prometheus: {error}"))?;
        Ok(RealPrometheus { child, url: format!("http://127.0.0.1:{port}"), _folder: folder })
    }
}

impl Drop for RealPrometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
