//! Whole runs of the shell over a real socket, a real record and real time. The agent's side of
//! the socket is played by a thread that keeps the protocol; the real agent stands in the tests
//! of the command line.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
use super::{AgentLink, Outcome, block_on, run};
use crate::core::{Script, ScriptStep};
use crate::prepare::{Prepared, Watched};
use squall_query::indicator::{Bound, Indicator, Op};
use squall_query::{Labels, Selector};
use squall_signals::{Pull, Pulled, Source, Store};
use squall_wire::fingerprint::Fingerprint;
use squall_wire::identity::ProcessIdentity;
use squall_wire::injection::{Bite, Injection};
use squall_wire::protocol::{
    Answer, Armed, Ask, Call, FromAgent, PROTOCOL_VERSION, Reply, Undone, encode,
};
use squall_wire::record::{self, Event, Line, Started, Unit};
use squall_wire::target::Target;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the agent's side did and does.
#[derive(Default)]
struct Peer {
    armed: AtomicBool,
    /// What is armed, by id.
    ids: Mutex<Vec<String>>,
    disarmed: Mutex<Option<Instant>>,
    /// Calls after arming until the connection is cut, once; 0 for never.
    cut_after: AtomicU32,
}

impl Peer {
    fn listen(self: &Arc<Peer>, socket: &Path) {
        let listener = UnixListener::bind(socket).unwrap();
        let peer = self.clone();
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                peer.serve(stream);
            }
        });
    }

    fn serve(&self, mut stream: UnixStream) {
        let lines = BufReader::new(stream.try_clone().unwrap()).lines();
        for line in lines.map_while(Result::ok) {
            let call: Call = serde_json::from_str(&line).unwrap();
            if self.armed.load(Ordering::SeqCst)
                && self.cut_after.load(Ordering::SeqCst) > 0
                && self.cut_after.fetch_sub(1, Ordering::SeqCst) == 1
            {
                // The agent dies; its watchdog restores.
                self.disarm();
                return;
            }
            let reply = Reply { id: call.id, answer: self.answer(call.ask) };
            if stream.write_all(encode(&FromAgent::Reply(reply)).as_bytes()).is_err() {
                return;
            }
        }
    }

    fn answer(&self, ask: Ask) -> Answer {
        match ask {
            Ask::Hello { .. } => {
                Answer::Welcome { v: PROTOCOL_VERSION, version: "test".into(), pid: 1, watchdog: 2 }
            }
            Ask::Arm { injection, .. } => {
                self.armed.store(true, Ordering::SeqCst);
                self.ids.lock().unwrap().push(injection.id.clone());
                Answer::Armed(Armed {
                    injection: injection.id,
                    receipt: "r-1".into(),
                    receipt_us: 1,
                    apply_us: 1,
                    mechanism: "test".into(),
                })
            }
            Ask::Renew { .. } => Answer::Renewed { remaining_ms: 1_000 },
            Ask::Disarm { run, .. } => {
                self.disarm();
                let outcome = |injection| Undone {
                    run: run.clone(),
                    injection,
                    receipt: "r-1".into(),
                    took_us: 1,
                    bite: Some(Bite { hits: 1, ..Bite::default() }),
                    residue: Vec::new(),
                    advice: None,
                };
                let ids = std::mem::take(&mut *self.ids.lock().unwrap());
                Answer::Disarmed { outcomes: ids.into_iter().map(outcome).collect() }
            }
            Ask::Bite { .. } => Answer::Bite(Bite { hits: 1, ..Bite::default() }),
            Ask::Status => Answer::Status { armed: Vec::new(), stuck: Vec::new() },
            Ask::Fingerprint { .. } => Answer::Fingerprint(Fingerprint::default()),
            Ask::Processes | Ask::UndoAll | Ask::Shutdown => Answer::Bye,
        }
    }

    fn disarm(&self) {
        self.armed.store(false, Ordering::SeqCst);
        self.disarmed.lock().unwrap().get_or_insert(Instant::now());
    }
}

/// What the source does while the fault is on.
#[derive(Clone, Copy, PartialEq)]
enum Under {
    Fine,
    Failing,
    Hanging,
}

struct Orders {
    peer: Arc<Peer>,
    under: Under,
    good: f64,
    bad: f64,
    decided: Arc<Mutex<Option<Instant>>>,
}

