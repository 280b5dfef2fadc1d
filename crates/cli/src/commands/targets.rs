//! `squall targets`: the processes that have registered through the Go SDK, with their probes.

use super::{Verb, options};
use crate::columns::Columns;
use crate::context::{Context, Output};
use crate::exit::Exit;
use crate::host;
use clap::ArgMatches;
use squall_wire::protocol::Registered;

pub(crate) static VERB: Verb =
    Verb::new::<Options>("targets", "Lists the processes that have the SDK, with probes", run);

#[derive(clap::Args)]
struct Options {}

fn run(context: &Context, matches: &ArgMatches) -> Exit {
    let Options {} = options(matches);
    let registered = match host::registered() {
        Ok(registered) => registered,
        Err(why) => {
            context.error(&why, Some("`squall doctor` says whether an agent runs"));
            return context.end(Exit::Bad("no answer"));
        }
    };
    match context.output {
        Output::Json => context.json(&serde_json::json!({ "targets": registered })),
        Output::Text => context.data(&table(&registered)),
    }
    context.end(Exit::Fine("fine"))
}

fn table(registered: &[Registered]) -> String {
    if registered.is_empty() {
        return "No process has registered.\n\nA Go process does so with squall.Start, started with \
                SQUALL_AGENT set to the agent's\nSDK socket (/run/squall-sdk.sock unless told \
                otherwise), while `squall agent` runs.\n"
            .into();
    }
    let mut out = Columns::under(&["SERVICE", "INSTANCE", "PID", "GO", "SDK"]);
    for Registered { process, hello } in registered {
        let pid = process.pid.to_string();
        out.row(&[&hello.service, &hello.instance, &pid, &hello.go, &hello.sdk]);
        for (key, value) in &hello.labels {
            out.line(&format!("  {key}={value}"));
        }
        let (own, ours): (Vec<_>, Vec<_>) =
            hello.probes.iter().partition(|p| !p.starts_with("go."));
        for name in own {
            out.line(&format!("  {name}   its own, fault go.probe"));
        }
        out.line(&format!("  and {} faults of Squall's own", ours.len()));
    }
    out.text()
}

#[cfg(test)]
mod tests {
    use super::*;
    use squall_wire::identity::ProcessIdentity;
    use squall_wire::sdk::SdkHello;

    #[test]
    fn a_process_is_shown_with_its_own_probes_first() {
        let hello = SdkHello {
            v: 1,
            pid: 7,
            service: "order".into(),
            instance: "order-1".into(),
            labels: [("zone".to_owned(), "a".to_owned())].into(),
            sdk: "0.1.0".into(),
            go: "go1.26.8".into(),
            probes: vec!["cache.flush".into(), "go.http-delay".into()],
            cap_ms: 600_000,
        };
        let process = ProcessIdentity { pid: 4121, start_ticks: 7 };
        let shown = table(&[Registered { process, hello }]);
        let lines: Vec<_> = shown.lines().skip(1).collect();
        assert!(lines[0].starts_with("order ") && lines[0].contains("4121  go1.26.8"), "{shown}");
        assert_eq!(lines[1], "  zone=a");
        assert_eq!(lines[2], "  cache.flush   its own, fault go.probe");
        assert_eq!(lines[3], "  and 1 faults of Squall's own");
    }

    #[test]
    fn nobody_registered_says_how_to() {
        assert!(table(&[]).contains("SQUALL_AGENT"));
    }
}
