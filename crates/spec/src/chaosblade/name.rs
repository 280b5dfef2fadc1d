//! Owns names: which of our faults an experiment of ChaosBlade is, and which service a pod is of.

use std::collections::BTreeMap;

/// What ChaosBlade calls an action on a target, and the fault of ours that does the same.
const FAULTS: [(&str, &str, &str); 17] = [
    ("cpu", "fullload", "cpu.load"),
    ("cpu", "load", "cpu.load"),
    ("mem", "load", "memory.load"),
    ("network", "delay", "net.delay"),
    ("network", "loss", "net.loss"),
    ("network", "corrupt", "net.corrupt"),
    ("network", "duplicate", "net.duplicate"),
    ("network", "reorder", "net.reorder"),
    ("network", "drop", "net.drop"),
    ("network", "dns", "dns.answer"),
    ("process", "kill", "process.kill"),
    ("process", "stop", "process.pause"),
    ("disk", "fill", "disk.fill"),
    ("disk", "burn", "disk.burn"),
    ("pod", "delete", "pod.delete"),
    ("pod", "fail", "pod.fail"),
    ("container", "remove", "container.remove"),
];

/// Returns the fault's name: ours where we have the same, else `target.action`.
pub fn fault_name(command: &str, sub_command: &str) -> String {
    let words: Vec<&str> =
        command.split_whitespace().chain(sub_command.split_whitespace()).collect();
    let (target, action) = match words.as_slice() {
        // `k8s pod-cpu fullload`, `docker cpu fullload`: the first word is where, not what.
        ["k8s" | "docker" | "cri", target, action, ..] => (*target, *action),
        [target, action, ..] => (*target, *action),
        [one] => return (*one).to_owned(),
        [] => return "unknown".to_owned(),
    };
    let scopes = ["pod-", "container-", "node-"];
    let bare = scopes.iter().find_map(|scope| target.strip_prefix(scope)).unwrap_or(target);
    let same = FAULTS.iter().find(|(t, a, _)| *t == bare && *a == action);
    same.map_or_else(|| format!("{bare}.{action}"), |(_, _, ours)| (*ours).to_owned())
}

/// Returns the service that an experiment acts on, as far as its flags say.
pub fn service_of(flags: &BTreeMap<String, String>) -> Option<String> {
    let first = |key: &str| {
        let value = flags.get(key)?.split(',').next()?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    };
    if let Some(label) = flags.get("labels") {
        let pairs = label.split(',').filter_map(|pair| pair.split_once('='));
        for (key, value) in pairs {
            if matches!(key.trim(), "app" | "service" | "app.kubernetes.io/name" | "k8s-app") {
                return Some(value.trim().to_owned());
            }
        }
    }
    if let Some(pod) = first("names").or_else(|| first("pod")) {
        return Some(owner(&pod).to_owned());
    }
    first("container-names").or_else(|| first("process")).or_else(|| first("service"))
}

/// The workload of a pod: `auth-7d9f8c6b5-x2x4p` and `auth-0` belong to `auth`.
fn owner(pod: &str) -> &str {
    let Some((rest, last)) = pod.rsplit_once('-') else { return pod };
    let digits = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
    if digits {
        return rest;
    }
    let random = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if last.len() != 5 || !random(last) {
        return pod;
    }
    let replica_set = |hash: &str| (8..=10).contains(&hash.len()) && random(hash);
    match rest.rsplit_once('-') {
        Some((name, hash)) if replica_set(hash) => name,
        // A pod of a daemon set has only the last part.
        _ if last.bytes().any(|b| b.is_ascii_digit()) => rest,
        _ => pod,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn experiments_find_our_names() {
        let check = |command, sub, expected| assert_eq!(fault_name(command, sub), expected);
        check("cpu", "fullload", "cpu.load");
        check("k8s", "pod-cpu fullload", "cpu.load");
        check("k8s", "container-network loss", "net.loss");
        check("docker", "mem load", "memory.load");
        check("jvm", "throwCustomException", "jvm.throwCustomException");
        check("network", "", "network");
        check("", "", "unknown");
    }

    #[test]
    fn pods_find_their_service() {
        let check = |pod: &str, expected: &str| {
            let flags = BTreeMap::from([("names".to_owned(), pod.to_owned())]);
            assert_eq!(service_of(&flags).as_deref(), Some(expected), "{pod}");
        };
        check("auth-7d9f8c6b5-x2x4p", "auth");
        check("auth-0", "auth");
        check("order-service", "order-service");
        check("node-agent-x7k2p", "node-agent");
        check("payment-7d9f8c6b5-x2x4p,payment-7d9f8c6b5-zzzzz", "payment");
        let flags = BTreeMap::from([("labels".to_owned(), "tier=1,app=auth".to_owned())]);
        assert_eq!(service_of(&flags).as_deref(), Some("auth"));
        assert_eq!(service_of(&BTreeMap::new()), None);
    }
}
