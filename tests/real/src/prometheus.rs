//! Debian's Prometheus, scraping what a test tells it to, once a second.

use crate::lab::Lab;
use crate::until::until;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

/// The port it listens on in the lab.
pub const PORT: u16 = 9090;

/// Three scrapes a second apart, on a busy machine.
const SCRAPED_WITHIN: Duration = Duration::from_secs(30);

/// Starts it and waits until it is ready.
pub fn start(lab: &mut Lab, targets: &[u16]) {
    let mut config =
        String::from("global: {scrape_interval: 1s, scrape_timeout: 900ms}\nscrape_configs:\n");
    for port in targets {
        let _ = writeln!(
            config,
            "  - {{job_name: app-{port}, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}"
        );
    }
    let file = lab.scratch().join("prometheus.yml");
    std::fs::write(&file, config).expect("the configuration can be written");
    let data = lab.scratch().join("prometheus");
    let (config, data) = (
        format!("--config.file={}", file.display()),
        format!("--storage.tsdb.path={}", data.display()),
    );
    let listen = format!("--web.listen-address=127.0.0.1:{PORT}");
    lab.start("prometheus", Path::new("/usr/bin/prometheus"), &[&config, &data, &listen]);
    lab.wait_http(&format!("http://127.0.0.1:{PORT}/-/ready"));
    // Nobody runs an experiment on a Prometheus that has not scraped yet.
    let scraped =
        format!("min(count_over_time(up[1m])) >= 3 and count(up == 1) == {}", targets.len());
    until("every target was scraped three times", SCRAPED_WITHIN, || {
        let mut curl = lab.command("curl");
        curl.args(["-fsS", "--max-time", "2", "--data-urlencode", &format!("query={scraped}")]);
        let answer = curl.arg(format!("http://127.0.0.1:{PORT}/api/v1/query")).output().ok()?;
        String::from_utf8_lossy(&answer.stdout).contains("\"value\"").then_some(())
    });
}