impl Source for Orders {
    fn describe(&self) -> String {
        "orders of a test".into()
    }

    fn pull<'a>(&'a mut self, at_ms: i64, _: &'a [Selector], store: &'a mut Store) -> Pull<'a> {
        Box::pin(async move {
            let on = self.peer.armed.load(Ordering::SeqCst);
            if on && self.under == Under::Hanging {
                std::future::pending::<()>().await;
            }
            let failing = on && self.under == Under::Failing;
            self.good += 500.0;
            self.bad += if failing { 200.0 } else { 0.0 };
            if failing {
                *self.decided.lock().unwrap() = Some(Instant::now());
            }
            for (result, value) in [("ok", self.good), ("failed", self.bad)] {
                let labels = Labels::named("orders_total", [("result", result), ("job", "t")]);
                store.append(&labels, at_ms, value).unwrap();
            }
            Ok(Pulled { series: 2, samples: 2, ..Pulled::default() })
        })
    }
}

fn injection(id: &str) -> Injection {
    let target = Target {
        name: "payment-1".into(),
        service: "payment".into(),
        process: ProcessIdentity { pid: 1, start_ticks: 1 },
        netns: 1,
        cgroup: "/".into(),
        listening: Vec::new(),
        probes: Vec::new(),
    };
    Injection {
        id: id.into(),
        run: "7k2f9".into(),
        fault: "process.pause".into(),
        params: BTreeMap::new(),
        filters: BTreeMap::new(),
        target,
        lease_ms: 1_000,
        cap_ms: 10_000,
        seed: 1,
    }
}

fn prepared(every_ms: u64, hold_ms: u64) -> Prepared {
    let query = "sum(rate(orders_total{result=\"ok\"}[30s])) / sum(rate(orders_total[30s]))";
    let indicator = record::Indicator {
        name: "order success".into(),
        query: query.into(),
        expect: ">= 99%".into(),
        unit: Unit::Share,
        bound: 0.99,
        at_least: true,
        bad_share: Some(0.01),
        bad_word: "failed".into(),
    };
    let steps = vec![ScriptStep { injections: vec![injection("i1")], hold_us: hold_ms * 1_000 }];
    let script = Script {
        run: "7k2f9".into(),
        indicators: vec![indicator.clone()],
        consecutive: 2,
        strikes_end: true,
        every_us: every_ms * 1_000,
        literal: false,
        false_alarm: 0.01,
        evidence_aborts: false,
        baseline_us: 0,
        steps,
        toggled: Vec::new(),
        drain_us: 0,
        recovery_us: 0,
        radius_max: 1,
    };
    let started = Started {
        run: "7k2f9".into(),
        experiment: "test".into(),
        labels: BTreeMap::new(),
        hypothesis: "orders keep succeeding".into(),
        file: String::new(),
        squall: "test".into(),
        host: "test".into(),
        seed: 1,
        indicators: vec![indicator],
        sources: Vec::new(),
        consecutive: 2,
        every_ms,
        literal: false,
        false_alarm: 0.01,
        baseline_ms: 0,
        hold_ms,
        recovery_ms: 0,
        lease_ms: 1_000,
        injections: vec![injection("i1")],
        toggled: Vec::new(),
        spared: Vec::new(),
        radius: "1 of 1".into(),
    };
    let bound = Bound { op: Op::AtLeast, value: 0.99 };
    let indicator = Indicator::compile(query).unwrap();
    Prepared {
        script,
        started,
        watched: vec![Watched { indicator, bound, unit: Unit::Share, disturbed: Vec::new() }],
    }
}

struct Ran {
    outcome: Outcome,
    lines: Vec<Line>,
    took: Duration,
    /// From the source's last failing answer to the order to undo.
    undo: Option<Duration>,
}

