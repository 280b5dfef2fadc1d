//! A real resolver in a victim's namespace, and questions from the target's own cgroup.

use crate::victim::Victim;
use squall_real::lab::Lab;
use squall_real::needs::Need;
use std::path::Path;

/// What asking needs.
pub(crate) const NEEDS: &[Need] = &[Need::Dns];

/// A victim with a resolver that knows `*.shop.test` (10.9.0.1 and fd09::1) and `other.test`
/// (10.9.0.2), over IPv4 and IPv6.
pub(crate) fn resolving() -> Victim {
    let mut victim = Victim::new();
    resolve(&mut victim.lab);
    victim
}

/// Starts the resolver.
pub(crate) fn resolve(lab: &mut Lab) {
    let pid_file = format!("--pid-file={}", lab.scratch().join("dnsmasq.pid").display());
    let args = [
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--user=root",
        "--no-resolv",
        "--no-hosts",
        "--bind-interfaces",
        "--listen-address=127.0.0.1,::1",
        "--local=/test/",
        "--address=/shop.test/10.9.0.1",
        "--address=/shop.test/fd09::1",
        "--address=/other.test/10.9.0.2",
        // The service of the faults' examples is on this host.
        "--address=/payment.shop.test/127.0.0.1",
        &pid_file,
    ];
    lab.start("resolver", Path::new("dnsmasq"), &args);
    lab.wait_port("127.0.0.1:53".parse().unwrap());
}

/// What `dig` says when the target asks the resolver.
pub(crate) fn dig(victim: &Victim, words: &[&str]) -> String {
    let mut dig = victim.lab.beside("target", "dig");
    dig.arg("@127.0.0.1").args(words);
    let output = dig.output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}
