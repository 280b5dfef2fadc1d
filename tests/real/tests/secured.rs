//! A real TLS server in a victim's namespace, and a client in the target's own cgroup.

use crate::victim::Victim;
use squall_real::lab::Lab;
use squall_real::needs::Need;
use std::process::Command;

/// What the cases need.
pub(crate) const NEEDS: &[Need] = &[Need::OpenSsl];
/// Where the server answers.
pub(crate) const PORT: &str = "8443";
/// Its name.
pub(crate) const NAME: &str = "api.shop.test";

/// A victim with an HTTPS server whose certificate its clients trust.
pub(crate) fn secured() -> Victim {
    let mut victim = Victim::new();
    serve(&mut victim.lab);
    victim
}

/// Starts the server; its certificate is `server.pem` in the lab's scratch folder.
pub(crate) fn serve(lab: &mut Lab) {
    let file = |name: &str| lab.scratch().join(name);
    let (certificate, key) = (file("server.pem"), file("server.key"));
    let mut request = Command::new("openssl");
    request.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    request.args(["-nodes", "-days", "2", "-subj", "/CN=test", "-addext"]);
    request.arg("subjectAltName=DNS:*.shop.test");
    request.arg("-keyout").arg(&key).arg("-out").arg(&certificate);
    assert!(request.output().unwrap().status.success(), "openssl makes a certificate");
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let at = format!("127.0.0.1:{PORT}");
    let args = ["s_server", "-accept", &at, "-cert", certificate, "-key", key, "-www", "-quiet"];
    lab.start("secured", "openssl".as_ref(), &args);
    lab.wait_port(at.parse().unwrap());
}

/// Fetches a page as the target would: the exit code, and what curl said.
pub(crate) fn curl(victim: &Victim, words: &[&str]) -> (i32, String) {
    let mut curl = victim.lab.beside("target", "curl");
    curl.args(["-sS", "-o", "/dev/null", "--max-time", "5", "--cacert"]);
    curl.arg(victim.lab.scratch().join("server.pem"));
    curl.args(["--resolve", &format!("{NAME}:{PORT}:127.0.0.1")]).args(words);
    let output = curl.arg(format!("https://{NAME}:{PORT}/")).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.code().unwrap(), said)
}