fn go(prepared: Prepared, under: Under, cut_after: u32) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent.sock");
    let peer = Arc::new(Peer::default());
    peer.cut_after.store(cut_after, Ordering::SeqCst);
    peer.listen(&socket);
    let decided = Arc::new(Mutex::new(None));
    let orders =
        Orders { peer: peer.clone(), under, good: 0.0, bad: 0.0, decided: decided.clone() };
    let start = || Err("there is nothing to start in this test".to_string());
    let link = AgentLink { socket, by: "run 7k2f9".into(), start: Arc::new(start) };
    let mut seen = Vec::new();
    let mut observer = |line: &Line| seen.push(line.clone());
    let began = Instant::now();
    let run = run(prepared, vec![Box::new(orders)], link, folder.path(), &mut observer);
    let outcome = block_on(run).unwrap().unwrap();
    let took = began.elapsed();
    let text = std::fs::read_to_string(&outcome.record).unwrap();
    let lines: Vec<Line> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seqs = |lines: &[Line]| lines.iter().map(|line| line.seq).collect::<Vec<_>>();
    assert_eq!(seqs(&lines), seqs(&seen), "the observer sees what the record keeps");
    assert!(lines.iter().enumerate().all(|(i, line)| line.seq == i as u64), "no gaps");
    assert!(!peer.armed.load(Ordering::SeqCst), "nothing is left armed");
    let disarmed = *peer.disarmed.lock().unwrap();
    let decided = *decided.lock().unwrap();
    let undo = disarmed.zip(decided).map(|(end, start)| end.saturating_duration_since(start));
    Ran { outcome, lines, took, undo }
}

fn told(lines: &[Line], find: impl Fn(&Event) -> bool) -> bool {
    lines.iter().any(|line| find(&line.event))
}

/// The quickest of a few runs is quick: a busy machine makes any of them late.
fn one_of_a_few_takes_less(limit: Duration, mut run: impl FnMut() -> Duration) {
    let quick = (0..5).any(|_| {
        let took = run();
        println!("{took:?} of {limit:?}");
        took < limit
    });
    assert!(quick, "each took more than {limit:?}");
}

#[test]
fn a_trivial_run_is_over_in_milliseconds() {
    one_of_a_few_takes_less(Duration::from_millis(500), || {
        let ran = go(prepared(5, 10), Under::Fine, 0);
        assert_eq!(ran.outcome.exit, 0, "{:?}", ran.outcome.verdict);
        assert!(matches!(ran.lines[0].event, Event::Started(_)));
        assert!(matches!(ran.lines.last().unwrap().event, Event::Verdict(_)));
        ran.took
    });
}

#[test]
fn a_breach_is_undone_at_once() {
    one_of_a_few_takes_less(Duration::from_millis(50), || {
        let ran = go(prepared(20, 5_000), Under::Failing, 0);
        assert_eq!(ran.outcome.exit, 1, "{:?}", ran.outcome.verdict);
        // The rest of the hold is not waited for.
        let at_once = ran.took < Duration::from_secs(2);
        // From the deciding answer to the undo.
        if at_once { ran.undo.unwrap() } else { ran.took }
    });
}

#[test]
fn a_source_that_hangs_is_a_gap_and_ends_the_run() {
    let ran = go(prepared(20, 5_000), Under::Hanging, 0);
    assert_eq!(ran.outcome.exit, 4, "{:?}", ran.outcome.verdict);
    let no_answer = |event: &Event| matches!(event, Event::Warning { code, text } if code == "source" && text.contains("no answer"));
    assert!(told(&ran.lines, no_answer));
}

#[test]
fn an_agent_that_dies_is_found_again_and_asked() {
    let ran = go(prepared(20, 5_000), Under::Fine, 2);
    assert_eq!(ran.outcome.exit, 3, "{:?}", ran.outcome.verdict);
    let by_watchdog =
        |event: &Event| matches!(event, Event::Restore { by, .. } if by == "watchdog");
    assert!(told(&ran.lines, by_watchdog));
}

#[test]
fn no_agent_and_none_to_start_ends_before_anything_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let start = || Err("squall agent needs root".to_string());
    let socket = folder.path().join("nobody.sock");
    let link = AgentLink { socket, by: "run 7k2f9".into(), start: Arc::new(start) };
    let mut prepared = prepared(20, 5_000);
    prepared.script.baseline_us = 60_000_000;
    let mut observer = |_: &Line| {};
    let run = run(prepared, Vec::new(), link, folder.path(), &mut observer);
    let outcome = block_on(run).unwrap().unwrap();
    assert_eq!(outcome.exit, 2);
    let sentence = outcome.verdict.unwrap().sentence;
    assert_eq!(sentence, "squall agent needs root");
}

/// A server of its own that fails from the first moment with the fault on, until nobody has asked it
/// for a while.
struct Shop {
    address: std::net::SocketAddr,
    /// How often it recovered.
    recovered: Arc<AtomicU32>,
}

/// How long the shop has to be left alone.
const LEFT_ALONE: Duration = Duration::from_millis(150);

fn shop(peer: Arc<Peer>) -> Shop {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let recovered = Arc::new(AtomicU32::new(0));
    let state = Arc::new(Mutex::new((false, Instant::now())));
    let shop = Shop { address, recovered: recovered.clone() };
    // Ends with the test's process.
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let (peer, state, recovered) = (peer.clone(), state.clone(), recovered.clone());
            std::thread::spawn(move || {
                let mut answers = stream.try_clone().unwrap();
                let lines = BufReader::new(stream).lines().map_while(Result::ok);
                // The blank line after the headers ends a request without a body.
                for _ in lines.filter(String::is_empty) {
                    let is_broken = {
                        let mut state = state.lock().unwrap();
                        let alone = state.1.elapsed() >= LEFT_ALONE;
                        recovered.fetch_add(u32::from(state.0 && alone), Ordering::SeqCst);
                        let armed = peer.armed.load(Ordering::SeqCst);
                        *state = ((state.0 && !alone) || armed, Instant::now());
                        state.0
                    };
                    let status = if is_broken { "503 Service Unavailable" } else { "200 OK" };
                    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                    if answers.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    shop
}

#[test]
fn a_service_that_stays_broken_until_its_traffic_rests_is_drained() {
    use squall_signals::sources::traffic::Traffic;
    use squall_spec::{HttpVersion, Rate, Spanned, SpannedMap};
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent.sock");
    let peer = Arc::new(Peer::default());
    peer.listen(&socket);
    let shop = shop(peer.clone());
    let traffic = squall_spec::Traffic {
        url: Spanned::default_value(format!("http://{}/", shop.address)),
        rate: Spanned::default_value(Rate::per_sec(100)),
        method: Spanned::default_value("GET".to_owned()),
        body: None,
        headers: SpannedMap::default(),
        protocol: Spanned::default_value(HttpVersion::Http1),
        timeout: Spanned::default_value(squall_spec::Duration::from_secs(5)),
        connections: Spanned::default_value(8),
        in_flight: Spanned::default_value(1_000),
        phases: Vec::new(),
    };
    let query = "sum(rate(squall_client_requests_total{outcome=\"ok\"}[30s])) / \
                 sum(rate(squall_client_requests_total[30s]))";
    let mut prepared = prepared(50, 500);
    prepared.watched[0].indicator = Indicator::compile(query).unwrap();
    let on = vec![true, false, true, false, true, false];
    let step = |(at, on): (usize, &bool)| ScriptStep {
        injections: on.then(|| injection(&format!("i{at}"))).into_iter().collect(),
        hold_us: 500_000,
    };
    let script = &mut prepared.script;
    script.steps = on.iter().enumerate().map(step).collect();
    (script.consecutive, script.strikes_end, script.baseline_us) = (10, false, 300_000);
    script.drain_us = 3_000_000;
    script.toggled =
        vec![record::Toggled { fault: "process.pause".into(), injections: Vec::new(), on }];
    let start = || Err("there is nothing to start in this test".to_string());
    let link = AgentLink { socket, by: "run 7k2f9".into(), start: Arc::new(start) };
    let source = Traffic::start(&traffic, 1).unwrap();
    let mut seen = Vec::new();
    let mut observer = |line: &Line| seen.push(line.event.clone());
    let run = run(prepared, vec![Box::new(source)], link, folder.path(), &mut observer);
    let outcome = block_on(run).unwrap().unwrap();
    // It never comes back by itself, so whatever came after the first slot came after a drain.
    let phases = seen.iter().filter(|event| **event == Event::Phase(record::Phase::Draining));
    assert!(phases.count() > 0, "{:?}", outcome.verdict);
    let is_drained =
        |event: &&Event| matches!(event, Event::Warning { code, .. } if code == "drained");
    let drained = seen.iter().filter(is_drained).count();
    assert!(drained > 0, "{:?}", outcome.verdict);
    assert!(shop.recovered.load(Ordering::SeqCst) as usize >= drained);
    let slots = seen.iter().filter(|event| matches!(event, Event::Inject { .. })).count();
    assert!(slots > 1, "the schedule goes on after it");
}
